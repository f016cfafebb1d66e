package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

const healthTimeout = 5 * time.Second

func newHealth(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "health",
		Short: "check whether a running service is ready",
		Long: `Checks whether the service at CHENU_LISTEN_ADDR is ready, for the health checks of container
engines.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return health(cmd.Context(), env) },
	}
	describeExits(cmd, "the service is ready", "the service is not ready, or does not respond", "")
	return cmd
}

func health(ctx context.Context, env environment) (err error) {
	c, err := loadConfig(env)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(c.ListenAddr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	scheme, client := "http", http.DefaultClient
	if c.TLS.Enabled() {
		// The certificate is for the service's public name and not for this address. Nothing secret
		// is sent, and all that the answer is used for is the exit code.
		scheme, client = "https", &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}, //nolint:gosec // See above.
		}}
		defer client.CloseIdleConnections()
	}
	url := scheme + "://" + net.JoinHostPort(host, port) + "/readyz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("no service responds at %s: %w", url, err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err != nil {
		return err
	}
	fmt.Fprintln(env.Stdout, string(body))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the service is not ready: %s", response.Status)
	}
	return nil
}

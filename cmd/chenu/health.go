package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/chenu/chenu/server/api"
)

const healthTimeout = 5 * time.Second

// serviceHealth is the state of a running service.
type serviceHealth struct {
	Ready bool   `json:"ready"`
	URL   string `json:"url"` // URL of the request
	// Checks are the results of the checks of the service, by name: ok or failed. They are empty if the
	// service did not respond.
	Checks map[string]api.HealthStatus `json:"checks"`
	// Problem is the reason why the service is not ready.
	Problem string `json:"problem,omitempty"`
}

func newHealth(env environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "health",
		Short: "check whether a running service is ready",
		Long: `Checks whether the service at CHENU_LISTEN_ADDR is ready, for the health checks of container
engines. It prints the response of the service.

--json prints one object, even if no service responds: ready (true or false), url (of the
request), checks (ok or failed, by name) and problem (why the service is not ready).`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(env)
			if err != nil {
				return err
			}
			found, body, err := health(cmd.Context(), c)
			switch {
			case asJSON && found != nil:
				return errors.Join(err, writeJSON(env.Stdout, found))
			case body != nil:
				fmt.Fprintln(env.Stdout, string(body))
			}
			return err
		},
	}
	jsonFlag(cmd.Flags(), &asJSON)
	describeExits(cmd, "the service is ready", "the service is not ready, or does not respond", "")
	return cmd
}

// health requests the state of the service. It also returns the body of the response, which is nil if there was none.
// The error states why the service is not ready; then there is a state too, unless the configured address is not valid.
func health(ctx context.Context, c config) (found *serviceHealth, body []byte, err error) {
	host, port, err := net.SplitHostPort(c.ListenAddr)
	if err != nil {
		return nil, nil, err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http"
	if c.TLS.Enabled() {
		scheme = "https"
	}
	found = &serviceHealth{URL: scheme + "://" + net.JoinHostPort(host, port) + "/readyz", Checks: map[string]api.HealthStatus{}}
	status, body, err := request(ctx, found.URL)
	var response api.Health
	switch {
	case err != nil:
	case status != http.StatusOK:
		err = fmt.Errorf("the service is not ready: %d %s", status, http.StatusText(status))
	default:
		found.Ready = true
	}
	if json.Unmarshal(body, &response) == nil && response.Checks != nil { // Another program may be listening there.
		found.Checks = response.Checks
	}
	if err != nil {
		found.Problem = err.Error()
	}
	return found, body, err
}

// request returns the status and the body of the response to a GET request.
func request(ctx context.Context, url string) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	client := http.DefaultClient
	if strings.HasPrefix(url, "https:") {
		// The certificate is valid for the service's public name and not for this address. The request contains no
		// secret, and the response only determines the exit code and the report.
		client = &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}, //nolint:gosec // See above.
		}}
		defer client.CloseIdleConnections()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("no service responds at %s: %w", url, err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if body, err = io.ReadAll(io.LimitReader(response.Body, 1<<16)); err != nil {
		return 0, nil, fmt.Errorf("read the response of %s: %w", url, err)
	}
	return response.StatusCode, body, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/server"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/mailer"
	"github.com/chenu/chenu/server/session"
)

const serveAbout = `Runs the service until it is interrupted.

With CHENU_DATABASE_URL the service uses that database. Prepare the database first, with
chenu bootstrap and with chenu migrate apply or --migrate. Without CHENU_DATABASE_URL the
service runs an embedded Postgres with its data in CHENU_DATA_DIR, and applies the
migrations to it.

Environment variables configure the service. They are listed below.`

func newServe(env environment) *cobra.Command {
	var migrate bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "run the service, with an embedded Postgres if no database URL is set",
		Long:  serveAbout,
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), env, migrate) },
	}
	cmd.Flags().BoolVar(&migrate, "migrate", false, "apply the pending migrations first, with the login of CHENU_MIGRATE_DATABASE_URL")
	var list strings.Builder
	printVariables(&list)
	setSection(cmd, variablesSection, list.String())
	describeExits(cmd, "the service was interrupted, and its requests have ended", "the service could not start, or it failed", "")
	return cmd
}

// serve runs the service until ctx is cancelled. If migrate is set, it applies the pending migrations first.
func serve(ctx context.Context, env environment, migrate bool) (err error) {
	c, err := loadConfig(env)
	if err != nil {
		return err
	}
	log := c.logger(env.Stderr)

	var own *embedded
	if c.DatabaseURL == "" {
		if own, err = startEmbedded(ctx, &c, env.Stderr); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, own.stop(ctx)) }()
	} else if err := c.external(ctx, migrate, env.Stderr); err != nil {
		return err
	}

	head, err := embeddedHead()
	if err != nil {
		return err
	}
	settings := c.server(head, log)
	if own != nil {
		settings.BaseURL = localURL(c.ListenAddr, c.TLS.Enabled())
	}
	if settings.Mail, err = c.mail(own != nil, env.Stdout); err != nil {
		return err
	}
	if settings.Mail == nil {
		log.WarnContext(ctx, "CHENU_SMTP_URL is not set: the service sends no mail, passwords cannot be reset by mail, and only chenu accounts verify can verify an address")
	}
	s, err := server.New(ctx, settings)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Ready(ctx); err != nil {
		log.WarnContext(ctx, "the service is not ready", "error", err)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if own != nil {
		go own.watch(ctx, stop)
	}
	err = s.Run(ctx, func(addr net.Addr) { greet(env.Stdout, addr, c.TLS.Enabled()) })
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = errors.Join(err, cause)
	}
	return err
}

// embeddedHead returns the version of the last migration in this program.
func embeddedHead() (string, error) {
	dir, err := migrations.Embedded()
	if err != nil {
		return "", err
	}
	return migrations.Head(dir)
}

// server returns the part of the configuration that package server needs.
func (c config) server(head string, log *slog.Logger) server.Config {
	return server.Config{
		Session: session.Config{
			HumanURL: c.DatabaseURL, AgentURL: c.AgentDatabaseURL, SharedLogin: c.SharedLogin, MaxConns: c.MaxConns,
			Pooler: c.Pooler, StrictPatchLevel: c.StrictPatchLevel, Logger: log,
		},
		ListenAddr: c.ListenAddr, Secret: c.Secret, PreviousSecret: c.PreviousSecret, TLS: c.TLS,
		Tokens:            auth.Config{Issuer: c.Issuer, Audience: c.Audience},
		DevelopmentTokens: c.Embedded,
		SchemaVersion:     head, TrustedProxies: c.TrustedProxies, Limits: c.Limits,
		RequestTimeout: c.RequestTimeout, ShutdownTimeout: c.ShutdownTimeout, Log: log,
	}
}

// mail returns the transport for mail: the configured mail server, or a transport that prints to w if the service runs
// its own database. It returns nil if mail is not sent.
func (c config) mail(own bool, w io.Writer) (mailer.Transport, error) {
	if c.SMTPURL != "" {
		return mailer.NewSMTP(c.SMTPURL, c.MailFrom)
	}
	if own {
		return mailer.NewPrint(w), nil
	}
	return nil, nil //nolint:nilnil // No mail is sent.
}

func (c config) logger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// external checks the configuration for a database that the service does not run, and applies the migrations if migrate
// is set.
func (c config) external(ctx context.Context, migrate bool, w io.Writer) error {
	if c.Secret == (auth.Secret{}) {
		return errors.New("neither CHENU_SECRET_KEY nor CHENU_SECRET_KEY_FILE is set: with CHENU_DATABASE_URL, set one of them to 32 random bytes in base64 (openssl rand -base64 32) or to a file with them")
	}
	if !migrate {
		return nil
	}
	if c.MigrateDatabaseURL == "" {
		return errors.New("CHENU_MIGRATE_DATABASE_URL is not set: --migrate requires a login that is a member of chenu_owner")
	}
	_, err := apply.Apply(ctx, c.MigrateDatabaseURL, apply.Options{Conventions: &policies.Conventions, Progress: apply.Brief(w)})
	return err
}

// greet prints the URLs of the service and example requests.
func greet(w io.Writer, addr net.Addr, secure bool) {
	base := localURL(addr.String(), secure)
	fmt.Fprintf(w, `
CHE·NU is listening on %[1]s
  documentation   %[1]s/docs
  OpenAPI         %[1]s/openapi.json
  readiness       %[1]s/readyz

Example: register, then create a contact.

  TOKEN=$(curl -s %[1]s/v1/auth/register -H 'Content-Type: application/json' \
    -d '{"email":"ada@example.org","name":"Ada Lovelace","password":"violet lantern quiet harbor"}' \
    | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')
  curl -s %[1]s/v1/business/contacts -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -d '{"name":"Grace Hopper","email":"grace@example.org"}'

Stop it with Ctrl-C.
`, base)
}

// makeDataDir creates the data directory if it does not exist.
func makeDataDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // The server of root runs as another user, who must have access.
		return fmt.Errorf("create the data directory: %w; set CHENU_DATA_DIR to use another directory", err)
	}
	return nil
}

// localURL returns the URL by which a program on this machine reaches the address that the service
// listens on.
func localURL(address string, secure bool) string {
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return scheme + address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + net.JoinHostPort(host, port)
}

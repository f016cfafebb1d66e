// Package server is the HTTP service. It connects the request handling of package api with the accounts and the
// collections, and runs them. routes.go lists all operations.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/chenu/chenu/server/account"
	"github.com/chenu/chenu/server/agent"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/mailer"
	"github.com/chenu/chenu/server/privacy"
	"github.com/chenu/chenu/server/ratelimit"
	"github.com/chenu/chenu/server/refusal"
	"github.com/chenu/chenu/server/session"
)

// Config configures a server. Session.HumanURL, Secret and ListenAddr are required.
type Config struct {
	Session session.Config
	// ListenAddr is the address and port of the API; port 0 selects a free port.
	ListenAddr string
	// Secret is the secret from which all keys are derived. All instances of a service have the same.
	Secret auth.Secret
	// PreviousSecret is the Secret from before its rotation; the zero value means none. Signing keys and page tokens
	// created with it are accepted. Rate limits are counted with it, so that instances with either secret count
	// together.
	PreviousSecret auth.Secret
	// TLS configures TLS for the API; the zero value means plain HTTP.
	TLS    TLS
	Tokens auth.Config
	// SchemaVersion is the version of the newest migration that the program was built for. The readiness checks
	// compare it with the database's version, unless it is empty.
	SchemaVersion  string
	TrustedProxies []string
	// Limits overrides the default rate limits.
	Limits ratelimit.Limits
	// RequestTimeout limits the duration of a request, and ShutdownTimeout how long the server waits for running
	// requests when it stops. Zero means 30 s and 15 s.
	RequestTimeout, ShutdownTimeout time.Duration
	// DevelopmentTokens enables the issue and use of access tokens without authentication. It is for the embedded
	// database and for tests.
	DevelopmentTokens bool
	// PasswordHash are the parameters of new password hashes: see [account.Config].
	PasswordHash argon2id.Params
	// Mail sends the mail of accounts; nil means that no mail is sent.
	Mail mailer.Transport
	// BaseURL is the URL of the service on the machine that it runs on: see [account.Config].
	BaseURL string
	// Log receives the log records of the service; nil means slog.Default().
	Log *slog.Logger
}

// Server is a service. Create it with New and release it with Close.
type Server struct {
	config  Config
	db      *session.DB
	keys    *auth.Keys
	handler http.Handler
	log     *slog.Logger

	accounts *account.Service
}

// New connects to the database, loads the signing keys and registers all routes. It returns an error if row-level
// security does not apply to the database login (see session.Open).
func New(ctx context.Context, c Config) (_ *Server, err error) {
	if c.Log == nil {
		c.Log = slog.Default() //nolint:forbidigo // the documented default, which is passed to all parts
	}
	if c.Session.Logger == nil {
		c.Session.Logger = c.Log
	}
	s := &Server{config: c, log: c.Log}
	if s.db, err = session.Open(ctx, c.Session); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.db.Close()
		}
	}()
	if s.keys, err = auth.OpenKeys(ctx, account.KeyStore{DB: s.db}, s.log, c.Secret, c.PreviousSecrets()...); err != nil {
		return nil, err
	}
	authenticator := auth.NewAuthenticator(auth.NewVerifier(s.keys, c.Tokens), account.Sessions{DB: s.db, DevelopmentTokens: c.DevelopmentTokens})
	issuer := auth.NewIssuer(s.keys, c.Tokens)
	recorded := refusal.New(s.db, s.log)
	s.accounts = account.New(account.Config{
		DB: recorded, Keys: s.keys, Issuer: issuer, Authenticator: authenticator, Log: s.log,
		Mail: c.Mail, BaseURL: c.BaseURL, DevelopmentTokens: c.DevelopmentTokens, Hash: c.PasswordHash,
	})
	a, err := api.New(api.Config{
		Title: title, Version: version, Description: description, Tags: tags,
		Transactor: recorded, Authenticate: authenticator.Authenticate, StillValid: authenticator.Revalidate, PageKey: c.Secret.Derive("page-tokens"),
		PreviousPageKey: c.previousPageKey(),
		Timeout:         c.RequestTimeout, TrustedProxies: c.TrustedProxies, Log: s.log,
		Concurrency: max(1, min(s.db.MaxConns(auth.Human), s.db.MaxConns(auth.Agent))/2),
		Limiter:     ratelimit.New(s.db, c.rateSecret(), c.Limits, s.log),
	})
	if err != nil {
		return nil, err
	}
	routes(a, s.accounts, &agent.Service{DB: recorded, Issuer: issuer, Tokens: c.Tokens, Log: s.log},
		&privacy.Service{Authenticator: authenticator}, s.checks()...)
	if s.handler, err = a.Handler(); err != nil {
		return nil, fmt.Errorf("routes: %w", err)
	}
	return s, nil
}

// PreviousSecrets returns PreviousSecret, if it is set, as a list for auth.OpenKeys.
func (c Config) PreviousSecrets() []auth.Secret {
	if c.PreviousSecret == (auth.Secret{}) {
		return nil
	}
	return []auth.Secret{c.PreviousSecret}
}

func (c *Config) previousPageKey() []byte {
	if c.PreviousSecret == (auth.Secret{}) {
		return nil
	}
	return c.PreviousSecret.Derive("page-tokens")
}

func (c *Config) rateSecret() auth.Secret {
	if c.PreviousSecret != (auth.Secret{}) {
		return c.PreviousSecret
	}
	return c.Secret
}

const (
	title       = "CHE·NU"
	version     = "0.1.0"
	description = "Stores the notes, contacts, invoices and other records of people, and of agents that act for them. " +
		"Every request runs as one identity, and row-level security in Postgres limits the rows that it can read and change."
)

// tags maps the tags of operations to their descriptions.
var tags = map[string]string{
	"Accounts":      "Registration, login, logout, passwords, access tokens, and the keys that verify them.",
	"Me":            "The caller's identity and its sessions.",
	"threads":       "Threads, which are lines of thought or work, and their events.",
	"checkpoints":   "Checkpoints: requests for approvals, which people approve or reject.",
	"personal":      "Notes, tasks and habits.",
	"business":      "Contacts, projects and invoices.",
	"creative":      "Creative projects and assets, with the prompts of AI-generated assets.",
	"entertainment": "Playlists and the history of played content.",
	"community":     "Groups, events, and the answers to their invitations.",
	"social":        "Posts and the schedules of their publication.",
	"scholar":       "References, their citations, and manuscripts.",
	"government":    "Obligations towards authorities, and clinical trials.",
	"team":          "Team members, hired agents, their credentials, and team tasks.",
	"audit-logs":    "Read-only log of all actions of the identity and its agents.",
	"meta":          "Metadata of the API.",
	"service":       "Health of the service, and its documentation.",
}

// Document returns the OpenAPI document of all routes. It does not require a database.
func Document() ([]byte, error) {
	a, err := described()
	if err != nil {
		return nil, err
	}
	return a.Document(), nil
}

// described returns an API with all routes and without a database.
func described() (*api.API, error) {
	a, err := api.New(api.Config{
		Title: title, Version: version, Description: description, Tags: tags, Transactor: (*refusal.DB)(nil), PageKey: make([]byte, 32),
		Authenticate: func(*http.Request) (auth.Identity, error) { return auth.Identity{}, auth.ErrNoCredentials },
	})
	if err != nil {
		return nil, err
	}
	routes(a, &account.Service{}, &agent.Service{}, &privacy.Service{})
	if _, err := a.Handler(); err != nil {
		return nil, fmt.Errorf("routes: %w", err)
	}
	return a, nil
}

// Ready returns nil if the service is ready, or the error of the first failed readiness check. Unlike /readyz, it
// runs the checks each time.
func (s *Server) Ready(ctx context.Context) error {
	for _, check := range s.checks() {
		if err := check.Ready(ctx); err != nil {
			return fmt.Errorf("%s: %w", check.Name, err)
		}
	}
	return nil
}

// Accounts returns the service of accounts, with which tests create tokens.
func (s *Server) Accounts() *account.Service { return s.accounts }

// Handler returns the handler of the API.
func (s *Server) Handler() http.Handler { return s.handler }

// Timeouts and limits of the HTTP server. The connection is closed if a client takes longer to send a header or to
// receive a response, which has at most a few MiB unless it is a stream.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// Run listens and serves requests until ctx ends, and then waits for the running requests to finish. It calls
// listening once, when it accepts connections.
func (s *Server) Run(ctx context.Context, listening func(net.Addr)) error {
	certificate, err := s.config.TLS.load(s.log)
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", s.config.ListenAddr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.config.ListenAddr, err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go s.keys.Run(ctx)
	go s.maintain(ctx)
	stopMail := s.mail(ctx)
	defer stopMail()
	web := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout,
		WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	if certificate == nil {
		go func() { failed <- web.Serve(listener) }()
	} else {
		web.TLSConfig = certificate.config()
		go certificate.watch(ctx)
		go func() { failed <- web.ServeTLS(listener, "", "") }()
	}
	listening(listener.Addr())
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	timeout := s.config.ShutdownTimeout
	if timeout == 0 {
		timeout = 15 * time.Second
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	if err := web.Shutdown(ending); err != nil {
		return fmt.Errorf("some requests did not end within %s: %w", timeout, errors.Join(err, web.Close()))
	}
	return nil
}

// mail starts sending the mail of accounts. The returned function stops it, after the mail that the last requests
// queued has been sent.
func (s *Server) mail(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.accounts.RunMail(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// Close closes the connections to the database. Call it after Run has returned.
func (s *Server) Close() { s.db.Close() }

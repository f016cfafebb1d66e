package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/local"
	"github.com/chenu/chenu/server/account"
	"github.com/chenu/chenu/server/auth"
	recording "github.com/chenu/chenu/server/refusal"
	"github.com/chenu/chenu/server/session"
)

// embedded is the Postgres that this process runs.
type embedded struct {
	postgres *local.Server
	note     string // path of the note for other commands
}

// embeddedNote tells other commands, such as `chenu token`, how to connect to the database of the running service.
type embeddedNote struct {
	DatabaseURL      string `json:"database_url"`
	AgentDatabaseURL string `json:"agent_database_url"`
}

// Files in the data directory in addition to the database cluster.
const (
	secretFile     = "secret"
	nextSecretFile = "secret.next" // the new secret, until chenu keys rotate-secret has completed
	noteFile       = "service.json"
)

// Logins of the embedded database that commands use: auditLogin for verification, migrateLogin for migrations and
// operators' commands.
const (
	auditLogin   = "chenu_verify"
	migrateLogin = "chenu_migrate"
)

const stopTimeout = 30 * time.Second

// startEmbedded starts the Postgres in the data directory, applies all migrations, and sets the derived parts of the
// configuration: the secret and the URLs of the logins.
func startEmbedded(ctx context.Context, c *config, progress io.Writer) (_ *embedded, err error) {
	if err := makeDataDir(c.DataDir); err != nil {
		return nil, err
	}
	if err := dataDirSecret(c); err != nil {
		return nil, err
	}
	postgres, err := local.Start(ctx, local.Config{DataDir: c.DataDir, Progress: progress})
	if err != nil {
		return nil, err
	}
	e := &embedded{postgres: postgres, note: filepath.Join(c.DataDir, noteFile)}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.stop(ctx))
		}
	}()
	logins := apply.BootstrapOptions{
		Conventions: &policies.Conventions,
		Service:     embeddedLogin(c.Secret, "chenu_service"), Agent: embeddedLogin(c.Secret, "chenu_service_agent"),
		Migrate: embeddedLogin(c.Secret, migrateLogin), Audit: embeddedLogin(c.Secret, auditLogin),
	}
	report, err := apply.Bootstrap(ctx, postgres.URL("postgres"), logins)
	if err != nil {
		return nil, fmt.Errorf("bootstrap: %w", err)
	}
	c.Embedded = true
	for _, login := range report.Logins {
		switch login.Variable {
		case "CHENU_DATABASE_URL":
			c.DatabaseURL = login.URL
		case "CHENU_AGENT_DATABASE_URL":
			c.AgentDatabaseURL = login.URL
		case "CHENU_MIGRATE_DATABASE_URL":
			c.MigrateDatabaseURL = login.URL
		case "CHENU_AUDIT_DATABASE_URL":
			c.AuditDatabaseURL = login.URL
		}
	}
	if _, err := apply.Apply(ctx, c.MigrateDatabaseURL, apply.Options{Conventions: &policies.Conventions, Progress: apply.Brief(progress)}); err != nil {
		return nil, err
	}
	data, err := json.Marshal(embeddedNote{DatabaseURL: c.DatabaseURL, AgentDatabaseURL: c.AgentDatabaseURL})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(e.note, data, 0o600); err != nil {
		return nil, fmt.Errorf("write the URLs of the embedded database: %w", err)
	}
	return e, nil
}

// dataDirSecret sets the secret from the data directory, unless the configuration has one. Until a rotation has
// completed, this is the new secret, and the previous one is accepted too: the signing keys are encrypted under either
// of them.
func dataDirSecret(c *config) error {
	if c.Secret != (auth.Secret{}) {
		return nil
	}
	secret, err := auth.SecretFile(filepath.Join(c.DataDir, secretFile))
	if err != nil {
		return err
	}
	next := filepath.Join(c.DataDir, nextSecretFile)
	if _, err := os.Stat(next); errors.Is(err, fs.ErrNotExist) {
		c.Secret = secret
		return nil
	}
	if c.Secret, err = auth.SecretFile(next); err != nil {
		return err
	}
	c.PreviousSecret = secret
	return nil
}

// embeddedLogin derives a login's password from the secret, so that only the secret must be stored.
func embeddedLogin(secret auth.Secret, name string) apply.Login {
	return apply.Login{Name: name, Password: hex.EncodeToString(secret.Derive("login " + name))}
}

// watch ends the service if its Postgres exits unexpectedly.
func (e *embedded) watch(ctx context.Context, end context.CancelCauseFunc) {
	select {
	case <-ctx.Done():
	case <-e.postgres.Done():
		if err := e.postgres.Err(); err != nil {
			end(err)
		}
	}
}

// stop stops the Postgres, even if ctx has ended already.
func (e *embedded) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	err := e.postgres.Stop(ctx)
	if removed := os.Remove(e.note); removed != nil && !errors.Is(removed, fs.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return err
}

// openEmbeddedAccounts opens the accounts of the embedded database: it connects to the database of a service that runs
// on the data directory, or starts the database until the returned function is called.
func openEmbeddedAccounts(ctx context.Context, env environment) (_ *account.Service, _ func(), err error) {
	c, err := loadConfig(env)
	if err != nil {
		return nil, nil, err
	}
	if c.DatabaseURL != "" {
		return nil, nil, errors.New("CHENU_DATABASE_URL is set: development tokens work only with the embedded database; unset the variable")
	}
	log := c.logger(env.Stderr)
	if db, ok := openRunning(ctx, &c, log); ok {
		return accountsOn(ctx, c, db, log, db.Close)
	}
	own, err := startEmbedded(ctx, &c, env.Stderr)
	if err != nil {
		return nil, nil, err
	}
	stop := func() {
		if err := own.stop(ctx); err != nil {
			log.WarnContext(ctx, "the database did not stop cleanly", "error", err)
		}
	}
	db, err := session.Open(ctx, c.server("", log).Session)
	if err != nil {
		stop()
		return nil, nil, err
	}
	return accountsOn(ctx, c, db, log, func() {
		db.Close()
		stop()
	})
}

// openRunning connects to the database of a running service that the service's note describes. It reports false without
// an error if the note is from a service that has ended.
func openRunning(ctx context.Context, c *config, log *slog.Logger) (*session.DB, bool) {
	if !noted(c) {
		return nil, false
	}
	db, err := session.Open(ctx, session.Config{HumanURL: c.DatabaseURL, AgentURL: c.AgentDatabaseURL, Logger: log})
	if err != nil {
		c.DatabaseURL, c.AgentDatabaseURL, c.Embedded = "", "", false
	}
	return db, err == nil
}

// noted sets the database URLs from the note of a running service, and the secret of its data directory.
func noted(c *config) bool {
	data, err := os.ReadFile(filepath.Join(c.DataDir, noteFile))
	if err != nil {
		return false
	}
	var note embeddedNote
	// The note of a service of an earlier version has only one login.
	if json.Unmarshal(data, &note) != nil || note.DatabaseURL == "" || note.AgentDatabaseURL == "" {
		return false
	}
	if dataDirSecret(c) != nil {
		return false
	}
	c.DatabaseURL, c.AgentDatabaseURL, c.Embedded = note.DatabaseURL, note.AgentDatabaseURL, true
	return true
}

func accountsOn(ctx context.Context, c config, db *session.DB, log *slog.Logger, closeAll func()) (*account.Service, func(), error) {
	keys, err := auth.OpenKeys(ctx, account.KeyStore{DB: db}, log, c.Secret, c.server("", nil).PreviousSecrets()...)
	if err != nil {
		closeAll()
		return nil, nil, err
	}
	tokens := auth.Config{Issuer: c.Issuer, Audience: c.Audience}
	accounts := account.New(account.Config{
		DB: recording.New(db, log), Log: log, Keys: keys, Issuer: auth.NewIssuer(keys, tokens),
		Authenticator:     auth.NewAuthenticator(auth.NewVerifier(keys, tokens), account.Sessions{DB: db, DevelopmentTokens: c.Embedded}),
		DevelopmentTokens: c.Embedded,
	})
	return accounts, closeAll, nil
}

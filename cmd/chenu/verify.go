package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/chenu/chenu/policies/verify"
)

const verifyAbout = `Rebuilds every thread from its events and compares the result with the thread's
row, and checks the digests of all thread events and audit rows. Prints one line
for each row that does not match, with its id. The service can run at the same time.

Warns if PUBLIC can execute functions of pg_catalog that the service does not need,
such as the functions of large objects. Run "chenu bootstrap" as a superuser to revoke
the privilege. The exit code does not depend on these warnings.

` + verify.Limits + `

It connects as CHENU_AUDIT_DATABASE_URL, or to the embedded database.

--json prints one object: rows, the number of checked rows by table; findings, a list of
the rows that do not match, with table, id, identity_id and what (the columns that differ,
or sequence, or content); and open_functions, the functions that the warning names.`

func newVerify(env environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "compare threads with their events, and content with its digests",
		Long:  verifyAbout,
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return verifyDatabase(cmd.Context(), env, asJSON) },
	}
	jsonFlag(cmd.Flags(), &asJSON)
	describeExits(cmd, "all rows match", "the check could not run", "at least one row does not match")
	return cmd
}

// verifyDatabase checks the content of the database.
func verifyDatabase(ctx context.Context, env environment, asJSON bool) (err error) {
	c, err := loadConfig(env)
	if err != nil {
		return err
	}
	conn, closeAll, err := openAuditor(ctx, &c, env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	found := func(f verify.Finding) { fmt.Fprintln(env.Stdout, f) }
	var findings []verify.Finding
	if asJSON {
		found = func(f verify.Finding) { findings = append(findings, f) }
	}
	report, err := verify.Database(ctx, conn, found)
	if err != nil {
		return err
	}
	if asJSON {
		if err := writeJSON(env.Stdout, report.Document(findings)); err != nil {
			return err
		}
	}
	if err := report.Text(env.Stderr); err != nil {
		return err
	}
	if report.Findings > 0 {
		if report.Findings == 1 {
			return foundf("1 row does not match")
		}
		return foundf("%d rows do not match", report.Findings)
	}
	return nil
}

// openAs connects as one of the database's logins: to the database at the configured address, to the embedded database
// of a running service, or to the embedded database, which then runs until the returned function is called. whose
// describes the login in errors, such as "the auditor".
func openAs(ctx context.Context, c *config, env environment, login, whose string, address func(*config) string) (*pgx.Conn, func() error, error) {
	at, stop := address(c), func() error { return nil }
	if at == "" {
		if conn, ok := connectRunning(ctx, c, login); ok {
			return conn, func() error { return conn.Close(context.WithoutCancel(ctx)) }, nil
		}
		own, err := startEmbedded(ctx, c, env.Stderr)
		if err != nil {
			return nil, nil, err
		}
		at, stop = address(c), func() error { return own.stop(ctx) }
	}
	conn, err := pgx.Connect(ctx, at)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("connect as %s: %w", whose, err), stop())
	}
	return conn, func() error { return errors.Join(conn.Close(context.WithoutCancel(ctx)), stop()) }, nil
}

// openAuditor connects as a member of chenu_auditor.
func openAuditor(ctx context.Context, c *config, env environment) (*pgx.Conn, func() error, error) {
	if c.AuditDatabaseURL == "" && c.DatabaseURL != "" {
		return nil, nil, errors.New("CHENU_AUDIT_DATABASE_URL is not set: set it to a login that is a member of chenu_auditor")
	}
	return openAs(ctx, c, env, auditLogin, "the auditor", func(c *config) string { return c.AuditDatabaseURL })
}

// connectRunning connects as one of the database's logins to the embedded database of a running service, which its note
// describes. The login's password is derived from the secret.
func connectRunning(ctx context.Context, c *config, login string) (*pgx.Conn, bool) {
	data, err := os.ReadFile(filepath.Join(c.DataDir, noteFile))
	if err != nil {
		return nil, false
	}
	var note embeddedNote
	if json.Unmarshal(data, &note) != nil {
		return nil, false
	}
	at, err := url.Parse(note.DatabaseURL)
	if err != nil {
		return nil, false
	}
	if dataDirSecret(c) != nil {
		return nil, false
	}
	as := embeddedLogin(c.Secret, login)
	at.User = url.UserPassword(as.Name, as.Password)
	conn, err := pgx.Connect(ctx, at.String())
	return conn, err == nil
}

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"
)

// newAccounts returns the operator's commands for accounts. Each calls a function of
// policies/functions/operator.sql, which only chenu_owner may call.
func newAccounts(env environment) *cobra.Command {
	return newGroup(env, "accounts", "lock, unlock or verify an account",
		"Locks, unlocks and verifies accounts, for the operators of the service.",
		newAccountCommand(env, "lock", "lock an account and end its sessions", lockAbout, lockAccount),
		newAccountCommand(env, "unlock", "unlock an account", unlockAbout, unlockAccount),
		newAccountCommand(env, "verify", "verify the e-mail address of an account", verifyAccountAbout, verifyAccount),
		newUnverified(env),
	)
}

// newAccountCommand returns a command that changes one account. run receives the account's e-mail address.
func newAccountCommand(env environment, name, short, long string, run func(ctx context.Context, env environment, email string) error) *cobra.Command {
	var email string
	cmd := &cobra.Command{
		Use:     name,
		Short:   short,
		Long:    long,
		Example: "  chenu accounts " + name + " --email ada@example.org",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if email == "" {
				return usagef("--email is not set: set it to the e-mail address of the account")
			}
			return run(cmd.Context(), env, email)
		},
	}
	cmd.Flags().StringVar(&email, "email", "", "e-mail `address` of the account, in upper or lower case")
	describeExits(cmd, "the account is now in this state", "the account does not exist, or the command failed", "")
	return cmd
}

// operatorAbout ends the help of each command for an account.
const operatorAbout = `

The change is recorded in the account's audit trail, with this command and the login that
ran it.

It connects as CHENU_MIGRATE_DATABASE_URL, a login that is a member of chenu_owner, or to
the embedded database.`

const lockAbout = `Locks an account. It ends the account's sessions, deletes its mailed tokens, and refuses
logins, password resets and tokens for its agents. The database refuses its writes
immediately. Each running service refuses its requests, and the requests of its agents,
within two seconds.

Nothing is deleted. The credentials of its agents work again when the account is unlocked.` + operatorAbout

const lockAccountSQL = `SELECT identity_id, changed, ended_sessions FROM app.lock_account($1)`

func lockAccount(ctx context.Context, env environment, email string) error {
	var (
		id       uuid.UUID
		changed  bool
		sessions int
	)
	if err := operate(ctx, env, "chenu accounts lock", lockAccountSQL, []any{email}, &id, &changed, &sessions); err != nil {
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "CH409" {
			return fmt.Errorf("lock the account %s: %s. %s", email, pg.Message, pg.Hint)
		}
		return noAccount(email, err)
	}
	if !changed {
		_, err := fmt.Fprintf(env.Stdout, "The account %s (%s) was already locked.\n", email, id)
		return err
	}
	ended := "1 session"
	if sessions != 1 {
		ended = fmt.Sprintf("%d sessions", sessions)
	}
	_, err := fmt.Fprintf(env.Stdout, "Locked the account %s (%s) and ended %s.\n", email, id, ended)
	return err
}

const unlockAbout = `Unlocks an account, so that its owner can log in again. It does not restore the sessions
that the lock ended.` + operatorAbout

const unlockAccountSQL = `SELECT identity_id, changed FROM app.unlock_account($1)`

func unlockAccount(ctx context.Context, env environment, email string) error {
	var (
		id      uuid.UUID
		changed bool
	)
	if err := operate(ctx, env, "chenu accounts unlock", unlockAccountSQL, []any{email}, &id, &changed); err != nil {
		return noAccount(email, err)
	}
	if !changed {
		_, err := fmt.Fprintf(env.Stdout, "The account %s (%s) was not locked.\n", email, id)
		return err
	}
	_, err := fmt.Fprintf(env.Stdout, "Unlocked the account %s (%s).\n", email, id)
	return err
}

const verifyAccountAbout = `Verifies the e-mail address of an account, so that its owner can hire agents and create
credentials for them. Use it if the service sends no mail. Check first that the address
belongs to the owner of the account: anybody can register an account with any address.` + operatorAbout

const verifyAccountSQL = `SELECT identity_id, changed FROM app.verify_account($1)`

func verifyAccount(ctx context.Context, env environment, email string) error {
	var (
		id      uuid.UUID
		changed bool
	)
	if err := operate(ctx, env, "chenu accounts verify", verifyAccountSQL, []any{email}, &id, &changed); err != nil {
		return noAccount(email, err)
	}
	if !changed {
		_, err := fmt.Fprintf(env.Stdout, "The e-mail address of the account %s (%s) was already verified.\n", email, id)
		return err
	}
	_, err := fmt.Fprintf(env.Stdout, "Verified the e-mail address of the account %s (%s).\n", email, id)
	return err
}

const unverifiedAbout = `Lists the active agents of accounts whose e-mail address is not verified. The agents were
hired before hiring required a verified address, and they still work. The person who
registered the account may not own the address. Verify the address (chenu accounts verify)
or lock the account (chenu accounts lock). A password reset by mail suspends the agents.

It connects as CHENU_MIGRATE_DATABASE_URL, a login that is a member of chenu_owner, or to
the embedded database.

--json prints one object with the list agents: each has email, identity_id and agent_id.`

// unverifiedAgentsSQL lists all agents of accounts with an unverified address, without a limit.
const unverifiedAgentsSQL = `SELECT app.account_email(identity_id), identity_id, agent_id FROM app.agents_of_unverified(2147483647)`

// unverifiedAgent is an agent of an account whose e-mail address is not verified.
type unverifiedAgent struct {
	Email    string    `json:"email"`
	Identity uuid.UUID `json:"identity_id"`
	ID       uuid.UUID `json:"agent_id"`
}

func newUnverified(env environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "unverified",
		Short: "list active agents of accounts whose e-mail address is not verified",
		Long:  unverifiedAbout,
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return unverifiedAgents(cmd.Context(), env, asJSON) },
	}
	jsonFlag(cmd.Flags(), &asJSON)
	describeExits(cmd, "the agents were listed", "the command failed", "")
	return cmd
}

func unverifiedAgents(ctx context.Context, env environment, asJSON bool) error {
	var agents []unverifiedAgent
	err := operateTx(ctx, env, "chenu accounts unverified", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, unverifiedAgentsSQL)
		if err != nil {
			return err
		}
		agents, err = pgx.CollectRows(rows, pgx.RowToStructByPos[unverifiedAgent])
		return err
	})
	if err != nil {
		return fmt.Errorf("list agents: %w", err)
	}
	if asJSON {
		return writeJSON(env.Stdout, map[string][]unverifiedAgent{"agents": agents})
	}
	if len(agents) == 0 {
		_, err = fmt.Fprintln(env.Stdout, "No active agent belongs to an account whose e-mail address is not verified.")
		return err
	}
	for _, a := range agents {
		if _, err := fmt.Fprintf(env.Stdout, "%s (%s): agent %s\n", a.Email, a.Identity, a.ID); err != nil {
			return err
		}
	}
	return nil
}

// noAccount replaces the error of a query without a row.
func noAccount(email string, err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("there is no account with the e-mail address %s", email)
	}
	return err
}

// operatorSQL makes the rest of the transaction run as the owner. The audit trail records
// the command and the login as the user agent.
const operatorSQL = `SELECT set_config('role', 'chenu_owner', true), set_config('app.request_id', $1, true),
	set_config('app.user_agent', left($2 || ', login ' || session_user, 400), true)`

// operate runs a query that returns one row in a transaction of the owner, and scans the row. The error is
// pgx.ErrNoRows if there was no row.
func operate(ctx context.Context, env environment, name, query string, args []any, into ...any) error {
	return operateTx(ctx, env, name, func(tx pgx.Tx) error { return tx.QueryRow(ctx, query, args...).Scan(into...) })
}

// operateTx runs fn in a transaction of the owner.
func operateTx(ctx context.Context, env environment, name string, fn func(pgx.Tx) error) (err error) {
	c, err := loadConfig(env)
	if err != nil {
		return err
	}
	conn, closeAll, err := openOperator(ctx, &c, env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	request, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("generate a request id: %w", err)
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, operatorSQL, request.String(), name); err != nil {
			return fmt.Errorf("become chenu_owner: %w", err)
		}
		return fn(tx)
	})
}

// openOperator connects as a member of chenu_owner.
func openOperator(ctx context.Context, c *config, env environment) (*pgx.Conn, func() error, error) {
	if c.MigrateDatabaseURL == "" && c.DatabaseURL != "" {
		return nil, nil, errors.New("CHENU_MIGRATE_DATABASE_URL is not set: set it to a login that is a member of chenu_owner")
	}
	return openAs(ctx, c, env, migrateLogin, "an operator", func(c *config) string { return c.MigrateDatabaseURL })
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/chenu/chenu/server/account"
)

const tokenAbout = `Prints an access token for development, which is valid for ten minutes. It creates the
identity if it does not exist. It works only with the embedded database.

With --agent the token belongs to an agent of the identity and has the agent's
capabilities. "new" hires an agent with every capability and approves the hiring.
This requires a verified address of the identity: see chenu accounts verify. The id of
an agent that does not exist hires an agent too, if it is a UUIDv7 of this hour.

The token alone is printed to standard output, so that a shell can use it. The owner of
the token and its expiry are printed to standard error.`

// accountsOpener opens the accounts of the embedded database and returns the function that closes them. It returns an
// error if the configuration names another database.
type accountsOpener func(ctx context.Context, env environment) (*account.Service, func(), error)

// newToken returns the command that parses the flags and calls run with the token that they describe.
func newToken(run func(ctx context.Context, wanted account.DevelopmentToken) error) *cobra.Command {
	var wanted account.DevelopmentToken
	cmd := &cobra.Command{
		Use:   "token",
		Short: "create an access token for development on the embedded database",
		Long:  tokenAbout,
		Example: `  chenu token --email ada@example.org
  curl -H "Authorization: Bearer $(chenu token --email ada@example.org)" http://127.0.0.1:8080/v1/me`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if wanted.Email == "" {
				return usagef("--email is not set: set it to the e-mail address of the identity")
			}
			return run(cmd.Context(), wanted)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&wanted.Email, "email", "", "`address` of the identity")
	flags.Func("agent", "`UUID` of the agent that acts for the identity, or new to hire an agent", func(s string) (err error) {
		if s == "new" {
			wanted.Agent, err = uuid.NewV7()
			return err
		}
		wanted.Agent, err = uuid.Parse(s)
		return err
	})
	flags.Func("auth-time", "`time` of the person's authentication in RFC 3339 format (default now)", func(s string) (err error) {
		if wanted.AuthTime, err = time.Parse(time.RFC3339, s); err == nil && wanted.AuthTime.After(time.Now()) {
			err = errors.New("the time is in the future")
		}
		return err
	})
	completesOneOf(cmd, "agent", "new")
	describeExits(cmd, "the token was printed", "the command failed", "")
	return cmd
}

// token prints an access token for development.
func token(ctx context.Context, env environment, wanted account.DevelopmentToken, open accountsOpener) error {
	accounts, closeAccounts, err := open(ctx, env)
	if err != nil {
		return err
	}
	defer closeAccounts()
	text, end, err := accounts.MakeDevelopmentToken(ctx, wanted)
	if err != nil {
		return fmt.Errorf("create a token for %s: %w", wanted.Email, err)
	}
	if _, err := fmt.Fprintln(env.Stdout, text); err != nil {
		return fmt.Errorf("print the token: %w", err)
	}
	who := wanted.Email
	if wanted.Agent != uuid.Nil {
		who = "agent " + wanted.Agent.String() + " for " + who
	}
	_, err = fmt.Fprintf(env.Stderr, "Token for %s, valid until %s.\n", who, end.Local().Format(time.TimeOnly))
	return err
}

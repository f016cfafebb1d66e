package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/server/account"
)

// runToken prints an access token for development. The token alone goes to stdout, so
// that a shell can take it; whose it is and how long it is valid goes to stderr.
func runToken(ctx context.Context, args []string, env environment) error {
	return token(ctx, args, env, openEmbeddedAccounts)
}

// accountsOpener opens the accounts of the embedded database and returns how to close
// them. It refuses when the configuration names another database.
type accountsOpener func(ctx context.Context, env environment) (*account.Service, func(), error)

func token(ctx context.Context, args []string, env environment, open accountsOpener) error {
	wanted, err := tokenFlags(args, env)
	if err != nil {
		return err
	}
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

func tokenFlags(args []string, env environment) (account.DevelopmentToken, error) {
	var wanted account.DevelopmentToken
	flags := newFlags(env, "chenu token --email ADDRESS [--agent UUID|new] [--auth-time TIME]",
		"Prints an access token for development, which is valid for ten minutes. It creates the\n"+
			"identity if it does not exist. It works only with the embedded database.\n\n"+
			"With --agent the token belongs to an agent of the identity and has the agent's\n"+
			"capabilities. \"new\" hires an agent with every capability and approves the hiring.\n"+
			"This requires a verified address of the identity: see chenu accounts verify. The id of\n"+
			"an agent that does not exist hires an agent too, if it is a UUIDv7 of this hour.")
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
	if err := parse(flags, args); err != nil {
		return wanted, err
	}
	if flags.NArg() > 0 {
		return wanted, usagef("unexpected argument %q", flags.Arg(0))
	}
	if wanted.Email == "" {
		return wanted, usagef("--email is not set: set it to the e-mail address of the identity")
	}
	return wanted, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/server/account"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

const keysAbout = `Lets another key sign access tokens, before the present one is a month old. The new
key is published at once, as others have to know it before it signs, and signs ten
minutes later. The present one then verifies what it signed for another hour. No
token becomes invalid. The service, wherever it runs, takes each step in its time.

It works on the database at CHENU_DATABASE_URL with CHENU_SECRET_KEY, or on the
embedded one.`

func runKeys(ctx context.Context, args []string, env environment) error {
	flags := newFlags(env, "chenu keys rotate", keysAbout)
	if err := parse(flags, args); err != nil {
		return err
	}
	if flags.NArg() != 1 || flags.Arg(0) != "rotate" {
		return usagef("say what to do with the keys: chenu keys rotate")
	}
	accounts, closeAccounts, err := openAccounts(ctx, env)
	if err != nil {
		return err
	}
	defer closeAccounts()
	step, err := accounts.Keys.Advance(ctx, 0)
	if err != nil {
		return err
	}
	if step.NextID == uuid.Nil {
		return errors.New("no key was made, though one is due: does the service's login belong to this database?")
	}
	state := "was published already"
	if step.Made {
		state = "is published"
	}
	_, err = fmt.Fprintf(env.Stdout, "The key %s %s. It signs from %s on.\n", step.NextID, state, step.NextSignsAt.UTC().Format(time.RFC3339))
	return err
}

// openAccounts opens the accounts of the configured database, which the embedded one is
// without a URL.
func openAccounts(ctx context.Context, env environment) (*account.Service, func(), error) {
	c, err := loadConfig(env)
	if err != nil {
		return nil, nil, err
	}
	if c.DatabaseURL == "" {
		return openEmbeddedAccounts(ctx, env)
	}
	if c.Secret == (auth.Secret{}) {
		return nil, nil, errors.New("CHENU_SECRET_KEY is not set: give it the value that the service has")
	}
	db, err := session.Open(ctx, c.server("", c.logger(env.Stderr)).Session)
	if err != nil {
		return nil, nil, err
	}
	return accountsOn(ctx, c, db, db.Close)
}

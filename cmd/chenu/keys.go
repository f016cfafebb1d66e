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

const keysAbout = `chenu keys rotate lets another key sign access tokens, before the present one is a month old. The new
key is published at once, as others have to know it before it signs, and signs ten
minutes later. The present one then verifies what it signed for another hour. No
token becomes invalid. The service, wherever it runs, takes each step in its time.

chenu keys rotate-secret replaces the secret key of the service: it encrypts the signing
keys under CHENU_SECRET_KEY, in one transaction, which were encrypted under
CHENU_PREVIOUS_SECRET_KEY. To replace the secret key without downtime:

 1. Set CHENU_PREVIOUS_SECRET_KEY to the present secret key and CHENU_SECRET_KEY to a new one
    (openssl rand -base64 32) for every instance, and restart the instances one by one.
 2. Run chenu keys rotate-secret with the same two variables.
 3. Remove CHENU_PREVIOUS_SECRET_KEY and restart the instances again. Page tokens that were
    made under the previous secret key end, and rate limits start anew.

No session and no access token becomes invalid. Each variable can name a file instead:
CHENU_SECRET_KEY_FILE, CHENU_PREVIOUS_SECRET_KEY_FILE.

Both work on the database at CHENU_DATABASE_URL with CHENU_SECRET_KEY; chenu keys rotate also
works on the embedded one.`

func runKeys(ctx context.Context, args []string, env environment) error {
	flags := newFlags(env, "chenu keys rotate|rotate-secret", keysAbout)
	if err := parse(flags, args); err != nil {
		return err
	}
	if flags.NArg() == 1 && flags.Arg(0) == "rotate-secret" {
		return rotateSecret(ctx, env)
	}
	if flags.NArg() != 1 || flags.Arg(0) != "rotate" {
		return usagef("say what to do with the keys: chenu keys rotate, or chenu keys rotate-secret")
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

// rotateSecret encrypts the signing keys under the secret key that is configured.
func rotateSecret(ctx context.Context, env environment) error {
	c, err := loadConfig(env)
	if err != nil {
		return err
	}
	switch {
	case c.DatabaseURL == "":
		return errors.New("CHENU_DATABASE_URL is not set: the secret key of the service's own Postgres is not rotated")
	case c.Secret == (auth.Secret{}):
		return errors.New("CHENU_SECRET_KEY is not set: give it the new secret key")
	case c.PreviousSecret == (auth.Secret{}):
		return errors.New("CHENU_PREVIOUS_SECRET_KEY is not set: give it the secret key that the signing keys are encrypted under")
	}
	accounts, closeAccounts, err := openAccounts(ctx, env)
	if err != nil {
		return err
	}
	defer closeAccounts()
	n, err := accounts.Keys.Reseal(ctx, account.KeyStore{DB: accounts.DB})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.Stdout, "%d signing keys are encrypted under CHENU_SECRET_KEY. Remove CHENU_PREVIOUS_SECRET_KEY and restart the instances.\n", n)
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

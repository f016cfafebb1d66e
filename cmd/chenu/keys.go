package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

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
 2. Run chenu keys rotate-secret with the same two variables and CHENU_MIGRATE_DATABASE_URL,
    the login of a member of chenu_owner: the service's own login cannot replace signing keys.
 3. Remove CHENU_PREVIOUS_SECRET_KEY and restart the instances again. Page tokens that were
    made under the previous secret key end, and rate limits start anew.

No session and no access token becomes invalid. Each variable can name a file instead:
CHENU_SECRET_KEY_FILE, CHENU_PREVIOUS_SECRET_KEY_FILE.

Both work on the database at CHENU_DATABASE_URL with CHENU_SECRET_KEY, or on the service's own
Postgres without these variables. To replace the secret key of the service's own Postgres, stop
the service and run chenu keys rotate-secret: it makes a new secret key, encrypts the signing
keys under it, changes the passwords of the database's logins, which are derived from it, and
replaces the file "secret" in CHENU_DATA_DIR. It keeps no copy of the previous one. If it is
interrupted, the service still starts; run it again.`

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

// rotateSecret encrypts the signing keys under the secret key that is configured. Without one,
// it replaces the secret key of the data directory.
func rotateSecret(ctx context.Context, env environment) error {
	c, err := loadConfig(env)
	if err != nil {
		return err
	}
	if c.DatabaseURL == "" && c.Secret == (auth.Secret{}) && c.PreviousSecret == (auth.Secret{}) {
		return rotateDataDirSecret(ctx, c, env)
	}
	switch {
	case c.DatabaseURL != "" && c.MigrateDatabaseURL == "":
		return errors.New("CHENU_MIGRATE_DATABASE_URL is not set: set it to a login that is a member of chenu_owner")
	case c.Secret == (auth.Secret{}):
		return errors.New("CHENU_SECRET_KEY is not set: give it the new secret key")
	case c.PreviousSecret == (auth.Secret{}):
		return errors.New("CHENU_PREVIOUS_SECRET_KEY is not set: give it the secret key that the signing keys are encrypted under")
	}
	n, err := reseal(ctx, env)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.Stdout, "Signing keys that are encrypted under CHENU_SECRET_KEY: %d. Remove CHENU_PREVIOUS_SECRET_KEY and restart the instances.\n", n)
	return err
}

// rotateDataDirSecret replaces the secret key in the data directory. The file of the new one is
// there before anything is encrypted under it, and takes the place of the other at the end, so
// that an interruption loses neither: see dataDirSecret.
func rotateDataDirSecret(ctx context.Context, c config, env environment) error {
	present, next := filepath.Join(c.DataDir, secretFile), filepath.Join(c.DataDir, nextSecretFile)
	if _, err := os.Stat(present); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no secret key in %s, and CHENU_DATABASE_URL is not set: nothing to rotate", c.DataDir)
	}
	running := c
	if db, ok := openRunning(ctx, &running, c.logger(env.Stderr)); ok {
		db.Close()
		return fmt.Errorf("the service runs on %s: stop it and run chenu keys rotate-secret again", c.DataDir)
	}
	if _, err := auth.SecretFile(next); err != nil { // That of a rotation that was interrupted is used.
		return err
	}
	// The database's disk writes must not arrive before the new secret key.
	if err := syncDir(c.DataDir); err != nil {
		return err
	}
	n, err := reseal(ctx, env)
	if err != nil {
		return err
	}
	if err := os.Rename(next, present); err != nil {
		return fmt.Errorf("replace the secret key: %w", err)
	}
	_, err = fmt.Fprintf(env.Stdout, "%s has a new secret key. Signing keys that are encrypted under it: %d. Start the service.\n", present, n)
	return err
}

// syncDir makes the directory's entries durable.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return nil
}

// reseal encrypts the signing keys under the secret key and returns how many there are. It
// reads them as the service does and stores them as an operator.
func reseal(ctx context.Context, env environment) (int, error) {
	accounts, closeAccounts, err := openAccounts(ctx, env)
	if err != nil {
		return 0, err
	}
	defer closeAccounts()
	return accounts.Keys.Reseal(ctx, operatorKeys{env})
}

// operatorKeys implements [auth.Resealer] as a member of chenu_owner.
type operatorKeys struct{ env environment }

const resealSigningKeysSQL = `SELECT app.reseal_signing_keys($1::text[]::uuid[], $2)`

// ResealSigningKeys implements [auth.Resealer].
func (o operatorKeys) ResealSigningKeys(ctx context.Context, keys []auth.StoredKey) error {
	ids, sealed := make([]string, len(keys)), make([][]byte, len(keys))
	for i, k := range keys {
		ids[i], sealed[i] = k.ID.String(), k.Sealed
	}
	var changed int
	err := operate(ctx, o.env, "chenu keys rotate-secret", resealSigningKeysSQL, []any{ids, sealed}, &changed)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "CH409" {
		return auth.ErrKeysChanged
	}
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

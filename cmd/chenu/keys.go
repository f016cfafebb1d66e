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
	"github.com/spf13/cobra"

	"github.com/chenu/chenu/server/account"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

// keysDatabase is the part of the help that the commands share.
const keysDatabase = `

It uses the database at CHENU_DATABASE_URL with CHENU_SECRET_KEY, or the embedded Postgres
if these variables are not set.`

const rotateKeyAbout = `Replaces the key that signs access tokens, before the current key is a month old. The new
key is published immediately, so that verifiers can fetch it first, and signs tokens ten
minutes later. After that, the previous key still verifies its tokens for one hour. No token
becomes invalid. The running service does these steps.` + keysDatabase

const rotateSecretAbout = `Replaces the secret key of the service: it encrypts the signing keys, which were encrypted
under CHENU_PREVIOUS_SECRET_KEY, under CHENU_SECRET_KEY, in one transaction. To replace the
secret key without downtime:

 1. Set CHENU_PREVIOUS_SECRET_KEY to the current secret key and CHENU_SECRET_KEY to a new one
    (openssl rand -base64 32) for every instance, and restart the instances one by one.
 2. Run chenu keys rotate-secret with the same two variables and CHENU_MIGRATE_DATABASE_URL,
    the login of a member of chenu_owner: the service's own login cannot replace signing keys.
 3. Remove CHENU_PREVIOUS_SECRET_KEY and restart the instances again. Page tokens
    under the previous secret key become invalid, and rate limits restart.

No session and no access token becomes invalid. The keys can be read from files instead: see
CHENU_SECRET_KEY_FILE and CHENU_PREVIOUS_SECRET_KEY_FILE.` + keysDatabase + `

To replace the secret key of the embedded Postgres, stop the service and run the command. It
generates a new secret key, encrypts the signing keys under it, changes the passwords of the
database's logins, which are derived from it, and replaces the file "secret" in
CHENU_DATA_DIR. It keeps no copy of the previous secret key. If it is interrupted, the service
still starts: run the command again.`

func newKeys(env environment) *cobra.Command {
	rotate := &cobra.Command{
		Use:   "rotate",
		Short: "replace the key that signs access tokens",
		Long:  rotateKeyAbout,
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return rotateKey(cmd.Context(), env) },
	}
	describeExits(rotate, "the next key is published", "the command failed", "")
	secret := &cobra.Command{
		Use:   "rotate-secret",
		Short: "encrypt the signing keys under a new secret key",
		Long:  rotateSecretAbout,
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return rotateSecret(cmd.Context(), env) },
	}
	describeExits(secret, "the signing keys are encrypted under the new secret key", "the command failed", "")
	return newGroup(env, "keys", "rotate the key that signs access tokens, or the secret key",
		"Replaces the keys of the service. No session and no access token becomes invalid.", rotate, secret)
}

// rotateKey publishes the next signing key, unless one is published already.
func rotateKey(ctx context.Context, env environment) error {
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
		return errors.New("no signing key was created: check that CHENU_DATABASE_URL is the login of the service for this database")
	}
	state := "was already published"
	if step.Made {
		state = "is published"
	}
	_, err = fmt.Fprintf(env.Stdout, "The key %s %s. It signs tokens from %s.\n", step.NextID, state, step.NextSignsAt.UTC().Format(time.RFC3339))
	return err
}

// rotateSecret encrypts the signing keys under the configured secret key. If none is configured, it replaces the secret
// key of the data directory.
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
		return errors.New("CHENU_SECRET_KEY is not set: set it to the new secret key")
	case c.PreviousSecret == (auth.Secret{}):
		return errors.New("CHENU_PREVIOUS_SECRET_KEY is not set: set it to the secret key under which the signing keys are encrypted")
	}
	n, err := reseal(ctx, env)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.Stdout, "Number of signing keys encrypted under CHENU_SECRET_KEY: %d. Remove CHENU_PREVIOUS_SECRET_KEY and restart the instances.\n", n)
	return err
}

// rotateDataDirSecret replaces the secret key in the data directory. The file of the new key is written before anything
// is encrypted under it, and replaces the file of the old key at the end, so that an interruption loses neither: see
// dataDirSecret.
func rotateDataDirSecret(ctx context.Context, c config, env environment) error {
	present, next := filepath.Join(c.DataDir, secretFile), filepath.Join(c.DataDir, nextSecretFile)
	if _, err := os.Stat(present); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no secret key to rotate: there is none in %s, and CHENU_DATABASE_URL is not set", c.DataDir)
	}
	running := c
	if db, ok := openRunning(ctx, &running, c.logger(env.Stderr)); ok {
		db.Close()
		return fmt.Errorf("the service is running with the data directory %s: stop it and run chenu keys rotate-secret again", c.DataDir)
	}
	if _, err := auth.SecretFile(next); err != nil { // The file of an interrupted rotation is reused.
		return err
	}
	// The new secret key must be durable before the database writes anything that depends on it.
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
	_, err = fmt.Fprintf(env.Stdout, "Wrote a new secret key to %s. Number of signing keys encrypted under it: %d. Start the service.\n", present, n)
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

// reseal encrypts the signing keys under the secret key and returns their number. It reads them as the service does and
// stores them as an operator.
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

// openAccounts opens the accounts of the configured database, or those of the embedded database if no URL is
// configured.
func openAccounts(ctx context.Context, env environment) (*account.Service, func(), error) {
	c, err := loadConfig(env)
	if err != nil {
		return nil, nil, err
	}
	if c.DatabaseURL == "" {
		return openEmbeddedAccounts(ctx, env)
	}
	if c.Secret == (auth.Secret{}) {
		return nil, nil, errors.New("CHENU_SECRET_KEY is not set: set it to the secret key of the service")
	}
	log := c.logger(env.Stderr)
	db, err := session.Open(ctx, c.server("", log).Session)
	if err != nil {
		return nil, nil, err
	}
	return accountsOn(ctx, c, db, log, db.Close)
}

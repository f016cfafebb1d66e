package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server"
	"github.com/chenu/chenu/server/account"
	"github.com/chenu/chenu/server/api/apitest"
	"github.com/chenu/chenu/server/auth"
)

// TestKeysRotate runs the command on a database as an operator does.
func TestKeysRotate(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	keys := func(secret string, args ...string) (int, string, string) {
		t.Helper()
		vars := map[string]string{"CHENU_DATABASE_URL": db.ServiceURL, "CHENU_AGENT_DATABASE_URL": db.AgentURL, "CHENU_SECRET_KEY": secret, "CHENU_LOG_LEVEL": "error"}
		var out, errs bytes.Buffer
		code := run(context.WithoutCancel(t.Context()), append([]string{"keys"}, args...), environment{
			Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs,
			Getenv: func(name string) string { return vars[name] },
			Environ: func() (all []string) {
				for name, value := range vars {
					all = append(all, name+"="+value)
				}
				return all
			},
		})
		return code, out.String(), errs.String()
	}
	text := base64.StdEncoding.EncodeToString(secret)
	code, first, errs := keys(text, "rotate")
	if code != exitOK || !strings.Contains(first, " is published. It signs tokens from ") {
		t.Fatalf("code %d: %s%s", code, first, errs)
	}
	code, second, errs := keys(text, "rotate")
	if want := strings.Replace(first, "is published", "was already published", 1); code != exitOK || second != want {
		t.Errorf("code %d: %s%s, want %s", code, second, errs, want)
	}
	for _, args := range [][]string{nil, {"rotate", "now"}, {"delete"}} {
		if code, _, _ := keys(text, args...); code != exitUsage {
			t.Errorf("%v: code %d", args, code)
		}
	}
	other := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	for _, wrong := range []string{"", other} {
		if code, _, errs := keys(wrong, "rotate"); code != exitFailed || !strings.Contains(errs, "CHENU_SECRET_KEY") || strings.Contains(errs, text) {
			t.Errorf("with another secret: code %d, %s", code, errs)
		}
	}
	var statuses string
	admin := db.Pool(t, db.AdminURL)
	if err := admin.QueryRow(t.Context(), `SELECT string_agg(status, ' ' ORDER BY status) FROM app.signing_keys`).Scan(&statuses); err != nil || statuses != "active next" {
		t.Errorf("keys %q, %v", statuses, err)
	}
}

// instance starts the service with the configuration and returns a client of it.
func instance(t *testing.T, c *config) (*server.Server, *apitest.Client, error) {
	t.Helper()
	document, err := server.Document()
	if err != nil {
		t.Fatal(err)
	}
	serving := c.server("", slog.New(slog.DiscardHandler))
	serving.Session.MaxConns, serving.DevelopmentTokens = 2, true
	s, err := server.New(t.Context(), serving)
	if err != nil {
		return nil, nil, err
	}
	return s, apitest.New(t, s.Handler(), document), nil
}

// Hardening item 39: chenu keys rotate-secret encrypts the signing keys under the new secret key, as an operator, or
// changes nothing. Sessions and tokens stay valid under the new key alone.
func TestKeysRotateSecret(t *testing.T) {
	t.Parallel()
	db, dir := dbtest.New(t), t.TempDir()
	file := func(name string) (path, text string) {
		t.Helper()
		secret := make([]byte, 32)
		_, _ = rand.Read(secret)
		path, text = filepath.Join(dir, name), base64.StdEncoding.EncodeToString(secret)
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path, text
	}
	beforeFile, before := file("before")
	afterFile, after := file("after")
	_, wrong := file("wrong")
	database := map[string]string{
		"CHENU_DATABASE_URL": db.ServiceURL, "CHENU_AGENT_DATABASE_URL": db.AgentURL, "CHENU_MIGRATE_DATABASE_URL": db.MigrateURL, "CHENU_LOG_LEVEL": "error",
	}
	with := func(variables map[string]string) map[string]string {
		all := maps.Clone(database)
		maps.Copy(all, variables)
		maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
		return all
	}
	open := func(secret, previous string) (*server.Server, *apitest.Client, error) {
		t.Helper()
		env, _ := testEnvironment(t, with(map[string]string{"CHENU_SECRET_KEY": secret, "CHENU_PREVIOUS_SECRET_KEY": previous}))
		c, err := loadConfig(env)
		if err != nil {
			t.Fatal(err)
		}
		s, client, err := instance(t, &c)
		if err == nil {
			t.Cleanup(s.Close)
		}
		return s, client, err
	}
	rotate := func(variables map[string]string) (int, string) {
		t.Helper()
		env, out := testEnvironment(t, with(variables))
		return run(t.Context(), []string{"keys", "rotate-secret"}, env), out.String()
	}
	_, client, err := open(before, "")
	if err != nil {
		t.Fatal(err)
	}
	var tokens struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
	}
	client.Post("/v1/auth/register", map[string]any{"email": "ada@example.org", "name": "Ada", "password": "copper meadow distant violin"}).Want(http.StatusCreated).JSON(&tokens)
	if code, out := func() (int, string) {
		env, out := testEnvironment(t, with(map[string]string{"CHENU_SECRET_KEY": before}))
		return run(t.Context(), []string{"keys", "rotate"}, env), out.String()
	}(); code != exitOK {
		t.Fatalf("the next key is not published: %s", out)
	}

	for name, test := range map[string]struct {
		variables map[string]string
		says      string
	}{
		"no secret":         {map[string]string{"CHENU_PREVIOUS_SECRET_KEY": before}, "CHENU_SECRET_KEY is not set"},
		"no previous":       {map[string]string{"CHENU_SECRET_KEY": after}, "CHENU_PREVIOUS_SECRET_KEY is not set"},
		"no operator":       {map[string]string{"CHENU_SECRET_KEY": after, "CHENU_PREVIOUS_SECRET_KEY": before, "CHENU_MIGRATE_DATABASE_URL": ""}, "CHENU_MIGRATE_DATABASE_URL is not set"},
		"the service login": {map[string]string{"CHENU_SECRET_KEY": after, "CHENU_PREVIOUS_SECRET_KEY": before, "CHENU_MIGRATE_DATABASE_URL": db.ServiceURL}, "become chenu_owner"},
		"a wrong previous":  {map[string]string{"CHENU_SECRET_KEY": after, "CHENU_PREVIOUS_SECRET_KEY": wrong}, "CHENU_SECRET_KEY"},
		"the same secret":   {map[string]string{"CHENU_SECRET_KEY": before, "CHENU_PREVIOUS_SECRET_KEY": before}, "is the same as"},
	} {
		code, out := rotate(test.variables)
		if code != exitFailed || !strings.Contains(out, test.says) {
			t.Errorf("%s: code %d, %s", name, code, out)
		}
		for _, secret := range []string{before, after, wrong} {
			if strings.Contains(out, secret) {
				t.Errorf("%s: a secret is printed", name)
			}
		}
	}
	if _, _, err := open(before, ""); err != nil {
		t.Fatalf("a rotation that failed changed the keys: %v", err)
	}

	for range 2 { // The second run has nothing left to do.
		code, out := rotate(map[string]string{"CHENU_SECRET_KEY_FILE": afterFile, "CHENU_PREVIOUS_SECRET_KEY_FILE": beforeFile})
		if code != exitOK || !strings.Contains(out, "encrypted under CHENU_SECRET_KEY: 2.") {
			t.Fatalf("code %d, %s", code, out)
		}
	}
	for path, want := range map[string]string{beforeFile: before, afterFile: after} {
		if text, err := os.ReadFile(path); err != nil || string(text) != want+"\n" {
			t.Errorf("%s was changed: %v", path, err)
		}
	}
	if _, _, err := open(before, ""); err == nil {
		t.Error("the earlier secret key still opens the signing keys")
	}
	client.As(tokens.AccessToken).Get("/v1/me").Want(http.StatusOK) // An instance that still runs.
	_, client, err = open(after, "")
	if err != nil {
		t.Fatal(err)
	}
	client.As(tokens.AccessToken).Get("/v1/me").Want(http.StatusOK)
	client.Post("/v1/auth/refresh", map[string]any{"refresh_token": tokens.RefreshToken}).Want(http.StatusOK).JSON(&tokens)
	client.As(tokens.AccessToken).Get("/v1/me").Want(http.StatusOK)
	if code, out := rotate(map[string]string{"CHENU_SECRET_KEY": before, "CHENU_PREVIOUS_SECRET_KEY": wrong}); code != exitFailed {
		t.Errorf("back without the current secret key: code %d, %s", code, out)
	}
}

// Hardening item 39: the secret key of the embedded Postgres is replaced while the service is stopped, together with
// the passwords that are derived from it. An interruption loses no key.
func TestKeysRotateSecretOfTheDataDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} { // Postgres may run as another user.
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	rotate := func() (int, string) {
		t.Helper()
		env, out := testEnvironment(t, map[string]string{"CHENU_DATA_DIR": dir, "CHENU_LOG_LEVEL": "error"})
		return run(t.Context(), []string{"keys", "rotate-secret"}, env), out.String()
	}
	kept := func() string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, secretFile))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(text))
	}
	// serving runs the service on the data directory while fn runs.
	serving := func(fn func(c *config, s *server.Server, client *apitest.Client)) {
		t.Helper()
		c := &config{DataDir: dir}
		own, err := startEmbedded(t.Context(), c, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := own.stop(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		}()
		s, client, err := instance(t, c)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		fn(c, s, client)
	}
	if code, out := rotate(); code != exitFailed || !strings.Contains(out, "no secret key to rotate") {
		t.Errorf("without a secret key: code %d, %s", code, out)
	}
	var token, oldURL string
	serving(func(c *config, s *server.Server, _ *apitest.Client) {
		var err error
		if token, _, err = s.Accounts().MakeDevelopmentToken(t.Context(), account.DevelopmentToken{Email: "ada@example.org"}); err != nil {
			t.Fatal(err)
		}
		oldURL = c.DatabaseURL
		if code, out := rotate(); code != exitFailed || !strings.Contains(out, "stop it and run chenu keys rotate-secret again") {
			t.Errorf("while the service runs: code %d, %s", code, out)
		}
	})
	first := kept()

	if code, out := rotate(); code != exitOK || !strings.Contains(out, "Number of signing keys encrypted under it: 1.") || strings.Contains(out, kept()) {
		t.Fatalf("code %d, %s", code, out)
	}
	second := kept()
	if _, err := os.Stat(filepath.Join(dir, nextSecretFile)); second == first || !os.IsNotExist(err) {
		t.Errorf("the secret key is not replaced: %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, secretFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of the secret key: %v, %v", info, err)
	}
	serving(func(c *config, _ *server.Server, client *apitest.Client) {
		client.As(token).Get("/v1/me").Want(http.StatusOK)
		before, err := pgx.ParseConfig(oldURL)
		if err != nil {
			t.Fatal(err)
		}
		at, err := pgx.ParseConfig(c.DatabaseURL)
		if err != nil {
			t.Fatal(err)
		}
		at.Password = before.Password
		if _, err := pgx.ConnectConfig(t.Context(), at); err == nil || !strings.Contains(err.Error(), "28P01") {
			t.Errorf("the login still has the password of the earlier secret key: %v", err)
		}
	})

	// Interrupted: the keys are encrypted under the new secret key, whose file has not replaced the old one yet.
	if _, err := auth.SecretFile(filepath.Join(dir, nextSecretFile)); err != nil {
		t.Fatal(err)
	}
	env, _ := testEnvironment(t, map[string]string{"CHENU_DATA_DIR": dir, "CHENU_LOG_LEVEL": "error"})
	if n, err := reseal(t.Context(), env); n != 1 || err != nil {
		t.Fatalf("%d keys, %v", n, err)
	}
	serving(func(_ *config, _ *server.Server, client *apitest.Client) {
		client.As(token).Get("/v1/me").Want(http.StatusOK)
	})
	if code, out := rotate(); code != exitOK || kept() == second {
		t.Errorf("the rotation is not completed: code %d, %s", code, out)
	}
	serving(func(c *config, _ *server.Server, client *apitest.Client) {
		client.As(token).Get("/v1/me").Want(http.StatusOK)
		if c.PreviousSecret != (auth.Secret{}) {
			t.Error("the earlier secret key is still accepted")
		}
	})
}

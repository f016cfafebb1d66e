package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/chenu/chenu/migrations/dbtest"
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
	if code != exitOK || !strings.Contains(first, " is published. It signs from ") {
		t.Fatalf("code %d: %s%s", code, first, errs)
	}
	code, second, errs := keys(text, "rotate")
	if want := strings.Replace(first, "is published", "was published already", 1); code != exitOK || second != want {
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

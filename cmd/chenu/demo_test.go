package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server"
	"github.com/chenu/chenu/server/account"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

// TestDemo creates the sample data of an identity, checks that every collection of every sphere has rows, and that a
// second run is refused.
func TestDemo(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db := dbtest.New(t)
	s, err := server.New(ctx, server.Config{
		DevelopmentTokens: true,
		Session:           session.Config{HumanURL: db.ServiceURL, AgentURL: db.AgentURL, MaxConns: 4}, Secret: auth.NewSecret(),
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	web := httptest.NewServer(s.Handler())
	t.Cleanup(web.Close)
	token, _, err := s.Accounts().MakeDevelopmentToken(ctx, account.DevelopmentToken{Email: "ada@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	d := demo{web.URL, token, map[string]string{}}
	var out bytes.Buffer
	if err := d.fill(ctx, "ada@example.org", &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	var document struct{ Paths map[string]json.RawMessage }
	if err := d.call(ctx, http.MethodGet, "/openapi.json", nil, &document); err != nil {
		t.Fatal(err)
	}
	collections := 0
	for path := range document.Paths {
		if !strings.HasSuffix(path, "/count") || strings.Count(path, "/") != 4 {
			continue // not a collection of a sphere: /v1/<sphere>/<collection>/count
		}
		collections++
		var answer struct{ Count int }
		if err := d.call(ctx, http.MethodGet, path, nil, &answer); err != nil || answer.Count == 0 {
			t.Errorf("%s: %d rows, %v", path, answer.Count, err)
		}
		if kind := strings.ReplaceAll(strings.Split(path, "/")[3], "-", " "); !strings.Contains(out.String(), kind) {
			t.Errorf("the progress has no line on %s:\n%s", kind, &out)
		}
	}
	if collections < 21 {
		t.Errorf("%d collections were found, and there are 21 at least", collections)
	}
	if err := d.fill(ctx, "ada@example.org", &out); err == nil || !strings.Contains(err.Error(), "already has data") {
		t.Errorf("a second time: %v", err)
	}
}

func TestDemoNeedsTheEmbeddedDatabase(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	env := environment{Stdout: &out, Stderr: &out, Getenv: func(string) string { return "" }, Environ: func() []string {
		return []string{"CHENU_DATABASE_URL=postgres://nobody@127.0.0.1:1/x", "HOME=/nonexistent"}
	}}
	if code := run(context.Background(), []string{"demo"}, env); code != exitFailed || !strings.Contains(out.String(), "only in the embedded database") {
		t.Errorf("exit code %d: %s", code, &out)
	}
	for _, args := range [][]string{{"demo", "x"}, {"demo", "--sudo"}} {
		if code := run(context.Background(), args, env); code != exitUsage {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
}

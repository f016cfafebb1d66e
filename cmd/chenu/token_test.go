package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/server/account"
)

func TestTokenFlags(t *testing.T) {
	t.Parallel()
	agent := uuid.New()
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	for name, test := range map[string]struct {
		args []string
		want account.DevelopmentToken
		err  string
	}{
		"e-mail":              {[]string{"--email", "ada@example.org"}, account.DevelopmentToken{Email: "ada@example.org"}, ""},
		"all":                 {[]string{"-email=a@b.c", "--agent", agent.String(), "--auth-time", at.Format(time.RFC3339)}, account.DevelopmentToken{Email: "a@b.c", Agent: agent, AuthTime: at}, ""},
		"nothing":             {nil, account.DevelopmentToken{}, "--email is not set: set it to the e-mail address of the identity"},
		"invalid agent id":    {[]string{"--email", "a@b.c", "--agent", "x"}, account.DevelopmentToken{}, "agent"},
		"invalid time":        {[]string{"--email", "a@b.c", "--auth-time", "yesterday"}, account.DevelopmentToken{}, "auth-time"},
		"time in the future":  {[]string{"--email", "a@b.c", "--auth-time", "2999-01-01T00:00:00Z"}, account.DevelopmentToken{}, "in the future"},
		"an argument":         {[]string{"--email", "a@b.c", "eve@example.org"}, account.DevelopmentToken{}, `unexpected argument "eve@example.org"`},
		"unknown flag":        {[]string{"--sudo"}, account.DevelopmentToken{}, "sudo"},
		"e-mail without flag": {[]string{"ada@example.org"}, account.DevelopmentToken{}, "unexpected argument"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, got, output := readTokenFlags(t, test.args)
			if test.err != "" {
				if code != exitUsage || !strings.Contains(output, test.err) {
					t.Errorf("exits with %d and prints %q; want a usage error with %q", code, output, test.err)
				}
				return
			}
			if code != exitOK || got.Email != test.want.Email || got.Agent != test.want.Agent || !got.AuthTime.Equal(test.want.AuthTime) {
				t.Errorf("%+v, exit code %d: %s; want %+v", got, code, output, test.want)
			}
		})
	}
	if code, _, output := readTokenFlags(t, []string{"--help"}); code != exitOK || !strings.Contains(output, "usage: chenu token") {
		t.Errorf("help: exit code %d\n%s", code, output)
	}
}

// readTokenFlags runs chenu token with the arguments and returns its exit code, the token that it would create, and its
// output.
func readTokenFlags(t *testing.T, args []string) (code int, wanted account.DevelopmentToken, output string) {
	t.Helper()
	env, out := testEnvironment(t, nil)
	root := newRoot(env)
	token, _, err := root.Find([]string{"token"})
	if err != nil {
		t.Fatal(err)
	}
	root.RemoveCommand(token)
	root.AddCommand(newToken(func(_ context.Context, w account.DevelopmentToken) error {
		wanted = w
		return nil
	}))
	code = execute(t.Context(), root, append([]string{"token"}, args...), env)
	return code, wanted, out.String()
}

func TestTokenNeedsTheEmbeddedDatabase(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	refused := errors.New("another database is configured")
	err := token(t.Context(), environment{Stdout: &out, Stderr: &errs}, account.DevelopmentToken{Email: "ada@example.org"},
		func(context.Context, environment) (*account.Service, func(), error) { return nil, nil, refused })
	if !errors.Is(err, refused) || out.Len() > 0 {
		t.Errorf("%v, %s", err, &out)
	}
}

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
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
		"e-mail":               {[]string{"--email", "ada@example.org"}, account.DevelopmentToken{Email: "ada@example.org"}, ""},
		"all":                  {[]string{"-email=a@b.c", "--agent", agent.String(), "--auth-time", at.Format(time.RFC3339)}, account.DevelopmentToken{Email: "a@b.c", Agent: agent, AuthTime: at}, ""},
		"nothing":              {nil, account.DevelopmentToken{}, "--email is not set: set it to the e-mail address of the identity"},
		"agent no UUID":        {[]string{"--email", "a@b.c", "--agent", "x"}, account.DevelopmentToken{}, "agent"},
		"time no time":         {[]string{"--email", "a@b.c", "--auth-time", "yesterday"}, account.DevelopmentToken{}, "auth-time"},
		"time in the future":   {[]string{"--email", "a@b.c", "--auth-time", "2999-01-01T00:00:00Z"}, account.DevelopmentToken{}, "in the future"},
		"an argument":          {[]string{"--email", "a@b.c", "eve@example.org"}, account.DevelopmentToken{}, `unexpected argument "eve@example.org"`},
		"a flag that is not":   {[]string{"--sudo"}, account.DevelopmentToken{}, "sudo"},
		"an e-mail without it": {[]string{"ada@example.org"}, account.DevelopmentToken{}, "unexpected argument"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			got, err := tokenFlags(test.args, environment{Stdout: &out, Stderr: &errs})
			if test.err != "" {
				if _, usage := errors.AsType[usageError](err); !usage || !strings.Contains(err.Error(), test.err) {
					t.Errorf("err = %v, want one of usage with %q", err, test.err)
				}
				return
			}
			if err != nil || got.Email != test.want.Email || got.Agent != test.want.Agent || !got.AuthTime.Equal(test.want.AuthTime) {
				t.Errorf("%+v, %v, want %+v", got, err, test.want)
			}
		})
	}
	var out bytes.Buffer
	if _, err := tokenFlags([]string{"--help"}, environment{Stdout: &out}); !errors.Is(err, flag.ErrHelp) || !strings.Contains(out.String(), "usage: chenu token") {
		t.Errorf("help: %v\n%s", err, &out)
	}
}

func TestTokenNeedsTheEmbeddedDatabase(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	refused := errors.New("another database is configured")
	err := token(t.Context(), []string{"--email", "ada@example.org"}, environment{Stdout: &out, Stderr: &errs},
		func(context.Context, environment) (*account.Service, func(), error) { return nil, nil, refused })
	if !errors.Is(err, refused) || out.Len() > 0 {
		t.Errorf("%v, %s", err, &out)
	}
}

package account

import (
	"errors"
	"testing"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server/auth"
)

// Hardening item 30: by default, a service neither issues development tokens nor accepts tokens that are only for
// development: a token of an agent in its human's session, and a token of a session that was opened without
// authentication.
func TestDevelopmentTokensAreRefusedInProduction(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	production := Sessions{DB: b.session}
	verifier := auth.NewVerifier(b.keys, auth.Config{})
	alive := func(s Sessions, text string) bool {
		t.Helper()
		token, err := verifier.Verify(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		ok, err := s.Alive(t.Context(), token.Identity)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	person, _, err := b.service.MakeDevelopmentToken(t.Context(), DevelopmentToken{Email: "bob@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	agent, _, err := b.service.MakeDevelopmentToken(t.Context(), DevelopmentToken{Email: "bob@example.org", Agent: dbtest.NewID()})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		token string
		want  bool
	}{
		"a human who logged in":           {ada.token, true},
		"a human's development token":     {person, false},
		"an agent's development token":    {agent, false},
		"an agent in its human's session": {b.agentToken(t, ada)[len("Bearer "):], false},
	} {
		if !alive(Sessions{DB: b.session, DevelopmentTokens: true}, test.token) {
			t.Errorf("%s is rejected in development", name)
		}
		if got := alive(production, test.token); got != test.want {
			t.Errorf("%s is accepted in production: %v, want %v", name, got, test.want)
		}
	}
	b.service.DevelopmentTokens = false
	if _, _, err := b.service.MakeDevelopmentToken(t.Context(), DevelopmentToken{Email: "bob@example.org"}); !errors.Is(err, ErrNoDevelopmentTokens) {
		t.Errorf("a production service returns for a development token: %v", err)
	}
}

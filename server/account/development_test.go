package account

import (
	"errors"
	"testing"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server/auth"
)

// Hardening item 30: a service that is not told otherwise neither makes development tokens
// nor accepts tokens that only such a service accepts: an agent's token in its human's
// session, and a session that was opened without proof.
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
		"a person who logged in":              {ada.token, true},
		"a person's development token":        {person, false},
		"an agent's development token":        {agent, false},
		"an agent in its human's own session": {b.agentToken(t, ada)[len("Bearer "):], false},
	} {
		if !alive(Sessions{DB: b.session, DevelopmentTokens: true}, test.token) {
			t.Errorf("%s is refused in development", name)
		}
		if got := alive(production, test.token); got != test.want {
			t.Errorf("%s is accepted in production: %v, want %v", name, got, test.want)
		}
	}
	b.service.DevelopmentTokens = false
	if _, _, err := b.service.MakeDevelopmentToken(t.Context(), DevelopmentToken{Email: "bob@example.org"}); !errors.Is(err, ErrNoDevelopmentTokens) {
		t.Errorf("a production service makes a development token: %v", err)
	}
}

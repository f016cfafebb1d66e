package agent

import (
	"crypto/ed25519"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/chenu/chenu/server/auth"
)

// FuzzAssertion checks that every change of a valid assertion is rejected and that nothing panics.
func FuzzAssertion(f *testing.F) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		f.Fatal(err)
	}
	credential := clientID{uuid.New(), uuid.New()}
	s := &Service{Tokens: auth.Config{Issuer: "https://chenu.example.org"}}
	good, err := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.RegisteredClaims{
		Issuer: credential.String(), Subject: credential.String(), Audience: jwt.ClaimStrings{"https://chenu.example.org"},
		ID: "1", ExpiresAt: jwt.NewNumericDate(time.Now().Add(4 * time.Minute)), IssuedAt: jwt.NewNumericDate(time.Now()),
	}).SignedString(private)
	if err != nil {
		f.Fatal(err)
	}
	if a, err := s.verify(good, credential, public); err != nil || len(a.digest) != 32 || a.expiresAt == nil {
		f.Fatalf("the valid one: %+v, %v", a, err)
	}
	parts := strings.Split(good, ".")
	f.Add(good + ".")
	f.Add(parts[0] + "." + parts[1] + ".")
	f.Add(strings.Join(parts[1:], "."))
	f.Add("eyJhbGciOiJub25lIn0." + parts[1] + ".")
	f.Add(good[:len(good)-1])
	f.Add(" " + good)
	f.Add(good + "=")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := s.verify(text, credential, public); err == nil && text != good {
			t.Errorf("%q is accepted", text)
		}
		if _, err := s.verify(good, credential, nil); err == nil {
			t.Error("the assertion is accepted without a key")
		}
	})
}

func TestNarrow(t *testing.T) {
	t.Parallel()
	wanted := func(s string) *string { return &s }
	for _, test := range []struct {
		capabilities []string
		wanted       *string
		want         []string // nil: an error
	}{
		{[]string{"team", "business", "team"}, nil, []string{"business", "team"}},
		{[]string{"team", "business"}, wanted("team"), []string{"team"}},
		{[]string{"team", "business"}, wanted(" team  business "), []string{"business", "team"}},
		{[]string{"team"}, wanted("business"), nil},
		{[]string{"team"}, wanted("team business"), nil},
		{[]string{"team"}, wanted(" "), nil},
		{[]string{"team", "a b", `"`, `\`, "ä", "", "\n"}, nil, []string{"team"}},
		{[]string{"a b"}, wanted("a"), nil},
		{nil, nil, nil},
	} {
		got, err := narrow(test.capabilities, test.wanted)
		if !slices.Equal(got, test.want) || (err == nil) != (test.want != nil) {
			t.Errorf("%q, %v: got %q, %v", test.capabilities, test.wanted, got, err)
		}
	}
}

package apply

import (
	"encoding/base64"
	"testing"
)

// The example of RFC 7677, section 3, in the format that Postgres stores.
const rfc7677 = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

func TestScramVerifier(t *testing.T) {
	t.Parallel()
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	got, err := scramVerifierWith("pencil", salt, 4096)
	if err != nil {
		t.Fatal(err)
	}
	if got != rfc7677 {
		t.Errorf("got  %s\nwant %s", got, rfc7677)
	}
}

func TestScramMatches(t *testing.T) {
	t.Parallel()
	fresh, err := scramVerifier("Schlüssel") // non-ASCII characters are prepared by SASLprep
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, verifier, password string
		want                     bool
	}{
		{"the RFC's", rfc7677, "pencil", true},
		{"another password", rfc7677, "pen", false},
		{"our own", fresh, "Schlüssel", true},
		{"md5", "md5b4ad6ee1d1a3a0f8c7d8e3c2a2a2a2a2", "pencil", false},
		{"nothing", "", "", false},
		{"no salt", "SCRAM-SHA-256$4096$x:y", "pencil", false},
		{"bad count", "SCRAM-SHA-256$-1:W22ZaJ0SNY7soEsUEjb6gQ==$x:y", "pencil", false},
		{"bad salt", "SCRAM-SHA-256$4096:!$x:y", "pencil", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := scramMatches(test.verifier, test.password); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

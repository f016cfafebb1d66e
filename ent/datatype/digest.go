package datatype

import (
	"encoding/hex"

	"github.com/invopop/jsonschema"
)

// Digest is a hash, in JSON hexadecimal.
type Digest []byte

// String is the digest in hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d) }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(text []byte) (err error) {
	*d, err = hex.AppendDecode(nil, text)
	return err
}

// JSONSchema describes it: SHA-256 everywhere.
func (Digest) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: "^[0-9a-f]{64}$"}
}

package datatype

import (
	"encoding/hex"

	"github.com/invopop/jsonschema"
)

// Digest is a hash. In JSON it is hexadecimal.
type Digest []byte

// String returns the digest in hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d) }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(text []byte) (err error) {
	*d, err = hex.AppendDecode(nil, text)
	return err
}

// JSONSchema returns the schema of a digest. All digests are SHA-256.
func (Digest) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: "^[0-9a-f]{64}$"}
}

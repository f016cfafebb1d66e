package auth

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// secretBytes is the length of the root secret, which is also the length of the keys derived from it.
const secretBytes = 32

// Secret is the service's root secret, CHENU_SECRET_KEY. It is never used as a key directly: each use derives a key
// with [Secret.Derive]. It is formatted as a fixed word, so that it cannot reach a log by accident.
type Secret struct{ key [secretBytes]byte }

// ParseSecret parses 32 random bytes in base64 (standard or URL alphabet, padded or not). Its error says how to
// generate a secret and never contains the value.
func ParseSecret(s string) (Secret, error) {
	const advice = "32 random bytes in base64, for example the output of `openssl rand -base64 32`"
	s = strings.TrimRight(strings.TrimSpace(s), "=")
	raw, err := base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(s))
	if err != nil {
		return Secret{}, errors.New("the secret key is not valid base64: use " + advice)
	}
	if len(raw) != secretBytes {
		return Secret{}, fmt.Errorf("the secret key has %d bytes: use %s", len(raw), advice)
	}
	secret := Secret{key: [secretBytes]byte(raw)}
	if secret == (Secret{}) {
		return Secret{}, errors.New("the secret key has only zero bytes: use " + advice)
	}
	return secret, nil
}

// NewSecret returns a random secret.
func NewSecret() Secret {
	var s Secret
	// Read never fails since Go 1.24: the program crashes if the system has no source of randomness.
	_, _ = rand.Read(s.key[:])
	return s
}

// SecretFile returns the secret in the file at path. If the file does not exist, it creates the file with a new
// secret; processes that start concurrently get the same secret. A file that other users than its owner can read is an
// error, since the secret decrypts the signing keys.
func SecretFile(path string) (Secret, error) {
	secret, err := readSecretFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".secret-*") // mode 0600
	if err != nil {
		return Secret{}, fmt.Errorf("create the secret file: %w", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.WriteString(NewSecret().encode() + "\n")
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err != nil {
		return Secret{}, fmt.Errorf("create the secret file: %w", err)
	}
	// Unlike a rename, a link does not replace the file if another process has created it in the meantime.
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return Secret{}, fmt.Errorf("create the secret file: %w", err)
	}
	return readSecretFile(path)
}

// ReadSecret returns the secret in the file at path, and whether users other than its owner can read the file. Unlike
// SecretFile, it creates no file and accepts a readable one.
func ReadSecret(path string) (secret Secret, open bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return Secret{}, false, fmt.Errorf("read the secret key: %w", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Secret{}, false, fmt.Errorf("read the secret key: %w", err)
	}
	if secret, err = ParseSecret(string(text)); err != nil {
		return Secret{}, false, fmt.Errorf("%s: %w", path, err)
	}
	return secret, info.Mode().Perm()&0o077 != 0, nil
}

func readSecretFile(path string) (Secret, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Secret{}, fmt.Errorf("read the secret file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Secret{}, fmt.Errorf("other users can read the secret file %s: run `chmod 600` on the file", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Secret{}, fmt.Errorf("read the secret file: %w", err)
	}
	secret, err := ParseSecret(string(text))
	if err != nil {
		return Secret{}, fmt.Errorf("%s: %w", path, err)
	}
	return secret, nil
}

// Derive returns a 32-byte key for a purpose (HKDF-SHA256, RFC 5869). A derived key reveals nothing about the keys of
// other purposes.
func (s Secret) Derive(purpose string) []byte {
	// No salt: the input is already uniformly random (RFC 5869 section 3.1).
	key, err := hkdf.Key(sha256.New, s.key[:], nil, "chenu/"+purpose, secretBytes)
	if err != nil {
		panic(err) // only for a length of more than 255 hashes
	}
	return key
}

func (s Secret) encode() string { return base64.StdEncoding.EncodeToString(s.key[:]) }

// String hides the secret.
func (Secret) String() string { return "[secret]" }

// GoString hides the secret.
func (Secret) GoString() string { return "[secret]" }

// LogValue hides the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// MarshalText hides the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

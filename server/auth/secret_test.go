package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestParseSecret(t *testing.T) {
	t.Parallel()
	raw := bytes.Repeat([]byte{0xfb, 0xff}, secretBytes/2)
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		got, err := ParseSecret(" " + encoding.EncodeToString(raw) + "\n")
		if err != nil || !bytes.Equal(got.key[:], raw) {
			t.Errorf("%s: %v", encoding.EncodeToString(raw), err)
		}
	}
	for name, text := range map[string]string{
		"empty":      "",
		"short":      base64.StdEncoding.EncodeToString(raw[:31]),
		"long":       base64.StdEncoding.EncodeToString(append(raw, 1)),
		"zeros":      base64.StdEncoding.EncodeToString(make([]byte, secretBytes)),
		"hex":        strings.Repeat("ab", secretBytes),
		"not base64": "copper meadow distant violin !!!",
	} {
		_, err := ParseSecret(text)
		if err == nil {
			t.Errorf("%s is accepted", name)
			continue
		}
		if text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%s: the error contains the value", name)
		}
		if !strings.Contains(err.Error(), "openssl rand") {
			t.Errorf("%s: the error does not say what to do: %v", name, err)
		}
	}
}

func TestSecretShowsNothing(t *testing.T) {
	t.Parallel()
	s := NewSecret()
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "in", struct{ S Secret }{s})
	text, err := json.Marshal(struct{ S Secret }{s})
	if err != nil {
		t.Fatal(err)
	}
	all := log.String() + string(text) + fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s, s)
	for _, leak := range []string{s.encode(), fmt.Sprintf("%x", s.key), fmt.Sprintf("%d", s.key), fmt.Sprintf("%d, ", s.key[0]) + fmt.Sprintf("%d, ", s.key[1])} {
		if strings.Contains(all, leak) {
			t.Errorf("%s contains the secret", all)
		}
	}
}

func TestDerive(t *testing.T) {
	t.Parallel()
	s := NewSecret()
	a, b := s.Derive("a"), s.Derive("b")
	if len(a) != 32 || bytes.Equal(a, b) || bytes.Equal(a, s.key[:]) || !bytes.Equal(a, s.Derive("a")) {
		t.Error("derived keys are not distinct and stable")
	}
	if bytes.Equal(a, NewSecret().Derive("a")) {
		t.Error("two secrets derive the same key")
	}
}

func TestSecretFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret.key")
	const processes = 8
	got := make([]Secret, processes)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			var err error
			if got[i], err = SecretFile(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, s := range got {
		if s != got[0] || s == (Secret{}) {
			t.Fatal("concurrent starts got different secrets")
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) != 1 {
		t.Errorf("files left: %v", left)
	}

	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := SecretFile(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others can read: %v", err)
	}
	bad := filepath.Join(t.TempDir(), "secret.key")
	if err := os.WriteFile(bad, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := SecretFile(bad); err == nil || !strings.Contains(err.Error(), bad) {
		t.Errorf("an invalid file: %v", err)
	}
	if _, err := SecretFile(filepath.Join(bad, "none")); err == nil {
		t.Error("an impossible path: no error")
	}
}

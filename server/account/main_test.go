package account

import (
	"bytes"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"testing"

	"github.com/chenu/chenu/server/api/apitest"
)

// everything is the log of the service during the tests, at level debug.
var everything apitest.Log

// secrets matches what must not be in the log: passwords of these tests, their hashes, and tokens of all kinds.
var secrets = regexp.MustCompile(`horse|meadow|\$argon2id|eyJ[A-Za-z0-9_-]{8,}|[A-Za-z0-9_-]{60,}`)

// TestMain reduces the checks of rapid from 100 to 20, since each step is a request; -rapid.checks overrides this.
// After all tests, it checks that the log contains no secrets.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "20"); err != nil {
		panic(err)
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(&everything, &slog.HandlerOptions{Level: slog.LevelDebug}))) //nolint:forbidigo // also captures the log of code that has no logger
	code := m.Run()
	log := []byte(everything.String())
	if found := secrets.Find(log); found != nil {
		at := bytes.Index(log, found)
		fmt.Printf("FAIL: the log contains a secret: %s\n", log[max(0, at-200):min(len(log), at+200)])
		code = 1
	}
	os.Exit(code)
}

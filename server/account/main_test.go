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

// everything is all that the service logged while the tests ran, debug included.
var everything apitest.Log

// secrets are what no log has: passwords of these tests, their hashes, tokens of every kind.
var secrets = regexp.MustCompile(`horse|meadow|\$argon2id|eyJ[A-Za-z0-9_-]{8,}|[A-Za-z0-9_-]{60,}`)

// TestMain lets the model take fewer walks than rapid's hundred, since each step is a
// request; -rapid.checks says otherwise. When all tests have run, it reads what was logged.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "20"); err != nil {
		panic(err)
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(&everything, &slog.HandlerOptions{Level: slog.LevelDebug}))) //nolint:forbidigo // also what a part without a logger of its own would log
	code := m.Run()
	log := []byte(everything.String())
	if found := secrets.Find(log); found != nil {
		at := bytes.Index(log, found)
		fmt.Printf("FAIL: the log has a secret: %s\n", log[max(0, at-200):min(len(log), at+200)])
		code = 1
	}
	os.Exit(code)
}

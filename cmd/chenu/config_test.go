package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chenu/chenu/internal/golden"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/ratelimit"
)

// testEnvironment returns an environment for a test.
func testEnvironment(t *testing.T, variables map[string]string) (environment, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	all := map[string]string{"HOME": t.TempDir()}
	maps.Copy(all, variables)
	return environment{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out,
		Getenv: func(name string) string { return all[name] },
		Environ: func() []string {
			var list []string
			for name, value := range all {
				list = append(list, name+"="+value)
			}
			return list
		},
	}, &out
}

func TestLoadConfigRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, value, want string }{
		{"CHENU_DATABSE_URL", "postgres://x", "unknown variable CHENU_DATABSE_URL"},
		{"CHENU_DATABASE_URL", "mysql://x", "CHENU_DATABASE_URL: invalid database URL: expected postgres://"},
		{"CHENU_LISTEN_ADDR", "8080", `CHENU_LISTEN_ADDR: "8080" is not an address and a port`},
		{"CHENU_LISTEN_ADDR", "127.0.0.1:99999", "has no valid port: use a port between 0 and 65535"},
		{"CHENU_SECRET_KEY", "c2hvcnQ=", "CHENU_SECRET_KEY: the secret key has 5 bytes"},
		{"CHENU_DATABASE_MAX_CONNS", "0", "is not a valid number: use a number between 1 and 10000"},
		{"CHENU_DATABASE_POOLER", "session", `"session" is not a valid value: use none or transaction`},
		{"CHENU_STRICT_PATCH_LEVEL", "yes", `"yes" is not a valid value: use false or true`},
		{"CHENU_TRUSTED_PROXIES", "10.0.0.0/8,proxy", `"proxy" is not an address or a network`},
		{"CHENU_REQUEST_TIMEOUT", "-1s", `"-1s" is not a valid duration: use a positive number with a unit, such as 30s`},
		{"CHENU_LOG_LEVEL", "loud", "CHENU_LOG_LEVEL"},
		{"CHENU_LIMIT_IDENTITY", "60", `CHENU_LIMIT_IDENTITY: "60" is not a valid limit: use a form such as 30/10m`},
		{"CHENU_LIMIT_LOGIN_ADDRESS", "0/1m", `"0/1m" is not a valid limit`},
		{"CHENU_LOG_FORMAT", "xml", `"xml" is not a valid value: use text or json`},
	}
	for _, test := range tests {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			t.Parallel()
			env, _ := testEnvironment(t, map[string]string{test.name: test.value})
			_, err := loadConfig(env)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestLoadConfig(t *testing.T) {
	t.Parallel()
	env, _ := testEnvironment(t, map[string]string{
		"CHENU_DATABASE_URL": "postgres://a@b/c", "CHENU_LISTEN_ADDR": "", "CHENU_REQUEST_TIMEOUT": "2s",
		"CHENU_TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1", "CHENU_DATABASE_POOLER": "transaction", "CHENU_TEST_ANYTHING": "x",
		"CHENU_LIMIT_AGENT": "off", "CHENU_LIMIT_LOGIN_ACCOUNT": "5/1h",
	})
	c, err := loadConfig(env)
	if err != nil {
		t.Fatal(err)
	}
	if c.DatabaseURL != "postgres://a@b/c" || c.ListenAddr != "127.0.0.1:8080" || c.RequestTimeout != 2*time.Second ||
		len(c.TrustedProxies) != 2 || !c.Pooler || c.StrictPatchLevel ||
		len(c.Limits) != 2 || c.Limits["agent"] != (ratelimit.Limit{}) || c.Limits["login-account"] != (ratelimit.Limit{Requests: 5, Window: time.Hour}) {
		t.Errorf("got %+v", c)
	}
}

// TestConfigurationPage compares the tables of docs/configuration.md with the variables that
// the program reads. With -update it writes the table of the service.
func TestConfigurationPage(t *testing.T) {
	t.Parallel()
	const path, begin, end = "../../docs/configuration.md", "<!-- begin variables -->\n", "<!-- end variables -->\n"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), begin)
	table, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("docs/configuration.md has no table between %q and %q", begin, end)
	}
	var want strings.Builder
	want.WriteString("\n| variable | default | meaning |\n|---|---|---|\n")
	for _, v := range variables {
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", v.name, v.fallback, v.doc)
	}
	want.WriteString("\n")
	if golden.Update() {
		golden.Write(t, path, []byte(before+begin+want.String()+end+after))
		table = want.String()
	}
	if table != want.String() {
		t.Errorf("docs/configuration.md differs from the program; write it with -update:\n%s", want.String())
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `(CHENU_[A-Z_]+)` ").FindAllStringSubmatch(before+after, -1) {
		if !readElsewhere(row[1]) {
			t.Errorf("docs/configuration.md has the variable %s, which nothing reads", row[1])
		}
	}
	env, out := testEnvironment(t, nil)
	if code := run(t.Context(), []string{"serve", "--help"}, env); code != exitOK {
		t.Errorf("serve --help exits with %d", code)
	}
	for _, v := range variables {
		if !strings.Contains(out.String(), v.name) {
			t.Errorf("serve --help lacks %s", v.name)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args []string
		code int
		want string
	}{
		{nil, exitUsage, "usage: chenu COMMAND"},
		{[]string{"--help"}, exitOK, "usage: chenu COMMAND"},
		{[]string{"sevre"}, exitUsage, `chenu: unknown command "sevre": did you mean "serve"?`},
		{[]string{"backup"}, exitUsage, "chenu: unknown command \"backup\"\nSee chenu --help.\n"},
		{[]string{"sevre", "--migrate"}, exitUsage, `unknown command "sevre": did you mean "serve"?`},
		{[]string{"--migrate"}, exitUsage, "chenu: unknown flag --migrate\nSee chenu --help.\n"},
		{[]string{"help"}, exitOK, "usage: chenu COMMAND"},
		{[]string{"help", "migrate", "apply"}, exitOK, "usage: chenu migrate apply [flags]"},
		{[]string{"help", "migrate", "aply"}, exitUsage, `unknown subcommand "aply": did you mean "apply"?`},
		{[]string{"migrate", "help"}, exitOK, "usage: chenu migrate SUBCOMMAND"},
		{[]string{"migrate", "--fast"}, exitUsage, "chenu migrate: unknown flag --fast"},
		{[]string{"migrate", "aply", "--dry-run"}, exitUsage, `chenu migrate: unknown subcommand "aply": did you mean "apply"?`},
		{[]string{"migrate", "apply", "--dryrun"}, exitUsage, `unknown flag --dryrun: did you mean "--dry-run"?`},
		{[]string{"migrate", "apply", "-x"}, exitUsage, "unknown flag -x"},
		{[]string{"migrate", "apply", "--to"}, exitUsage, "--to needs a value: version"},
		{[]string{"migrate", "apply", "--wait", "30"}, exitUsage, `invalid value "30" for --wait: use a number with a unit, such as 30s`},
		{[]string{"migrate", "apply", "--lock-retries", "some"}, exitUsage, `invalid value "some" for --lock-retries: use a whole number`},
		{[]string{"migrate", "apply", "--dry-run=maybe"}, exitUsage, `invalid value "maybe" for --dry-run: use true or false`},
		{[]string{"migrate", "drift", "--login", "shop"}, exitUsage, `invalid value "shop" for --login: use the form login=role, such as shop_service=chenu_app`},
		// A single dash before a long name, and two dashes before a letter, as package flag accepts them.
		{[]string{"migrate", "validate", "-dir", "nowhere"}, exitFailed, "the migration directory nowhere does not exist"},
		{[]string{"migrate", "validate", "-dir=-help"}, exitFailed, "the migration directory -help does not exist"},
		{[]string{"migrate", "hash", "-dir", "-help"}, exitFailed, "the migration directory -help does not exist"},
		{[]string{"migrate", "hash", "-dir", "-help", "-help"}, exitOK, "usage: chenu migrate hash"},
		{[]string{"migrate", "plan", "--v", "-format", "xml"}, exitUsage, `unknown format "xml"`},
		{[]string{"serve", "--", "--migrate"}, exitUsage, `unexpected argument "--migrate"`},
		{[]string{"serve", "--nonsense"}, exitUsage, "chenu serve: unknown flag --nonsense\nSee chenu serve --help.\n"},
		{[]string{"serve", "now"}, exitUsage, `unexpected argument "now"`},
		{[]string{"token"}, exitUsage, "--email is not set: set it to the e-mail address of the identity"},
	}
	for _, test := range tests {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			t.Parallel()
			env, out := testEnvironment(t, nil)
			if code := run(t.Context(), test.args, env); code != test.code || !strings.Contains(out.String(), test.want) {
				t.Errorf("exits with %d and prints %q; want %d and %q", code, out, test.code, test.want)
			}
		})
	}
}

// Hardening items 38 and 39: the secret key had to be in the environment, and TLS could not be
// configured.
func TestSecretAndCertificateFiles(t *testing.T) {
	t.Parallel()
	const key = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // The umask may have removed bits.
			t.Fatal(err)
		}
		return path
	}
	closed, open, broken := file("closed", key+"\n", 0o600), file("open", key+"\n", 0o644), file("broken", "secret", 0o600)
	for name, test := range map[string]struct {
		variables      map[string]string
		failure, warns string
	}{
		"a file":                 {map[string]string{"CHENU_SECRET_KEY_FILE": closed}, "", ""},
		"a file open to others":  {map[string]string{"CHENU_SECRET_KEY_FILE": open}, "", "other users can read the secret key"},
		"both":                   {map[string]string{"CHENU_SECRET_KEY_FILE": closed, "CHENU_SECRET_KEY": key}, "CHENU_SECRET_KEY and CHENU_SECRET_KEY_FILE are both set", ""},
		"no secret in the file":  {map[string]string{"CHENU_SECRET_KEY_FILE": broken}, "CHENU_SECRET_KEY_FILE: ", ""},
		"no file":                {map[string]string{"CHENU_SECRET_KEY_FILE": closed + "?"}, "CHENU_SECRET_KEY_FILE: ", ""},
		"the same as before":     {map[string]string{"CHENU_SECRET_KEY_FILE": closed, "CHENU_PREVIOUS_SECRET_KEY": key}, "is the same as CHENU_SECRET_KEY", ""},
		"a certificate alone":    {map[string]string{"CHENU_TLS_CERT": "cert.pem"}, "set both or neither", ""},
		"a certificate's key":    {map[string]string{"CHENU_TLS_KEY": "key.pem"}, "set both or neither", ""},
		"a certificate with key": {map[string]string{"CHENU_TLS_CERT": "cert.pem", "CHENU_TLS_KEY": "key.pem"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, out := testEnvironment(t, test.variables)
			c, err := loadConfig(env)
			if (err == nil) != (test.failure == "") || err != nil && !strings.Contains(err.Error(), test.failure) {
				t.Fatalf("got the error %v, want %q", err, test.failure)
			}
			if err == nil && test.variables["CHENU_SECRET_KEY_FILE"] != "" && c.Secret == (auth.Secret{}) {
				t.Error("the secret key was not read")
			}
			if printed := out.String(); (printed == "") != (test.warns == "") || !strings.Contains(printed, test.warns) {
				t.Errorf("printed %q, want %q", printed, test.warns)
			}
		})
	}
}

package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/chenu/chenu/postgres/release"
	"github.com/chenu/chenu/server"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/mailer"
	"github.com/chenu/chenu/server/ratelimit"
)

// config is the configuration of the service.
type config struct {
	DatabaseURL        string
	AgentDatabaseURL   string
	SharedLogin        bool
	MigrateDatabaseURL string
	AuditDatabaseURL   string
	DataDir            string
	// Embedded reports that the database is the embedded one.
	Embedded           bool
	ListenAddr         string
	Secret             auth.Secret
	SecretFile         string
	PreviousSecret     auth.Secret
	PreviousSecretFile string
	TLS                server.TLS
	Issuer             string
	Audience           string
	MaxConns           int32
	Pooler             bool
	StrictPatchLevel   bool
	TrustedProxies     []string
	SMTPURL            string
	MailFrom           string
	Limits             ratelimit.Limits
	RequestTimeout     time.Duration
	ShutdownTimeout    time.Duration
	LogLevel           slog.Level
	LogJSON            bool
}

// variable is an environment variable: its documentation, its default and the function that reads it are in one place.
type variable struct {
	name, fallback, doc string
	set                 func(c *config, value string) error
}

var variables = append([]variable{
	{"CHENU_DATABASE_URL", "", "URL of the login that serves people: a member of chenu_human and of no other role. If not set, the service runs an embedded Postgres.",
		func(c *config, v string) error { return setURL(&c.DatabaseURL, v) }},
	{"CHENU_AGENT_DATABASE_URL", "", "URL of the login that serves agents: a member of chenu_agent and of no other role. Required with CHENU_DATABASE_URL, unless CHENU_SHARED_LOGIN is true.",
		func(c *config, v string) error { return setURL(&c.AgentDatabaseURL, v) }},
	{"CHENU_SHARED_LOGIN", "false", "true serves agents with the login of CHENU_DATABASE_URL too, which is then a member of chenu_app. SQL in a transaction of an agent could then switch to chenu_human.",
		func(c *config, v string) error { return setBool(&c.SharedLogin, v) }},
	{"CHENU_MIGRATE_DATABASE_URL", "", "URL of the login that applies migrations: a member of chenu_owner. chenu migrate and chenu serve --migrate use it.",
		func(c *config, v string) error { return setURL(&c.MigrateDatabaseURL, v) }},
	{"CHENU_AUDIT_DATABASE_URL", "", "URL of the login for verification and backups: a member of chenu_auditor. chenu verify uses it.",
		func(c *config, v string) error { return setURL(&c.AuditDatabaseURL, v) }},
	{"CHENU_DATA_DIR", "~/.local/share/chenu; for root /var/lib/chenu", "Directory of the embedded Postgres. It also has the generated secret key, if CHENU_SECRET_KEY is not set.",
		func(c *config, v string) (err error) { c.DataDir, err = filepath.Abs(v); return err }},
	{"CHENU_LISTEN_ADDR", "127.0.0.1:8080", "Address and port on which the API listens. Port 0 selects any free port.",
		func(c *config, v string) error { c.ListenAddr = v; return checkAddr(v) }},
	{"CHENU_SECRET_KEY", "generated in CHENU_DATA_DIR with the embedded Postgres", "Secret key: 32 random bytes in base64 (openssl rand -base64 32). It encrypts the signing keys and authenticates page tokens. All instances need the same secret key.",
		func(c *config, v string) (err error) { c.Secret, err = auth.ParseSecret(v); return err }},
	{"CHENU_SECRET_KEY_FILE", "", "File with the secret key, instead of CHENU_SECRET_KEY. Only its owner should be able to read it.",
		func(c *config, v string) error { c.SecretFile = v; return nil }},
	{"CHENU_PREVIOUS_SECRET_KEY", "", "Previous secret key, during a rotation. Signing keys and page tokens under it stay valid. See chenu keys --help.",
		func(c *config, v string) (err error) { c.PreviousSecret, err = auth.ParseSecret(v); return err }},
	{"CHENU_PREVIOUS_SECRET_KEY_FILE", "", "File with the previous secret key, instead of CHENU_PREVIOUS_SECRET_KEY.",
		func(c *config, v string) error { c.PreviousSecretFile = v; return nil }},
	{"CHENU_TLS_CERT", "", "File with the certificate of the API and its intermediate certificates, in PEM format. Requires CHENU_TLS_KEY. Without both variables the API uses plain HTTP. The service reloads the files when they change.",
		func(c *config, v string) error { c.TLS.CertFile = v; return nil }},
	{"CHENU_TLS_KEY", "", "File with the private key of CHENU_TLS_CERT, in PEM format.",
		func(c *config, v string) error { c.TLS.KeyFile = v; return nil }},
	{"CHENU_TOKEN_ISSUER", "chenu", "Issuer (iss claim) of access tokens.",
		func(c *config, v string) error { c.Issuer = v; return nil }},
	{"CHENU_TOKEN_AUDIENCE", "chenu", "Audience (aud claim) of access tokens.",
		func(c *config, v string) error { c.Audience = v; return nil }},
	{"CHENU_DATABASE_MAX_CONNS", "pool_max_conns of the URL, or the number of CPUs, at least 4", "Maximum number of connections in each of the two connection pools, one for people and one for agents.",
		func(c *config, v string) error { return setInt(&c.MaxConns, v, 1, 10000) }},
	{"CHENU_DATABASE_POOLER", "none", "Pooler between the service and Postgres: none, or transaction for a pooler in transaction mode, such as PgBouncer.",
		func(c *config, v string) error { return setChoice(&c.Pooler, v, "none", "transaction") }},
	{"CHENU_STRICT_PATCH_LEVEL", "false", "true refuses a Postgres older than " + release.PatchedText() + ". false logs a warning.",
		func(c *config, v string) error { return setBool(&c.StrictPatchLevel, v) }},
	{"CHENU_TRUSTED_PROXIES", "none", "Comma-separated addresses and networks of proxies. The service trusts the header X-Forwarded-For of their requests.",
		func(c *config, v string) error { return setNetworks(&c.TrustedProxies, v) }},
	{"CHENU_SMTP_URL", "with the embedded Postgres mail is printed, otherwise no mail is sent", "URL of the mail server: smtp://user:password@host:587 (STARTTLS), smtps://user:password@host:465, or smtp://host:25?tls=none without a password.",
		func(c *config, v string) error { c.SMTPURL = v; return nil }},
	{"CHENU_MAIL_FROM", "", "Sender of mail, such as CHE·NU <accounts@example.org>. Required with CHENU_SMTP_URL.",
		func(c *config, v string) error { c.MailFrom = v; return nil }},
	{"CHENU_REQUEST_TIMEOUT", "30s", "Time limit of one request, as a duration such as 30s.",
		func(c *config, v string) error { return setDuration(&c.RequestTimeout, v) }},
	{"CHENU_SHUTDOWN_TIMEOUT", "15s", "Time that running requests have to end when the service stops, as a duration such as 15s.",
		func(c *config, v string) error { return setDuration(&c.ShutdownTimeout, v) }},
	{"CHENU_LOG_LEVEL", "info", "Lowest level of messages that are logged: debug, info, warn or error.",
		func(c *config, v string) error { return c.LogLevel.UnmarshalText([]byte(v)) }},
	{"CHENU_LOG_FORMAT", "text", "Format of the log: text or json.",
		func(c *config, v string) error { return setChoice(&c.LogJSON, v, "text", "json") }},
}, limits()...)

// limits are the variables of the rate limits.
func limits() []variable {
	var all []variable
	for _, r := range ratelimit.Rules {
		name := "CHENU_LIMIT_" + strings.ToUpper(strings.ReplaceAll(r.Name(), "-", "_"))
		all = append(all, variable{name, r.Default.String(), r.About, func(c *config, v string) error {
			limit, err := ratelimit.Parse(v)
			if c.Limits == nil {
				c.Limits = ratelimit.Limits{}
			}
			c.Limits[r.Name()] = limit
			return err
		}})
	}
	return all
}

// elsewhere lists variables of the project, or prefixes of their names, that only other commands and the tests read.
var elsewhere = []string{"CHENU_ADMIN_DATABASE_URL", "CHENU_DEV_DATABASE_URL", "CHENU_BOOTSTRAP_", "CHENU_TEST_"}

// readElsewhere reports whether elsewhere has the variable or a prefix of its name.
func readElsewhere(name string) bool {
	return slices.ContainsFunc(elsewhere, func(e string) bool {
		return name == e || strings.HasSuffix(e, "_") && strings.HasPrefix(name, e)
	})
}

// loadConfig reads the environment. A malformed variable is an error, and so is an unknown
// variable with the prefix CHENU_, because it is probably misspelt.
func loadConfig(env environment) (config, error) {
	c := config{
		ListenAddr: "127.0.0.1:8080", Issuer: auth.DefaultIssuer, Audience: auth.DefaultAudience,
		RequestTimeout: 30 * time.Second, ShutdownTimeout: 15 * time.Second,
	}
	var errs []error
	for _, entry := range env.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, "CHENU_") || readElsewhere(name) {
			continue
		}
		i := slices.IndexFunc(variables, func(v variable) bool { return v.name == name })
		if i < 0 {
			errs = append(errs, fmt.Errorf("unknown variable %s: see chenu serve --help", name))
			continue
		}
		if value == "" {
			continue // Compose files set empty variables.
		}
		if err := variables[i].set(&c, value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	if err := c.readSecrets(env.Stderr); err != nil {
		errs = append(errs, err)
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		errs = append(errs, errors.New("only one of CHENU_TLS_CERT and CHENU_TLS_KEY is set: set both or neither"))
	}
	if c.SMTPURL != "" {
		if err := c.checkMail(); err != nil {
			errs = append(errs, err)
		}
	}
	if c.DataDir == "" {
		dir, err := defaultDataDir(env)
		if err != nil && c.DatabaseURL == "" {
			errs = append(errs, err)
		}
		c.DataDir = dir
	}
	return c, errors.Join(errs...)
}

// readSecrets reads the secrets that are stored in files. It writes a warning to w about a file that other users can
// read, rather than fail, because orchestrators choose the modes of the secrets that they mount.
func (c *config) readSecrets(w io.Writer) error {
	var errs []error
	for _, s := range []struct {
		name, file string
		secret     *auth.Secret
	}{
		{"CHENU_SECRET_KEY", c.SecretFile, &c.Secret},
		{"CHENU_PREVIOUS_SECRET_KEY", c.PreviousSecretFile, &c.PreviousSecret},
	} {
		if s.file == "" {
			continue
		}
		if *s.secret != (auth.Secret{}) {
			errs = append(errs, fmt.Errorf("%s and %[1]s_FILE are both set: set one of them", s.name))
			continue
		}
		secret, open, err := auth.ReadSecret(s.file)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s_FILE: %w", s.name, err))
			continue
		}
		if open {
			fmt.Fprintf(w, "warning: other users can read the secret key in %s: run `chmod 600` on the file\n", s.file)
		}
		*s.secret = secret
	}
	if c.PreviousSecret != (auth.Secret{}) && c.PreviousSecret == c.Secret {
		errs = append(errs, errors.New("CHENU_PREVIOUS_SECRET_KEY is the same as CHENU_SECRET_KEY: set it to the secret key that was used before"))
	}
	return errors.Join(errs...)
}

// checkMail validates the settings of the mail server.
func (c *config) checkMail() error {
	if c.MailFrom == "" {
		return errors.New("CHENU_MAIL_FROM is not set: CHENU_SMTP_URL needs a sender, such as accounts@example.org")
	}
	if _, err := mailer.NewSMTP(c.SMTPURL, c.MailFrom); err != nil {
		return fmt.Errorf("CHENU_SMTP_URL, CHENU_MAIL_FROM: %w", err)
	}
	return nil
}

// defaultDataDir returns the directory for a user's data according to XDG. For root it is another directory: the
// Postgres that root starts runs as an unprivileged user, who cannot access root's home.
func defaultDataDir(env environment) (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/chenu", nil
	}
	if dir := env.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "chenu"), nil
	}
	home := env.Getenv("HOME")
	if home == "" {
		return "", errors.New("HOME is not set: set CHENU_DATA_DIR to the directory for the data")
	}
	return filepath.Join(home, ".local", "share", "chenu"), nil
}

// printVariables prints the variables for the help.
func printVariables(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, v := range variables {
		fmt.Fprintf(tw, "  %s\t%s\n", v.name, v.doc)
		if v.fallback != "" {
			fmt.Fprintf(tw, "  \tdefault: %s\n", v.fallback)
		}
	}
	_ = tw.Flush()
}

func setURL(into *string, value string) error {
	if !strings.HasPrefix(value, "postgres://") && !strings.HasPrefix(value, "postgresql://") {
		return errors.New("invalid database URL: expected postgres://user:password@host:5432/database?sslmode=verify-full")
	}
	*into = value
	return nil
}

func checkAddr(value string) error {
	host, port, err := net.SplitHostPort(value)
	if err != nil {
		return fmt.Errorf("%q is not an address and a port: use a form such as 127.0.0.1:8080", value)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q has no valid port: use a port between 0 and 65535", value)
	}
	_ = host // Whether the host is valid is only known when the service listens.
	return nil
}

func setInt(into *int32, value string, least, most int64) error {
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < least || n > most {
		return fmt.Errorf("%q is not a valid number: use a number between %d and %d", value, least, most)
	}
	*into = int32(n)
	return nil
}

func setBool(into *bool, value string) error { return setChoice(into, value, "false", "true") }

// setChoice sets into to false if value is no, and to true if it is yes.
func setChoice(into *bool, value, no, yes string) error {
	if value != no && value != yes {
		return fmt.Errorf("%q is not a valid value: use %s or %s", value, no, yes)
	}
	*into = value == yes
	return nil
}

func setDuration(into *time.Duration, value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is not a valid duration: use a positive number with a unit, such as 30s", value)
	}
	*into = d
	return nil
}

func setNetworks(into *[]string, value string) error {
	for part := range strings.SplitSeq(value, ",") {
		part = strings.TrimSpace(part)
		if _, err := netip.ParsePrefix(part); err != nil {
			if _, err := netip.ParseAddr(part); err != nil {
				return fmt.Errorf("%q is not an address or a network: use a form such as 192.0.2.1 or 10.0.0.0/8", part)
			}
		}
		*into = append(*into, part)
	}
	return nil
}

package mailer

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// postOffice is a mail server that stores the received mails.
type postOffice struct {
	mu        sync.Mutex
	mails     []taken
	user, key string
}

type taken struct {
	from, to, user string
	encrypted      bool
	data           []byte
}

type conversation struct {
	office *postOffice
	conn   *smtp.Conn
	now    taken
}

func (o *postOffice) NewSession(c *smtp.Conn) (smtp.Session, error) {
	return &conversation{office: o, conn: c}, nil
}

func (*conversation) AuthMechanisms() []string { return []string{sasl.Plain} }

func (c *conversation) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, key string) error {
		if user != c.office.user || key != c.office.key {
			return errors.New("wrong")
		}
		c.now.user = user
		return nil
	}), nil
}

func (c *conversation) Mail(from string, _ *smtp.MailOptions) error {
	if c.office.user != "" && c.now.user == "" {
		return smtp.ErrAuthRequired
	}
	c.now.from = from
	return nil
}
func (c *conversation) Rcpt(to string, _ *smtp.RcptOptions) error { c.now.to = to; return nil }
func (c *conversation) Reset()                                    {}
func (c *conversation) Logout() error                             { return nil }

func (c *conversation) Data(r io.Reader) (err error) {
	_, c.now.encrypted = c.conn.TLSConnectionState()
	c.now.data, err = io.ReadAll(r)
	c.office.mu.Lock()
	defer c.office.mu.Unlock()
	c.office.mails = append(c.office.mails, c.now)
	return err
}

// open starts a mail server and returns its port. Without a certificate, the server has no TLS; immediate enables
// implicit TLS.
func (o *postOffice) open(t *testing.T, certificate *tls.Config, immediate bool) string {
	t.Helper()
	server := smtp.NewServer(o)
	server.Domain, server.TLSConfig, server.AllowInsecureAuth = "localhost", certificate, true
	server.ErrorLog = quiet{}
	var lc net.ListenConfig
	listener, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if immediate {
		listener = tls.NewListener(listener, certificate)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	_, port, _ := net.SplitHostPort(address)
	return port
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// certificate returns TLS configurations for a server with a certificate for 127.0.0.1 and for a client that trusts
// it.
func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates, MinVersion: tls.VersionTLS12}, &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

var message = Message{To: "grüße@example.org", Subject: "Prüfung", Text: "Line one\nänd a line that ends.\n"}

func TestSMTP(t *testing.T) {
	t.Parallel()
	server, client := certificate(t)
	for _, test := range []struct {
		name, url, user string
		certificate     *tls.Config
		immediate       bool
		trust           *tls.Config
		encrypted, fail bool
	}{
		{name: "STARTTLS", url: "smtp://ada:s3cret@127.0.0.1:", user: "ada", certificate: server, trust: client, encrypted: true},
		{name: "TLS", url: "smtps://ada:s3cret@127.0.0.1:", user: "ada", certificate: server, immediate: true, trust: client, encrypted: true},
		{name: "no TLS, as configured", url: "smtp://127.0.0.1:?tls=none"},
		{name: "no STARTTLS", url: "smtp://ada:s3cret@127.0.0.1:", user: "ada", fail: true},
		{name: "an untrusted certificate", url: "smtp://ada:s3cret@127.0.0.1:", user: "ada", certificate: server, fail: true},
		{name: "a wrong password", url: "smtp://ada:wr0ng@127.0.0.1:", user: "ada", certificate: server, trust: client, fail: true},
		{name: "no password", url: "smtp://127.0.0.1:", user: "ada", certificate: server, trust: client, fail: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			office := &postOffice{user: test.user, key: "s3cret"}
			port := office.open(t, test.certificate, test.immediate)
			address, query, _ := strings.Cut(test.url, "?")
			if query != "" {
				query = "?" + query
			}
			s, err := newSMTP(address+port+query, "CHE·NU <accounts@example.org>", test.trust)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			err = s.Send(ctx, message)
			if (err != nil) != test.fail {
				t.Fatalf("err = %v", err)
			}
			if err != nil {
				if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "wr0ng") || len(office.mails) > 0 {
					t.Errorf("%v; %d mails", err, len(office.mails))
				}
				return
			}
			if len(office.mails) != 1 {
				t.Fatalf("%d mails", len(office.mails))
			}
			got := office.mails[0]
			if got.from != "accounts@example.org" || got.to != message.To || got.encrypted != test.encrypted || got.user != test.user {
				t.Errorf("%+v", got)
			}
			m, err := netmail.ReadMessage(bytes.NewReader(got.data))
			if err != nil {
				t.Fatal(err)
			}
			if m.Header.Get("Auto-Submitted") != "auto-generated" || m.Header.Get("Message-Id") == "" || m.Header.Get("Date") == "" {
				t.Errorf("header %v", m.Header)
			}
		})
	}
}

// TestNoHeaderInjection checks that an address or a subject cannot add headers or recipients.
func TestNoHeaderInjection(t *testing.T) {
	t.Parallel()
	for _, m := range []Message{
		{To: "ada@example.org\r\nBcc: eve@example.org", Subject: "x", Text: "x"},
		{To: "ada@example.org, eve@example.org", Subject: "x", Text: "x"},
		{To: "ada@example.org", Subject: "x\r\nBcc: eve@example.org", Text: "x"},
	} {
		office := &postOffice{}
		s, err := NewSMTP("smtp://127.0.0.1:"+office.open(t, nil, false)+"?tls=none", "accounts@example.org")
		if err != nil {
			t.Fatal(err)
		}
		err = s.Send(t.Context(), m)
		for _, got := range office.mails {
			parsed, err := netmail.ReadMessage(bytes.NewReader(got.data))
			if err != nil || parsed.Header.Get("Bcc") != "" || got.to != "ada@example.org" {
				t.Errorf("%q: %+v, %v", m, got, err)
			}
		}
		if err == nil && len(office.mails) != 1 {
			t.Errorf("%q: %d mails", m, len(office.mails))
		}
	}
}

func TestNewSMTP(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"smtp://host", "smtp://host:2525", "smtps://u:p@host", "smtp://u:p@host:587/", "smtp://host:25?tls=none", "smtp://u%40x:p%2f@[::1]:587",
	} {
		if _, err := NewSMTP(address, "accounts@example.org"); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{
		"", "host:25", "http://host", "smtp://", "smtp://host/path", "smtp://host:0", "smtp://host:99999", "smtp://host:x", "smtp://u:s3cret@host?tls=none",
		"smtps://host?tls=none", "smtp://host?tls=off", "smtp://u:s3cret@ho st", "smtp://host#f",
	} {
		_, err := NewSMTP(address, "accounts@example.org")
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, from := range []string{"", "accounts", "a@b.c\r\nBcc: d@e.f"} {
		if _, err := NewSMTP("smtp://host", from); err == nil {
			t.Errorf("%q is accepted as a sender", from)
		}
	}
}

func TestPrint(t *testing.T) {
	t.Parallel()
	var w bytes.Buffer
	if err := NewPrint(&w).Send(t.Context(), Message{To: message.To, Subject: message.Subject, Text: message.Text + "\nThe end.\n"}); err != nil {
		t.Fatal(err)
	}
	if want := "\nMail to grüße@example.org: Prüfung\n\n    Line one\n    änd a line that ends.\n\n    The end.\n\n"; w.String() != want {
		t.Errorf("%q", w.String())
	}
}

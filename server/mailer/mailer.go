// Package mailer sends mails: short plain texts with one recipient each. It does not depend on their content.
package mailer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	netmail "net/mail"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wneessen/go-mail"
)

// Message is a mail.
type Message struct{ To, Subject, Text string }

// Transport delivers messages to their recipients. Implementations are safe for concurrent use.
type Transport interface {
	// Send returns nil once the next host has accepted the message.
	Send(ctx context.Context, m Message) error
}

// Ports for message submission, with STARTTLS and with implicit TLS (RFC 6409, RFC 8314).
const (
	portSTARTTLS = 587
	portTLS      = 465
)

// dialTimeout limits each step of the SMTP dialog.
const dialTimeout = 15 * time.Second

// SMTP is a transport that sends messages through a mail server.
type SMTP struct {
	host, from string
	options    []mail.Option
}

// NewSMTP returns the transport that a URL describes:
//
//	smtp://user:password@host:587   TLS with STARTTLS, which is required
//	smtps://user:password@host:465  TLS from the first byte
//	smtp://host:25?tls=none         no TLS, hence no password: a relay on this machine or network
//
// from is the sender's address, with a name or without. Errors never contain the URL.
func NewSMTP(address, from string) (*SMTP, error) { return newSMTP(address, from, nil) }

func newSMTP(address, from string, config *tls.Config) (*SMTP, error) {
	const form = "use the form smtp://user:password@host:587 or smtps://user:password@host:465" //nolint:gosec // A form, not a credential.
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || (u.Path != "" && u.Path != "/") || u.Fragment != "" {
		return nil, errors.New("invalid URL of the mail server: " + form)
	}
	if _, err := netmail.ParseAddress(from); err != nil {
		return nil, fmt.Errorf("%q is not a valid sender: use an address such as accounts@example.org", from)
	}
	password, _ := u.User.Password()
	s := &SMTP{host: u.Hostname(), from: from, options: []mail.Option{mail.WithTimeout(dialTimeout)}}
	port := portSTARTTLS
	switch query := u.RawQuery; {
	case u.Scheme == "smtps" && query == "":
		port = portTLS
		s.options = append(s.options, mail.WithSSL())
	case u.Scheme == "smtp" && query == "":
		s.options = append(s.options, mail.WithTLSPolicy(mail.TLSMandatory))
	case u.Scheme == "smtp" && query == "tls=none":
		if u.User != nil {
			return nil, errors.New("the URL of the mail server has a password but no TLS: the password would be sent in plain text")
		}
		s.options = append(s.options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		return nil, errors.New("the URL of the mail server has an unknown scheme or unknown parameters: " + form)
	}
	if text := u.Port(); text != "" {
		if port, err = strconv.Atoi(text); err != nil || port < 1 || port > 65535 {
			return nil, errors.New("the URL of the mail server has an invalid port: use a port between 1 and 65535")
		}
	}
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	config = config.Clone()
	config.ServerName = s.host
	s.options = append(s.options, mail.WithPort(port), mail.WithTLSConfig(config))
	if u.User != nil {
		s.options = append(s.options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover),
			mail.WithUsername(u.User.Username()), mail.WithPassword(password))
	}
	if _, err := mail.NewClient(s.host, s.options...); err != nil {
		return nil, errors.New("invalid URL of the mail server: " + form)
	}
	return s, nil
}

// Send implements [Transport]. It opens a new connection for each message, since mails are rare.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	message := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := errors.Join(message.From(s.from), message.To(m.To)); err != nil {
		return fmt.Errorf("set the addresses of a mail: %w", err)
	}
	message.Subject(m.Subject)
	message.SetDate()
	message.SetMessageID()
	message.SetBodyString(mail.TypeTextPlain, m.Text)
	// Prevents out-of-office replies (RFC 3834 section 5).
	message.SetGenHeader("Auto-Submitted", "auto-generated")
	client, err := mail.NewClient(s.host, s.options...)
	if err != nil {
		return fmt.Errorf("create a mail client: %w", err)
	}
	if err := client.DialAndSendWithContext(ctx, message); err != nil {
		return fmt.Errorf("send a mail through %s: %w", s.host, err)
	}
	return nil
}

// Print is a transport that writes messages instead of sending them. It is for development: the tokens in the mails
// are then shown on the terminal.
type Print struct {
	mu sync.Mutex
	w  io.Writer
}

// NewPrint returns a transport that writes to w.
func NewPrint(w io.Writer) *Print { return &Print{w: w} }

// Send implements [Transport].
func (p *Print) Send(_ context.Context, m Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	indented := strings.NewReplacer("\n\n", "\n\n    ", "\n", "\n    ")
	text := "    " + indented.Replace(strings.TrimSpace(m.Text))
	if _, err := fmt.Fprintf(p.w, "\nMail to %s: %s\n\n%s\n\n", m.To, m.Subject, text); err != nil {
		return fmt.Errorf("print a mail: %w", err)
	}
	return nil
}

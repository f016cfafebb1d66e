package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// TLS configures the certificate of the API. The files are PEM encoded. CertFile has the server's certificate
// followed by its intermediates. Either both files are set or neither.
type TLS struct {
	CertFile, KeyFile string
	// ReloadEvery is the interval at which the files are read again; zero means ten seconds.
	ReloadEvery time.Duration
}

// Enabled reports whether the API is served over TLS.
func (t TLS) Enabled() bool { return t.CertFile != "" || t.KeyFile != "" }

// certificate is the certificate and key as they were last loaded without an error.
type certificate struct {
	files   TLS
	log     *slog.Logger
	current atomic.Pointer[tls.Certificate]
	// cert and key are the contents of the files of current. After load, only watch uses them.
	cert, key []byte
}

// load reads the files. It returns nil if TLS is not configured.
func (t TLS) load(log *slog.Logger) (*certificate, error) {
	if !t.Enabled() {
		return nil, nil //nolint:nilnil // Plain HTTP.
	}
	if t.CertFile == "" || t.KeyFile == "" {
		return nil, errors.New("serve over TLS: only one of the certificate and its key is set: set both or neither")
	}
	c := &certificate{files: t, log: log}
	if _, err := c.reload(); err != nil {
		return nil, fmt.Errorf("serve over TLS: %w", err)
	}
	return c, nil
}

// config returns the TLS configuration of the server: TLS 1.2 or newer, with Go's default cipher suites. Every
// handshake uses the current certificate.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}

// reload reads the files and reports whether the certificate or its key changed. On an error, the current certificate
// is kept.
func (c *certificate) reload() (bool, error) {
	cert, err := os.ReadFile(c.files.CertFile)
	if err != nil {
		return false, fmt.Errorf("read the certificate: %w", err)
	}
	key, err := os.ReadFile(c.files.KeyFile)
	if err != nil {
		return false, fmt.Errorf("read the certificate's key: %w", err)
	}
	if bytes.Equal(cert, c.cert) && bytes.Equal(key, c.key) {
		return false, nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return false, fmt.Errorf("use the certificate in %s with the key in %s: %w", c.files.CertFile, c.files.KeyFile, err)
	}
	c.cert, c.key = cert, key
	c.current.Store(&pair)
	return true, nil
}

// watch reloads the files periodically until ctx ends. Open connections keep the certificate of their handshake. If
// the files do not match, for example while they are being replaced, the error is logged once and the files are read
// again at the next interval.
func (c *certificate) watch(ctx context.Context) {
	every := c.files.ReloadEvery
	if every == 0 {
		every = 10 * time.Second
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	logged := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		changed, err := c.reload()
		switch {
		case err != nil && err.Error() != logged:
			logged = err.Error()
			c.log.WarnContext(ctx, "the TLS certificate could not be reloaded; the earlier certificate stays in use", "error", err)
		case err == nil && changed:
			logged = ""
			c.log.InfoContext(ctx, "reloaded the TLS certificate", "not_after", c.current.Load().Leaf.NotAfter)
		}
	}
}

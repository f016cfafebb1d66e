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

// TLS names the files of the certificate that the API is served with, in PEM form. CertFile
// has the server's certificate first and then its intermediates. Both files are given, or
// neither.
type TLS struct {
	CertFile, KeyFile string
	// ReloadEvery is how often the files are read again; zero is every ten seconds.
	ReloadEvery time.Duration
}

// Enabled reports whether the API is served over TLS.
func (t TLS) Enabled() bool { return t.CertFile != "" || t.KeyFile != "" }

// certificate is the pair of files as it was last read without an error.
type certificate struct {
	files   TLS
	log     *slog.Logger
	current atomic.Pointer[tls.Certificate]
	// read is the content that current was made of; watch alone uses it after load.
	cert, key []byte
}

// load reads the files. It returns nil when TLS is not configured.
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

// config returns the server's TLS configuration: TLS 1.2 or newer, with Go's choice of cipher
// suites. Every handshake takes the certificate that is current then.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}

// reload reads the files and reports whether they hold another certificate than before. On an
// error the certificate stays as it was.
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

// watch reads the files again until ctx ends. Connections that are open keep the certificate
// that they began with. Files that do not fit together, as while they are being replaced, are
// logged once and read again.
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

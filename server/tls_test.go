package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

// authority signs the certificates of the test.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{t, key, cert}
}

// write writes a certificate for 127.0.0.1 and its key.
func (a *authority) write(serial int64, certFile, keyFile string) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(serial), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
}

// TestServesOverTLS makes real handshakes with a running service, renews its certificate, and checks that a
// connection that was open before continues.
func TestServesOverTLS(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	ca := newAuthority(t)
	ca.write(2, certFile, keyFile)
	s, err := server.New(t.Context(), server.Config{
		Session: session.Config{HumanURL: db.ServiceURL, AgentURL: db.AgentURL, MaxConns: 2}, Secret: auth.NewSecret(),
		ListenAddr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler),
		TLS: server.TLS{CertFile: certFile, KeyFile: keyFile, ReloadEvery: 10 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, stop := context.WithCancel(t.Context())
	addr, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() { ended <- s.Run(ctx, func(a net.Addr) { addr <- a }) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	var at string
	select {
	case a := <-addr:
		at = a.String()
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)

	// One client keeps its connection; each handshake opens a new one.
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	get := func() *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+at+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatalf("/healthz is %d", response.StatusCode)
		}
		return response
	}
	handshake := func(config *tls.Config) (tls.ConnectionState, error) {
		dialer := &tls.Dialer{Config: config}
		conn, err := dialer.DialContext(t.Context(), "tcp", at)
		if err != nil {
			return tls.ConnectionState{}, err
		}
		defer func() { _ = conn.Close() }()
		return conn.(*tls.Conn).ConnectionState(), nil
	}
	serial := func() int64 {
		state, err := handshake(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
		if err != nil {
			t.Fatal(err)
		}
		return state.PeerCertificates[0].SerialNumber.Int64()
	}

	first := get() //nolint:bodyclose // get closes it.
	if first.ProtoMajor != 2 || serial() != 2 {
		t.Errorf("HTTP/%d with the certificate %d", first.ProtoMajor, serial())
	}
	if _, err := handshake(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is accepted")
	}
	if state, err := handshake(&tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS12}); err != nil || state.Version != tls.VersionTLS12 {
		t.Errorf("TLS 1.2: %v", err)
	}
	if _, err := handshake(&tls.Config{MinVersion: tls.VersionTLS12}); err == nil {
		t.Error("a client that does not trust the authority accepts the certificate")
	}

	// A broken file has no effect; the renewed certificate is used for new handshakes.
	if err := os.WriteFile(certFile, []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	<-time.After(50 * time.Millisecond)
	if n := serial(); n != 2 {
		t.Errorf("with a broken file the certificate is %d", n)
	}
	ca.write(3, certFile, keyFile)
	for deadline := time.Now().Add(20 * time.Second); serial() != 3; <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the renewed certificate is never served")
		}
	}
	if again := get(); again.TLS.PeerCertificates[0].SerialNumber.Int64() != 2 { //nolint:bodyclose // As above.
		t.Error("the open connection was not reused")
	}
}

func TestTLSNeedsBothFiles(t *testing.T) {
	t.Parallel()
	db, secret := dbtest.New(t), auth.NewSecret()
	for _, files := range []server.TLS{{CertFile: "cert.pem"}, {KeyFile: "key.pem"}, {CertFile: "missing.pem", KeyFile: "missing.pem"}} {
		s, err := server.New(t.Context(), server.Config{
			Session: session.Config{HumanURL: db.ServiceURL, AgentURL: db.AgentURL, MaxConns: 1}, Secret: secret,
			ListenAddr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler), TLS: files,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Run(t.Context(), func(net.Addr) { t.Error("the service listens") }); err == nil {
			t.Errorf("%+v is accepted", files)
		}
		s.Close()
	}
}

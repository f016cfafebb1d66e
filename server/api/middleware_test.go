package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/auth"
)

// observed registers an operation that passes what the audit trail records to the test.
func observed(into *auth.Request, identity *auth.Identity) func(*api.Config, *bundle) func(*api.API) {
	return with(api.Op{ID: "observed", Method: http.MethodGet, Path: "/v1/observed"}, func(ctx context.Context, _ *ent.Tx, _ *struct{}) (*struct{}, error) {
		*into, _ = auth.RequestFrom(ctx)
		*identity, _ = auth.From(ctx)
		return nil, nil
	})
}

func TestRequestContext(t *testing.T) {
	t.Parallel()
	const (
		id    = "019a0000-0000-7000-8000-00000000000f"
		trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	)
	for _, test := range []struct {
		name   string
		header http.Header
		id     string // the client's request id, or ""
		trace  string
		agent  string
	}{
		{"nothing", nil, "", "", ""},
		{"all", http.Header{"Request-Id": {id}, "Traceparent": {trace}, "User-Agent": {"curl/8"}}, id, trace, "curl/8"},
		{"upper case", http.Header{"Request-Id": {strings.ToUpper(id)}}, id, "", ""},
		{"no UUID", http.Header{"Request-Id": {"x'; DROP TABLE"}}, "", "", ""},
		{"URN", http.Header{"Request-Id": {"urn:uuid:" + id}}, "", "", ""},
		{"nil UUID", http.Header{"Request-Id": {uuid.Nil.String()}}, "", "", ""},
		{"trace of zeros", http.Header{"Traceparent": {"00-00000000000000000000000000000000-00f067aa0ba902b7-01"}}, "", "", ""},
		{"parent of zeros", http.Header{"Traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"}}, "", "", ""},
		{"version ff", http.Header{"Traceparent": {"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}}, "", "", ""},
		{"version 00 with more", http.Header{"Traceparent": {trace + "-x"}}, "", "", ""},
		{"later version with more", http.Header{"Traceparent": {"01" + trace[2:] + "-x"}}, "", "01" + trace[2:] + "-x", ""},
		{"upper case trace", http.Header{"Traceparent": {strings.ToUpper(trace)}}, "", "", ""},
		{"long user agent", http.Header{"User-Agent": {strings.Repeat("é", 1000)}}, "", "", strings.Repeat("é", 400)},
		{"user agent that is not UTF-8", http.Header{"User-Agent": {"a\xffb"}}, "", "", "a\ufffdb"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got auth.Request
			var identity auth.Identity
			b := setup(t, observed(&got, &identity))
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/observed", nil)
			r.Header = test.header.Clone()
			if r.Header == nil {
				r.Header = http.Header{}
			}
			r.Header.Set("Authorization", "Bearer helper")
			r.RemoteAddr = "203.0.113.5:4711"
			r.Header.Set("X-Forwarded-For", "198.51.100.7")
			response := b.For(t).Serve(r).Want(http.StatusNoContent)
			// The service generates the request's id, whatever the client sends.
			if got.ID.String() == test.id || got.ID.Version() != 7 || response.Header.Get("Request-Id") != got.ID.String() {
				t.Errorf("id %v, header Request-Id %q", got.ID, response.Header.Get("Request-Id"))
			}
			client := ""
			if got.ClientID != uuid.Nil {
				client = got.ClientID.String()
			}
			if client != test.id || response.Header.Get("Client-Request-Id") != test.id {
				t.Errorf("the client's id is %q, header Client-Request-Id %q, want %q", client, response.Header.Get("Client-Request-Id"), test.id)
			}
			if got.Traceparent != test.trace || got.UserAgent != test.agent || !utf8.ValidString(got.UserAgent) {
				t.Errorf("trace %q, user agent %q", got.Traceparent, got.UserAgent)
			}
			if got.IP != "203.0.113.5" {
				t.Errorf("a client set its own address: %s", got.IP)
			}
			if identity.ID != alice || identity.ActorID != helper || identity.Kind != auth.Agent {
				t.Errorf("identity %+v", identity)
			}
		})
	}
}

// Proxies pass on an X-Real-IP that a client sends, so it is not trusted.
func TestOnlyTheProxiesOwnHopIsBelieved(t *testing.T) {
	t.Parallel()
	const proxy, direct = "10.1.2.3:80", "203.0.113.5:80"
	for _, test := range []struct {
		name, remote string
		header       http.Header
		want         string
	}{
		{"the proxy's hop", proxy, http.Header{"X-Forwarded-For": {"198.51.100.7"}}, "198.51.100.7"},
		{"a forged first hop", proxy, http.Header{"X-Forwarded-For": {"192.0.2.1, 198.51.100.7"}}, "198.51.100.7"},
		{"two proxies", proxy, http.Header{"X-Forwarded-For": {"192.0.2.1, 198.51.100.7, 10.9.9.9"}}, "198.51.100.7"},
		{"a forged header before the proxy's", proxy, http.Header{"X-Forwarded-For": {"192.0.2.1", "198.51.100.7"}}, "198.51.100.7"},
		{"proxies alone", proxy, http.Header{"X-Forwarded-For": {"10.4.4.4, 10.9.9.9"}}, "10.4.4.4"},
		{"IPv6", proxy, http.Header{"X-Forwarded-For": {"2001:db8::1"}}, "2001:db8::1"},
		{"no address", proxy, http.Header{"X-Forwarded-For": {"198.51.100.7, unknown"}}, "10.1.2.3"},
		{"X-Real-IP", proxy, http.Header{"X-Real-Ip": {"192.0.2.1"}}, "10.1.2.3"},
		{"X-Real-IP beside it", proxy, http.Header{"X-Real-Ip": {"192.0.2.1"}, "X-Forwarded-For": {"198.51.100.7"}}, "198.51.100.7"},
		{"X-Real-IP and no address", proxy, http.Header{"X-Real-Ip": {"192.0.2.1"}, "X-Forwarded-For": {"unknown"}}, "10.1.2.3"},
		{"other headers", proxy, http.Header{"Forwarded": {"for=192.0.2.1"}, "True-Client-Ip": {"192.0.2.1"}, "Cf-Connecting-Ip": {"192.0.2.1"}, "X-Client-Ip": {"192.0.2.1"}}, "10.1.2.3"},
		{"no proxy", direct, http.Header{"X-Forwarded-For": {"192.0.2.1"}, "X-Real-Ip": {"192.0.2.1"}}, "203.0.113.5"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got auth.Request
			b := setup(t, observed(&got, new(auth.Identity)), func(c *api.Config, _ *bundle) func(*api.API) {
				c.TrustedProxies = []string{"10.0.0.0/8"}
				return nil
			})
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/observed", nil)
			r.Header = test.header.Clone()
			r.Header.Set("Authorization", "Bearer alice")
			r.RemoteAddr = test.remote
			b.Serve(r).Want(http.StatusNoContent)
			if got.IP != test.want {
				t.Errorf("the address is %q, want %q", got.IP, test.want)
			}
		})
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, target := range []string{"/v1/things", "/v1/things?x=1", "/nothing", "/openapi.json", "/docs"} {
		h := b.Get(target).Header
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" ||
			!strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'") || h.Get("Cache-Control") == "" {
			t.Errorf("%s: %v", target, h)
		}
	}
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Get("/v1/things?name=my-secret", "User-Agent", "secret-agent").Want(http.StatusOK)
	b.Post("/v1/things", `{"name":"my-secret"}`, "Idempotency-Key", "my-secret").Want(http.StatusCreated)
	b.Get("/v1/my-secret?token=my-secret").Want(http.StatusNotFound)
	lines := bytes.Split(bytes.TrimSpace([]byte(b.log.String())), []byte("\n"))
	if len(lines) != 3 {
		t.Fatalf("%d records: %s", len(lines), b.log)
	}
	if text := b.log.String(); strings.Contains(text, "secret") || strings.Contains(text, "Bearer") {
		t.Errorf("the log has secrets: %s", text)
	}
	var record map[string]any
	if err := json.Unmarshal(lines[0], &record); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"msg": "request", "method": "GET", "route": "/v1/things", "status": 200.0, "ip": "192.0.2.1",
		"identity": alice.String(), "actor": alice.String(), "actor_kind": "human",
	} {
		if record[key] != want {
			t.Errorf("%s is %v, want %v", key, record[key], want)
		}
	}
}

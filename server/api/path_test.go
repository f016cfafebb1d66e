package api

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
)

// routedTo returns the route of a target, and the id in the target.
func routedTo(t testing.TB, target string) (route, id string) {
	t.Helper()
	a := &API{log: slog.New(slog.DiscardHandler)}
	var err error
	if a.engine, err = a.newEngine(); err != nil {
		t.Fatal(err)
	}
	reached := func(c *gin.Context) { route, id = c.FullPath(), c.Param("id") }
	for _, path := range []string{"/v1/things", "/v1/things/{id}", "/v1/things/{id}/act", "/v1/things/{id}/parts/{part}"} {
		a.route(http.MethodGet, path, reached)
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return "", "" // net/http responds with 400.
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.URL, r.RequestURI = u, target
	a.routed().ServeHTTP(httptest.NewRecorder(), r)
	return route, id
}

// If an encoded slash were decoded before routing, a request would reach another operation than its path names.
func TestAnEncodedSlashNeverChangesTheRoute(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ target, route, id string }{
		{"/v1/things", "/v1/things", ""},
		{"/v1/things/7", "/v1/things/:id", "7"},
		{"/v1/things/7/act", "/v1/things/:id/act", "7"},
		{"/v1%2Fthings", "", ""},
		{"/v1%2fthings/7", "", ""},
		{"/v1/things%2F7", "", ""},
		{"/v1/things%2f7%2fact", "", ""},
		{"/v1/things/7%2Fact", "/v1/things/:id", "7/act"},
		{"/v1/things/7%2fact", "/v1/things/:id", "7/act"},
		{"/v1/things/7%2Fparts%2F8", "/v1/things/:id", "7/parts/8"},
		{"/v1/things/%2F/act", "/v1/things/:id/act", "/"},
		{"/v1/things/7%252Fact", "/v1/things/:id", "7%2Fact"},
		{"/v1/things/%2e%2e", "/v1/things/:id", ".."},
		{"/v1/things/7%3Fx=1", "/v1/things/:id", "7?x=1"},
		// Another spelling of the same path (RFC 3986 section 6.2.2.2).
		{"/v1/th%69ngs/%37", "/v1/things/:id", "7"},
		{"/v1/things/a%20b", "/v1/things/:id", "a b"},
		{"/v1/things/a+b", "/v1/things/:id", "a+b"},
		{"/v1/things/a%2Bb", "/v1/things/:id", "a+b"},
		{"/v1/things/a+b%2F", "/v1/things/:id", "a+b/"},
	} {
		if route, id := routedTo(t, test.target); route != test.route || id != test.id {
			t.Errorf("%s reaches %q with the id %q, want %q with %q", test.target, route, id, test.route, test.id)
		}
	}
}

// FuzzEncodedSlash checks that the route of a path has as many segments as the path as it was sent.
func FuzzEncodedSlash(f *testing.F) {
	for _, seed := range []string{"7", "7%2Fact", "%2f", "7/act", "..%2f..", "%252F", "7%2fparts/8", "%", "%zz", "a;b", "\x00", "é%2F"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, rest string) {
		target := "/v1/things/" + rest
		if strings.ContainsAny(target, "?#") {
			return
		}
		route, id := routedTo(t, target)
		if route == "" {
			return
		}
		if sent, reached := strings.Count(target, "/"), strings.Count(route, "/"); sent != reached {
			t.Errorf("%q has %d segments and reaches %s", target, sent, route)
		}
		segment, _, _ := strings.Cut(rest, "/")
		if want, err := url.PathUnescape(segment); err == nil && strings.Contains(route, ":id") && id != want {
			t.Errorf("%q gives the id %q, want %q", target, id, want)
		}
	})
}

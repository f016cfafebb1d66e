package api

import (
	"net/http"
	"net/url"
	"strings"
)

const forwardedFor = "X-Forwarded-For"

// routed returns the engine's handler, which normalizes requests before the engine routes them.
//
// A path is matched segment by segment and decoded afterwards: `%2F` is a character of a segment and never a
// separator (RFC 3986 section 2.2). Paths that differ only in whether other characters are encoded are the same path.
//
// All X-Forwarded-For headers of a request form one list (RFC 9110 section 5.3). Gin reads only the first header,
// which a client can send itself if its proxy adds a second one.
func (a *API) routed() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if escaped := r.URL.EscapedPath(); r.URL.RawPath != "" || strings.Contains(escaped, "%") {
			changed := *r
			location := *r.URL
			location.RawPath = canonicalPath(escaped)
			changed.URL = &location
			r = &changed
		}
		if values := r.Header.Values(forwardedFor); len(values) > 1 {
			r.Header.Set(forwardedFor, strings.Join(values, ","))
		}
		a.engine.ServeHTTP(w, r)
	})
}

// canonicalPath reencodes each segment of an encoded path so that only those characters are encoded that must be.
func canonicalPath(escaped string) string {
	segments := strings.Split(escaped, "/")
	for i, segment := range segments {
		if text, err := url.PathUnescape(segment); err == nil {
			// Gin decodes a segment like a query, in which + is a space.
			segments[i] = strings.ReplaceAll(url.PathEscape(text), "+", "%2B")
		}
	}
	return strings.Join(segments, "/")
}

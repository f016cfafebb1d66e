package api

import (
	"net/http"
	"net/url"
	"strings"
)

const forwardedFor = "X-Forwarded-For"

// routed is the engine with requests in the form that it expects.
//
// A path is matched segment by segment, and only then decoded: `%2F` is a character of a
// segment and never separates two (RFC 3986 section 2.2). Other characters may be encoded or
// not, which is the same path.
//
// All X-Forwarded-For headers of a request are one list (RFC 9110 section 5.3). Gin reads the
// first header alone, which a client can send itself when its proxy adds another.
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

// canonicalPath encodes in each segment of an encoded path what must be encoded, and nothing
// else.
func canonicalPath(escaped string) string {
	segments := strings.Split(escaped, "/")
	for i, segment := range segments {
		if text, err := url.PathUnescape(segment); err == nil {
			// Gin decodes a segment as it would a query, where + is a space.
			segments[i] = strings.ReplaceAll(url.PathEscape(text), "+", "%2B")
		}
	}
	return strings.Join(segments, "/")
}

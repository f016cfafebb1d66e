package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// sound checks a response to an arbitrary request: it is valid JSON, not a server error, and accepted by apitest. It
// returns the status.
func sound(t *testing.T, b *bundle, r *http.Request) int {
	t.Helper()
	r.Header.Set("Authorization", "Bearer alice")
	response := b.For(t).Serve(r)
	if response.Status >= http.StatusInternalServerError {
		t.Errorf("status %d: %s", response.Status, response.Body)
	}
	if !utf8.Valid(response.Body) || !json.Valid(response.Body) {
		t.Errorf("the response is not JSON: %q", response.Body)
	}
	return response.Status
}

func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"name":"x"}`, `{"name":"x","count":1e2,"tags":["a"],"owner":{"label":"o"},"extra":{"a":[{}]}}`, `{"name":"x","name":"y"}`,
		`{"name":"\ud800"}`, `{"name":"\u0000"}`, `{"big":1e999999999}`, `{"big":-9007199254740993}`, "\xff", `[`, `{"due_at":"2026-01-01T00:00:60Z"}`,
		`{"name":"x","due_at":"0000-01-01T00:00:00Z"}`, `{"name":"x","due_at":"2026-01-01t00:00:00z"}`, `{"name":"x","parent":"urn:uuid:019a0000-0000-7000-8000-00000000000a"}`,
		`{"name":"x","link":"https://example.org:99999/%zz"}`, `{"name":"x","email":"a@b"}`,
	} {
		f.Add([]byte(seed))
	}
	b := setup(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		clear(b.store.things)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/things", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		status := sound(t, b, r)
		if status == http.StatusCreated {
			// An accepted body has the same value for encoding/json, which is less strict.
			var sent ThingInput
			if err := json.Unmarshal(body, &sent); err != nil {
				t.Fatalf("%q was accepted: %v", body, err)
			}
			for _, thing := range b.store.things {
				if thing.Name != sent.Name || thing.Count != sent.Count || !reflect.DeepEqual(thing.Parts, sent.Parts) {
					t.Errorf("%q was read as %+v", body, thing)
				}
			}
		}
		location := ""
		for id := range b.store.things {
			location = "/v1/things/" + id.String()
		}
		if location == "" {
			location = b.For(t).Post("/v1/things", `{"name":"x","owner":{"label":"o"},"extra":{"a":{}}}`).Header.Get("Location")
		}
		r = httptest.NewRequestWithContext(t.Context(), http.MethodPatch, location, bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/merge-patch+json")
		r.Header.Set("If-Match", "*")
		sound(t, b, r)
	})
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"page_size=1", "color=red&since=2026-01-01T00:00:00Z", "color=red&color=red", "x=1", "%zz", "a;b", "name=%00", "name=%ff",
		"page_size=9223372036854775808", "least=-0", "small=-128", "owner=019a0000-0000-7000-8000-00000000000a", "page_token=AQ",
		"since=2026-01-01T00:00:00.123456789%2B23:59", "&&=&", "page_size=%EF%BC%91",
	} {
		f.Add(seed)
	}
	b := setup(f)
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/things", nil)
		r.URL.RawQuery = query
		status := sound(t, b, r)
		values, err := url.ParseQuery(query)
		if err != nil && status != http.StatusBadRequest {
			t.Errorf("%q: status %d", query, status)
		}
		for name, list := range values {
			if len(list) > 1 && status != http.StatusBadRequest {
				t.Errorf("%q: %s is repeated, status %d", query, name, status)
			}
		}
	})
}

func FuzzPageToken(f *testing.F) {
	f.Add("AQ", "red")
	f.Add("", "")
	f.Add(strings.Repeat("A", 44), "green")
	f.Add("ARk_AAAAcACAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAA", "red")
	b := setup(f)
	f.Fuzz(func(t *testing.T, token, color string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/things", nil)
		r.URL.RawQuery = url.Values{"page_token": {token}, "color": {color}}.Encode()
		// Only the service can create tokens.
		if status := sound(t, b, r); status == http.StatusOK {
			t.Errorf("the token %q was accepted", token)
		}
	})
}

func FuzzHeaders(f *testing.F) {
	f.Add(`"v1"`, "key", "019a0000-0000-7000-8000-00000000000a", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	f.Add(`W/"v1", *`, "\x7f", "", "ff-")
	b := setup(f)
	f.Fuzz(func(t *testing.T, match, key, checkpoint, trace string) {
		clear(b.store.things)
		clear(b.store.kept)
		location := b.For(t).Post("/v1/things", `{"name":"x"}`).Header.Get("Location")
		for _, r := range []*http.Request{
			httptest.NewRequestWithContext(t.Context(), http.MethodPatch, location, strings.NewReader(`{}`)),
			httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/things", strings.NewReader(`{"name":"x"}`)),
			httptest.NewRequestWithContext(t.Context(), http.MethodGet, location, nil),
		} {
			r.Header = http.Header{
				"Content-Type": {"application/json"}, "If-Match": {match}, "If-None-Match": {match}, "Idempotency-Key": {key},
				"Checkpoint": {checkpoint}, "Traceparent": {trace}, "Request-Id": {checkpoint},
			}
			r.Header.Set("Authorization", "Bearer alice")
			response := b.For(t).Serve(r)
			if response.Status >= http.StatusInternalServerError {
				t.Errorf("status %d: %s", response.Status, response.Body)
			}
		}
	})
}

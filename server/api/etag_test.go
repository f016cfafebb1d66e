package api_test

import (
	"net/http"
	"testing"
)

func TestIfMatch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		header string
		status int
		code   string
	}{
		{`"v1"`, 200, ""},
		{`*`, 200, ""},
		{` "v1" `, 200, ""},
		{`"v0", "v1"`, 200, ""},
		{`"a,b","v1"`, 200, ""},
		{`"v1.2"`, 200, ""},
		{`"v10.1"`, 412, "stale_version"},
		{`W/"v1.2"`, 412, "stale_version"},
		{`,"v1",,`, 200, ""},
		{``, 428, "if_match_required"},
		{`"v2"`, 412, "stale_version"},
		{`W/"v1"`, 412, "stale_version"},
		{`"V1"`, 412, "stale_version"},
		{`"v01"`, 412, "stale_version"},
		{`""`, 412, "stale_version"},
		{`v1`, 400, "invalid_request"},
		{`"v1`, 400, "invalid_request"},
		{`"v1" "v2"`, 400, "invalid_request"},
		{`"v1",x`, 400, "invalid_request"},
		{`w/"v1"`, 400, "invalid_request"},
		{`"v 1"`, 400, "invalid_request"},
		{`*,"v1"`, 400, "invalid_request"},
		{`,`, 400, "invalid_request"},
	} {
		t.Run(test.header, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			location := b.Post("/v1/things", `{"name":"x"}`).Want(http.StatusCreated).Header.Get("Location")
			if test.code == "" {
				b.Patch(location, test.header, `{}`).Want(http.StatusOK)
				return
			}
			b.Patch(location, test.header, `{}`).WantProblem(test.status, test.code)
			b.Delete(location, test.header).WantProblem(test.status, test.code)
		})
	}
}

func TestIfMatchInSeveralLines(t *testing.T) {
	t.Parallel()
	b := setup(t)
	location := b.Post("/v1/things", `{"name":"x"}`).Want(http.StatusCreated).Header.Get("Location")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, location, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Authorization": {"Bearer alice"}, "If-Match": {`"v0"`, `"v1"`}}
	b.Serve(r).Want(http.StatusNoContent)
}

func TestIfNoneMatch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	location := b.Post("/v1/things", `{"name":"x"}`).Want(http.StatusCreated).Header.Get("Location")
	for _, test := range []struct {
		header string
		status int
	}{
		{`"v1"`, 304},
		{`W/"v1"`, 304}, // weak comparison: RFC 9110 section 13.1.2
		{`*`, 304},
		{`"v0", "v1"`, 304},
		{`"v0"`, 200},
		{`v1`, 200},
		{``, 200},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			t.Run(method+" "+test.header, func(t *testing.T) {
				t.Parallel()
				r := b.For(t).Do(method, location, nil, "If-None-Match", test.header).Want(test.status)
				if r.ETag() != `"v1"` {
					t.Errorf("ETag %q", r.ETag())
				}
				if test.status == 304 && (len(r.Body) > 0 || r.Header.Get("Content-Type") != "" || r.Header.Get("Content-Length") != "") {
					t.Errorf("the 304 has a body: %v %s", r.Header, r.Body)
				}
			})
		}
	}
	b.Post("/v1/things", `{"name":"x"}`, "If-None-Match", "*").Want(http.StatusCreated)
}

package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// Hardening item 7: free-form JSON takes numbers of at most 40 digits and exponents from -40
// to 40, wherever a client chooses the content.
func TestFreeFormNumbersAreLimited(t *testing.T) {
	t.Parallel()
	s := newService(t)
	c := s.person(t, "ada")
	thread := c.Post("/v1/threads", map[string]any{"founding_intent": "Count", "sphere": "personal"}).Want(http.StatusCreated).Header.Get("Location")
	for _, test := range []struct{ name, method, path, body, pointer string }{
		{"parameters of an asset", "POST", "/v1/creative/assets", `{"name":"a","kind":"image","uri":"https://example.org/a","media_type":"image/png","size_bytes":1,"parameters":{"a":[%s]}}`, "/parameters/a/0"},
		{"settings of a group", "POST", "/v1/community/groups", `{"name":"a","settings":{"a":%s}}`, "/settings/a"},
		{"settings of the identity", "PATCH", "/v1/me", `{"settings":{"a":%s}}`, "/settings/a"},
		{"content of a checkpoint", "POST", "/v1/checkpoints", `{"type":"cost","resource_type":"report","action":"x","content":{"a":%s}}`, "/content/a"},
		{"details of an event", "POST", thread + "/events", `{"events":[{"type":"action.proposed","payload":{"action":"x","details":{"a":%s}}}]}`, "/events/0/payload/details/a"},
	} {
		for _, number := range []string{"1e308", "1e41", "1e-41", "0." + strings.Repeat("1", 40), "-1e308"} {
			r := c.Do(test.method, test.path, fmt.Sprintf(test.body, number), "If-Match", "*")
			p := r.WantProblem(http.StatusUnprocessableEntity, "validation_failed")
			if len(p.Errors) != 1 || p.Errors[0].Pointer == nil || *p.Errors[0].Pointer != test.pointer || p.Errors[0].Code != "out_of_range" {
				t.Errorf("%s: %s: %s", test.name, number, r.Body)
			}
		}
		for _, number := range []string{"1e40", "-1.5e-40", "0." + strings.Repeat("1", 39), "12345"} {
			if r := c.Do(test.method, test.path, fmt.Sprintf(test.body, number), "If-Match", "*"); r.Status/100 != 2 {
				t.Errorf("%s: %s: %d %s", test.name, number, r.Status, r.Body)
			}
		}
	}
}

// Hardening item 7: a patch of a row leaves the numbers that it does not name as they are,
// also those that were stored before there were limits.
func TestPatchKeepsStoredNumbers(t *testing.T) {
	t.Parallel()
	s := newService(t)
	c := s.person(t, "ada")
	r := c.Post("/v1/creative/assets", `{"name":"a","kind":"image","uri":"https://example.org/a","media_type":"image/png","size_bytes":1}`).Want(http.StatusCreated)
	path := r.Header.Get("Location")
	if _, err := s.db.Pool(t, s.db.AdminURL).Exec(t.Context(), `UPDATE creative_assets SET parameters = '{"a": 1e300}' WHERE id = $1`, path[len(path)-36:]); err != nil {
		t.Fatal(err)
	}
	got := c.Patch(path, "*", map[string]any{"name": "b"}).Want(http.StatusOK).Object()
	if got["parameters"].(map[string]any)["a"] != 1e300 {
		t.Errorf("the parameters became %v", got["parameters"])
	}
}

// Hardening item 27: the audit trail calls a request by an id that the service made, and
// keeps the client's beside it.
func TestClientsDoNotChooseTheTrailsRequestID(t *testing.T) {
	t.Parallel()
	s := newService(t)
	c := s.person(t, "ada")
	given := uuid.NewString()
	r := c.Post("/v1/personal/notes", map[string]any{"title": "x"}, "Request-Id", given).Want(http.StatusCreated)
	if r.Header.Get("Request-Id") == given || r.Header.Get("Client-Request-Id") != given {
		t.Errorf("answered Request-Id %s and Client-Request-Id %s", r.Header.Get("Request-Id"), r.Header.Get("Client-Request-Id"))
	}
	list := c.Get("/v1/audit-logs?resource_type=note").Want(http.StatusOK).Object()["items"].([]any)
	row := list[0].(map[string]any)
	if row["request_id"] != r.Header.Get("Request-Id") || row["client_request_id"] != given {
		t.Errorf("the trail has %v and %v", row["request_id"], row["client_request_id"])
	}
	// A problem names the service's id, too.
	if p := c.Get("/v1/personal/notes/"+uuid.NewString(), "Request-Id", given).WantProblem(http.StatusNotFound, "not_found"); p.RequestID == given {
		t.Error("a problem names the client's id")
	}
	c.Post("/v1/personal/notes", map[string]any{"title": "y"}).Want(http.StatusCreated)
	row = c.Get("/v1/audit-logs?resource_type=note").Want(http.StatusOK).Object()["items"].([]any)[0].(map[string]any)
	if row["client_request_id"] != nil || row["request_id"] == nil {
		t.Errorf("without an id of the client's the trail has %v and %v", row["request_id"], row["client_request_id"])
	}
}

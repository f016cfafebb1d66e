package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server/api/apitest"
)

// collection describes a collection for the tests: a valid body, which may refer to other rows, and a patch of it.
type collection struct {
	path string
	body func(s *seed) map[string]any
	// patch changes one field. It is nil for a collection whose rows cannot be changed.
	patch map[string]any
	// stays is set for collections whose rows cannot be deleted.
	stays bool
	// humansOnly is set for collections that only humans can write (Rule #4).
	humansOnly bool
}

// seed creates the rows that a body refers to.
type seed struct {
	t      *testing.T
	client *apitest.Client
}

func (s *seed) id(path string, body map[string]any) string {
	s.t.Helper()
	return s.client.Post(path, body).Want(http.StatusCreated).Object()["id"].(string)
}

func fixed(body map[string]any) func(*seed) map[string]any {
	return func(*seed) map[string]any { return body }
}

var collections = []collection{
	{path: "/v1/threads", body: fixed(object{"founding_intent": "Write the annual report", "sphere": "business"}), patch: object{"title": "Report"}, stays: true},
	{path: "/v1/personal/notes", body: fixed(object{"title": "Groceries", "tags": []string{"home"}}), patch: object{"folder": "Home"}},
	{path: "/v1/personal/tasks", body: fixed(object{"title": "Renew the passport"}), patch: object{"status": "done"}},
	{path: "/v1/personal/habits", body: fixed(object{"name": "Read"}), patch: object{"active": false}},
	{path: "/v1/business/contacts", body: fixed(object{"name": "Grace Hopper"}), patch: object{"lead_score": 70}},
	{path: "/v1/business/invoices", body: func(s *seed) map[string]any {
		return object{
			"number": uuid.NewString(), "currency": "EUR", "contact_id": s.id("/v1/business/contacts", object{"name": "Grace"}),
			"line_items": []object{{"description": "Work", "quantity": "1.5", "unit_price": "33.33", "tax_rate": "0.19"}},
		}
	}, patch: object{"due_on": "2030-01-31"}},
	{path: "/v1/business/projects", body: fixed(object{"name": "Relaunch", "budget": "15000.00", "currency": "EUR"}), patch: object{"progress": 10}},
	{path: "/v1/creative/assets", body: fixed(object{"name": "Cover", "kind": "image", "uri": "https://files.example.org/c.png", "media_type": "image/png", "size_bytes": 1}), patch: object{"licence": "CC-BY-4.0"}},
	{path: "/v1/creative/projects", body: fixed(object{"name": "Picture book"}), patch: object{"status": "done"}},
	{path: "/v1/entertainment/playlists", body: fixed(object{"name": "Sunday", "items": []object{{"content_id": "a", "title": "A", "added_at": "2026-01-01T00:00:00Z"}}}), patch: object{"kind": "music"}},
	{path: "/v1/entertainment/stream-history", body: fixed(object{"content_id": "film-4711", "content_type": "movie", "title": "Metropolis", "started_at": "2026-01-01T20:15:00Z", "watched_seconds": 60})},
	{path: "/v1/community/groups", body: fixed(object{"name": "Gardeners"}), patch: object{"rules": "Be kind."}},
	{path: "/v1/community/events", body: fixed(object{"title": "Swap", "starts_at": "2026-05-02T10:00:00Z", "ends_at": "2026-05-02T13:00:00Z", "time_zone": "Europe/Vienna"}), patch: object{"capacity": 20}},
	{path: "/v1/social/posts", body: fixed(object{"body": "Hello, world."}), patch: object{"body": "Hello again."}},
	{path: "/v1/social/schedules", body: func(s *seed) map[string]any {
		return object{"post_id": s.id("/v1/social/posts", object{"body": "Hello."}), "platform": "mastodon", "scheduled_at": "2090-01-01T09:00:00Z"}
	}, patch: object{"attempts": 1}},
	{path: "/v1/scholar/references", body: func(*seed) map[string]any {
		return object{"title": "On Computable Numbers", "authors": []string{"Turing, Alan M."}, "citation_key": "k" + uuid.NewString()}
	}, patch: object{"year": 1937}},
	{path: "/v1/scholar/manuscripts", body: fixed(object{"title": "A study", "sections": []object{{"id": "1", "heading": "One", "body": "Two words", "position": 1}}}), patch: object{"target_journal": "Nature"}},
	{path: "/v1/government/compliance-items", body: fixed(object{"name": "Licence", "regulation": "Act", "authority": "City"}), patch: object{"status": "active"}},
	{path: "/v1/government/clinical-trials", body: func(*seed) map[string]any {
		return object{"registry_id": "T" + uuid.NewString(), "title": "Aspirin"}
	}, patch: object{"sponsor": "Nobody"}},
	{path: "/v1/team/members", body: fixed(object{"name": "Katherine", "role": "Editor"}), patch: object{"status": "active"}},
	{path: "/v1/team/agents", body: fixed(object{"name": "Bookkeeper", "status": "suspended"}), patch: object{"model": "m"}, humansOnly: true},
	{path: "/v1/team/tasks", body: func(s *seed) map[string]any {
		return object{"title": "Proofread", "member_id": s.id("/v1/team/members", object{"name": "Dorothy", "role": "Editor"})}
	}, patch: object{"status": "done"}},
}

// TestEveryCollectionIsTried fails if the document has a collection that is missing in collections.
func TestEveryCollectionIsTried(t *testing.T) {
	t.Parallel()
	s := newService(t)
	paths := s.client.Get("/openapi.json").Want(http.StatusOK).Object()["paths"].(map[string]any)
	for path := range paths {
		base, ok := strings.CutSuffix(path, "/count")
		if !ok || base == "/v1/audit-logs" || base == "/v1/checkpoints" {
			continue
		}
		if !slices.ContainsFunc(collections, func(c collection) bool { return c.path == base }) {
			t.Errorf("%s has no expectations: add it to the collections", base)
		}
	}
}

// TestCollections checks for every collection what its owner, an agent, another identity and an unauthenticated
// client may do over HTTP, and checks every response against the document.
func TestCollections(t *testing.T) {
	t.Parallel()
	s := newService(t)
	owner, helper, other := s.person(t, "ada"), s.agentOf(t, "ada"), s.person(t, "eve")
	for _, c := range collections {
		t.Run(c.path, func(t *testing.T) {
			t.Parallel()
			ada, agent, eve, nobody := owner.For(t), helper.For(t), other.For(t), s.client.For(t)
			body := c.body(&seed{t, ada})

			created := ada.Post(c.path, body).Want(http.StatusCreated)
			row := created.Object()
			self := c.path + "/" + row["id"].(string)
			if location := created.Header.Get("Location"); location != self {
				t.Errorf("Location is %q, want %q", location, self)
			}
			for field := range body {
				if _, ok := row[field]; !ok {
					t.Errorf("the row lacks the given field %s", field)
				}
			}

			// The owner and their agent can get the row and find it in the list.
			for name, client := range map[string]*apitest.Client{"owner": ada, "agent": agent} {
				if got := client.Get(self).Want(http.StatusOK).Object()["id"]; got != row["id"] {
					t.Errorf("%s reads %v, want %v", name, got, row["id"])
				}
				if ids := listed(client, c.path); !slices.Contains(ids, row["id"].(string)) {
					t.Errorf("%s lists %v without %v", name, ids, row["id"])
				}
			}

			// Another identity gets exactly the same response as for a row that does not exist.
			missing := c.path + "/" + dbtest.NewID().String()
			if hidden, none := eve.Get(self), eve.Get(missing); hidden.Status != http.StatusNotFound || !sameProblem(hidden, none) {
				t.Errorf("another identity gets %d %s, and for a row that does not exist %d %s", hidden.Status, hidden.Body, none.Status, none.Body)
			}
			if ids := listed(eve, c.path); slices.Contains(ids, row["id"].(string)) {
				t.Errorf("another identity lists %v", ids)
			}
			nobody.Get(self).WantProblem(http.StatusUnauthorized, "unauthenticated")
			nobody.Get(c.path).WantProblem(http.StatusUnauthorized, "unauthenticated")
			nobody.Post(c.path, body).WantProblem(http.StatusUnauthorized, "unauthenticated")

			// A row that has not changed is not sent again.
			if again := ada.Get(self, "If-None-Match", created.ETag()); again.Status != http.StatusNotModified || len(again.Body) != 0 {
				t.Errorf("If-None-Match: got %d %s", again.Status, again.Body)
			}
			ada.Get(c.path+"?sort=name").WantProblem(http.StatusBadRequest, "invalid_request")

			if c.patch == nil {
				for _, method := range []string{http.MethodPatch, http.MethodDelete} {
					ada.Do(method, self, nil).WantProblem(http.StatusMethodNotAllowed, "method_not_allowed")
				}
				return
			}
			eve.Patch(self, `"v1"`, c.patch).WantProblem(http.StatusNotFound, "not_found")
			if c.stays {
				ada.Delete(self, created.ETag()).WantProblem(http.StatusMethodNotAllowed, "method_not_allowed")
				ada.Patch(self, created.ETag(), c.patch).Want(http.StatusOK)
				return
			}
			eve.Delete(self, `"v1"`).WantProblem(http.StatusNotFound, "not_found")
			ada.Do(http.MethodPatch, self, c.patch).WantProblem(http.StatusPreconditionRequired, "if_match_required")
			ada.Do(http.MethodDelete, self, nil).WantProblem(http.StatusPreconditionRequired, "if_match_required")

			changed := ada.Patch(self, created.ETag(), c.patch).Want(http.StatusOK)
			for field, want := range c.patch {
				if got := changed.Object()[field]; fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s is %v after the patch, want %v", field, got, want)
				}
			}
			ada.Patch(self, created.ETag(), c.patch).WantProblem(http.StatusPreconditionFailed, "stale_version")
			ada.Delete(self, created.ETag()).WantProblem(http.StatusPreconditionFailed, "stale_version")
			for _, field := range []string{"id", "created_by", "version", "updated_at"} {
				ada.Patch(self, changed.ETag(), object{field: row[field]}).WantProblem(http.StatusUnprocessableEntity, "validation_failed")
			}
			if same := ada.Patch(self, changed.ETag(), c.patch).Want(http.StatusOK); same.ETag() != changed.ETag() {
				t.Errorf("a patch that changes nothing returned the ETag %s, want %s", same.ETag(), changed.ETag())
			}

			if c.humansOnly {
				agent.Post(c.path, body).WantProblem(http.StatusForbidden, "forbidden")
				agent.Patch(self, changed.ETag(), c.patch).WantProblem(http.StatusForbidden, "forbidden")
				agent.Delete(self, changed.ETag()).WantProblem(http.StatusForbidden, "forbidden")
				ada.Delete(self, changed.ETag()).WantProblem(http.StatusForbidden, "forbidden")
				return
			}
			ada.Delete(self, changed.ETag()).Want(http.StatusNoContent)
			ada.Get(self).WantProblem(http.StatusNotFound, "not_found")
			actions := trail(ada, row["id"].(string))
			actions = slices.DeleteFunc(actions, func(action string) bool { return action == "read" })
			if !slices.Equal(actions, []string{"delete", "update", "create"}) {
				t.Errorf("the audit trail has %v", actions)
			}
		})
	}
}

// sameProblem reports whether two problems differ only in the request id.
func sameProblem(a, b *apitest.Response) bool {
	x, y := a.Object(), b.Object()
	delete(x, "request_id")
	delete(y, "request_id")
	return fmt.Sprint(x) == fmt.Sprint(y) && a.Status == b.Status
}

// A patch does not change the numbers in fields that it does not include, not even numbers that were stored before
// the limits were introduced.
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

package server_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/chenu/chenu/postgres/pgtest"
	"github.com/chenu/chenu/server/api/apitest"
)

// TestDetach deletes a row that other rows refer to. The request is rejected, unless detach clears the optional
// references first.
func TestDetach(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ada := s.person(t, "ada")
	contact := ada.Post("/v1/business/contacts", object{"name": "Grace"}).Want(http.StatusCreated)
	self := contact.Header.Get("Location")
	project := ada.Post("/v1/business/projects", object{"name": "P", "contact_id": contact.Object()["id"]}).Want(http.StatusCreated)
	refused := ada.Delete(self, contact.ETag()).WantProblem(http.StatusConflict, "in_use")
	if fmt.Sprint(refused.Kinds) != "[project]" {
		t.Errorf("in use by %v, want project", refused.Kinds)
	}
	ada.Delete(self+"?detach=true", contact.ETag()).Want(http.StatusNoContent)
	if got := ada.Get(project.Header.Get("Location")).Want(http.StatusOK).Object()["contact_id"]; got != nil {
		t.Errorf("the project still refers to %v", got)
	}
	ada.Post("/v1/business/projects", object{"name": "P", "contact_id": contact.Object()["id"]}).
		WantProblem(http.StatusUnprocessableEntity, "reference_not_found")
}

// Two rows that refer to each other can be deleted at once. The references are committed while both requests wait for
// the rows, so that no order of locks that either of them could choose fits both.
func TestRowsThatReferToEachOtherAreDeletedAtOnce(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ada := s.person(t, "ada")
	admin := s.db.Pool(t, s.db.AdminURL)
	for _, c := range []struct {
		collections [2]string
		bodies      [2]object
		refer       string // makes the rows with the ids $1 and $2 refer to each other
	}{
		{[2]string{"/v1/social/posts", "/v1/social/posts"}, [2]object{{"body": "A"}, {"body": "B"}},
			`UPDATE social_posts SET reply_to_id = CASE id WHEN $1 THEN $2 ELSE $1 END WHERE id IN ($1, $2)`},
		{[2]string{"/v1/creative/assets", "/v1/creative/projects"}, [2]object{{"name": "A", "kind": "image", "uri": "https://example.org/a.png", "media_type": "image/png", "size_bytes": 1}, {"name": "P"}},
			`WITH asset AS (UPDATE creative_assets SET project_id = $2 WHERE id = $1)
			UPDATE creative_projects SET cover_asset_id = $1 WHERE id = $2`},
	} {
		for range 5 {
			var paths []string
			var ids []any
			for i, collection := range c.collections {
				made := ada.Post(collection, c.bodies[i]).Want(http.StatusCreated)
				paths, ids = append(paths, made.Header.Get("Location")), append(ids, made.Object()["id"])
			}
			tx, err := admin.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec(t.Context(), c.refer, ids...); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			answers := make([]*apitest.Response, len(paths))
			for i, path := range paths {
				client := ada.For(t)
				wg.Go(func() { answers[i] = client.Delete(path+"?detach=true", "*") })
			}
			waiting := pgtest.AwaitLocks(t.Context(), admin, len(paths), nil)
			committed := tx.Commit(t.Context())
			wg.Wait()
			if err := errors.Join(waiting, committed); err != nil {
				t.Fatalf("%v; %d %s, %d %s", err, answers[0].Status, answers[0].Body, answers[1].Status, answers[1].Body)
			}
			for _, answer := range answers {
				answer.Want(http.StatusNoContent)
			}
		}
	}
}

// A detach that changes two gated rows needs one approval, which lists both, and every other row that it changes.
func TestDetachOfSeveralGatedRows(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ada := s.person(t, "ada")
	for name, by := range map[string]*apitest.Client{"human": ada, "agent": s.agentOf(t, "ada")} {
		contact := by.Post("/v1/business/contacts", object{"name": "Grace"}).Want(http.StatusCreated)
		self, of := contact.Header.Get("Location"), contact.Object()["id"]
		project := by.Post("/v1/business/projects", object{"name": "P", "contact_id": of}).Want(http.StatusCreated).Header.Get("Location")
		var invoices []string
		for i := range 2 {
			invoice := object{"number": fmt.Sprint(name, i), "currency": "EUR", "contact_id": of, "status": "sent",
				"line_items": []any{object{"description": "x", "quantity": "1", "unit_price": "1.00", "tax_rate": "0"}}}
			id, digest := checkpointOf(t, by.Post("/v1/business/invoices", invoice))
			ada.Post("/v1/checkpoints/"+id+"/approve", object{"digest": digest}).Want(http.StatusOK)
			invoices = append(invoices, by.Post("/v1/business/invoices", invoice, "Checkpoint", id).Want(http.StatusCreated).Header.Get("Location"))
		}
		id, digest := checkpointOf(t, by.Delete(self+"?detach=true", contact.ETag()))
		shown := ada.Get("/v1/checkpoints/" + id).Want(http.StatusOK).Object()
		if shown["action"] != "update 2 invoices, update project, delete contact" || shown["type"] != "cost" {
			t.Errorf("%s: the action is %v, the type %v", name, shown["action"], shown["type"])
		}
		ada.Post("/v1/checkpoints/"+id+"/approve", object{"digest": digest}).Want(http.StatusOK)
		by.Delete(self+"?detach=true", contact.ETag(), "Checkpoint", id).Want(http.StatusNoContent)
		by.Get(self).Want(http.StatusNotFound)
		for _, path := range append(invoices, project) {
			if got := by.Get(path).Want(http.StatusOK).Object()["contact_id"]; got != nil {
				t.Errorf("%s: %s still refers to %v", name, path, got)
			}
		}
		trail := ada.Get("/v1/audit-logs?page_size=100&outcome=success").Want(http.StatusOK).Object()["items"].([]any)
		kinds := map[string]int{}
		for _, row := range trail {
			if r := row.(map[string]any); r["checkpoint_id"] == id {
				kinds[r["resource_type"].(string)]++
			}
		}
		if kinds["invoice"] != 2 || kinds["project"] != 1 || kinds["contact"] != 1 {
			t.Errorf("%s: the audit rows with the approval are %v", name, kinds)
		}
	}
}

package server_test

import (
	"fmt"
	"net/http"
	"testing"

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

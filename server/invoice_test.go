package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const invoice = `{"number":"2026-001","currency":"EUR","issued_on":"2026-01-15","due_on":"2026-02-14",
	"line_items":[{"description":"Consulting","quantity":"7.5","unit_price":"120.00","tax_rate":"0.19"}]}`

// The contact's address changes after an invoice was approved. Then the approval is stale and the invoice is not
// sent. The human sees the contact, and that the request is stale.
func TestInvoiceIsNotSentToAnotherAddress(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human, agent := b.person(t, "ada"), b.agentOf(t, "ada")
	contact := agent.Post("/v1/business/contacts", object{"name": "Grace", "email": "grace@example.org"}).Want(http.StatusCreated)
	contactPath := "/v1/business/contacts/" + contact.Object()["id"].(string)
	draft := agent.Post("/v1/business/invoices", object{
		"number": "1", "currency": "EUR", "contact_id": contact.Object()["id"],
		"line_items": []object{lineItem(nil)},
	}).Want(http.StatusCreated)
	path := "/v1/business/invoices/" + draft.Object()["id"].(string)
	send := object{"status": "sent"}
	id, digest := checkpointOf(t, agent.Patch(path, draft.ETag(), send))
	shown := human.Get("/v1/checkpoints/" + id).Want(http.StatusOK).Object()
	if shown["origin"] != "write" {
		t.Errorf("the origin is %v", shown["origin"])
	}
	difference := shown["difference"].(map[string]any)
	if got := fmt.Sprint(difference["references"]); difference["stale"] != false || !strings.Contains(got, "email:grace@example.org") || !strings.Contains(got, "version:1") {
		t.Errorf("the human is shown %v", difference)
	}
	human.Post("/v1/checkpoints/"+id+"/approve", object{"digest": digest}).Want(http.StatusOK)
	agent.Patch(contactPath, contact.ETag(), object{"email": "eve@example.org"}).Want(http.StatusOK)
	if d := human.Get("/v1/checkpoints/" + id).Want(http.StatusOK).Object()["difference"].(map[string]any); d["stale"] != true {
		t.Errorf("the checkpoint is not stale: %v", d)
	}
	agent.Patch(path, draft.ETag(), send, "Checkpoint", id).WantProblem(http.StatusLocked, "checkpoint_mismatch")
	if status := human.Get(path).Want(http.StatusOK).Object()["status"]; status != "draft" {
		t.Errorf("the invoice is %v", status)
	}
	// A repeated request shows the human the new address.
	id, digest = checkpointOf(t, agent.Patch(path, draft.ETag(), send))
	if got := fmt.Sprint(human.Get("/v1/checkpoints/" + id).Want(http.StatusOK).Object()["difference"]); !strings.Contains(got, "eve@example.org") {
		t.Errorf("the human is shown %s", got)
	}
	human.Post("/v1/checkpoints/"+id+"/approve", object{"digest": digest}).Want(http.StatusOK)
	agent.Patch(path, draft.ETag(), send, "Checkpoint", id).Want(http.StatusOK)
}

// A client that read an unpaid invoice can still mark it as paid after it became overdue.
func TestAnInvoiceThatBecameOverdueCanStillBePaid(t *testing.T) {
	t.Parallel()
	s := newService(t)
	c := s.person(t, "ada")
	path := c.Post("/v1/business/invoices", object{
		"number": "1", "currency": "EUR", "due_on": "2090-01-01", "issued_on": "2001-01-01",
		"line_items": []object{{"description": "x", "quantity": "1", "unit_price": "2", "tax_rate": "0"}},
	}).Want(http.StatusCreated).Header.Get("Location")
	s.behind(t, "UPDATE business_invoices SET status = 'sent' WHERE id = $1", path[len(path)-36:])
	tag := c.Get(path).Want(http.StatusOK).ETag()
	s.behind(t, "UPDATE business_invoices SET due_on = '2001-01-02' WHERE id = $1", path[len(path)-36:])
	paid := object{"status": "paid", "paid_at": "2026-01-01T00:00:00Z"}
	asked := c.Patch(path, tag, paid).WantProblem(http.StatusLocked, "checkpoint_required")
	c.Post("/v1/checkpoints/"+asked.Checkpoint.ID.String()+"/approve", object{"digest": asked.Checkpoint.Digest}).Want(http.StatusOK)
	if got := c.Patch(path, tag, paid, "Checkpoint", asked.Checkpoint.ID.String()).Want(http.StatusOK).Object(); got["status"] != "paid" {
		t.Errorf("the invoice is %v", got["status"])
	}
}

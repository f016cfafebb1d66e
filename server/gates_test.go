package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// Hardening item 11: an invoice was approved, its contact's address changed, and the invoice
// sent. The human sees the contact, and that the request became stale.
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
		t.Errorf("its origin is %v", shown["origin"])
	}
	difference := shown["difference"].(map[string]any)
	if got := fmt.Sprint(difference["references"]); difference["stale"] != false || !strings.Contains(got, "email:grace@example.org") || !strings.Contains(got, "version:1") {
		t.Errorf("the human is shown %v", difference)
	}
	human.Post("/v1/checkpoints/"+id+"/approve", object{"digest": digest}).Want(http.StatusOK)
	agent.Patch(contactPath, contact.ETag(), object{"email": "eve@example.org"}).Want(http.StatusOK)
	if d := human.Get("/v1/checkpoints/" + id).Want(http.StatusOK).Object()["difference"].(map[string]any); d["stale"] != true {
		t.Errorf("it does not read as stale: %v", d)
	}
	agent.Patch(path, draft.ETag(), send, "Checkpoint", id).WantProblem(http.StatusLocked, "checkpoint_mismatch")
	if status := human.Get(path).Want(http.StatusOK).Object()["status"]; status != "draft" {
		t.Errorf("the invoice is %v", status)
	}
	// Asked again, the human sees the other address.
	id, digest = checkpointOf(t, agent.Patch(path, draft.ETag(), send))
	if got := fmt.Sprint(human.Get("/v1/checkpoints/" + id).Want(http.StatusOK).Object()["difference"]); !strings.Contains(got, "eve@example.org") {
		t.Errorf("the human is shown %s", got)
	}
	human.Post("/v1/checkpoints/"+id+"/approve", object{"digest": digest}).Want(http.StatusOK)
	agent.Patch(path, draft.ETag(), send, "Checkpoint", id).Want(http.StatusOK)
}

// Hardening item 11: what an agent did without a human, over HTTP.
func TestAgentVouchesForNothingAlone(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human, agent := b.person(t, "ada"), b.agentOf(t, "ada")
	post := agent.Post("/v1/social/posts", object{"body": "Hello"}).Want(http.StatusCreated)
	schedule := object{"post_id": post.Object()["id"], "platform": "mastodon", "scheduled_at": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}
	trial := object{"registry_id": "NCT01234567", "title": "t", "ethics_reference": "r", "ethics_approved_on": "2026-01-01"}
	begun := object{"registry_id": "NCT01234568", "title": "t", "ethics_reference": "r", "ethics_approved_on": "2026-01-01", "status": "recruiting"}
	for path, body := range map[string]object{
		"/v1/scholar/manuscripts":         {"title": "t", "status": "published"},
		"/v1/social/posts":                {"body": "b", "published_at": "2026-01-01T00:00:00Z"},
		"/v1/social/schedules":            schedule,
		"/v1/government/clinical-trials":  begun,
		"/v1/government/compliance-items": {"name": "n", "regulation": "r", "authority": "a", "status": "waived"},
	} {
		checkpointOf(t, agent.Post(path, body))
	}
	id, digest := checkpointOf(t, agent.Post("/v1/government/clinical-trials", begun))
	human.Post("/v1/checkpoints/"+id+"/approve", object{"digest": digest}).Want(http.StatusOK)
	running := agent.Post("/v1/government/clinical-trials", begun, "Checkpoint", id).Want(http.StatusCreated)
	path := "/v1/government/clinical-trials/" + running.Object()["id"].(string)
	for _, patch := range []object{{"title": "u"}, {"sponsor": "s"}, {"ethics_reference": "q"}, {"phase": "phase_3"}} {
		checkpointOf(t, agent.Patch(path, running.ETag(), patch))
	}
	trial["ethics_approved_on"] = "2999-01-01"
	for _, status := range []string{"planned", "recruiting"} {
		trial["status"] = status
		p := agent.Post("/v1/government/clinical-trials", trial).WantProblem(http.StatusUnprocessableEntity, "validation_failed")
		if *p.Errors[0].Pointer != "/ethics_approved_on" || p.Errors[0].Code != "in_the_future" {
			t.Errorf("%+v", p.Errors)
		}
	}
	// The human does by doing it.
	scheduled := human.Post("/v1/social/schedules", schedule).Want(http.StatusCreated)
	at := "/v1/social/schedules/" + scheduled.Object()["id"].(string)
	checkpointOf(t, agent.Patch(at, scheduled.ETag(), object{"status": "published"}))
	checkpointOf(t, agent.Patch("/v1/social/posts/"+post.Object()["id"].(string), post.ETag(), object{"body": "Something else"}))
	agent.Patch(at, scheduled.ETag(), object{"status": "cancelled"}).Want(http.StatusOK)
}

// Hardening item 25: text that a human approves can't be reordered by the display, and what
// the display does not show is made visible.
func TestTextForApprovalIsWhatItLooksLike(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human, agent := b.person(t, "ada"), b.agentOf(t, "ada")
	for pointer, r := range map[string]struct {
		path string
		body object
	}{
		"/name":           {"/v1/entertainment/playlists", object{"name": "Sun\u202eday", "visibility": "public"}},
		"/items/0/title":  {"/v1/entertainment/playlists", object{"name": "n", "visibility": "public", "items": []object{{"content_id": "c", "title": "\u2066t", "added_at": "2026-01-01T00:00:00Z"}}}},
		"/action":         {"/v1/checkpoints", object{"type": "sensitive", "resource_type": "r", "action": "pay \u202d1"}},
		"/content/amount": {"/v1/checkpoints", object{"type": "sensitive", "resource_type": "r", "action": "pay", "content": object{"amount": "1\u2069"}}},
	} {
		p := agent.Post(r.path, r.body).WantProblem(http.StatusUnprocessableEntity, "validation_failed")
		if *p.Errors[0].Pointer != pointer || p.Errors[0].Code != "bidirectional_control" {
			t.Errorf("%s: %+v", pointer, p.Errors)
		}
	}
	name := "می\u200cخواهم \U0001f469\u200d\U0001f4bb \u200b\\u{200B}"
	id, _ := checkpointOf(t, agent.Post("/v1/entertainment/playlists", object{"name": name, "visibility": "public"}))
	shown := human.Get("/v1/checkpoints/" + id).Want(http.StatusOK).Object()
	if got := shown["payload"].(map[string]any)["values"].(map[string]any)["name"]; got != name {
		t.Errorf("the payload has %q, want %q", got, name)
	}
	visible := `"name": "می\u{200C}خواهم ` + "\U0001f469" + `\u{200D}` + "\U0001f4bb" + ` \u{200B}\\u{200B}"`
	if got := shown["visible"].(string); !strings.Contains(got, visible) {
		t.Errorf("the human is shown %s, want %s in it", got, visible)
	}
}

// Hardening item 24: an agent asked for 60 approvals that looked like writes.
func TestAgentCannotFloodTheInbox(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human, agent := b.person(t, "ada"), b.agentNamed(t, "ada", uuid.Must(uuid.NewV7()))
	ask := func(n int) object {
		return object{"type": "sensitive", "resource_type": "report", "action": fmt.Sprint("share ", n)}
	}
	var first string
	for n := range 20 {
		r := agent.Post("/v1/checkpoints", ask(n)).Want(http.StatusCreated).Object()
		if r["origin"] != "client" {
			t.Errorf("its origin is %v", r["origin"])
		}
		first = r["id"].(string)
	}
	agent.Post("/v1/checkpoints", ask(20)).WantProblem(http.StatusConflict, "too_many_pending")
	agent.Post("/v1/entertainment/playlists", object{"name": "n", "visibility": "public"}).WantProblem(http.StatusConflict, "too_many_pending")
	agent.Post("/v1/checkpoints", ask(7)).Want(http.StatusCreated) // The same again is none more.
	human.Post("/v1/checkpoints", ask(0)).Want(http.StatusCreated)
	agent.Post("/v1/checkpoints/"+first+"/withdraw", object{}).Want(http.StatusOK)
	checkpointOf(t, agent.Post("/v1/entertainment/playlists", object{"name": "n", "visibility": "public"}))
	for query, want := range map[string]float64{"origin=client": 21, "origin=write": 1} {
		if got := human.Get("/v1/checkpoints/count?" + query).Want(http.StatusOK).Object()["count"]; got != want {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	p := human.Post("/v1/checkpoints", object{"type": "cost", "resource_type": "invoice", "action": "Update invoice"}).
		WantProblem(http.StatusUnprocessableEntity, "validation_failed")
	if *p.Errors[0].Pointer != "/action" || p.Errors[0].Code != "reserved_action" {
		t.Errorf("%+v", p.Errors)
	}
}

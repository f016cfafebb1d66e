package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/server"
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

// Hardening item 25: differences and the fields of references were shown with characters that
// a display does not show.
func TestDifferencesAreWhatTheyLookLike(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human, agent := b.person(t, "ada"), b.agentOf(t, "ada")
	draft := agent.Post("/v1/entertainment/playlists", object{"name": "Sun\u202eday"}).Want(http.StatusCreated)
	id, _ := checkpointOf(t, agent.Patch("/v1/entertainment/playlists/"+draft.Object()["id"].(string), draft.ETag(),
		object{"name": "Sun\u200bday", "visibility": "public"}))
	fields := human.Get("/v1/checkpoints/" + id).Want(http.StatusOK).Object()["difference"].(object)["fields"].([]any)
	var shown, plain object
	for _, f := range fields {
		switch field := f.(object); field["field"] {
		case "name":
			shown = field
		case "visibility":
			plain = field
		}
	}
	if shown["present"] != "Sun\u202eday" || shown["proposed"] != "Sun\u200bday" || shown["present_visible"] != `"Sun\u{202E}day"` || shown["proposed_visible"] != `"Sun\u{200B}day"` {
		t.Errorf("the name is shown as %v", shown)
	}
	if _, ok := plain["present_visible"]; plain == nil || ok {
		t.Errorf("the visibility is shown as %v", plain)
	}

	contact := agent.Post("/v1/business/contacts", object{"name": "Gr\u200bace"}).Want(http.StatusCreated).Object()["id"]
	invoice := agent.Post("/v1/business/invoices", object{
		"number": "1", "currency": "EUR", "contact_id": contact,
		"line_items": []object{{"description": "Work", "quantity": "1", "unit_price": "2", "tax_rate": "0"}},
	}).Want(http.StatusCreated)
	id, _ = checkpointOf(t, agent.Patch("/v1/business/invoices/"+invoice.Object()["id"].(string), invoice.ETag(), object{"status": "sent"}))
	reference := human.Get("/v1/checkpoints/" + id).Want(http.StatusOK).Object()["difference"].(object)["references"].([]any)[0].(object)
	if text, _ := reference["shows_visible"].(string); !strings.Contains(text, `"name": "Gr\u{200B}ace"`) {
		t.Errorf("the contact is shown as %v", reference)
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
	for query, want := range map[string]float64{"origin=client": 21, "origin=write&status=pending": 1} {
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

// Hardening item 35: no URI runs a program where it is opened, in any field that has one.
func TestURIsThatRunProgramsAreRefused(t *testing.T) {
	t.Parallel()
	b := newService(t)
	agent := b.agentOf(t, "ada")
	thread := agent.Post("/v1/threads", object{"founding_intent": "x", "sphere": "personal"}).Want(http.StatusCreated).Header.Get("Location")
	fields := []struct {
		path, pointer string
		body          func(uri string) object
	}{
		{"/v1/creative/assets", "/uri", func(uri string) object {
			return object{"name": "n", "kind": "image", "uri": uri, "media_type": "image/png", "size_bytes": 1}
		}},
		{"/v1/community/events", "/online_url", func(uri string) object {
			return object{"title": "t", "starts_at": "2030-01-01T10:00:00Z", "ends_at": "2030-01-01T11:00:00Z", "time_zone": "UTC", "online_url": uri}
		}},
		{"/v1/scholar/references", "/url", func(uri string) object {
			return object{"title": "t", "authors": []string{"a"}, "citation_key": "k", "url": uri}
		}},
		{"/v1/social/posts", "/media/0/uri", func(uri string) object {
			return object{"body": "b", "media": []object{{"uri": uri, "media_type": "image/png"}}}
		}},
		{"/v1/government/compliance-items", "/evidence/0/uri", func(uri string) object {
			return object{"name": "n", "regulation": "r", "authority": "a", "evidence": []object{{"uri": uri, "sha256": strings.Repeat("0", 64)}}}
		}},
		{thread + "/events", "/events/0/payload/uri", func(uri string) object {
			return object{"events": []object{{"type": "link.added", "payload": object{"uri": uri}}}}
		}},
	}
	for _, field := range fields {
		for _, uri := range []string{
			"javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "blob:https://example.org/x", "file:///etc/passwd",
			" javascript:alert(1)", "\tjavascript:alert(1)", "\x01javascript:alert(1)", "java\nscript:alert(1)", "//example.org", "/cover.png", "https:", "https://example.org/a b",
		} {
			p := agent.Post(field.path, field.body(uri)).WantProblem(http.StatusUnprocessableEntity, "validation_failed")
			if len(p.Errors) != 1 || *p.Errors[0].Pointer != field.pointer || p.Errors[0].Code != "invalid_format" || !strings.Contains(p.Errors[0].Detail, "starts with one of https:, http:") {
				t.Errorf("%q at %s: %+v", uri, field.path, p.Errors)
			}
		}
		agent.Post(field.path, field.body("HTTPS://example.org/x")).Want(http.StatusCreated)
	}
}

// Hardening item 35: a field that is a URI by its name or its format has the pattern of allowed
// schemes, also one that is added later.
func TestEveryURIOfADocumentIsLimited(t *testing.T) {
	t.Parallel()
	s, err := server.Document()
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if err := json.Unmarshal(s, &document); err != nil {
		t.Fatal(err)
	}
	found := 0
	var walk func(at string, value any)
	walk = func(at string, value any) {
		switch value := value.(type) {
		case []any:
			for i, item := range value {
				walk(fmt.Sprintf("%s/%d", at, i), item)
			}
		case map[string]any:
			for name, item := range value {
				schema, _ := item.(map[string]any)
				named := strings.HasSuffix(at, "/properties") && regexp.MustCompile(`(^|_)(uri|url|href|link|website)$`).MatchString(name)
				// The service itself makes these two.
				made := at == "/components/schemas/Problem/properties" && name == "type" || at == "/components/schemas/Checkpoint/properties" && name == "href"
				if (named || schema["format"] == "uri") && !made {
					found++
					if schema["format"] != "uri" || schema["pattern"] != policies.ECMAPattern(policies.URIPattern) {
						t.Errorf("%s/%s has the format %v and the pattern %v", at, name, schema["format"], schema["pattern"])
					}
				}
				walk(at+"/"+name, item)
			}
		}
	}
	walk("", document)
	if found < 10 {
		t.Errorf("only %d URIs were found", found)
	}
}

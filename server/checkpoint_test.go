package server_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server/account"
)

// TestStory follows the main use case: an agent requests a write, its human decides, the database enforces the
// decision, and the audit trail records everything.
func TestStory(t *testing.T) {
	t.Parallel()
	b := newService(t)
	agentID := dbtest.NewID()
	human, agent := b.person(t, "ada"), b.agentNamed(t, "ada", agentID)

	// An agent may create a draft invoice, but may not send it without approval.
	draft := agent.Post("/v1/business/invoices", invoice).Want(http.StatusCreated)
	path := "/v1/business/invoices/" + fmt.Sprint(draft.Object()["id"])
	send := map[string]any{"status": "sent"}
	id, digest := checkpointOf(t, agent.Patch(path, draft.ETag(), send))
	if again, _ := checkpointOf(t, agent.Patch(path, draft.ETag(), send)); again != id {
		t.Errorf("the repeated request has the checkpoint %s, the first one %s", again, id)
	}

	// The human finds the request in the inbox, with exactly the changes that it would make.
	inbox := human.Get("/v1/checkpoints?status=pending").Want(http.StatusOK).Object()["items"].([]any)
	if len(inbox) != 1 || inbox[0].(map[string]any)["id"] != id || inbox[0].(map[string]any)["requested_by"] != agentID.String() {
		t.Fatalf("the inbox is %v", inbox)
	}
	var seen struct {
		Digest, Canonical, Type, Action string
		Payload                         map[string]any
		Difference                      struct {
			Version int64
			Stale   bool
			Fields  []struct {
				Field             string
				Present, Proposed any
			}
		}
	}
	human.Get("/v1/checkpoints/" + id).Want(http.StatusOK).JSON(&seen)
	sum := sha256.Sum256([]byte(seen.Canonical))
	if hex.EncodeToString(sum[:]) != digest || seen.Digest != digest {
		t.Errorf("the digest %s is not that of %s", digest, seen.Canonical)
	}
	if d := seen.Difference; d.Stale || d.Version != 1 || len(d.Fields) != 1 || d.Fields[0].Field != "status" || d.Fields[0].Present != "draft" || d.Fields[0].Proposed != "sent" {
		t.Errorf("the difference is %+v", seen.Difference)
	}
	if seen.Type != "cost" || seen.Action != "update invoice" || seen.Payload["values"].(map[string]any)["status"] != "sent" {
		t.Errorf("the human is shown %+v", seen)
	}

	// The agent can neither decide the request nor use the checkpoint before it is decided.
	decision := map[string]any{"digest": digest}
	agent.Post("/v1/checkpoints/"+id+"/approve", decision).WantProblem(http.StatusForbidden, "forbidden")
	agent.Patch(path, draft.ETag(), send, "Checkpoint", id).WantProblem(http.StatusLocked, "checkpoint_pending")
	human.Post("/v1/checkpoints/"+id+"/approve", map[string]any{"digest": strings.Repeat("0", 64)}).WantProblem(http.StatusConflict, "digest_mismatch")

	// The human approves. A repeated approval has the same response; another decision is rejected.
	for range 2 {
		if got := human.Post("/v1/checkpoints/"+id+"/approve", decision).Want(http.StatusOK).Object(); got["status"] != "approved" {
			t.Errorf("approved: %v", got)
		}
	}
	human.Post("/v1/checkpoints/"+id+"/reject", map[string]any{"digest": digest, "reason": "no"}).WantProblem(http.StatusConflict, "already_decided")

	// The agent can repeat its request, but not change it.
	agent.Patch(path, draft.ETag(), map[string]any{"status": "void"}, "Checkpoint", id).WantProblem(http.StatusLocked, "checkpoint_mismatch")
	sent := agent.Patch(path, draft.ETag(), send, "Checkpoint", id).Want(http.StatusOK)
	if sent.Object()["status"] != "overdue" && sent.Object()["status"] != "sent" {
		t.Errorf("the invoice is %s", sent.Body)
	}
	// The approval can be used only once.
	agent.Patch(path, draft.ETag(), send, "Checkpoint", id).WantProblem(http.StatusPreconditionFailed, "stale_version")
	agent.Patch(path, sent.ETag(), map[string]any{"status": "draft"}, "Checkpoint", id).WantProblem(http.StatusLocked, "checkpoint_mismatch")
	agent.Delete(path, sent.ETag()).WantProblem(http.StatusConflict, "never_deleted")

	// One request lists the actions of agents, another one the whole trail.
	trail := b.trail(t, human, "/v1/audit-logs?actor_kind=agent")
	if refusals := b.trail(t, human, "/v1/audit-logs?outcome=denied&sphere=business"); len(refusals) != 5 {
		t.Errorf("the refusals in the invoice's sphere are %q", refusals)
	}
	for _, want := range []string{
		"create success invoice", "update denied invoice checkpoint_required", "checkpoint_requested success checkpoint",
		"update success invoice approved", "checkpoint_consumed success checkpoint", "update denied invoice checkpoint_mismatch",
	} {
		if !slices.Contains(trail, want) {
			t.Errorf("the agent's trail lacks %q: %q", want, trail)
		}
	}
	if slices.ContainsFunc(trail, func(s string) bool { return strings.HasPrefix(s, "checkpoint_approved") }) {
		t.Errorf("the agent's trail has the human's decision: %q", trail)
	}
	story := b.trail(t, human, "/v1/audit-logs?created_after="+url.QueryEscape(fmt.Sprint(draft.Object()["created_at"])))
	want := []string{
		"create success invoice",
		"checkpoint_requested success checkpoint", "update denied invoice checkpoint_required",
		"update denied invoice checkpoint_required",
		"create denied request forbidden", "update denied invoice checkpoint_pending",
		"checkpoint_approved success checkpoint",
		"update denied invoice checkpoint_mismatch",
		"checkpoint_consumed success checkpoint", "update success invoice approved",
		"update denied invoice checkpoint_mismatch",
	}
	if !slices.Equal(story, want) {
		t.Errorf("the trail is\n%s\nwant\n%s", strings.Join(story, "\n"), strings.Join(want, "\n"))
	}
}

// TestUsedTwice uses an approval twice for equal new rows.
func TestUsedTwice(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human, agent := b.person(t, "ada"), b.agentOf(t, "ada")
	playlist := map[string]any{"name": "Sunday", "visibility": "public"}
	id, digest := checkpointOf(t, agent.Post("/v1/entertainment/playlists", playlist))
	human.Post("/v1/checkpoints/"+id+"/approve", map[string]any{"digest": digest, "reason": "Nice."}).Want(http.StatusOK)
	agent.Post("/v1/entertainment/playlists", playlist, "Checkpoint", id, "Idempotency-Key", "k").Want(http.StatusCreated)
	if c := agent.Post("/v1/entertainment/playlists", playlist, "Checkpoint", id).WantProblem(http.StatusLocked, "checkpoint_used").Checkpoint; c == nil || c.ID.String() != id {
		t.Errorf("the refusal describes %+v", c)
	}
	// A repeated request with the same key gets the same response and does not use the approval again.
	if r := agent.Post("/v1/entertainment/playlists", playlist, "Checkpoint", id, "Idempotency-Key", "k").Want(http.StatusCreated); r.Header.Get("Idempotent-Replayed") != "true" {
		t.Error("the response is not replayed")
	}
}

// TestOwnRequest checks requests of a human that require the human's own explicit confirmation.
func TestOwnRequest(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human, long := b.person(t, "ada"), b.as(t, account.DevelopmentToken{Email: "ada@example.org", AuthTime: time.Now().Add(-6 * time.Minute)})
	agent := map[string]any{"name": "Bookkeeper", "capabilities": []string{"business", "entertainment"}}
	id, digest := checkpointOf(t, human.Post("/v1/team/agents", agent))
	long.Post("/v1/checkpoints/"+id+"/approve", map[string]any{"digest": digest}).WantProblem(http.StatusForbidden, "recent_authentication_required")
	human.Post("/v1/checkpoints/"+id+"/approve", map[string]any{"digest": digest}).Want(http.StatusOK)
	hired := human.Post("/v1/team/agents", agent, "Checkpoint", id).Want(http.StatusCreated)
	if hired.Object()["hire_checkpoint_id"] != id {
		t.Errorf("hired with %v, want %s", hired.Object()["hire_checkpoint_id"], id)
	}

	// The agent works. Its dismissal ends its open work and does not require an approval.
	agentID := uuid.MustParse(fmt.Sprint(hired.Object()["id"]))
	worker := b.agentNamed(t, "ada", agentID)
	task := human.Post("/v1/team/tasks", map[string]any{"title": "Proofread", "agent_id": agentID}).Want(http.StatusCreated)
	done := human.Post("/v1/team/tasks", map[string]any{"title": "Read", "agent_id": agentID, "status": "done"}).Want(http.StatusCreated)
	waiting, _ := checkpointOf(t, worker.Post("/v1/entertainment/playlists", map[string]any{"name": "n", "visibility": "public"}))
	worker.Post("/v1/team/agents/"+agentID.String()+"/dismiss", map[string]any{"reason": "x"}).WantProblem(http.StatusForbidden, "forbidden")
	human.Post("/v1/team/agents/"+dbtest.NewID().String()+"/dismiss", map[string]any{"reason": "x"}).WantProblem(http.StatusNotFound, "not_found")
	for range 2 {
		got := human.Post("/v1/team/agents/"+agentID.String()+"/dismiss", map[string]any{"reason": "Done."}).Want(http.StatusOK).Object()
		if got["status"] != "dismissed" || got["dismiss_reason"] != "Done." || got["version"] != 2.0 {
			t.Errorf("dismissed: %v", got)
		}
	}
	for path, want := range map[string]string{
		"/v1/checkpoints/" + waiting:                        "expired",
		"/v1/team/tasks/" + fmt.Sprint(task.Object()["id"]): "cancelled",
		"/v1/team/tasks/" + fmt.Sprint(done.Object()["id"]): "done",
		"/v1/team/agents/" + agentID.String():               "dismissed",
		"/v1/checkpoints/" + id:                             "approved",
		"/v1/checkpoints/" + waiting + "?":                  "expired",
	} {
		if got := human.Get(path).Want(http.StatusOK).Object()["status"]; got != want {
			t.Errorf("%s is %v, want %s", path, got, want)
		}
	}
	for _, action := range []string{"agent_hired", "agent_dismissed"} {
		if got := b.trail(t, human, "/v1/audit-logs?action="+action); len(got) != 1 {
			t.Errorf("%s: %q", action, got)
		}
	}
}

// TestOwnActions checks approvals of actions that clients define.
func TestOwnActions(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human, agent := b.person(t, "ada"), b.agentOf(t, "ada")
	stranger := b.person(t, "eve")
	ask := map[string]any{
		"type": "cross_sphere", "action": "share the report", "resource_type": "report",
		"content": map[string]any{"with": "the accountant"}, "lifetime_seconds": 3600,
	}
	asked := agent.Post("/v1/checkpoints", ask).Want(http.StatusCreated)
	id, digest := fmt.Sprint(asked.Object()["id"]), asked.Object()["digest"]
	if asked.Header.Get("Location") != "/v1/checkpoints/"+id {
		t.Errorf("Location is %s", asked.Header.Get("Location"))
	}
	if again := agent.Post("/v1/checkpoints", ask).Want(http.StatusCreated).Object()["id"]; again != id {
		t.Errorf("the repeated request has the id %v, want %s", again, id)
	}
	detail := human.Get("/v1/checkpoints/" + id).Want(http.StatusOK).Object()
	if detail["difference"] != nil || detail["payload"].(map[string]any)["content"].(map[string]any)["with"] != "the accountant" {
		t.Errorf("the human is shown %v", detail)
	}
	stranger.Get("/v1/checkpoints/"+id).WantProblem(http.StatusNotFound, "not_found")
	stranger.Post("/v1/checkpoints/"+id+"/approve", map[string]any{"digest": digest}).WantProblem(http.StatusNotFound, "not_found")
	decision := map[string]any{"digest": digest}
	agent.Post("/v1/checkpoints/"+id+"/consume", decision).WantProblem(http.StatusLocked, "checkpoint_pending")
	human.Post("/v1/checkpoints/"+id+"/approve", decision).Want(http.StatusOK)
	human.Post("/v1/checkpoints/"+id+"/consume", decision).WantProblem(http.StatusLocked, "checkpoint_mismatch")
	if got := agent.Post("/v1/checkpoints/"+id+"/consume", decision).Want(http.StatusOK).Object(); got["consumed_at"] == nil {
		t.Errorf("consumed: %v", got)
	}
	agent.Post("/v1/checkpoints/"+id+"/consume", decision).WantProblem(http.StatusLocked, "checkpoint_used")

	// A checkpoint of a write cannot be used in another way.
	write, writeDigest := checkpointOf(t, agent.Post("/v1/entertainment/playlists", map[string]any{"name": "n", "visibility": "public"}))
	human.Post("/v1/checkpoints/"+write+"/approve", map[string]any{"digest": writeDigest}).Want(http.StatusOK)
	agent.Post("/v1/checkpoints/"+write+"/consume", map[string]any{"digest": writeDigest}).WantProblem(http.StatusLocked, "checkpoint_mismatch")

	// The requester can withdraw the request until it is decided.
	agent.Post("/v1/checkpoints/"+write+"/withdraw", map[string]any{}).WantProblem(http.StatusConflict, "already_decided")
	asked = agent.Post("/v1/checkpoints", map[string]any{"type": "sensitive", "action": "a", "resource_type": "r"}).Want(http.StatusCreated)
	id = fmt.Sprint(asked.Object()["id"])
	human.Post("/v1/checkpoints/"+id+"/withdraw", map[string]any{}).WantProblem(http.StatusForbidden, "not_the_requester")
	for range 2 {
		if got := agent.Post("/v1/checkpoints/"+id+"/withdraw", map[string]any{"reason": "mistake"}).Want(http.StatusOK).Object(); got["status"] != "expired" || got["reason"] != "withdrawn: mistake" {
			t.Errorf("withdrawn: %v", got)
		}
	}
	for body, pointer := range map[string]string{
		`{"type":"cost","action":"a"}`: "/resource_type",
		`{"type":"cost","action":"a","resource_type":"r","lifetime_seconds":604801}`: "/lifetime_seconds",
		`{"type":"other","action":"a","resource_type":"r"}`:                          "/type",
		`{"type":"cost","action":"a","resource_type":"r","table":"x"}`:               "/table",
	} {
		if p := agent.Post("/v1/checkpoints", body).WantProblem(http.StatusUnprocessableEntity, "validation_failed"); *p.Errors[0].Pointer != pointer {
			t.Errorf("%s: %+v", body, p.Errors)
		}
	}
	human.Post("/v1/checkpoints/"+id+"/reject", map[string]any{"digest": digest}).WantProblem(http.StatusUnprocessableEntity, "validation_failed")
}

// An agent cannot make these statements without a human.
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
	// A human can do so directly.
	scheduled := human.Post("/v1/social/schedules", schedule).Want(http.StatusCreated)
	at := "/v1/social/schedules/" + scheduled.Object()["id"].(string)
	checkpointOf(t, agent.Patch(at, scheduled.ETag(), object{"status": "published"}))
	checkpointOf(t, agent.Patch("/v1/social/posts/"+post.Object()["id"].(string), post.ETag(), object{"body": "Something else"}))
	agent.Patch(at, scheduled.ETag(), object{"status": "cancelled"}).Want(http.StatusOK)
}

// Text that a human approves must not contain characters that change its display order. Characters that displays do
// not show are made visible.
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

// The differences and the fields of references also make characters visible that displays do not show.
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

// An agent could otherwise fill the inbox with approvals that look like those of writes.
func TestAgentCannotFloodTheInbox(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human, agent := b.person(t, "ada"), b.agentNamed(t, "ada", dbtest.NewID())
	ask := func(n int) object {
		return object{"type": "sensitive", "resource_type": "report", "action": fmt.Sprint("share ", n)}
	}
	var first string
	for n := range 20 {
		r := agent.Post("/v1/checkpoints", ask(n)).Want(http.StatusCreated).Object()
		if r["origin"] != "client" {
			t.Errorf("the origin is %v", r["origin"])
		}
		first = r["id"].(string)
	}
	agent.Post("/v1/checkpoints", ask(20)).WantProblem(http.StatusConflict, "too_many_pending")
	agent.Post("/v1/entertainment/playlists", object{"name": "n", "visibility": "public"}).WantProblem(http.StatusConflict, "too_many_pending")
	agent.Post("/v1/checkpoints", ask(7)).Want(http.StatusCreated) // A repeated request does not count again.
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

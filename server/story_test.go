package server_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/policies/verify"
	"github.com/chenu/chenu/server/account"
	"github.com/chenu/chenu/server/api/apitest"
)

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// agentNamed returns a client for the agent with the id, which acts for the identity.
func (s *service) agentNamed(t *testing.T, name string, agent uuid.UUID) *apitest.Client {
	t.Helper()
	return s.as(t, account.DevelopmentToken{Email: name + "@example.org", Agent: agent})
}

const invoice = `{"number":"2026-001","currency":"EUR","issued_on":"2026-01-15","due_on":"2026-02-14",
	"line_items":[{"description":"Consulting","quantity":"7.5","unit_price":"120.00","tax_rate":"0.19"}]}`

// checkpointOf is the id and digest that a 423 names.
func checkpointOf(t *testing.T, r *apitest.Response) (id, digest string) {
	t.Helper()
	c := r.WantProblem(http.StatusLocked, "checkpoint_required").Checkpoint
	if c == nil || c.Status != "pending" {
		t.Fatalf("the refusal has no pending checkpoint: %s", r.Body)
	}
	return c.ID.String(), c.Digest
}

// TestStory is what the service is for: an agent acts, its human decides, the database
// sees to it, and the trail tells it.
func TestStory(t *testing.T) {
	t.Parallel()
	b := newService(t)
	agentID := newID()
	human, agent := b.person(t, "ada"), b.agentNamed(t, "ada", agentID)

	// An agent prepares an invoice, which it may, and wants to send it, which it may not.
	draft := agent.Post("/v1/business/invoices", invoice).Want(http.StatusCreated)
	path := "/v1/business/invoices/" + fmt.Sprint(draft.Object()["id"])
	send := map[string]any{"status": "sent"}
	id, digest := checkpointOf(t, agent.Patch(path, draft.ETag(), send))
	if again, _ := checkpointOf(t, agent.Patch(path, draft.ETag(), send)); again != id {
		t.Errorf("the same request again asks for %s, before for %s", again, id)
	}

	// The human finds it in the inbox and sees exactly what would happen.
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

	// The agent can't decide, nor use it before it is decided.
	decision := map[string]any{"digest": digest}
	agent.Post("/v1/checkpoints/"+id+"/approve", decision).WantProblem(http.StatusForbidden, "forbidden")
	agent.Patch(path, draft.ETag(), send, "Checkpoint", id).WantProblem(http.StatusLocked, "checkpoint_pending")
	human.Post("/v1/checkpoints/"+id+"/approve", map[string]any{"digest": strings.Repeat("0", 64)}).WantProblem(http.StatusConflict, "digest_mismatch")

	// The human approves; twice is the same answer, and no other one.
	for range 2 {
		if got := human.Post("/v1/checkpoints/"+id+"/approve", decision).Want(http.StatusOK).Object(); got["status"] != "approved" {
			t.Errorf("approved: %v", got)
		}
	}
	human.Post("/v1/checkpoints/"+id+"/reject", map[string]any{"digest": digest, "reason": "no"}).WantProblem(http.StatusConflict, "already_decided")

	// The agent repeats its request, and nothing else.
	agent.Patch(path, draft.ETag(), map[string]any{"status": "void"}, "Checkpoint", id).WantProblem(http.StatusLocked, "checkpoint_mismatch")
	sent := agent.Patch(path, draft.ETag(), send, "Checkpoint", id).Want(http.StatusOK)
	if sent.Object()["status"] != "overdue" && sent.Object()["status"] != "sent" {
		t.Errorf("the invoice is %s", sent.Body)
	}
	// Once only.
	agent.Patch(path, draft.ETag(), send, "Checkpoint", id).WantProblem(http.StatusPreconditionFailed, "stale_version")
	agent.Patch(path, sent.ETag(), map[string]any{"status": "draft"}, "Checkpoint", id).WantProblem(http.StatusLocked, "checkpoint_mismatch")
	agent.Delete(path, sent.ETag()).WantProblem(http.StatusConflict, "never_deleted")

	// "What did agents do for me" is one request; the whole story is another.
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
		t.Errorf("the trail tells\n%s\nwant\n%s", strings.Join(story, "\n"), strings.Join(want, "\n"))
	}
}

// trail is what the listed audit rows say, the oldest first.
func (s *service) trail(t *testing.T, c *apitest.Client, target string) []string {
	t.Helper()
	var page struct {
		Items []auditRow `json:"items"`
	}
	c.Get(target).Want(http.StatusOK).JSON(&page)
	var said []string
	for _, row := range page.Items {
		said = append(said, row.String())
	}
	slices.Reverse(said)
	return said
}

type auditRow struct {
	ID           uuid.UUID
	Action       string
	Outcome      string
	ResourceType string         `json:"resource_type"`
	CheckpointID *uuid.UUID     `json:"checkpoint_id"`
	Details      map[string]any `json:"details"`
}

func (r auditRow) String() string {
	words := []string{r.Action, r.Outcome, r.ResourceType}
	switch {
	case r.Details["code"] != nil:
		words = append(words, fmt.Sprint(r.Details["code"]))
	case r.CheckpointID != nil && r.ResourceType != "checkpoint":
		words = append(words, "approved")
	}
	return strings.Join(words, " ")
}

// TestUsedTwice uses one approval twice for the same new thing.
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
	// The same request under its key is the same answer, and uses nothing.
	if r := agent.Post("/v1/entertainment/playlists", playlist, "Checkpoint", id, "Idempotency-Key", "k").Want(http.StatusCreated); r.Header.Get("Idempotent-Replayed") != "true" {
		t.Error("the answer is not replayed")
	}
}

// TestOwnRequest is the human's second, deliberate confirmation.
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

	// The agent works; its dismissal ends what it has going, and needs nobody's approval.
	agentID := uuid.MustParse(fmt.Sprint(hired.Object()["id"]))
	worker := b.agentNamed(t, "ada", agentID)
	task := human.Post("/v1/team/tasks", map[string]any{"title": "Proofread", "agent_id": agentID}).Want(http.StatusCreated)
	done := human.Post("/v1/team/tasks", map[string]any{"title": "Read", "agent_id": agentID, "status": "done"}).Want(http.StatusCreated)
	waiting, _ := checkpointOf(t, worker.Post("/v1/entertainment/playlists", map[string]any{"name": "n", "visibility": "public"}))
	worker.Post("/v1/team/agents/"+agentID.String()+"/dismiss", map[string]any{"reason": "x"}).WantProblem(http.StatusForbidden, "forbidden")
	human.Post("/v1/team/agents/"+newID().String()+"/dismiss", map[string]any{"reason": "x"}).WantProblem(http.StatusNotFound, "not_found")
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

// TestPublicThread has an agent ask by its events to make a thread public, and by a patch to
// make it private again: the thread tells the whole of it, and each request, repeated as it
// was, is what was approved.
func TestPublicThread(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human, agent := b.person(t, "ada"), b.agentOf(t, "ada")
	begun := agent.Post("/v1/threads", map[string]any{"founding_intent": "Write the annual report", "sphere": "business"}).Want(http.StatusCreated)
	path := begun.Header.Get("Location")
	publish := map[string]any{"expected_sequence": 1, "events": []any{
		map[string]any{"type": "note.added", "payload": map[string]any{"text": "It is done."}},
		map[string]any{"type": "thread.updated", "payload": map[string]any{"visibility": "public"}},
	}}
	id, digest := checkpointOf(t, agent.Post(path+"/events", publish))
	if again, _ := checkpointOf(t, agent.Post(path+"/events", publish)); again != id {
		t.Errorf("the same request again asks for %s, before for %s", again, id)
	}
	shown := human.Get("/v1/checkpoints/" + id).Want(http.StatusOK).Object()
	if d := shown["difference"].(map[string]any); d["stale"] != false || fmt.Sprint(d["fields"]) != "[map[field:visibility present:private proposed:public]]" {
		t.Errorf("the human is shown %v", d)
	}
	if shown["thread_id"] == nil || shown["resource_version"] != 1.0 {
		t.Errorf("the checkpoint is %v", shown)
	}
	agent.Post(path+"/events", publish, "Checkpoint", id).WantProblem(http.StatusLocked, "checkpoint_pending")
	human.Post("/v1/checkpoints/"+id+"/approve", map[string]any{"digest": digest}).Want(http.StatusOK)
	if seen := agent.Get(path); seen.ETag() != `"v1.2"` || seen.Object()["version"] != 1.0 || seen.Object()["last_sequence"] != 3.0 {
		t.Errorf("after two steps the thread is %s: %s", seen.ETag(), seen.Body)
	}
	agent.Get(path, "If-None-Match", begun.ETag()).Want(http.StatusOK)
	done := agent.Post(path+"/events", publish, "Checkpoint", id).Want(http.StatusCreated).Object()
	if done["last_sequence"] != 5.0 {
		t.Errorf("appended: %v", done)
	}
	agent.Post(path+"/events", publish, "Checkpoint", id).WantProblem(http.StatusPreconditionFailed, "stale_sequence")
	public := agent.Get(path).Want(http.StatusOK)
	if o := public.Object(); o["visibility"] != "public" || o["version"] != 2.0 || public.ETag() != `"v2.3"` {
		t.Errorf("the thread is %s: %s", public.ETag(), public.Body)
	}

	// A patch with the ETag of before its own steps is still the same request.
	hide := map[string]any{"visibility": "private"}
	id, digest = checkpointOf(t, human.Patch(path, public.ETag(), hide))
	human.Post("/v1/checkpoints/"+id+"/approve", map[string]any{"digest": digest}).Want(http.StatusOK)
	agent.Patch(path, public.ETag(), hide, "Checkpoint", id).WantProblem(http.StatusLocked, "checkpoint_mismatch")
	hidden := human.Patch(path, public.ETag(), hide, "Checkpoint", id).Want(http.StatusOK)
	if o := hidden.Object(); o["visibility"] != "private" || hidden.ETag() != `"v3.6"` || agent.Get(path).ETag() != hidden.ETag() {
		t.Errorf("the thread is %s: %s", hidden.ETag(), hidden.Body)
	}
	if stale := human.Patch(path, public.ETag(), hide); stale.Status != http.StatusPreconditionFailed || stale.ETag() != hidden.ETag() {
		t.Errorf("stale: %d %s", stale.Status, stale.ETag())
	}

	var told []string
	for _, e := range human.Get(path + "/events").Want(http.StatusOK).Object()["items"].([]any) {
		event := e.(map[string]any)
		said := fmt.Sprint(event["type"], " ", event["actor_kind"])
		if event["checkpoint_id"] != nil {
			said += " step"
		}
		told = append(told, said)
	}
	want := []string{
		"thread.created agent", "checkpoint.requested agent step", "checkpoint.approved human step", "note.added agent", "thread.updated agent", "action.executed agent step",
		"checkpoint.requested human step", "checkpoint.approved human step", "thread.updated human", "action.executed human step",
	}
	if !slices.Equal(told, want) {
		t.Errorf("the thread tells\n%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
	conn, err := b.db.Pool(t, b.db.AdminURL).Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if _, err := verify.Database(t.Context(), conn.Conn(), func(f verify.Finding) { t.Error(f) }); err != nil {
		t.Fatal(err)
	}
}

// TestOwnActions are actions that clients define.
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
		t.Errorf("it is at %s", asked.Header.Get("Location"))
	}
	if again := agent.Post("/v1/checkpoints", ask).Want(http.StatusCreated).Object()["id"]; again != id {
		t.Errorf("asked again: %v, want %s", again, id)
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

	// What a write asked for can't be used otherwise.
	write, writeDigest := checkpointOf(t, agent.Post("/v1/entertainment/playlists", map[string]any{"name": "n", "visibility": "public"}))
	human.Post("/v1/checkpoints/"+write+"/approve", map[string]any{"digest": writeDigest}).Want(http.StatusOK)
	agent.Post("/v1/checkpoints/"+write+"/consume", map[string]any{"digest": writeDigest}).WantProblem(http.StatusLocked, "checkpoint_mismatch")

	// Who asked may take it back, before it is decided.
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

// TestAuditedReads reads clinical trials, each time on record.
func TestAuditedReads(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human := b.person(t, "ada")
	trial := human.Post("/v1/government/clinical-trials", map[string]any{
		"registry_id": "NCT01234567", "title": "Aspirin", "ethics_reference": "e", "ethics_approved_on": "2026-01-01",
	}).Want(http.StatusCreated)
	path := "/v1/government/clinical-trials"
	one := path + "/" + fmt.Sprint(trial.Object()["id"])
	reads := func() int {
		t.Helper()
		return len(b.trail(t, human, "/v1/audit-logs?action=read&resource_type=clinical_trial"))
	}
	// The answer to the creation shows the trial, too (Hardening item 20).
	want := 1
	if got := reads(); got != want {
		t.Fatalf("%d reads recorded after the creation, want %d", got, want)
	}
	for _, read := range []func(){
		func() { human.Get(one).Want(http.StatusOK) },
		func() { human.Do(http.MethodHead, one, nil).Want(http.StatusOK) },
		func() { human.Get(one, "If-None-Match", trial.ETag()).Want(http.StatusNotModified) },
		func() { human.Get(path).Want(http.StatusOK) },
		func() { human.Get(path + "/count").Want(http.StatusOK) },
		func() {
			id, _ := checkpointOf(t, human.Patch(one, trial.ETag(), map[string]any{"status": "recruiting"}))
			human.Get("/v1/checkpoints/" + id).Want(http.StatusOK)
		},
	} {
		read()
		if want++; reads() != want {
			t.Fatalf("%d reads recorded, want %d", reads(), want)
		}
	}
	human.Get(path+"/"+newID().String()).WantProblem(http.StatusNotFound, "not_found")
	if reads() != want {
		t.Error("the reading of nothing is recorded")
	}
	if got := len(b.trail(t, human, "/v1/audit-logs?action=read&sphere=government")); got != want {
		t.Errorf("%d reads recorded in their sphere, want %d", got, want)
	}
	// Together or not at all: where nothing can be recorded, nothing is read.
	if _, err := b.db.Pool(t, b.db.AdminURL).Exec(t.Context(), "REVOKE EXECUTE ON FUNCTION app.record_read(text, uuid, jsonb, text) FROM chenu_human"); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{one, path, path + "/count"} {
		if r := human.Get(target); r.Status < 400 || strings.Contains(string(r.Body), "Aspirin") {
			t.Errorf("%s without a record: %d %s", target, r.Status, r.Body)
		}
	}
}

// TestExport streams the trail as lines, over more than one batch.
func TestExport(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human, stranger := b.person(t, "ada"), b.person(t, "eve")
	me := fmt.Sprint(human.Get("/v1/me").Want(http.StatusOK).Object()["id"])
	const rows = 1203
	if _, err := b.db.Pool(t, b.db.AdminURL).Exec(t.Context(), "INSERT INTO personal_notes (id, created_by, title) SELECT app.uuid_v7(), $1, 'n' FROM generate_series(1, $2)", me, rows); err != nil {
		t.Fatal(err)
	}
	r := human.Get("/v1/audit-logs/export?resource_type=note").Want(http.StatusOK)
	if got := r.Header.Get("Content-Type"); got != "application/x-ndjson" {
		t.Errorf("it is %s", got)
	}
	seen := map[uuid.UUID]bool{}
	for scanner := bufio.NewScanner(bytes.NewReader(r.Body)); scanner.Scan(); {
		var row auditRow
		if err := json.Unmarshal(scanner.Bytes(), &row); err != nil {
			t.Fatalf("%v: %s", err, scanner.Bytes())
		}
		seen[row.ID] = true
	}
	if len(seen) != rows {
		t.Errorf("%d rows, want %d", len(seen), rows)
	}
	if got := b.trail(t, human, "/v1/audit-logs?action=read&resource_type=audit_log"); len(got) != 1 {
		t.Errorf("the export is recorded as %q", got)
	}
	if body := stranger.Get("/v1/audit-logs/export?resource_type=note").Want(http.StatusOK).Body; len(body) != 0 {
		t.Errorf("another identity gets %s", body)
	}
	b.agentOf(t, "ada").Get("/v1/audit-logs/export").WantProblem(http.StatusForbidden, "forbidden")
	human.Get("/v1/audit-logs/export?sort=id").WantProblem(http.StatusBadRequest, "invalid_request")
	human.Do(http.MethodHead, "/v1/audit-logs/export", nil).Want(http.StatusOK)

	// Over a connection, as it is sent.
	web := httptest.NewServer(b.Handler())
	defer web.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+"/v1/audit-logs/export", nil)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := b.Accounts().MakeDevelopmentToken(t.Context(), account.DevelopmentToken{Email: "ada@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := web.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := 0
	for scanner := bufio.NewScanner(response.Body); scanner.Scan(); {
		lines++
	}
	if response.ContentLength >= 0 || lines <= rows {
		t.Errorf("%d lines in an answer of length %d, want more than %d, in chunks", lines, response.ContentLength, rows)
	}
}

// Hardening item 4: the attack. The human approved that the thread becomes public, and the
// agent sent three events under that approval.
func TestAnApprovalOfAThreadCoversNoOtherEvents(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human, agent := b.person(t, "ada"), b.agentOf(t, "ada")
	path := agent.Post("/v1/threads", map[string]any{"founding_intent": "Write the annual report", "sphere": "business"}).
		Want(http.StatusCreated).Header.Get("Location")
	event := func(kind string, payload map[string]any) map[string]any {
		return map[string]any{"type": kind, "payload": payload}
	}
	publish := event("thread.updated", map[string]any{"visibility": "public"})
	attack := map[string]any{"events": []any{
		event("note.added", map[string]any{"text": "evil"}), event("decision.recorded", map[string]any{"decision": "evil"}), publish,
	}}
	id, digest := checkpointOf(t, agent.Post(path+"/events", map[string]any{"events": []any{publish}}))
	human.Post("/v1/checkpoints/"+id+"/approve", map[string]any{"digest": digest}).Want(http.StatusOK)
	agent.Post(path+"/events", attack, "Checkpoint", id).WantProblem(http.StatusLocked, "checkpoint_mismatch")
	if o := agent.Get(path).Want(http.StatusOK).Object(); o["visibility"] != "private" || o["last_sequence"] != 3.0 {
		t.Errorf("after the attack the thread is %v", o)
	}

	// Asked for as a whole, the human is shown all of it.
	id, digest = checkpointOf(t, agent.Post(path+"/events", attack))
	shown := human.Get("/v1/checkpoints/" + id).Want(http.StatusOK).Object()
	if shown["action"] != "append 3 events, update thread" {
		t.Errorf("the action is %v", shown["action"])
	}
	writes, _ := shown["payload"].(map[string]any)["writes"].([]any)
	var kinds []string
	for _, w := range writes {
		values := w.(map[string]any)["values"].(map[string]any)
		kinds = append(kinds, fmt.Sprint(w.(map[string]any)["table"], " ", values["type"], " ", values["payload"]))
	}
	want := []string{
		"thread_events note.added map[text:evil]", "thread_events decision.recorded map[decision:evil]",
		"thread_events thread.updated map[visibility:public]", "threads personal <nil>",
	}
	if !slices.Equal(kinds, want) {
		t.Errorf("the human is shown %q, want %q", kinds, want)
	}
	if differences, _ := shown["differences"].([]any); len(differences) != 4 {
		t.Errorf("the differences are %v", shown["differences"])
	}
	human.Post("/v1/checkpoints/"+id+"/reject", map[string]any{"digest": digest, "reason": "No."}).Want(http.StatusOK)
	agent.Post(path+"/events", attack, "Checkpoint", id).WantProblem(http.StatusLocked, "checkpoint_rejected")
}

// Hardening item 4: what is appended to a public thread is published, by a human as by an agent.
func TestAppendsToAPublicThreadAreConfirmed(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human, agent := b.person(t, "ada"), b.agentOf(t, "ada")
	create := map[string]any{"founding_intent": "Write the annual report", "sphere": "business", "visibility": "public"}
	id, digest := checkpointOf(t, human.Post("/v1/threads", create))
	human.Post("/v1/checkpoints/"+id+"/approve", map[string]any{"digest": digest}).Want(http.StatusOK)
	path := human.Post("/v1/threads", create, "Checkpoint", id).Want(http.StatusCreated).Header.Get("Location")
	note := func(text string) map[string]any {
		return map[string]any{"events": []any{map[string]any{"type": "note.added", "payload": map[string]any{"text": text}}}}
	}
	for _, by := range []*apitest.Client{human, agent} {
		id, digest := checkpointOf(t, by.Post(path+"/events", note("fine")))
		human.Post("/v1/checkpoints/"+id+"/approve", map[string]any{"digest": digest}).Want(http.StatusOK)
		by.Post(path+"/events", note("evil"), "Checkpoint", id).WantProblem(http.StatusLocked, "checkpoint_mismatch")
		by.Post(path+"/events", note("fine"), "Checkpoint", id).Want(http.StatusCreated)
		by.Post(path+"/events", note("fine"), "Checkpoint", id).WantProblem(http.StatusLocked, "checkpoint_used")
	}
}

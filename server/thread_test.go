package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chenu/chenu/policies/verify"
	"github.com/chenu/chenu/server/api/apitest"
)

// TestPublicThread has an agent request, with events, that a thread becomes public, and with a patch that it becomes
// private again. The thread records everything, and each request, repeated unchanged, is covered by its approval.
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
		t.Errorf("the repeated request has the checkpoint %s, the first one %s", again, id)
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

	// A patch with the ETag from before the steps of its own approval is still the same request.
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
		t.Errorf("the events of the thread are\n%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
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

// After a human approved that a thread becomes public, the agent must not append other events under that approval.
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

	// If the events are requested together, the human is shown all of them.
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

// Appending to a public thread publishes the event, so it requires an approval, of humans as of agents.
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

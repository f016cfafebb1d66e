package server_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/server/account"
	"github.com/chenu/chenu/server/api/apitest"
)

// TestPersonalExport checks the export of all data of an identity, in more than one batch of rows and of bytes.
func TestPersonalExport(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human, stranger := b.person(t, "ada"), b.person(t, "eve")
	stranger.Post("/v1/personal/notes", map[string]any{"title": "Eve's own"}).Want(http.StatusCreated)
	me := human.Get("/v1/me").Object()["id"].(string)
	agent := hire(t, human, "me")
	worker := b.worker(t, newCredential(t, human, agent))
	admin := b.db.Pool(t, b.db.AdminURL)
	const small, large = 1203, 12
	if _, err := admin.Exec(t.Context(), `INSERT INTO personal_notes (id, created_by, title, content)
		SELECT app.uuid_v7(), $1, 'n', CASE WHEN n <= $3 THEN repeat('é', 199000) ELSE 'x' END FROM generate_series(1, $2) AS n`, me, small, large); err != nil {
		t.Fatal(err)
	}
	human.Post("/v1/threads", map[string]any{"founding_intent": "Begin", "sphere": "personal"}).Want(http.StatusCreated)
	answer := human.Get("/v1/me/export").Want(http.StatusOK)
	if got := answer.Header.Get("Content-Type"); got != "application/x-ndjson" {
		t.Errorf("Content-Type %s", got)
	}
	counts := map[string]int{}
	scanner := bufio.NewScanner(bytes.NewReader(answer.Body))
	scanner.Buffer(nil, 4<<20)
	for scanner.Scan() {
		var line struct {
			Table string
			Row   map[string]any
		}
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			t.Fatalf("%v: %.200s", err, scanner.Bytes())
		}
		counts[line.Table]++
		for _, owner := range []string{"created_by"} {
			if got, ok := line.Row[owner]; ok && got != me {
				t.Errorf("%s has a row of %v", line.Table, got)
			}
		}
		if line.Row["hashed_password"] != nil || line.Row["secret_hash"] != nil {
			t.Errorf("%s has a secret", line.Table)
		}
	}
	if scanner.Err() != nil {
		t.Fatal(scanner.Err())
	}
	for _, table := range policies.Tables {
		if table.Owner == "" || table.Access.Human == "" {
			continue
		}
		var n int
		if err := admin.QueryRow(t.Context(), fmt.Sprintf("SELECT count(*) FROM %s WHERE %s = $1", table.QualifiedName(), table.Owner), me).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if counts[table.Name] != n {
			t.Errorf("%s: %d of %d rows", table.Name, counts[table.Name], n)
		}
	}
	if counts["personal_notes"] != small || counts["identities"] != 1 || counts["agent_credentials"] != 1 || counts["thread_events"] != 1 {
		t.Errorf("exported: %v", counts)
	}
	if got := b.trail(t, human, "/v1/audit-logs?action=read&resource_type=identity"); len(got) != 1 {
		t.Errorf("the export is recorded as %q", got)
	}
	if strings.Contains(string(answer.Body), "Eve's own") {
		t.Error("the export has a note of another identity")
	}
	worker.Get("/v1/me/export").WantProblem(http.StatusForbidden, "forbidden")
	human.Do(http.MethodHead, "/v1/me/export", nil).Want(http.StatusOK)
	if _, err := admin.Exec(t.Context(), "REVOKE EXECUTE ON FUNCTION app.record_export(text) FROM chenu_human"); err != nil {
		t.Fatal(err)
	}
	if r := human.Get("/v1/me/export"); r.Status < 400 {
		t.Error("the data is exported although the export cannot be recorded")
	}
}

// TestErasure erases an identity over HTTP, from the request until the address can be used again.
func TestErasure(t *testing.T) {
	t.Parallel()
	b := newService(t)
	anyone := b.client.For(t)
	registration := map[string]any{"email": "ada@example.org", "name": "Ada", "password": "copper meadow distant violin"}
	human := anyone.As(anyone.Post("/v1/auth/register", registration).Want(http.StatusCreated).Object()["access_token"].(string))
	if _, err := b.db.Pool(t, b.db.AdminURL).Exec(t.Context(), "UPDATE identities SET email_verified_at = now()"); err != nil {
		t.Fatal(err)
	}
	stranger := b.person(t, "eve")
	note := stranger.Post("/v1/personal/notes", map[string]any{"title": "Eve's own"}).Want(http.StatusCreated)
	human.Post("/v1/personal/notes", map[string]any{"title": "Diary"}, "Idempotency-Key", "k").Want(http.StatusCreated)
	thread := human.Post("/v1/threads", map[string]any{"founding_intent": "Begin", "sphere": "personal", "title": "Secret", "tags": []string{"x"}}).Want(http.StatusCreated)
	human.Post("/v1/threads/"+thread.Object()["id"].(string)+"/events", map[string]any{"expected_sequence": 1, "events": []any{
		map[string]any{"type": "note.added", "payload": map[string]any{"text": "Dear diary"}},
		map[string]any{"type": "thread.paused", "payload": map[string]any{}},
	}}).Want(http.StatusCreated)
	// A pending request on the thread, whose steps are events of the thread.
	path := "/v1/threads/" + thread.Object()["id"].(string)
	checkpointOf(t, human.Patch(path, human.Get(path).ETag(), map[string]any{"visibility": "public"}))
	agent := hire(t, human, "me")
	worker := b.worker(t, newCredential(t, human, agent))
	worker.Get("/v1/me").Want(http.StatusOK)

	me := human.Get("/v1/me")
	human.Do(http.MethodDelete, "/v1/me", nil).WantProblem(http.StatusPreconditionRequired, "if_match_required")
	human.Delete("/v1/me", `"v99"`).WantProblem(http.StatusPreconditionFailed, "stale_version")
	worker.Delete("/v1/me", me.ETag()).WantProblem(http.StatusForbidden, "forbidden")
	refused := human.Delete("/v1/me", me.ETag())
	id, digest := checkpointOf(t, refused)
	if c := refused.WantProblem(http.StatusLocked, "checkpoint_required").Checkpoint; c.Type != "identity" || time.Until(c.ExpiresAt) > 16*time.Minute {
		t.Errorf("the checkpoint is %+v", c)
	}
	shown := human.Get("/v1/checkpoints/" + id).Want(http.StatusOK).Object()
	if shown["action"] != "erase identity" || shown["resource_id"] != me.Object()["id"] {
		t.Errorf("the human is shown %v", shown)
	}
	long := b.as(t, account.DevelopmentToken{Email: "ada@example.org", AuthTime: time.Now().Add(-6 * time.Minute)})
	long.Post("/v1/checkpoints/"+id+"/approve", map[string]any{"digest": digest}).WantProblem(http.StatusForbidden, "recent_authentication_required")
	worker.Post("/v1/checkpoints/"+id+"/approve", map[string]any{"digest": digest}).WantProblem(http.StatusForbidden, "forbidden")
	human.Delete("/v1/me", me.ETag(), "Checkpoint", id).WantProblem(http.StatusLocked, "checkpoint_pending")
	human.Post("/v1/checkpoints/"+id+"/approve", map[string]any{"digest": digest}).Want(http.StatusOK)
	stranger.Delete("/v1/me", stranger.Get("/v1/me").ETag(), "Checkpoint", id).WantProblem(http.StatusLocked, "checkpoint_mismatch")
	human.Delete("/v1/me", me.ETag(), "Checkpoint", id).Want(http.StatusNoContent)

	// All sessions have ended, and logins fail.
	human.Get("/v1/me").WantProblem(http.StatusUnauthorized, "invalid_token")
	wantEnd(t, worker)
	wantEnd(t, long)
	anyone.Post("/v1/auth/login", map[string]any{"email": "ada@example.org", "password": "copper meadow distant violin"}).WantProblem(http.StatusUnauthorized, "invalid_credentials")
	admin := b.db.Pool(t, b.db.AdminURL)
	var left string
	if err := admin.QueryRow(t.Context(), `SELECT concat((SELECT jsonb_agg(x) FROM audit_logs x WHERE created_by = $1), (SELECT jsonb_agg(x) FROM identities x WHERE id = $1),
		(SELECT jsonb_agg(x) FROM threads x WHERE created_by = $1), (SELECT jsonb_agg(x) FROM thread_events x WHERE created_by = $1),
		(SELECT jsonb_agg(x) FROM checkpoints x WHERE created_by = $1), (SELECT jsonb_agg(x) FROM app.sessions x WHERE created_by = $1),
		(SELECT jsonb_agg(x) FROM app.idempotency_keys x WHERE created_by = $1), (SELECT jsonb_agg(x) FROM personal_notes x WHERE created_by = $1))`,
		me.Object()["id"]).Scan(&left); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"ada@", "Ada", "diary", "Diary", "Secret", "Begin", "Bookkeeper", "192.0.2.1", "argon2id"} {
		if strings.Contains(left, word) {
			t.Errorf("%q is still stored", word)
		}
	}
	b.wantSound(t)
	// The address can be registered again, and rows of other identities are unchanged.
	again := anyone.Post("/v1/auth/register", registration).Want(http.StatusCreated).Object()["identity"].(map[string]any)
	if again["id"] == me.Object()["id"] {
		t.Error("the new account is the old one")
	}
	if got := stranger.Get("/v1/personal/notes/" + note.Object()["id"].(string)).Want(http.StatusOK); string(got.Body) != string(note.Body) {
		t.Errorf("the other identity's note is %s", got.Body)
	}
}

// TestErasureUnderLoad erases an identity while it sends requests. The requests fail only with expected errors, and
// no data is left.
func TestErasureUnderLoad(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human := b.person(t, "ada")
	me := human.Get("/v1/me").Want(http.StatusOK)
	thread := "/v1/threads/" + human.Post("/v1/threads", map[string]any{"founding_intent": "Begin", "sphere": "personal"}).Want(http.StatusCreated).Object()["id"].(string)
	note := human.Post("/v1/personal/notes", map[string]any{"title": "one"}).Want(http.StatusCreated)
	id, digest := checkpointOf(t, human.Delete("/v1/me", me.ETag()))
	human.Post("/v1/checkpoints/"+id+"/approve", map[string]any{"digest": digest}).Want(http.StatusOK)
	works := []func() *apitest.Response{
		func() *apitest.Response {
			return human.Post("/v1/personal/notes", map[string]any{"title": "more"}, "Idempotency-Key", dbtest.NewID().String())
		},
		func() *apitest.Response {
			return human.Post(thread+"/events", map[string]any{"events": []any{map[string]any{"type": "note.added", "payload": map[string]any{"text": "Dear diary"}}}})
		},
		func() *apitest.Response {
			path := "/v1/personal/notes/" + note.Object()["id"].(string)
			return human.Patch(path, human.Get(path).ETag(), map[string]any{"title": dbtest.NewID().String()})
		},
		func() *apitest.Response {
			return human.Post("/v1/entertainment/playlists", map[string]any{"name": dbtest.NewID().String(), "visibility": "public"})
		},
	}
	var all sync.WaitGroup
	began := make(chan struct{}, len(works))
	for _, work := range works {
		all.Go(func() {
			for n := 0; ; n++ {
				r := work()
				switch r.Status {
				case http.StatusOK, http.StatusCreated, http.StatusLocked, http.StatusConflict, http.StatusPreconditionFailed:
				case http.StatusUnauthorized:
					return
				case http.StatusNotFound, http.StatusPreconditionRequired: // the rows are erased, but the identity is not yet
				default:
					t.Errorf("the response to a request is %d %s", r.Status, r.Body)
					return
				}
				if n == 3 {
					began <- struct{}{}
				}
			}
		})
	}
	for range works {
		<-began
	}
	for tries := 0; ; tries++ {
		r := human.Delete("/v1/me", me.ETag(), "Checkpoint", id)
		if r.Status == http.StatusNoContent {
			break
		}
		// Postgres may have chosen this transaction to end a deadlock.
		if r.WantProblem(http.StatusConflict, "write_conflict"); tries == 10 {
			t.Fatal("the identity is not erased")
		}
	}
	all.Wait()
	admin := b.db.Pool(t, b.db.AdminURL)
	var left int
	if err := admin.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM personal_notes WHERE created_by = $1) + (SELECT count(*) FROM app.idempotency_keys WHERE created_by = $1)
		+ (SELECT count(*) FROM thread_events WHERE created_by = $1 AND payload IS NOT NULL) + (SELECT count(*) FROM checkpoints WHERE created_by = $1 AND payload IS NOT NULL)
		+ (SELECT count(*) FROM audit_logs WHERE created_by = $1 AND content_salt IS NOT NULL)`, me.Object()["id"]).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d rows are left with their content, %v", left, err)
	}
	b.wantSound(t)
}

package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/server/api/apitest"
)

// behind runs a statement as a superuser and without triggers, so that the row's version stays
// as it is: it stands for time that passes.
func (s *service) behind(t *testing.T, statement string, args ...any) {
	t.Helper()
	tx, err := s.db.Pool(t, s.db.AdminURL).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), "SET LOCAL session_replication_role = replica"); err != nil {
		t.Fatal(err)
	}
	if tag, err := tx.Exec(t.Context(), statement, args...); err != nil || tag.RowsAffected() != 1 {
		t.Fatalf("%s: %v %v", statement, tag, err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Hardening item 8: a field that is computed when a row is read is part of its ETag, so that a
// conditional GET never gets the old state, while the version of the ETag is all that a
// change needs.
func TestETagsTellComputedFields(t *testing.T) {
	t.Parallel()
	s := newService(t)
	c := s.person(t, "ada")
	self := func(r *apitest.Response) string { return r.Want(http.StatusCreated).Header.Get("Location") }
	habit := self(c.Post("/v1/personal/habits", object{"name": "Read"}))
	c.Post(habit+"/check-ins", object{}).Want(http.StatusCreated)
	covered := map[string]bool{}
	for _, test := range []struct {
		entity, path, field string
		before, after       any
		prepare, passes     string
	}{
		{"Invoice", self(c.Post("/v1/business/invoices", object{
			"number": "1", "currency": "EUR", "due_on": "2090-01-01",
			"line_items": []object{{"description": "x", "quantity": "1", "unit_price": "2", "tax_rate": "0"}},
		})), "status", "sent", "overdue", "UPDATE business_invoices SET status = 'sent' WHERE id = $1", "UPDATE business_invoices SET due_on = '2001-01-01' WHERE id = $1"},
		{"ComplianceItem", self(c.Post("/v1/government/compliance-items", object{
			"name": "Licence", "regulation": "Act", "authority": "City", "status": "active", "expires_on": "2090-01-01",
		})), "status", "active", "expiring", "", "UPDATE government_compliance SET expires_on = current_date + 7 WHERE id = $1"},
		{"Habit", habit, "current_streak", 1.0, 0.0, "", "UPDATE personal_habits SET last_completed_period = last_completed_period - 30 WHERE id = $1"},
		{"Checkpoint", self(c.Post("/v1/checkpoints", object{"type": "sensitive", "resource_type": "report", "action": "send"})),
			"status", "pending", "expired", "", "UPDATE checkpoints SET expires_at = clock_timestamp() - interval '1 second' WHERE id = $1"},
	} {
		covered[test.entity] = true
		id := test.path[len(test.path)-36:]
		if test.prepare != "" {
			s.behind(t, test.prepare, id)
		}
		first := c.Get(test.path).Want(http.StatusOK)
		version := first.Object()["version"]
		if got := first.Object()[test.field]; got != test.before {
			t.Errorf("%s: %s is %v, want %v", test.entity, test.field, got, test.before)
		}
		if !strings.HasPrefix(first.ETag(), fmt.Sprintf(`"v%v-`, version)) {
			t.Errorf("%s: the ETag %s does not begin with the version %v", test.entity, first.ETag(), version)
		}
		c.Get(test.path, "If-None-Match", first.ETag()).Want(http.StatusNotModified)
		s.behind(t, test.passes, id)
		second := c.Get(test.path, "If-None-Match", first.ETag()).Want(http.StatusOK)
		if got := second.Object(); got[test.field] != test.after || got["version"] != version || second.ETag() == first.ETag() {
			t.Errorf("%s: %s is %v in version %v with the ETag %s, after %s", test.entity, test.field, got[test.field], got["version"], second.ETag(), first.ETag())
		}
		c.Get(test.path, "If-None-Match", fmt.Sprintf(`"v%v"`, version)).Want(http.StatusOK)
		if test.entity == "Checkpoint" {
			continue
		}
		// An empty patch answers what a GET does. If-Match takes the old tag, the new one and
		// the version alone.
		for _, tag := range []string{first.ETag(), second.ETag(), fmt.Sprintf(`"v%v"`, version)} {
			if got := c.Patch(test.path, tag, object{}).Want(http.StatusOK); got.ETag() != second.ETag() || got.Object()[test.field] != test.after {
				t.Errorf("%s: an empty patch of %s answers %s %v, want %s %v", test.entity, tag, got.ETag(), got.Object()[test.field], second.ETag(), test.after)
			}
		}
		c.Patch(test.path, `"v0-`+strings.SplitN(second.ETag(), "-", 2)[1], object{}).WantProblem(http.StatusPreconditionFailed, "stale_version")
	}
	for _, table := range policies.Tables {
		for _, column := range table.Columns {
			if column.Rules.Read != "" && !covered[table.Entity] {
				t.Errorf("%s.%s is computed when it is read, and no case shows its ETag", table.Entity, column.Name)
			}
		}
	}
}

// Hardening item 8: a client that read an unpaid invoice can still pay it once it is overdue.
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

// Hardening item 8: whether a checkpoint is stale is part of its ETag.
func TestETagOfACheckpointTellsThatItIsStale(t *testing.T) {
	t.Parallel()
	s := newService(t)
	c := s.person(t, "ada")
	trial := c.Post("/v1/government/clinical-trials", object{
		"registry_id": "T-1", "title": "Trial", "ethics_reference": "E1", "ethics_approved_on": "2026-01-01",
	}).Want(http.StatusCreated)
	path := trial.Header.Get("Location")
	asked := c.Patch(path, trial.ETag(), object{"status": "recruiting"}).WantProblem(http.StatusLocked, "checkpoint_required")
	checkpoint := "/v1/checkpoints/" + asked.Checkpoint.ID.String()
	first := c.Get(checkpoint).Want(http.StatusOK)
	c.Get(checkpoint, "If-None-Match", first.ETag()).Want(http.StatusNotModified)
	s.behind(t, "UPDATE government_clinical_trials SET version = version + 1 WHERE id = $1", path[len(path)-36:])
	second := c.Get(checkpoint, "If-None-Match", first.ETag()).Want(http.StatusOK).Object()
	if stale := second["difference"].(map[string]any)["stale"]; stale != true || second["version"] != first.Object()["version"] {
		t.Errorf("the checkpoint is stale: %v, in version %v", stale, second["version"])
	}
}

// Hardening item 20: whatever answers with the content of a clinical trial leaves a record
// that it was read.
func TestEveryReadOfATrialIsRecorded(t *testing.T) {
	t.Parallel()
	s := newService(t)
	c := s.person(t, "ada")
	admin := s.db.Pool(t, s.db.AdminURL)
	reads := func() (n int) {
		t.Helper()
		if err := admin.QueryRow(t.Context(), "SELECT count(*) FROM audit_logs WHERE action = 'read' AND resource_type = 'clinical_trial'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const secret = "Whiskers of the tested"
	body := object{"registry_id": "T-1", "title": secret, "ethics_reference": "E1", "ethics_approved_on": "2026-01-01"}
	key := []string{"Idempotency-Key", "k"}
	created := c.Post("/v1/government/clinical-trials", body, key...).Want(http.StatusCreated)
	path, id := created.Header.Get("Location"), created.Object()["id"].(string)
	asked := c.Patch(path, created.ETag(), object{"status": "recruiting"}).WantProblem(http.StatusLocked, "checkpoint_required")
	checkpoint := "/v1/checkpoints/" + asked.Checkpoint.ID.String()
	list := c.Get("/v1/audit-logs?action=create&resource_id=" + id).Object()["items"].([]any)
	entry := "/v1/audit-logs/" + list[0].(map[string]any)["id"].(string)
	requests := map[string]func() *apitest.Response{
		"a GET":                           func() *apitest.Response { return c.Get(path) },
		"a list":                          func() *apitest.Response { return c.Get("/v1/government/clinical-trials") },
		"an empty patch":                  func() *apitest.Response { return c.Patch(path, "*", object{}) },
		"a patch":                         func() *apitest.Response { return c.Patch(path, "*", object{"sponsor": "S"}) },
		"a repeated POST":                 func() *apitest.Response { return c.Post("/v1/government/clinical-trials", body, key...) },
		"the list of the audit trail":     func() *apitest.Response { return c.Get("/v1/audit-logs?resource_id=" + id) },
		"an entry of the audit trail":     func() *apitest.Response { return c.Get(entry) },
		"the export of the audit trail":   func() *apitest.Response { return c.Get("/v1/audit-logs/export") },
		"the export of the identity":      func() *apitest.Response { return c.Get("/v1/me/export") },
		"a checkpoint about it":           func() *apitest.Response { return c.Get(checkpoint) },
		"a refused change":                func() *apitest.Response { return c.Patch(path, `"v99"`, object{}) },
		"a gated change":                  func() *apitest.Response { return c.Patch(path, "*", object{"status": "recruiting"}) },
		"the same registry id once more":  func() *apitest.Response { return c.Post("/v1/government/clinical-trials", body) },
		"the list of checkpoints":         func() *apitest.Response { return c.Get("/v1/checkpoints") },
		"a note, which is no trial's":     func() *apitest.Response { return c.Post("/v1/personal/notes", object{"title": "x"}) },
		"the audit trail of other things": func() *apitest.Response { return c.Get("/v1/audit-logs?resource_type=note") },
	}
	shown := 0
	for name, request := range requests {
		before := reads()
		r := request()
		if discloses := bytes.Contains(r.Body, []byte(secret)); discloses && reads() == before {
			t.Errorf("%s answers with the trial's content, and no read is recorded", name)
		} else if discloses {
			shown++
		} else if strings.HasSuffix(name, "no trial's") && reads() != before {
			t.Errorf("%s recorded the read of a trial", name)
		}
	}
	if shown != 10 {
		t.Errorf("%d requests answered with the trial's content, want 10", shown)
	}
	// The checkpoint still has the content when the trial is gone.
	c.Delete(path, "*").Want(http.StatusNoContent)
	before := reads()
	if r := c.Get(checkpoint).Want(http.StatusOK); !bytes.Contains(r.Body, []byte(secret)) || reads() == before {
		t.Error("a checkpoint about a deleted trial was read without a record")
	}
}

// Hardening item 7: a page ends before it is too large, and the next one goes on behind it.
func TestPagesAreLimitedInBytes(t *testing.T) {
	t.Parallel()
	s := newService(t)
	c := s.person(t, "ada")
	me := c.Get("/v1/me").Object()["id"].(string)
	const count, size = 40, 900 << 10
	if _, err := s.db.Pool(t, s.db.AdminURL).Exec(t.Context(), `INSERT INTO scholar_manuscripts (id, created_by, title, sections)
		SELECT app.uuid_v7(), $1, 'm' || n, (SELECT jsonb_agg(jsonb_build_object('id', i::text, 'heading', 'h', 'position', i, 'body', repeat('x', $3 / 6)))
			FROM generate_series(1, 6) AS i) FROM generate_series(1, $2) AS n`, me, count, size); err != nil {
		t.Fatal(err)
	}
	seen, pages := map[string]bool{}, 0
	for token := ""; ; pages++ {
		r := c.Get("/v1/scholar/manuscripts?page_size=50" + token).Want(http.StatusOK)
		if len(r.Body) > 5<<20 {
			t.Errorf("a page has %d bytes", len(r.Body))
		}
		page := r.Object()
		for _, item := range page["items"].([]any) {
			id := item.(map[string]any)["id"].(string)
			if seen[id] {
				t.Errorf("%s is on two pages", id)
			}
			seen[id] = true
		}
		next, ok := page["next_page_token"].(string)
		if !ok {
			break
		}
		token = "&page_token=" + next
	}
	if len(seen) != count || pages < 9 {
		t.Errorf("%d manuscripts on %d pages, want %d on at least 10", len(seen), pages+1, count)
	}
	// The payloads of checkpoints are no part of their lists.
	payload := object{"text": strings.Repeat("x", 500_000)}
	for i := range 12 {
		c.Post("/v1/checkpoints", object{"type": "sensitive", "resource_type": "report", "action": fmt.Sprint("send ", i), "content": payload}).Want(http.StatusCreated)
	}
	if list := c.Get("/v1/checkpoints").Want(http.StatusOK).Object(); len(list["items"].([]any)) != 12 || list["next_page_token"] != nil {
		t.Errorf("the list has %d checkpoints and goes on at %v", len(list["items"].([]any)), list["next_page_token"])
	}
	// A thread's events, read with it or as a list.
	thread := c.Post("/v1/threads", object{"founding_intent": "Write", "sphere": "personal"}).Want(http.StatusCreated).Header.Get("Location")
	for range 25 {
		c.Post(thread+"/events", object{"events": []object{{"type": "note.added", "payload": object{"text": strings.Repeat("x", 199_000)}}}}).Want(http.StatusCreated)
	}
	list := c.Get(thread + "/events").Want(http.StatusOK)
	if list.Object()["next_page_token"] == nil || len(list.Body) > 5<<20 {
		t.Errorf("a page of events has %d bytes", len(list.Body))
	}
	with := c.Get(thread + "?include=events").Want(http.StatusOK)
	events := with.Object()["events"].([]any)
	if last := events[len(events)-1].(map[string]any)["sequence"]; len(with.Body) > 5<<20 || last != 26.0 {
		t.Errorf("a thread with its events has %d bytes and ends with sequence %v", len(with.Body), last)
	}
}

// cutter is a client that reads a stream and has something happen when its first part came.
type cutter struct {
	header http.Header
	parts  int
	bytes  int
	once   func()
}

func (c *cutter) Header() http.Header { return c.header }
func (*cutter) WriteHeader(int)       {}
func (*cutter) Flush()                {}
func (c *cutter) Write(p []byte) (int, error) {
	c.parts++
	c.bytes += len(p)
	if c.parts == 1 {
		c.once()
	}
	return len(p), nil
}

var _ io.Writer = (*cutter)(nil)

// Hardening item 18: a running export ends with the session that started it, and has a part of it in
// memory at a time: each character of these references becomes 17 in BibTeX.
func TestAnExportEndsWithItsSession(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"/v1/me/export", "/v1/audit-logs/export", "/v1/scholar/references/export?format=bibtex", "/v1/scholar/references/export?format=csl-json",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			c := s.person(t, "ada")
			me := c.Get("/v1/me").Object()["id"].(string)
			admin := s.db.Pool(t, s.db.AdminURL)
			if _, err := admin.Exec(t.Context(), `INSERT INTO personal_notes (id, created_by, title, content)
				SELECT app.uuid_v7(), $1, 'n', repeat('x', 199000) FROM generate_series(1, 60)`, me); err != nil {
				t.Fatal(err)
			}
			if _, err := admin.Exec(t.Context(), `INSERT INTO scholar_references (id, created_by, title, authors, citation_key, abstract)
				SELECT app.uuid_v7(), $1, 'n', '{a}', 'k' || n, repeat('~', 20000) FROM generate_series(1, 200) n`, me); err != nil {
				t.Fatal(err)
			}
			client := &cutter{header: http.Header{}, once: func() {
				if _, err := admin.Exec(t.Context(), "UPDATE app.sessions SET revoked_at = clock_timestamp() WHERE created_by = $1", me); err != nil {
					t.Error(err)
				}
			}}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
			r.Header.Set("Authorization", c.Header("Authorization"))
			defer func() {
				if ended := recover(); ended != http.ErrAbortHandler { //nolint:errorlint // A panic's value, as net/http compares it.
					t.Errorf("the answer ended with %v, as if it were complete", ended)
				}
				if client.parts != 1 || client.bytes > 2<<20 {
					t.Errorf("after the end of its session the export went on: %d parts, %d bytes", client.parts, client.bytes)
				}
			}()
			s.Handler().ServeHTTP(client, r)
		})
	}
}

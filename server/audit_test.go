package server_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server/account"
	"github.com/chenu/chenu/server/api/apitest"
)

// trail returns the audited actions on a row, newest first.
func trail(c *apitest.Client, id string) []string {
	var list struct {
		Items []struct {
			Action string `json:"action"`
		} `json:"items"`
	}
	c.Get("/v1/audit-logs?resource_id=" + id).Want(http.StatusOK).JSON(&list)
	var actions []string
	for _, item := range list.Items {
		actions = append(actions, item.Action)
	}
	return actions
}

// trail returns the listed audit rows as text, oldest first.
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

// TestAuditedReads checks that each read of clinical trials is recorded.
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
	// The response to the creation contains the trial, so it is recorded as a read.
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
	human.Get(path+"/"+dbtest.NewID().String()).WantProblem(http.StatusNotFound, "not_found")
	if reads() != want {
		t.Error("a read of a row that does not exist is recorded")
	}
	if got := len(b.trail(t, human, "/v1/audit-logs?action=read&sphere=government")); got != want {
		t.Errorf("%d reads recorded in their sphere, want %d", got, want)
	}
	// If the read cannot be recorded, the request fails.
	if _, err := b.db.Pool(t, b.db.AdminURL).Exec(t.Context(), "REVOKE EXECUTE ON FUNCTION app.record_read(text, uuid, jsonb, text) FROM chenu_human"); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{one, path, path + "/count"} {
		if r := human.Get(target); r.Status < 400 || strings.Contains(string(r.Body), "Aspirin") {
			t.Errorf("%s without a record: %d %s", target, r.Status, r.Body)
		}
	}
}

// Every response with the content of a clinical trial is recorded as a read.
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
		"a note, not a trial":             func() *apitest.Response { return c.Post("/v1/personal/notes", object{"title": "x"}) },
		"the audit trail of other things": func() *apitest.Response { return c.Get("/v1/audit-logs?resource_type=note") },
	}
	shown := 0
	for name, request := range requests {
		before := reads()
		r := request()
		if discloses := bytes.Contains(r.Body, []byte(secret)); discloses && reads() == before {
			t.Errorf("%s returns the trial's content, but no read is recorded", name)
		} else if discloses {
			shown++
		} else if strings.HasSuffix(name, "not a trial") && reads() != before {
			t.Errorf("%s recorded the read of a trial", name)
		}
	}
	if shown != 10 {
		t.Errorf("%d responses had the trial's content, want 10", shown)
	}
	// The checkpoint still has the content after the trial is deleted.
	c.Delete(path, "*").Want(http.StatusNoContent)
	before := reads()
	if r := c.Get(checkpoint).Want(http.StatusOK); !bytes.Contains(r.Body, []byte(secret)) || reads() == before {
		t.Error("a checkpoint about a deleted trial was read without a record")
	}
}

// TestExport checks that the trail is exported as lines, in more than one batch.
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
		t.Errorf("Content-Type %s", got)
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

	// Over a real connection, the response is chunked.
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
		t.Errorf("%d lines in a response of length %d, want more than %d, in chunks", lines, response.ContentLength, rows)
	}
}

// The audit trail identifies a request by an id that the service generated, and also stores the client's id.
func TestClientsDoNotChooseTheTrailsRequestID(t *testing.T) {
	t.Parallel()
	s := newService(t)
	c := s.person(t, "ada")
	given := uuid.NewString()
	r := c.Post("/v1/personal/notes", map[string]any{"title": "x"}, "Request-Id", given).Want(http.StatusCreated)
	if r.Header.Get("Request-Id") == given || r.Header.Get("Client-Request-Id") != given {
		t.Errorf("the response has Request-Id %s and Client-Request-Id %s", r.Header.Get("Request-Id"), r.Header.Get("Client-Request-Id"))
	}
	list := c.Get("/v1/audit-logs?resource_type=note").Want(http.StatusOK).Object()["items"].([]any)
	row := list[0].(map[string]any)
	if row["request_id"] != r.Header.Get("Request-Id") || row["client_request_id"] != given {
		t.Errorf("the trail has %v and %v", row["request_id"], row["client_request_id"])
	}
	// A problem also has the service's id.
	if p := c.Get("/v1/personal/notes/"+uuid.NewString(), "Request-Id", given).WantProblem(http.StatusNotFound, "not_found"); p.RequestID == given {
		t.Error("a problem has the client's id")
	}
	c.Post("/v1/personal/notes", map[string]any{"title": "y"}).Want(http.StatusCreated)
	row = c.Get("/v1/audit-logs?resource_type=note").Want(http.StatusOK).Object()["items"].([]any)[0].(map[string]any)
	if row["client_request_id"] != nil || row["request_id"] == nil {
		t.Errorf("without an id from the client, the trail has %v and %v", row["request_id"], row["client_request_id"])
	}
}

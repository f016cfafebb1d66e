package api_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestIdempotency(t *testing.T) {
	t.Parallel()
	const key = "Idempotency-Key"
	b := setup(t)
	first := b.Post("/v1/things", `{"name":"x","count":1}`, key, "k").Want(http.StatusCreated)
	if first.Header.Get("Idempotent-Replayed") != "" {
		t.Error("the first response is marked as a replay")
	}
	// A request stays the same with another order of fields, other white space or an approval.
	again := b.Post("/v1/things", ` {"count":1, "name":"x"}`, key, "k", "Checkpoint", uuid.NewString()).Want(http.StatusCreated)
	if !bytes.Equal(first.Body, again.Body) || again.Header.Get("Idempotent-Replayed") != "true" ||
		again.ETag() != first.ETag() || again.Header.Get("Location") != first.Header.Get("Location") ||
		again.Header.Get("Content-Type") != "application/json" {
		t.Errorf("the replay is %v %s", again.Header, again.Body)
	}
	if again.Header.Get("Request-Id") == first.Header.Get("Request-Id") {
		t.Error("the replay has the request id of the first response")
	}
	if len(b.store.things) != 1 {
		t.Errorf("%d things were created", len(b.store.things))
	}
	p := b.Post("/v1/things", `{"name":"y","count":1}`, key, "k").WantProblem(http.StatusUnprocessableEntity, "idempotency_key_reused")
	if got := wrong(p); got != "Idempotency-Key idempotency_key_reused" {
		t.Errorf("wrong is %q", got)
	}
	// Keys are separate for each actor, identity and operation.
	if r := b.As("helper").Post("/v1/things", `{"name":"x","count":1}`, key, "k").Want(http.StatusCreated); r.Header.Get("Idempotent-Replayed") != "" {
		t.Error("an agent got the response to its human's request")
	}
	b.As("bob").Post("/v1/things", `{"name":"z"}`, key, "k").Want(http.StatusCreated)
	act := "/v1/things/" + uuid.NewString() + "/act"
	b.Post(act, nil, key, "k").Want(http.StatusNoContent)
	if r := b.Post(act, nil, key, "k").Want(http.StatusNoContent); r.Header.Get("Idempotent-Replayed") != "true" {
		t.Error("the 204 was not replayed")
	}
	b.Post("/v1/things/"+uuid.NewString()+"/act", nil, key, "k").WantProblem(http.StatusUnprocessableEntity, "idempotency_key_reused")
}

func TestIdempotencyKeepsSuccessOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Post("/v1/things", `{"name":""}`, "Idempotency-Key", "k").WantProblem(http.StatusUnprocessableEntity, "validation_failed")
	b.store.failures = []error{pgError("CH423")}
	b.Post("/v1/things", `{"name":"x"}`, "Idempotency-Key", "k").WantProblem(http.StatusLocked, "checkpoint_required")
	b.store.failures = []error{pgError("40001"), pgError("40001")}
	b.Post("/v1/things", `{"name":"x"}`, "Idempotency-Key", "k").WantProblem(http.StatusConflict, "write_conflict")
	if r := b.Post("/v1/things", `{"name":"x"}`, "Idempotency-Key", "k").Want(http.StatusCreated); r.Header.Get("Idempotent-Replayed") != "" {
		t.Error("an error was stored")
	}
}

func TestIdempotencyInProgress(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store.locked["k"] = true
	r := b.Post("/v1/things", `{"name":"x"}`, "Idempotency-Key", "k")
	r.WantProblem(http.StatusConflict, "request_in_progress")
	if r.Header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", r.Header.Get("Retry-After"))
	}
	if b.called > 0 {
		t.Error("the operation ran")
	}
}

func TestHeadersOfWrites(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, test := range []struct {
		name    string
		header  http.Header
		status  int
		problem string
		wrong   string
	}{
		{"longest key", http.Header{"Idempotency-Key": {strings.Repeat("k", 255)}}, 201, "", ""},
		{"too long", http.Header{"Idempotency-Key": {strings.Repeat("k", 256)}}, 422, "validation_failed", "Idempotency-Key too_long"},
		{"empty", http.Header{"Idempotency-Key": {""}}, 422, "validation_failed", "Idempotency-Key too_short"},
		{"not ASCII", http.Header{"Idempotency-Key": {"k\u00e9"}}, 422, "validation_failed", "Idempotency-Key invalid_character"},
		{"two keys", http.Header{"Idempotency-Key": {"a", "b"}}, 400, "invalid_request", "Idempotency-Key repeated_parameter"},
		{"no UUID", http.Header{"Checkpoint": {"x"}}, 422, "validation_failed", "Checkpoint invalid_format"},
		{"empty checkpoint", http.Header{"Checkpoint": {""}}, 422, "validation_failed", "Checkpoint invalid_format"},
		{"UUID without hyphens", http.Header{"Checkpoint": {"019a000000007000800000000000000a"}}, 422, "validation_failed", "Checkpoint invalid_format"},
		{"UUID in braces", http.Header{"Checkpoint": {"{019a0000-0000-7000-8000-00000000000a}"}}, 422, "validation_failed", "Checkpoint invalid_format"},
		{"two checkpoints", http.Header{"Checkpoint": {uuid.NewString(), uuid.NewString()}}, 400, "invalid_request", "Checkpoint repeated_parameter"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/things", strings.NewReader(`{"name":"x"}`))
			if err != nil {
				t.Fatal(err)
			}
			r.Header = test.header
			r.Header.Set("Authorization", "Bearer alice")
			r.Header.Set("Content-Type", "application/json")
			response := b.For(t).Serve(r).Want(test.status)
			if test.status != 201 {
				if got := wrong(response.WantProblem(test.status, test.problem)); got != test.wrong {
					t.Errorf("wrong is %q, want %q", got, test.wrong)
				}
			}
		})
	}
}

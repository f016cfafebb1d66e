package api_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/api/apitest"
	"github.com/chenu/chenu/server/refusal"
	"github.com/chenu/chenu/server/session"
)

// service is an API with its own database.
type service struct {
	*apitest.Client
	admin *pgxpool.Pool
	// before, if not nil, runs in every create-note before the note is created.
	before func(title string) error
}

type (
	noteInput struct {
		Body ent.CreateNote
	}
	noteOutput struct {
		Location string `header:"Location"`
		Body     noteBody
	}
	noteBody struct {
		ID uuid.UUID `json:"id"`
	}
	invoiceInput struct {
		Body ent.CreateInvoice
	}
	idInput struct {
		ID uuid.UUID `path:"id"`
	}
)

func onPostgres(t *testing.T) *service {
	t.Helper()
	db := dbtest.New(t)
	s := &service{admin: db.Pool(t, db.AdminURL)}
	for name, id := range map[string]uuid.UUID{"alice": alice, "bob": bob} {
		_, err := s.admin.Exec(t.Context(), `INSERT INTO identities (id, email, name) VALUES ($1, $2, $3)`, id, name+"@example.org", name)
		if err != nil {
			t.Fatal(err)
		}
	}
	db.Hire(t, alice, helper)
	sessions, err := session.Open(t.Context(), session.Config{HumanURL: db.ServiceURL, AgentURL: db.AgentURL, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sessions.Close)
	a, err := api.New(api.Config{Transactor: refusal.New(sessions, slog.New(slog.DiscardHandler)), Authenticate: authenticate, PageKey: make([]byte, 32), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s.mount(a)
	handler, err := a.Handler()
	if err != nil {
		t.Fatal(err)
	}
	s.Client = apitest.New(t, handler, a.Document()).As("alice")
	return s
}

func (s *service) mount(a *api.API) {
	post := func(id, path string) api.Op {
		return api.Op{ID: id, Method: http.MethodPost, Path: path, Tag: "test", Summary: "Do " + id, Status: http.StatusCreated}
	}
	api.Handle(a, post("create-note", "/v1/notes"), func(ctx context.Context, tx *ent.Tx, in *noteInput) (*noteOutput, error) {
		if s.before != nil {
			if err := s.before(in.Body.Title); err != nil {
				return nil, err
			}
		}
		note, err := tx.NoteStore().Create(ctx, &in.Body)
		if err != nil {
			return nil, err
		}
		return &noteOutput{Location: "/v1/notes/" + note.ID.String(), Body: noteBody{note.ID}}, nil
	})
	api.Handle(a, post("create-note-and-fail", "/v1/failing-notes"), func(ctx context.Context, tx *ent.Tx, in *noteInput) (*noteOutput, error) {
		if _, err := tx.NoteStore().Create(ctx, &in.Body); err != nil {
			return nil, err
		}
		return nil, errors.New("after the effect")
	})
	api.Handle(a, post("create-invoice", "/v1/invoices"), func(ctx context.Context, tx *ent.Tx, in *invoiceInput) (*noteOutput, error) {
		invoice, err := tx.InvoiceStore().Create(ctx, &in.Body)
		if err != nil {
			return nil, err
		}
		return &noteOutput{Body: noteBody{invoice.ID}}, nil
	})
	api.Handle(a, api.Op{ID: "write-in-a-get", Method: http.MethodGet, Path: "/v1/writing", Tag: "test", Summary: "Write"},
		func(ctx context.Context, tx *ent.Tx, _ *struct{}) (*struct{}, error) {
			_, err := tx.NoteStore().Create(ctx, &ent.CreateNote{Title: "x"})
			return nil, err
		})
	contact := api.Op{ID: "delete-contact", Method: http.MethodDelete, Path: "/v1/contacts/{id}", Tag: "test", Summary: "Delete"}
	api.Handle(a, contact, func(ctx context.Context, tx *ent.Tx, in *idInput) (*struct{}, error) {
		return nil, tx.ContactStore().Delete(ctx, in.ID)
	})
}

func (s *service) notes(t *testing.T) (n int) {
	t.Helper()
	if err := s.admin.QueryRow(t.Context(), `SELECT count(*) FROM personal_notes`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestIdempotencyOnPostgres(t *testing.T) {
	t.Parallel()
	const key = "Idempotency-Key"
	s := onPostgres(t)
	first := s.Post("/v1/notes", `{"title":"a"}`, key, "k").Want(http.StatusCreated)
	again := s.Post("/v1/notes", `{"title":"a"}`, key, "k").Want(http.StatusCreated)
	if string(first.Body) != string(again.Body) || again.Header.Get("Idempotent-Replayed") != "true" || again.Header.Get("Location") != first.Header.Get("Location") {
		t.Errorf("first %s, again %v %s", first.Body, again.Header, again.Body)
	}
	s.Post("/v1/notes", `{"title":"b"}`, key, "k").WantProblem(http.StatusUnprocessableEntity, "idempotency_key_reused")
	s.As("bob").Post("/v1/notes", `{"title":"c"}`, key, "k").Want(http.StatusCreated)
	s.As("helper").Post("/v1/notes", `{"title":"a"}`, key, "of the agent").Want(http.StatusCreated)
	if n := s.notes(t); n != 3 {
		t.Errorf("%d notes, want 3", n)
	}
	// A failed request has no effect and stores nothing, so its key can be used again.
	s.Post("/v1/failing-notes", `{"title":"d"}`, key, "l").WantProblem(http.StatusInternalServerError, "internal_error")
	s.Post("/v1/failing-notes", `{"title":"other"}`, key, "l").WantProblem(http.StatusInternalServerError, "internal_error")
	var kept int
	if err := s.admin.QueryRow(t.Context(), `SELECT count(*) FROM app.idempotency_keys WHERE key = 'l'`).Scan(&kept); err != nil {
		t.Fatal(err)
	}
	if n := s.notes(t); n != 3 || kept != 0 {
		t.Errorf("%d notes and %d keys after failures, want 3 and 0", n, kept)
	}
	// After a key has expired, each actor can use it again.
	if _, err := s.admin.Exec(t.Context(), `UPDATE app.idempotency_keys SET expires_at = now() - interval '1 second'`); err != nil {
		t.Fatal(err)
	}
	if r := s.Post("/v1/notes", `{"title":"e"}`, key, "k").Want(http.StatusCreated); r.Header.Get("Idempotent-Replayed") != "" {
		t.Error("an expired outcome was replayed")
	}
	if n := s.notes(t); n != 4 {
		t.Errorf("%d notes, want 4", n)
	}
}

// An agent cannot use up a key of its human, nor a human a key of the agent, and neither sees the responses of the
// other.
func TestActorsHaveKeysOfTheirOwn(t *testing.T) {
	t.Parallel()
	const key = "Idempotency-Key"
	s := onPostgres(t)
	human, agent := s.As("alice"), s.As("helper")
	for name, pair := range map[string][2]*apitest.Client{"an agent first": {agent, human}, "a human first": {human, agent}} {
		first := pair[0].Post("/v1/notes", `{"title":"`+name+`"}`, key, name).Want(http.StatusCreated)
		second := pair[1].Post("/v1/notes", `{"title":"`+name+`"}`, key, name).Want(http.StatusCreated)
		if second.Header.Get("Idempotent-Replayed") != "" || first.Header.Get("Location") == second.Header.Get("Location") {
			t.Errorf("%s: the second actor got the response of the first one", name)
		}
		for i, want := range []*apitest.Response{first, second} {
			again := pair[i].Post("/v1/notes", `{"title":"`+name+`"}`, key, name).Want(http.StatusCreated)
			if again.Header.Get("Idempotent-Replayed") != "true" || string(again.Body) != string(want.Body) {
				t.Errorf("%s: actor %d repeated its request and got %s, want %s", name, i, again.Body, want.Body)
			}
		}
	}
	// With SQL, an agent can neither choose the actor of a key nor act as its human through a setting.
	const insert = `INSERT INTO app.idempotency_keys (id, created_by, route, key, request_digest, status, headers) VALUES ($1, $2, 'create-note', 'in SQL', '\x00', 201, '{}')`
	for name, test := range map[string]struct {
		actor     uuid.UUID
		statement string
		keeps     bool
	}{
		"itself":                 {helper, insert, true},
		"its human":              {alice, insert, false},
		"with a chosen kind":     {helper, strings.NewReplacer("(id,", "(actor_kind, id,", "($1,", "('human', $1,").Replace(insert), false},
		"with a chosen actor id": {helper, strings.NewReplacer("(id,", "(actor_id, id,", "($1,", "('"+alice.String()+"', $1,").Replace(insert), false},
	} {
		tx, err := s.admin.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = tx.Exec(t.Context(), `SELECT set_config('role', 'chenu_agent', true), set_config('app.identity_id', $1, true), set_config('app.actor_id', $2, true)`, alice.String(), test.actor.String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), test.statement, uuid.Must(uuid.NewV7()), alice); (err == nil) != test.keeps {
			t.Errorf("an agent stores an outcome as %s: %v", name, err)
		}
		_ = tx.Rollback(t.Context())
	}
}

// An outcome that was stored before keys were scoped by actor is still replayed for its own request, and for no
// other.
func TestKeysWithoutActorStillAnswer(t *testing.T) {
	t.Parallel()
	const key = "Idempotency-Key"
	s := onPostgres(t)
	first := s.As("helper").Post("/v1/notes", `{"title":"a"}`, key, "k").Want(http.StatusCreated)
	if _, err := s.admin.Exec(t.Context(), `UPDATE app.idempotency_keys SET actor_id = NULL, actor_kind = 'system'`); err != nil {
		t.Fatal(err)
	}
	if again := s.As("helper").Post("/v1/notes", `{"title":"a"}`, key, "k").Want(http.StatusCreated); string(again.Body) != string(first.Body) {
		t.Errorf("the repeated request got %s, want %s", again.Body, first.Body)
	}
	if other := s.As("alice").Post("/v1/notes", `{"title":"a"}`, key, "k").Want(http.StatusCreated); string(other.Body) == string(first.Body) {
		t.Error("a human got the response to the agent's request")
	}
}

func TestIdempotencyOfRunningRequests(t *testing.T) {
	t.Parallel()
	s := onPostgres(t)
	started, finish := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s.before = func(title string) error {
		if title == "slow" {
			once.Do(func() { close(started) })
			<-finish
		}
		return nil
	}
	done := make(chan *apitest.Response)
	go func() { done <- s.Post("/v1/notes", `{"title":"slow"}`, "Idempotency-Key", "k") }()
	<-started
	r := s.Post("/v1/notes", `{"title":"slow"}`, "Idempotency-Key", "k")
	r.WantProblem(http.StatusConflict, "request_in_progress")
	s.Post("/v1/notes", `{"title":"other"}`, "Idempotency-Key", "other").Want(http.StatusCreated)
	s.As("bob").Post("/v1/notes", `{"title":"bob's"}`, "Idempotency-Key", "k").Want(http.StatusCreated)
	close(finish)
	(<-done).Want(http.StatusCreated)
	if r := s.Post("/v1/notes", `{"title":"slow"}`, "Idempotency-Key", "k").Want(http.StatusCreated); r.Header.Get("Idempotent-Replayed") != "true" {
		t.Error("not replayed")
	}
	if n := s.notes(t); n != 3 {
		t.Errorf("%d notes, want 3", n)
	}
}

func TestManyWithOneKey(t *testing.T) {
	t.Parallel()
	s := onPostgres(t)
	var group sync.WaitGroup
	statuses := make([]int, 20)
	for i := range statuses {
		group.Go(func() {
			statuses[i] = s.Post("/v1/notes", `{"title":"x"}`, "Idempotency-Key", "k").Status
		})
	}
	group.Wait()
	for _, status := range statuses {
		if status != http.StatusCreated && status != http.StatusConflict {
			t.Errorf("status %d", status)
		}
	}
	s.Post("/v1/notes", `{"title":"x"}`, "Idempotency-Key", "k").Want(http.StatusCreated)
	if n := s.notes(t); n != 1 {
		t.Errorf("%d notes, want 1", n)
	}
}

// TestRefusalsOfPostgres checks how clients see errors that only the database can detect.
func TestRefusalsOfPostgres(t *testing.T) {
	t.Parallel()
	s := onPostgres(t)
	invoice := func(number, more string) string {
		return fmt.Sprintf(`{"number":%q,"currency":"EUR","line_items":[{"description":"x","quantity":"1","unit_price":"1.00","tax_rate":"0"}]%s}`, number, more)
	}
	s.Post("/v1/invoices", invoice("1", "")).Want(http.StatusCreated)
	if got := wrong(s.Post("/v1/invoices", invoice("1", "")).WantProblem(http.StatusConflict, "already_exists")); got != "/number already_exists" {
		t.Errorf("wrong is %q", got)
	}
	s.As("bob").Post("/v1/invoices", invoice("1", "")).Want(http.StatusCreated) // Numbers are unique per owner.
	var contact, foreign uuid.UUID
	for owner, into := range map[uuid.UUID]*uuid.UUID{alice: &contact, bob: &foreign} {
		*into = uuid.Must(uuid.NewV7())
		if _, err := s.admin.Exec(t.Context(), `INSERT INTO business_contacts (id, created_by, name) VALUES ($1, $2, 'x')`, *into, owner); err != nil {
			t.Fatal(err)
		}
	}
	for name, id := range map[string]uuid.UUID{"never": uuid.Must(uuid.NewV7()), "another identity's": foreign} {
		p := s.Post("/v1/invoices", invoice(name, fmt.Sprintf(`,"contact_id":%q`, id))).WantProblem(http.StatusUnprocessableEntity, "reference_not_found")
		if got := wrong(p); got != "/contact_id reference_not_found" {
			t.Errorf("%s: wrong is %q", name, got)
		}
	}
	p := s.Post("/v1/invoices", invoice("2", `,"issued_on":"2026-02-01","due_on":"2026-01-01"`)).WantProblem(http.StatusUnprocessableEntity, "validation_failed")
	if len(p.Errors) > 1 {
		t.Errorf("errors %+v", p.Errors)
	}
	s.Post("/v1/invoices", invoice("3", fmt.Sprintf(`,"contact_id":%q`, contact))).Want(http.StatusCreated)
	p = s.Do(http.MethodDelete, "/v1/contacts/"+contact.String(), nil).WantProblem(http.StatusConflict, "in_use")
	if fmt.Sprint(p.Kinds) != "[invoice]" {
		t.Errorf("kinds %v", p.Kinds)
	}
	s.Do(http.MethodDelete, "/v1/contacts/"+foreign.String(), nil).WantProblem(http.StatusNotFound, "not_found")
	s.Get("/v1/writing").WantProblem(http.StatusInternalServerError, "internal_error")
	if n := s.notes(t); n != 0 {
		t.Errorf("a GET wrote %d notes", n)
	}
}

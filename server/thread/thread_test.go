package thread_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/postgres/pgtest"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/api/apitest"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/refusal"
	"github.com/chenu/chenu/server/session"
	"github.com/chenu/chenu/server/thread"
)

// bundle is the API of threads on its own database, with two identities.
type bundle struct {
	db         *dbtest.DB
	admin      *pgxpool.Pool
	session    *session.DB
	handler    http.Handler
	document   []byte
	ada, grace uuid.UUID
	agent      uuid.UUID // acts for Ada
}

func newBundle(t testing.TB) *bundle {
	t.Helper()
	b := &bundle{db: dbtest.New(t), ada: dbtest.NewID(), grace: dbtest.NewID(), agent: dbtest.NewID()}
	b.admin = b.db.Pool(t, b.db.AdminURL)
	for _, id := range []uuid.UUID{b.ada, b.grace} {
		b.exec(t, "INSERT INTO identities (id, email, name) VALUES ($1, $2, 'Test')", id, id.String()+"@example.org")
	}
	b.db.Hire(t, b.ada, b.agent)
	b.session = openSession(t, b.db.ServiceURL)
	b.handler, b.document = serve(t, b.session)
	return b
}

func openSession(t testing.TB, url string) *session.DB {
	t.Helper()
	db, err := session.Open(t.Context(), session.Config{HumanURL: url, SharedLogin: true, MaxConns: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// serve returns the handler and the document. A token is "human IDENTITY" or "agent IDENTITY AGENT".
func serve(t testing.TB, db *session.DB) (http.Handler, []byte) {
	t.Helper()
	a, err := api.New(api.Config{
		Transactor: refusal.New(db, slog.New(slog.DiscardHandler)), PageKey: make([]byte, 32), Log: slog.New(slog.DiscardHandler),
		Authenticate: func(r *http.Request) (auth.Identity, error) {
			words := strings.Fields(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
			switch {
			case len(words) == 2:
				id := uuid.MustParse(words[1])
				return auth.Identity{ID: id, ActorID: id, Kind: auth.Human}, nil
			case len(words) == 3:
				return auth.Identity{ID: uuid.MustParse(words[1]), ActorID: uuid.MustParse(words[2]), Kind: auth.Agent}, nil
			}
			return auth.Identity{}, auth.ErrNoCredentials
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	thread.Mount(a)
	h, err := a.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return h, a.Document()
}

func (b *bundle) human(t testing.TB, id uuid.UUID) *apitest.Client {
	t.Helper()
	return apitest.New(t, b.handler, b.document).As("human " + id.String())
}

func (b *bundle) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	if _, err := b.admin.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// begin creates a thread of the client and returns its path.
func begin(c *apitest.Client, fields ...any) string {
	body := object("founding_intent", "Write the annual report", "sphere", "business")
	for i := 0; i < len(fields); i += 2 {
		body[fmt.Sprint(fields[i])] = fields[i+1]
	}
	return c.Post("/v1/threads", body).Want(http.StatusCreated).Header.Get("Location")
}

func object(pairs ...any) map[string]any {
	o := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		o[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return o
}

// event returns an event to append; more are alternating names and values of other members.
func event(name string, payload map[string]any, more ...any) map[string]any {
	e := object(more...)
	e["type"], e["payload"] = name, payload
	return e
}

func note(text string, more ...any) map[string]any {
	return event("note.added", object("text", text), more...)
}

func events(all ...map[string]any) map[string]any { return object("events", all) }

// pointers returns the pointers and parameters of the field errors of a problem.
func pointers(t testing.TB, r *apitest.Response, status int, code string) []string {
	t.Helper()
	var at []string
	for _, e := range r.WantProblem(status, code).Errors {
		if e.Pointer != nil {
			at = append(at, *e.Pointer)
		} else {
			at = append(at, e.Parameter)
		}
	}
	return at
}

func TestCreate(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	c := b.human(t, b.ada)
	parent := begin(c)
	r := c.Post("/v1/threads", object("founding_intent", "Print it", "sphere", "business", "type", "collective",
		"title", "Printing", "tags", []string{"print", "2026"}, "parent_thread_id", parent[len("/v1/threads/"):])).Want(http.StatusCreated)
	if r.ETag() != `"v1"` {
		t.Errorf("ETag %s", r.ETag())
	}
	got := r.Object()
	for name, want := range map[string]any{
		"founding_intent": "Print it", "sphere": "business", "type": "collective", "status": "active", "visibility": "private",
		"title": "Printing", "last_sequence": 1.0, "event_count": 1.0, "version": 1.0, "created_by": b.ada.String(), "updated_by_kind": "human",
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	path := r.Header.Get("Location")
	if again := c.Get(path).Want(http.StatusOK); fmt.Sprint(again.Object()) != fmt.Sprint(got) || again.ETag() != `"v1"` {
		t.Errorf("GET returned %s %s, POST returned %s", again.ETag(), again.Body, r.Body)
	}
	list := c.Get(path + "/events").Want(http.StatusOK).Object()
	first := list["items"].([]any)[0].(map[string]any)
	payload := first["payload"].(map[string]any)
	if first["type"] != "thread.created" || first["sequence"] != 1.0 || first["schema_version"] != 1.0 || first["actor_id"] != b.ada.String() ||
		first["created_at"] != got["last_event_at"] || payload["founding_intent"] != "Print it" || payload["visibility"] != "private" {
		t.Errorf("the first event is %v", first)
	}
	// An agent of Ada creates a thread, which belongs to Ada.
	agent := apitest.New(t, b.handler, b.document).As(fmt.Sprintf("agent %s %s", b.ada, b.agent))
	made := agent.Get(begin(agent)).Want(http.StatusOK).Object()
	if made["created_by"] != b.ada.String() || made["updated_by"] != b.agent.String() || made["updated_by_kind"] != "agent" {
		t.Errorf("an agent's thread is %v", made)
	}
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	c := b.human(t, b.ada)
	path := begin(c)
	foreign := begin(b.human(t, b.grace))
	const invalid, unprocessable = "validation_failed", http.StatusUnprocessableEntity
	many := make([]map[string]any, 101)
	for i := range many {
		many[i] = note("x")
	}
	same := dbtest.NewID()
	for name, test := range map[string]struct {
		method, path string
		body         any
		status       int
		code         string
		at           []string
	}{
		"no founding intent":        {"POST", "/v1/threads", object("sphere", "business"), unprocessable, invalid, []string{"/founding_intent"}},
		"an empty intent":           {"POST", "/v1/threads", object("sphere", "business", "founding_intent", ""), unprocessable, invalid, []string{"/founding_intent"}},
		"an intent too long":        {"POST", "/v1/threads", object("sphere", "business", "founding_intent", strings.Repeat("x", 2001)), unprocessable, invalid, []string{"/founding_intent"}},
		"no sphere":                 {"POST", "/v1/threads", object("founding_intent", "x"), unprocessable, invalid, []string{"/sphere"}},
		"a status":                  {"POST", "/v1/threads", object("founding_intent", "x", "sphere", "business", "status", "archived"), unprocessable, invalid, []string{"/status"}},
		"another identity's parent": {"POST", "/v1/threads", object("founding_intent", "x", "sphere", "business", "parent_thread_id", foreign[len("/v1/threads/"):]), unprocessable, "reference_not_found", []string{"/parent_thread_id"}},
		"no events":                 {"POST", path + "/events", events(), unprocessable, invalid, []string{"/events"}},
		"101 events":                {"POST", path + "/events", events(many...), unprocessable, invalid, []string{"/events"}},
		"an unknown type":           {"POST", path + "/events", events(event("thread.exploded", object())), unprocessable, invalid, []string{"/events/0/type"}},
		"a type of the service":     {"POST", path + "/events", events(note("x"), event("checkpoint.approved", object("checkpoint_id", dbtest.NewID()))), unprocessable, invalid, []string{"/events/1/type"}},
		"a second thread.created":   {"POST", path + "/events", events(event("thread.created", object())), unprocessable, invalid, []string{"/events/0/type"}},
		"no payload":                {"POST", path + "/events", events(object("type", "note.added")), unprocessable, invalid, []string{"/events/0/payload"}},
		"a payload not an object":   {"POST", path + "/events", events(object("type", "note.added", "payload", "x")), unprocessable, invalid, []string{"/events/0/payload"}},
		"a note without text":       {"POST", path + "/events", events(note("x"), event("note.added", object())), unprocessable, invalid, []string{"/events/1/payload/text"}},
		"a note with other fields":  {"POST", path + "/events", events(event("note.added", object("text", "x", "rank", 1))), unprocessable, invalid, []string{"/events/0/payload/rank"}},
		"another type's payload":    {"POST", path + "/events", events(event("decision.recorded", object("text", "x"))), unprocessable, invalid, []string{"/events/0/payload/decision", "/events/0/payload/text"}},
		"an unknown outcome":        {"POST", path + "/events", events(event("action.executed", object("action", "x", "outcome", "maybe"))), unprocessable, invalid, []string{"/events/0/payload/outcome"}},
		"a link that is not a URI":  {"POST", path + "/events", events(event("link.added", object("uri", "nowhere"))), unprocessable, invalid, []string{"/events/0/payload/uri"}},
		"an update of nothing":      {"POST", path + "/events", events(event("thread.updated", object())), unprocessable, invalid, []string{"/events/0/payload"}},
		"an update of the intent":   {"POST", path + "/events", events(event("thread.updated", object("founding_intent", "y"))), unprocessable, invalid, []string{"/events/0/payload/founding_intent"}},
		"an update to a null type":  {"POST", path + "/events", events(event("thread.updated", object("type", nil))), unprocessable, invalid, []string{"/events/0/payload/type"}},
		"itself as parent":          {"POST", path + "/events", events(note("x"), event("thread.updated", object("parent_thread_id", path[len("/v1/threads/"):]))), unprocessable, invalid, []string{"/events/1/payload/parent_thread_id"}},
		"a foreign parent":          {"POST", path + "/events", events(note("x"), event("thread.updated", object("parent_thread_id", foreign[len("/v1/threads/"):]))), unprocessable, "reference_not_found", []string{"/events/1/payload/parent_thread_id"}},
		"an id twice":               {"POST", path + "/events", events(note("x", "id", same), note("x", "id", same)), unprocessable, invalid, []string{"/events/1/id"}},
		"an id not a UUIDv7":        {"POST", path + "/events", events(note("x"), note("x", "id", uuid.New())), unprocessable, invalid, []string{"/events/1/id"}},
		"a payload too large":       {"POST", path + "/events", events(event("action.proposed", object("action", "x", "details", object("x", strings.Repeat("x", 256<<10))))), unprocessable, invalid, []string{"/events/0/payload"}},
		"a body too large":          {"POST", path + "/events", events(event("action.proposed", object("action", "x", "details", object("x", strings.Repeat("x", 1<<20))))), http.StatusRequestEntityTooLarge, "body_too_large", nil},
		"a thread that is missing":  {"POST", "/v1/threads/" + dbtest.NewID().String() + "/events", events(note("x")), http.StatusNotFound, "not_found", nil},
		"a patch of the status":     {"PATCH", path, object("status", "archived"), unprocessable, invalid, []string{"/status"}},
		"a patch of the intent":     {"PATCH", path, object("founding_intent", "y"), unprocessable, invalid, []string{"/founding_intent"}},
		"a patch to an ancestor":    {"PATCH", path, object("parent_thread_id", path[len("/v1/threads/"):]), unprocessable, invalid, []string{"/parent_thread_id"}},
		"a missing parent":          {"PATCH", path, object("parent_thread_id", dbtest.NewID()), unprocessable, "reference_not_found", []string{"/parent_thread_id"}},
		"as of the future":          {"GET", path + "?as_of=2", nil, unprocessable, invalid, []string{"as_of"}},
		"as of zero":                {"GET", path + "?as_of=0", nil, unprocessable, invalid, []string{"as_of"}},
		"including everything":      {"GET", path + "?include=everything", nil, unprocessable, invalid, []string{"include"}},
		"another sort":              {"GET", "/v1/threads?sort=title", nil, http.StatusBadRequest, "invalid_request", []string{"sort"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := c.For(t)
			header := []string{"If-Match", "*"}
			if test.method != http.MethodPatch {
				header = nil
			}
			at := pointers(t, c.Do(test.method, test.path, test.body, header...), test.status, test.code)
			if !slices.Equal(at, test.at) {
				t.Errorf("pointers %q, want %q", at, test.at)
			}
			if got := c.Get(path).Object(); got["last_sequence"] != 1.0 || got["version"] != 1.0 {
				t.Errorf("something was appended: %v", got)
			}
		})
	}
}

// An event can refer only to events that exist. Postgres rejects other references.
func TestEventsReferToEventsThatExist(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	c, grace := b.human(t, b.ada), b.human(t, b.grace)
	here, elsewhere, foreign := begin(c), begin(c), begin(grace)
	decision, revision, proposal, remark, away, hers := dbtest.NewID(), dbtest.NewID(), dbtest.NewID(), dbtest.NewID(), dbtest.NewID(), dbtest.NewID()
	decide := func(more ...any) map[string]any {
		return event("decision.recorded", object("decision", "Print it"), more...)
	}
	revise := func(of uuid.UUID, more ...any) map[string]any {
		return event("decision.revised", object("decision_event_id", of, "decision", "Do not print it"), more...)
	}
	execute := func(of any, more ...any) map[string]any {
		payload := object("action", "Print", "outcome", "success")
		if of != nil {
			payload["proposal_event_id"] = of
		}
		return event("action.executed", payload, more...)
	}
	c.Post(here+"/events", events(decide("id", decision), event("action.proposed", object("action", "Print"), "id", proposal), note("x", "id", remark))).Want(http.StatusCreated)
	c.Post(elsewhere+"/events", events(decide("id", away))).Want(http.StatusCreated)
	grace.Post(foreign+"/events", events(decide("id", hers))).Want(http.StatusCreated)

	const payloadOf, proposalOf, causeOf = "/events/0/payload/decision_event_id", "/events/0/payload/proposal_event_id", "/events/0/causation_id"
	later, self := dbtest.NewID(), dbtest.NewID()
	for _, test := range []struct {
		name, pointer string
		events        map[string]any
	}{
		{"a missing decision", payloadOf, events(revise(dbtest.NewID()))},
		{"a decision of another thread", payloadOf, events(revise(away))},
		{"a decision of another identity", payloadOf, events(revise(hers))},
		{"a note instead of a decision", payloadOf, events(revise(remark))},
		{"a later decision", payloadOf, events(revise(later), decide("id", later))},
		{"a revision of itself", payloadOf, events(revise(self, "id", self))},
		{"a missing proposal", proposalOf, events(execute(dbtest.NewID()))},
		{"a decision instead of a proposal", proposalOf, events(execute(decision))},
		{"a missing cause", causeOf, events(note("x", "causation_id", dbtest.NewID()))},
		{"a cause of another identity", causeOf, events(note("x", "causation_id", hers))},
		{"its own cause", causeOf, events(note("x", "id", self, "causation_id", self))},
		{"the second of two", "/events/1/causation_id", events(note("x"), note("y", "causation_id", dbtest.NewID()))},
	} {
		if at := pointers(t, c.Post(here+"/events", test.events), http.StatusUnprocessableEntity, "reference_not_found"); fmt.Sprint(at) != "["+test.pointer+"]" {
			t.Errorf("%s: wrong is %v, want %s", test.name, at, test.pointer)
		}
	}
	if got := c.Get(here).Object(); got["last_sequence"] != 4.0 {
		t.Errorf("something was appended: the last sequence is %v", got["last_sequence"])
	}
	fresh := dbtest.NewID()
	c.Post(here+"/events", events(revise(decision, "id", revision), revise(revision), execute(proposal), execute(nil), note("x", "causation_id", away),
		decide("id", fresh), revise(fresh), note("y", "causation_id", fresh))).Want(http.StatusCreated)

	// With raw SQL, as the serving role.
	service := pgtest.Connect(t, b.db.ServiceURL)
	statement := fmt.Sprintf(`SELECT app.append_events('%s', NULL, '[{"type": "note.added", "schema_version": 1, "payload": {}, "causation_id": "%s"}]')`,
		here[len("/v1/threads/"):], dbtest.NewID())
	if got := b.as(t, service, "chenu_human", b.ada, statement); got != "CH422" {
		t.Errorf("a missing cause, in SQL: %s", got)
	}
}

// The ids of events are unique within their thread. Different threads of an identity can have events with the same
// id.
func TestEventIDsAreUniqueInTheirThread(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	c := b.human(t, b.ada)
	one, two, id := begin(c), begin(c), dbtest.NewID()
	first := c.Post(one+"/events", events(note("one", "id", id))).Want(http.StatusCreated)
	c.Post(two+"/events", events(note("two", "id", id))).Want(http.StatusCreated)
	c.Post(two+"/events", events(note("three", "id", id))).WantProblem(http.StatusConflict, "event_id_reused")
	for path, text := range map[string]string{one: "one", two: "two"} {
		c.Post(path+"/events", events(note(text, "id", id))).Want(http.StatusOK) // repeated
		list := c.Get(path + "/events?type=note.added").Want(http.StatusOK).Object()["items"].([]any)
		if len(list) != 1 || list[0].(map[string]any)["payload"].(map[string]any)["text"] != text {
			t.Errorf("%s has %v", path, list)
		}
	}
	if again := c.Post(one+"/events", events(note("one", "id", id))); string(again.Body) != string(first.Body) {
		t.Errorf("the repeated append returned %s, want %s", again.Body, first.Body)
	}
}

// TestAppend checks sequence numbers, expected sequence numbers, and which requests are repetitions.
func TestAppend(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	c := b.human(t, b.ada)
	path := begin(c)
	id, cause := dbtest.NewID(), dbtest.NewID()
	first := events(note("one", "id", id), note("two", "causation_id", id, "correlation_id", cause))
	first["events"].([]map[string]any)[1]["id"] = cause
	first["expected_sequence"] = 1
	r := c.Post(path+"/events", first).Want(http.StatusCreated)
	got := r.Object()
	if got["last_sequence"] != 3.0 || len(got["events"].([]any)) != 2 {
		t.Errorf("appended %v", got)
	}
	if p := c.Post(path+"/events", object("expected_sequence", 1, "events", []any{note("late")})).WantProblem(http.StatusPreconditionFailed, "stale_sequence"); p.Present == nil || *p.Present.LastSequence != 3 {
		t.Errorf("the 412 has %+v", p.Present)
	}
	c.Post(path+"/events", events(note("three"))).Want(http.StatusCreated)

	// A repeated request gets the same response, even if its expected sequence number is stale by now.
	if again := c.Post(path+"/events", first).Want(http.StatusOK); string(again.Body) != string(r.Body) {
		t.Errorf("the repeated append returned %s, want %s", again.Body, r.Body)
	}
	for name, body := range map[string]map[string]any{
		"other text":                  events(note("other", "id", id)),
		"other type":                  events(event("intent.refined", object("intent", "one"), "id", id)),
		"other cause":                 events(note("one", "id", id, "causation_id", dbtest.NewID())),
		"other order":                 events(note("two", "id", cause, "causation_id", id, "correlation_id", cause), note("one", "id", id)),
		"with other events":           events(note("one", "id", id), note("new", "id", dbtest.NewID())),
		"with an event without an id": events(note("one", "id", id), note("new")),
	} {
		t.Log(name)
		c.Post(path+"/events", body).WantProblem(http.StatusConflict, "event_id_reused")
	}
	// Other threads and other identities can use the same ids.
	c.Post(begin(c)+"/events", events(note("other", "id", id))).Want(http.StatusCreated)
	grace := b.human(t, b.grace)
	grace.Post(begin(grace)+"/events", events(note("one", "id", id))).Want(http.StatusCreated)
	if got := c.Get(path).Object(); got["last_sequence"] != 4.0 || got["event_count"] != 4.0 || got["version"] != 3.0 {
		t.Errorf("the thread is %v", got)
	}
	// An Idempotency-Key works as for every POST.
	key := []string{"Idempotency-Key", "k"}
	kept := c.Post(path+"/events", events(note("four")), key...).Want(http.StatusCreated)
	if again := c.Post(path+"/events", events(note("four")), key...).Want(http.StatusCreated); string(again.Body) != string(kept.Body) {
		t.Errorf("the replay is %s, want %s", again.Body, kept.Body)
	}
}

func TestTransitions(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	const paused, resumed, completed, archived = "thread.paused", "thread.resumed", "thread.completed", "thread.archived"
	for name, test := range map[string]struct {
		before  []string
		allowed map[string]string
	}{
		"active":    {nil, map[string]string{paused: "paused", completed: "completed", archived: "archived", "note.added": "active"}},
		"paused":    {[]string{paused}, map[string]string{resumed: "active", completed: "completed", archived: "archived", "note.added": "paused"}},
		"completed": {[]string{completed}, map[string]string{resumed: "active", archived: "archived", "note.added": "completed"}},
		"archived":  {[]string{archived}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := b.human(t, b.ada)
			for _, next := range []string{paused, resumed, completed, archived, "note.added"} {
				path := begin(c)
				for _, e := range test.before {
					c.Post(path+"/events", events(event(e, object()))).Want(http.StatusCreated)
				}
				payload := object()
				if next == "note.added" {
					payload = object("text", "x")
				}
				r := c.Post(path+"/events", events(event(next, payload)))
				status, ok := test.allowed[next]
				if ok {
					r.Want(http.StatusCreated)
				} else {
					status = name
					if p := r.WantProblem(http.StatusConflict, "forbidden_transition"); p.Present == nil || p.Present.Status != name {
						t.Errorf("%s: the problem has %+v", next, p.Present)
					}
				}
				if got := c.Get(path).Object()["status"]; got != status {
					t.Errorf("%s: the thread is %v, want %s", next, got, status)
				}
			}
		})
	}
	// Within an append, each event is checked against the status after the previous one. Either all events are
	// appended or none.
	c := b.human(t, b.ada)
	path := begin(c)
	c.Post(path+"/events", events(event(paused, object()), event(resumed, object()), event(completed, object()))).Want(http.StatusCreated)
	c.Post(path+"/events", events(event(resumed, object()), event(resumed, object()))).WantProblem(http.StatusConflict, "forbidden_transition")
	if got := c.Get(path).Object(); got["status"] != "completed" || got["last_sequence"] != 4.0 {
		t.Errorf("the thread is %v", got)
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	c := b.human(t, b.ada)
	path := begin(c, "title", "Draft")
	c.Do(http.MethodPatch, path, object("title", "x")).WantProblem(http.StatusPreconditionRequired, "if_match_required")
	r := c.Patch(path, `"v1"`, object("title", "Report", "tags", []string{"a"}, "type", "institutional")).Want(http.StatusOK)
	if got := r.Object(); got["title"] != "Report" || got["type"] != "institutional" || got["version"] != 2.0 || r.ETag() != `"v2"` {
		t.Errorf("the patched thread is %v", got)
	}
	c.Patch(path, `"v1"`, object("title", "x")).WantProblem(http.StatusPreconditionFailed, "stale_version")
	// A patch that changes nothing appends no event.
	if r := c.Patch(path, `"v2"`, object("title", "Report")).Want(http.StatusOK); r.ETag() != `"v2"` {
		t.Errorf("nothing changed, but the ETag is %s", r.ETag())
	}
	c.Patch(path, "*", object("title", nil)).Want(http.StatusOK)
	last := c.Get(path + "?include=events").Object()
	all := last["events"].([]any)
	e := all[len(all)-1].(map[string]any)
	if last["title"] != nil || e["type"] != "thread.updated" || len(all) != 3 || fmt.Sprint(e["payload"]) != "map[title:<nil>]" {
		t.Errorf("the last event is %v", e)
	}
	// A thread's descendant cannot be its parent.
	child := begin(c, "parent_thread_id", path[len("/v1/threads/"):])
	if at := pointers(t, c.Patch(path, "*", object("parent_thread_id", child[len("/v1/threads/"):])), http.StatusUnprocessableEntity, "validation_failed"); !slices.Equal(at, []string{"/parent_thread_id"}) {
		t.Errorf("pointers %v", at)
	}
	c.Post(path+"/events", events(event("thread.archived", object()))).Want(http.StatusCreated)
	c.Patch(path, "*", object("title", "x")).WantProblem(http.StatusConflict, "forbidden_transition")
}

func TestRead(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	c := b.human(t, b.ada)
	path := begin(c, "title", "One")
	c.Patch(path, `"v1"`, object("title", "Two", "tags", []string{"x"})).Want(http.StatusOK)
	c.Post(path+"/events", events(note("a"), event("thread.paused", object()), event("intent.refined", object("intent", "Write it well")), note("b"))).Want(http.StatusCreated)
	now := c.Get(path).Want(http.StatusOK).Object()
	type was struct{ title, status string }
	for sequence, want := range map[int]was{1: {"One", "active"}, 2: {"Two", "active"}, 3: {"Two", "active"}, 4: {"Two", "paused"}, 6: {"Two", "paused"}} {
		r := c.Get(fmt.Sprintf("%s?as_of=%d&include=events", path, sequence)).Want(http.StatusOK)
		got := r.Object()
		if got["title"] != want.title || got["status"] != want.status || got["last_sequence"] != float64(sequence) || got["event_count"] != float64(sequence) {
			t.Errorf("as of %d: %v", sequence, got)
		}
		all := got["events"].([]any)
		if e := all[len(all)-1].(map[string]any); e["sequence"] != float64(sequence) || e["created_at"] != got["last_event_at"] || got["updated_at"] != got["last_event_at"] {
			t.Errorf("as of %d: the last event is %v, the thread %v", sequence, e, got)
		}
		if _, ok := got["version"]; ok || got["founding_intent"] != now["founding_intent"] || got["created_at"] != now["created_at"] {
			t.Errorf("as of %d: %v", sequence, got)
		}
	}
	// As of the latest event, the state is the current state.
	rebuilt := c.Get(path + "?as_of=6").Object()
	for _, field := range []string{"updated_at", "version"} { // fields of the row only
		delete(rebuilt, field)
		delete(now, field)
	}
	if fmt.Sprint(rebuilt) != fmt.Sprint(now) {
		t.Errorf("as of now: %v\nnow: %v", rebuilt, now)
	}
	if status := c.Get(path, "If-None-Match", c.Get(path).ETag()).Status; status != http.StatusNotModified {
		t.Errorf("a conditional GET of an unchanged thread: %d", status)
	}

	types := func(target string) (out []string) {
		for target != "" {
			page := c.Get(target).Want(http.StatusOK).Object()
			for _, item := range page["items"].([]any) {
				e := item.(map[string]any)
				out = append(out, fmt.Sprintf("%v %v", e["sequence"], e["type"]))
			}
			token, _ := page["next_page_token"].(string)
			if token == "" {
				break
			}
			base, _, _ := strings.Cut(target, "&page_token=")
			target = base + "&page_token=" + token
		}
		return out
	}
	all := []string{"1 thread.created", "2 thread.updated", "3 note.added", "4 thread.paused", "5 intent.refined", "6 note.added"}
	for query, want := range map[string][]string{
		"?page_size=2":                             all,
		"?page_size=200":                           all,
		"?after_sequence=4&page_size=1":            all[4:],
		"?after_sequence=6&page_size=1":            nil,
		"?type=note.added&page_size=1":             {all[2], all[5]},
		"?type=note.added&after_sequence=3":        {all[5]},
		"?type=checkpoint.approved&page_size=3":    nil,
		"?after_sequence=9000000000&page_size=200": nil,
	} {
		if got := types(path + "/events" + query); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}

	// Lists of threads are ordered newest first, and filtered.
	others := []string{begin(c, "sphere", "personal"), begin(c, "type", "collective"), begin(c)}
	c.Post(others[2]+"/events", events(event("thread.completed", object()))).Want(http.StatusCreated)
	for query, want := range map[string][]string{
		"?page_size=200":                    {others[2], others[1], others[0], path},
		"?sphere=personal":                  {others[0]},
		"?type=collective":                  {others[1]},
		"?status=paused":                    {path},
		"?sphere=business&status=paused":    {path},
		"?sphere=personal&status=paused":    nil,
		"?status=completed&sphere=business": {others[2]},
		"?tag=x":                            {path},
		"?visibility=public":                nil,
	} {
		var got []string
		for _, item := range c.Get("/v1/threads" + query).Want(http.StatusOK).Object()["items"].([]any) {
			got = append(got, "/v1/threads/"+item.(map[string]any)["id"].(string))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
		if n := c.Get("/v1/threads/count" + strings.TrimSuffix(query, "?page_size=200")).Want(http.StatusOK).Object()["count"]; n != float64(len(want)) {
			t.Errorf("count %s: %v, want %d", query, n, len(want))
		}
	}
	page := c.Get("/v1/threads?page_size=3").Object()
	next := c.Get("/v1/threads?page_size=3&page_token=" + page["next_page_token"].(string)).Object()
	if items := next["items"].([]any); len(items) != 1 || next["next_page_token"] != nil {
		t.Errorf("the second page is %v", next)
	}
}

// TestPublicStaysInvisible checks that a public thread is not visible to other identities. A superuser sets the
// visibility, because otherwise the test would need an approval.
func TestPublicStaysInvisible(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	path := begin(b.human(t, b.ada))
	tx, err := b.admin.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"SET LOCAL session_replication_role = replica", "UPDATE threads SET visibility = 'public'"} {
		if _, err := tx.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	grace := b.human(t, b.grace)
	absent := grace.Get("/v1/threads/" + dbtest.NewID().String()).Want(http.StatusNotFound).Object()
	delete(absent, "request_id")
	for _, request := range [][2]string{
		{"GET", path}, {"GET", path + "?as_of=1"}, {"GET", path + "?include=events"}, {"GET", path + "/events"},
		{"POST", path + "/events"}, {"PATCH", path},
	} {
		var body any
		switch request[0] {
		case http.MethodPost:
			body = events(note("x"))
		case http.MethodPatch:
			body = object("title", "x")
		}
		header := []string{"If-Match", "*"}
		if request[0] != http.MethodPatch {
			header = nil
		}
		got := grace.Do(request[0], request[1], body, header...).Want(http.StatusNotFound).Object()
		delete(got, "request_id")
		if fmt.Sprint(got) != fmt.Sprint(absent) {
			t.Errorf("%s %s: %v, a missing one is %v", request[0], request[1], got, absent)
		}
	}
	if items := grace.Get("/v1/threads").Object()["items"].([]any); len(items) != 0 {
		t.Errorf("another identity's list has %v", items)
	}
	if b.human(t, b.ada).Get(path).Object()["visibility"] != "public" {
		t.Error("the thread is not public, so nothing was checked")
	}
}

// TestAudit checks that an append creates one audit row per event, with the digest and without the payload, and that
// changes of the thread's counters create none.
func TestAudit(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	c := b.human(t, b.ada)
	path := begin(c)
	c.Post(path+"/events", events(note("a secret thought"), note("another"))).Want(http.StatusCreated)
	c.Patch(path, "*", object("title", "Two")).Want(http.StatusOK)
	c.Post(path+"/events", events(event("thread.paused", object("reason", "holidays")))).Want(http.StatusCreated)
	rows, _ := b.admin.Query(t.Context(), `
		SELECT concat_ws(' ', action, outcome, resource_type, after ->> 'sequence', after ->> 'title', after ->> 'status')
		FROM audit_logs WHERE created_by = $1 AND resource_type <> 'hired_agent' ORDER BY id`, b.ada)
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	want := []string{
		"create success identity active",
		"create success thread active", "create success thread_event 1",
		"create success thread_event 2", "create success thread_event 3",
		"create success thread_event 4", "update success thread Two",
		"create success thread_event 5", "update success thread paused",
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var leaks, digests int
	if err := b.admin.QueryRow(t.Context(), `
		SELECT (SELECT count(*) FROM audit_logs a WHERE to_jsonb(a)::text LIKE '%secret thought%' OR to_jsonb(a)::text LIKE '%holidays%'),
			(SELECT count(*) FROM audit_logs a JOIN thread_events e ON e.id = a.resource_id
				WHERE a.after ->> 'content_digest' = '\x' || encode(e.content_digest, 'hex')
				AND e.content_digest = app.content_digest(e.content_salt, jsonb_build_object('payload', e.payload), '{payload}'))`).
		Scan(&leaks, &digests); err != nil {
		t.Fatal(err)
	}
	if leaks != 0 || digests != 5 {
		t.Errorf("%d audit rows with a payload, %d with the event's digest; want 0 and 5", leaks, digests)
	}
}

// as runs the statements with raw SQL in one transaction, as a role and identity. It returns the SQLSTATE of the
// first statement that fails.
func (b *bundle) as(t *testing.T, conn *pgx.Conn, role string, identity uuid.UUID, statements ...string) string {
	t.Helper()
	ctx := t.Context()
	tx, err := conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	settings := fmt.Sprintf("SELECT set_config('app.identity_id', '%s', true)", identity)
	if identity == uuid.Nil {
		settings = "SELECT set_config('app.identity_id', '', true)"
	}
	if role == "chenu_agent" {
		settings += fmt.Sprintf(", set_config('app.actor_id', '%s', true)", b.agent)
	}
	if role != "" {
		settings += fmt.Sprintf(", set_config('role', '%s', true)", role)
	}
	for _, statement := range append([]string{settings}, statements...) {
		tag, err := tx.Exec(ctx, statement)
		var pg *pgconn.PgError
		switch {
		case errors.As(err, &pg):
			return pg.Code
		case err != nil:
			t.Fatal(err)
		case strings.HasPrefix(statement, "UPDATE") || strings.HasPrefix(statement, "DELETE"):
			if tag.RowsAffected() == 0 {
				return "0 rows"
			}
		}
	}
	return ""
}

// TestRoundTheService uses raw SQL with different roles. Threads and events can be changed only through the
// functions, and these enforce the rules.
func TestRoundTheService(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	path := begin(b.human(t, b.ada))
	id := path[len("/v1/threads/"):]
	conn := func(url string) *pgx.Conn {
		c := pgtest.Connect(t, url)
		return c
	}
	service, admin, migrate, agentLogin := conn(b.db.ServiceURL), conn(b.db.AdminURL), conn(b.db.MigrateURL), conn(b.db.AgentURL)
	appendSQL := func(thread, list string) string {
		return fmt.Sprintf("SELECT app.append_events('%s', NULL, '%s')", thread, list)
	}
	const one = `[{"type": "note.added", "schema_version": 1, "payload": {"text": "x"}}]`
	of := func(kind, payload string) string {
		return fmt.Sprintf(`[{"type": %q, "schema_version": 1, "payload": %s}]`, kind, payload)
	}
	insertEvent := fmt.Sprintf(`INSERT INTO thread_events (id, created_by, thread_id, sequence, type, schema_version, payload, actor_kind, content_digest)
		VALUES ('%s', '%s', '%s', 2, 'note.added', 1, '{}', 'human', '')`, dbtest.NewID(), b.ada, id)
	const content = `{"founding_intent": "x", "sphere": "personal", "type": "personal", "visibility": "private", "title": null, "parent_thread_id": null, "tags": []}`
	createSQL := func(content string) string {
		return fmt.Sprintf("SELECT app.create_thread('%s', '%s', 1, '%s')", dbtest.NewID(), dbtest.NewID(), content)
	}
	const denied, human, agent = "42501", "chenu_human", "chenu_agent"
	tests := []struct {
		name     string
		conn     *pgx.Conn
		role     string
		identity uuid.UUID
		want     string
		sql      []string
	}{
		{"a human appends", service, human, b.ada, "", []string{appendSQL(id, one)}},
		{"an agent appends", agentLogin, agent, b.ada, "", []string{appendSQL(id, one)}},
		{"a human creates a thread", service, human, b.ada, "", []string{createSQL(content)}},
		{"another human does not append", service, human, b.grace, "CH404", []string{appendSQL(id, one)}},
		{"no identity does not append", service, human, uuid.Nil, "CH401", []string{appendSQL(id, one)}},
		{"no identity does not create a thread", service, human, uuid.Nil, "CH401", []string{createSQL(content)}},
		{"the service itself does not append", service, "", b.ada, denied, []string{appendSQL(id, one)}},
		{"a human inserts no event", service, human, b.ada, denied, []string{insertEvent}},
		{"an agent inserts no event", agentLogin, agent, b.ada, denied, []string{insertEvent}},
		{"the owner inserts no event", migrate, "chenu_owner", uuid.Nil, denied, []string{insertEvent}},
		{"a human inserts no thread", service, human, b.ada, denied, []string{fmt.Sprintf("INSERT INTO threads (id, created_by, founding_intent, sphere) VALUES ('%s', '%s', 'x', 'personal')", dbtest.NewID(), b.ada)}},
		{"a human updates no thread", service, human, b.ada, denied, []string{"UPDATE threads SET title = 'x'"}},
		{"an agent updates no thread", agentLogin, agent, b.ada, denied, []string{"UPDATE threads SET last_sequence = 9"}},
		{"the owner updates no thread", migrate, "chenu_owner", uuid.Nil, "0 rows", []string{"UPDATE threads SET title = 'x'"}},
		{"a human deletes no thread", service, human, b.ada, denied, []string{"DELETE FROM threads"}},
		{"the owner deletes no thread", migrate, "chenu_owner", uuid.Nil, "0 rows", []string{"DELETE FROM threads"}},
		{"a superuser deletes no thread that has events", admin, "", b.ada, "23503", []string{"DELETE FROM threads"}},
		{"a human updates no event", service, human, b.ada, denied, []string{"UPDATE thread_events SET payload = '{}'"}},
		{"an agent deletes no event", agentLogin, agent, b.ada, denied, []string{"DELETE FROM thread_events"}},
		{"the owner updates no event", migrate, "chenu_owner", uuid.Nil, "0 rows", []string{"UPDATE thread_events SET payload = '{}'"}},
		{"the owner with no force updates no event", migrate, "chenu_owner", b.ada, "CH403", []string{"ALTER TABLE thread_events NO FORCE ROW LEVEL SECURITY", "UPDATE thread_events SET payload = '{}'"}},
		{"the owner with no force deletes no event", migrate, "chenu_owner", b.ada, "CH403", []string{"ALTER TABLE thread_events NO FORCE ROW LEVEL SECURITY", "DELETE FROM thread_events"}},
		{"the owner truncates no event", migrate, "chenu_owner", b.ada, "CH403", []string{"TRUNCATE thread_events CASCADE"}},
		{"a superuser updates no event", admin, "", b.ada, "CH403", []string{"UPDATE thread_events SET payload = '{}'"}},
		{"a superuser deletes no event", admin, "", b.ada, "CH403", []string{"DELETE FROM thread_events"}},
		{"a superuser truncates no event", admin, "", b.ada, "CH403", []string{"TRUNCATE thread_events CASCADE"}},
		{"chenu_threads updates no event", admin, "chenu_threads", b.ada, denied, []string{"UPDATE thread_events SET payload = '{}'"}},
		{"chenu_threads deletes no thread", admin, "chenu_threads", b.ada, denied, []string{"DELETE FROM threads"}},
		{"chenu_threads changes no founding intent", admin, "chenu_threads", b.ada, denied, []string{"UPDATE threads SET founding_intent = 'x'"}},
		{"chenu_threads sees no other's thread", admin, "chenu_threads", b.grace, "0 rows", []string{"UPDATE threads SET title = 'x'"}},
		{"a human records no step", service, human, b.ada, denied, []string{"SELECT app.record_step()"}},
		{"chenu_maintain inserts no other event", admin, "chenu_maintain", b.ada, denied, []string{strings.Replace(insertEvent, ", content_digest) VALUES", ") VALUES", 1)}},
		{"chenu_maintain changes no thread", admin, "chenu_maintain", b.ada, denied, []string{"UPDATE threads SET visibility = 'public'"}},
		{"chenu_maintain reads no thread", admin, "chenu_maintain", b.ada, denied, []string{"SELECT founding_intent FROM threads"}},
		{"chenu_threads counts no step", admin, "chenu_threads", b.ada, denied, []string{"UPDATE threads SET step_count = step_count + 1"}},
		{"chenu_threads sets no checkpoint", admin, "chenu_threads", b.ada, denied, []string{"INSERT INTO thread_events (checkpoint_id) VALUES (NULL)"}},
		{"a human appends no checkpoint", service, human, b.ada, "CH403", []string{appendSQL(id, of("checkpoint.approved", "{}"))}},
		{"a human appends no thread.created", service, human, b.ada, "CH403", []string{appendSQL(id, of("thread.created", content))}},
		{"an unknown type", service, human, b.ada, "23514", []string{appendSQL(id, of("thread.exploded", "{}"))}},
		{"no type", service, human, b.ada, "23502", []string{appendSQL(id, `[{"schema_version": 1, "payload": {}}]`)}},
		{"a payload not an object", service, human, b.ada, "23514", []string{appendSQL(id, of("note.added", "[]"))}},
		{"no list", service, human, b.ada, "CH422", []string{appendSQL(id, `{"type": "note.added"}`)}},
		{"an empty list", service, human, b.ada, "CH422", []string{appendSQL(id, `[]`)}},
		{"a null list", service, human, b.ada, "CH422", []string{fmt.Sprintf("SELECT app.append_events('%s', NULL, NULL)", id)}},
		{"an update of the founding intent", service, human, b.ada, "CH422", []string{appendSQL(id, of("thread.updated", `{"founding_intent": "y"}`))}},
		{"an update of the counters", service, human, b.ada, "CH422", []string{appendSQL(id, of("thread.updated", `{"last_sequence": 7}`))}},
		{"an update of the status", service, human, b.ada, "CH422", []string{appendSQL(id, of("thread.updated", `{"status": "archived"}`))}},
		{"a title not a string", service, human, b.ada, "CH422", []string{appendSQL(id, of("thread.updated", `{"title": {"a": 1}}`))}},
		{"tags not strings", service, human, b.ada, "CH422", []string{appendSQL(id, of("thread.updated", `{"tags": [1]}`))}},
		{"a title too long", service, human, b.ada, "23514", []string{appendSQL(id, of("thread.updated", fmt.Sprintf(`{"title": %q}`, strings.Repeat("x", 201))))}},
		{"an unknown visibility", service, human, b.ada, "23514", []string{appendSQL(id, of("thread.updated", `{"visibility": "all"}`))}},
		{"a thread without a field", service, human, b.ada, "CH422", []string{createSQL(`{"founding_intent": "x"}`)}},
		{"a thread with another field", service, human, b.ada, "CH422", []string{createSQL(strings.Replace(content, "{", `{"status": "archived", `, 1))}},
		{"an id not a UUIDv7", service, human, b.ada, "CH422", []string{strings.Replace(appendSQL(id, one), `{"type"`, `{"id": "`+uuid.NewString()+`", "type"`, 1)}},
	}
	for _, test := range tests {
		if got := b.as(t, test.conn, test.role, test.identity, test.sql...); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// TestStepInAnArchivedThread checks that the steps of a checkpoint are recorded even in an archived thread.
func TestStepInAnArchivedThread(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	c := b.human(t, b.ada)
	path := begin(c)
	c.Post(path+"/events", events(event("thread.archived", object()))).Want(http.StatusCreated)
	ask := fmt.Sprintf(`SELECT app.request_checkpoint(jsonb_build_object('identity', '%s', 'type', 'sensitive', 'sphere', NULL, 'resource_type', 'report',
		'action', 'share', 'resource_id', NULL, 'resource_version', NULL, 'thread_id', '%s', 'content', '{}'::jsonb))`, b.ada, path[len("/v1/threads/"):])
	as := auth.With(t.Context(), auth.Identity{ID: b.ada, ActorID: b.ada, Kind: auth.Human})
	err := b.session.Do(as, session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
		_, err := tx.ExecContext(ctx, ask)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got := c.Get(path + "?include=events").Object()
	if last := got["events"].([]any)[2].(map[string]any); got["status"] != "archived" || last["type"] != "checkpoint.requested" || last["checkpoint_id"] == nil {
		t.Errorf("the thread is %v", got)
	}
}

// within is the maximum time that a test waits for a condition.
const within = time.Minute

// TestAppendReadsNoOtherEvents checks that the cost of an append does not depend on the number of events: no query
// reads all rows of thread_events, whichever sequence number or ids the caller sends. One owner has all the events,
// which is the case in which the planner is most likely to do so.
func TestAppendReadsNoOtherEvents(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	thread := begin(b.human(t, b.ada))[len("/v1/threads/"):]
	conn := pgtest.Connect(t, b.db.AdminURL)
	const note = `{"type": "note.added", "schema_version": 1, "payload": {"text": "x"}}`
	many := fmt.Sprintf("SELECT app.append_events('%s', NULL, '[%s]') FROM generate_series(1, 30)", thread, strings.Repeat(note+",", 99)+note)
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	settings := fmt.Sprintf("SELECT set_config('app.identity_id', '%s', true), set_config('role', 'chenu_human', true)", b.ada)
	for _, statement := range []string{settings, many} {
		if _, err := tx.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.exec(t, "ANALYZE thread_events")
	for name, call := range map[string]string{
		"no sequence":    fmt.Sprintf("SELECT app.append_events('%s', NULL, '[%s]')", thread, note),
		"the last":       fmt.Sprintf("SELECT app.append_events('%s', 3001, '[%s]')", thread, note),
		"an id":          fmt.Sprintf(`SELECT app.append_events('%s', NULL, '[%s, "id": "%s"}]')`, thread, strings.TrimSuffix(note, "}"), dbtest.NewID()),
		"an earlier one": fmt.Sprintf("DO $$BEGIN PERFORM app.append_events('%s', 7, '[%s]'); EXCEPTION WHEN SQLSTATE 'CH412' THEN NULL; END$$", thread, note),
	} {
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range []string{settings, call, "SELECT set_config('role', 'none', true)"} {
			if _, err := tx.Exec(t.Context(), statement); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		var read int64
		if err := tx.QueryRow(t.Context(), "SELECT pg_stat_get_xact_tuples_returned('thread_events'::regclass)").Scan(&read); err != nil {
			t.Fatal(err)
		}
		if read > 0 {
			t.Errorf("%s: the append read %d rows of thread_events one after the other, want none", name, read)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

package api_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/invopop/jsonschema"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/postgres/entpgx"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/api/apitest"
	"github.com/chenu/chenu/server/api/bind"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/session"
)

// Thing is the resource of the tests' operations.
type Thing struct {
	ID        uuid.UUID `json:"id"`
	CreatedAt time.Time `json:"created_at"`
	Version   int64     `json:"version"`
	ThingInput
}

// ThingInput holds the fields that a client may set.
type ThingInput struct {
	Name   string         `json:"name"             jsonschema:"minLength=1,maxLength=20" jsonschema_description:"Name." example:"\"hammer\""`
	Email  *string        `json:"email,omitempty"  jsonschema:"format=email"`
	Count  int            `json:"count,omitempty"  jsonschema:"minimum=0,maximum=100"`
	Price  string         `json:"price,omitempty"  jsonschema:"pattern=^[0-9]{1\\,9}[.][0-9]{2}$"`
	Color  *Color         `json:"color,omitempty"`
	Tags   []string       `json:"tags,omitempty"   jsonschema:"maxItems=3,uniqueItems=true" item_max_length:"5"`
	DueAt  *time.Time     `json:"due_at,omitempty"`
	Parent *uuid.UUID     `json:"parent,omitempty"`
	Link   *string        `json:"link,omitempty"   jsonschema:"format=uri"`
	Parts  []Part         `json:"parts,omitempty"`
	Owner  *Part          `json:"owner,omitempty"`
	Extra  map[string]any `json:"extra,omitempty"`
	Big    int64          `json:"big,omitempty"`
}

// Part is a nested object.
type Part struct {
	Label string  `json:"label"          jsonschema:"minLength=1"`
	Size  *int    `json:"size,omitempty" jsonschema:"minimum=1"`
	Note  *string `json:"note,omitempty"`
}

// Color is an enum.
type Color string

// JSONSchema returns the schema with the possible colors.
func (Color) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Enum: []any{"red", "green"}}
}

type (
	getInput struct {
		ID uuid.UUID `path:"id" jsonschema_description:"Which one."`
	}
	listInput struct {
		Page    api.Page
		Filters struct {
			Color  *Color     `query:"color"`
			Since  *time.Time `query:"since"`
			Name   *string    `query:"name" jsonschema:"minLength=1"`
			Owner  *uuid.UUID `query:"owner"`
			Least  *int       `query:"least"`
			Small  int8       `query:"small"`
			Exact  bool       `query:"exact"`
			Client string     `header:"X-Client"`
		}
	}
	createInput struct {
		Body ThingInput
	}
	updateInput struct {
		ID      uuid.UUID   `path:"id"`
		IfMatch api.IfMatch `header:"If-Match"`
		Body    bind.Patch[ThingInput]
	}
	deleteInput struct {
		ID      uuid.UUID   `path:"id"`
		IfMatch api.IfMatch `header:"If-Match"`
	}
	actInput struct {
		ID   uuid.UUID `path:"id"`
		Body *Part
	}
	thingOutput struct {
		Location string   `header:"Location" jsonschema_description:"Where it is."`
		ETag     api.ETag `header:"ETag"`
		Body     *Thing
	}
	listOutput struct {
		Body api.List[*Thing]
	}
)

// store is an in-memory database of one table that restores its contents if a transaction fails. It replaces
// session.DB in tests of what happens before and after a transaction. What Postgres does within a transaction is
// tested with Postgres.
type store struct {
	mu     sync.Mutex
	things map[uuid.UUID]Thing
	kept   map[string]api.Outcome
	// options holds the options of every transaction, in order.
	options []session.Options
	// failures holds the errors of the next commits.
	failures []error
	// locked holds the keys that other transactions have locked.
	locked map[string]bool
}

func (s *store) Do(ctx context.Context, o session.Options, fn func(context.Context, *ent.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options = append(s.options, o)
	things, kept := clone(s.things), clone(s.kept)
	err := fn(ctx, nil)
	if err == nil && len(s.failures) > 0 {
		err, s.failures = s.failures[0], s.failures[1:]
	}
	if err != nil {
		s.things, s.kept = things, kept
	}
	return err
}

func clone[K comparable, V any](m map[K]V) map[K]V {
	out := make(map[K]V, len(m))
	maps.Copy(out, m)
	return out
}

func (s *store) Lock(_ context.Context, _ *ent.Tx, _ auth.Identity, _, key string) (bool, error) {
	return !s.locked[key], nil
}

func (s *store) Find(_ context.Context, _ *ent.Tx, who auth.Identity, route, key string, _ []byte) (*api.Outcome, error) {
	if o, ok := s.kept[who.ID.String()+who.ActorID.String()+route+key]; ok {
		return &o, nil
	}
	return nil, nil
}

func (s *store) Keep(_ context.Context, _ *ent.Tx, who auth.Identity, route, key string, o api.Outcome) error {
	s.kept[who.ID.String()+who.ActorID.String()+route+key] = o
	return nil
}

// bundle is an API with its own store, and a client.
type bundle struct {
	*apitest.Client
	store  *store
	api    *api.API
	log    *apitest.Log
	called int
	// handler serves the API, for requests that Client cannot send.
	handler http.Handler
}

var (
	alice = uuid.MustParse("019a0000-0000-7000-8000-00000000000a")
	bob   = uuid.MustParse("019a0000-0000-7000-8000-00000000000b")
	// helper is an agent of alice.
	helper = uuid.MustParse("019a0000-0000-7000-8000-0000000000aa")
)

// authenticate accepts the tokens alice, bob and helper.
func authenticate(r *http.Request) (auth.Identity, error) {
	switch r.Header.Get("Authorization") {
	case "":
		return auth.Identity{}, auth.ErrNoCredentials
	case "Bearer alice":
		return auth.Identity{ID: alice, ActorID: alice, Kind: auth.Human}, nil
	case "Bearer bob":
		return auth.Identity{ID: bob, ActorID: bob, Kind: auth.Human}, nil
	case "Bearer helper":
		return auth.Identity{ID: alice, ActorID: helper, Kind: auth.Agent}, nil
	case "Bearer":
		return auth.Identity{}, auth.ErrMalformedCredentials
	case "Bearer broken":
		return auth.Identity{}, errors.New("the session can't be looked up")
	}
	return auth.Identity{}, auth.ErrInvalidToken
}

func setup(t testing.TB, more ...func(*api.Config, *bundle) func(*api.API)) *bundle {
	t.Helper()
	b := &bundle{store: &store{things: map[uuid.UUID]Thing{}, kept: map[string]api.Outcome{}, locked: map[string]bool{}}, log: &apitest.Log{}}
	config := api.Config{
		Transactor: b.store, Outcomes: b.store, Authenticate: authenticate, PageKey: bytes.Repeat([]byte{7}, 32),
		Log: slog.New(slog.NewJSONHandler(b.log, nil)),
	}
	var register []func(*api.API)
	for _, f := range more {
		if r := f(&config, b); r != nil {
			register = append(register, r)
		}
	}
	a, err := api.New(config)
	if err != nil {
		t.Fatal(err)
	}
	b.api = a
	b.things(a)
	for _, r := range register {
		r(a)
	}
	handler, err := a.Handler()
	if err != nil {
		t.Fatal(err)
	}
	b.handler = handler
	b.Client = apitest.New(t, handler, a.Document()).As("alice")
	return b
}

// things registers the operations of a typical collection of the service.
func (b *bundle) things(a *api.API) {
	op := func(id, method, path string) api.Op {
		return api.Op{ID: id, Method: method, Path: path, Tag: "things", Summary: "Do " + id}
	}
	api.Handle(a, op("list-things", http.MethodGet, "/v1/things"), func(_ context.Context, _ *ent.Tx, in *listInput) (*listOutput, error) {
		b.called++
		var rows []*Thing
		for _, thing := range b.store.things {
			if in.Filters.Color == nil || thing.Color != nil && *thing.Color == *in.Filters.Color {
				rows = append(rows, &thing)
			}
		}
		slices.SortFunc(rows, func(x, y *Thing) int { return cmp.Compare(y.ID.String(), x.ID.String()) })
		if keyset, ok := in.Page.Keyset(); ok {
			key, err := api.ParseKey(keyset)
			if err != nil {
				return nil, err
			}
			rows = slices.DeleteFunc(rows, func(thing *Thing) bool { return thing.ID.String() >= key.ID.String() })
		}
		rows = rows[:min(len(rows), in.Page.Limit())]
		return &listOutput{api.NewList(&in.Page, rows, func(thing *Thing) []byte { return api.Key{ID: thing.ID}.Bytes() })}, nil
	})
	api.Handle(a, op("get-thing", http.MethodGet, "/v1/things/{id}"), func(_ context.Context, _ *ent.Tx, in *getInput) (*thingOutput, error) {
		thing, ok := b.store.things[in.ID]
		if !ok {
			return nil, &ent.NotFoundError{}
		}
		return &thingOutput{ETag: api.VersionTag(thing.Version), Body: &thing}, nil
	})
	create := op("create-thing", http.MethodPost, "/v1/things")
	create.Status = http.StatusCreated
	api.Handle(a, create, func(_ context.Context, _ *ent.Tx, in *createInput) (*thingOutput, error) {
		b.called++
		thing := Thing{ID: uuid.Must(uuid.NewV7()), CreatedAt: time.Date(2026, 1, 31, 10, 0, 0, 123456789, time.FixedZone("", 3600)), Version: 1, ThingInput: in.Body}
		b.store.things[thing.ID] = thing
		return &thingOutput{Location: "/v1/things/" + thing.ID.String(), ETag: api.VersionTag(1), Body: &thing}, nil
	})
	api.Handle(a, op("update-thing", http.MethodPatch, "/v1/things/{id}"), func(_ context.Context, _ *ent.Tx, in *updateInput) (*thingOutput, error) {
		thing, ok := b.store.things[in.ID]
		if !ok {
			return nil, &ent.NotFoundError{}
		}
		if err := in.IfMatch.Check(thing.Version); err != nil {
			return nil, err
		}
		var err error
		if thing.ThingInput, err = in.Body.Apply(thing.ThingInput); err != nil {
			return nil, err
		}
		thing.Version++
		b.store.things[in.ID] = thing
		return &thingOutput{ETag: api.VersionTag(thing.Version), Body: &thing}, nil
	})
	api.Handle(a, op("delete-thing", http.MethodDelete, "/v1/things/{id}"), func(_ context.Context, _ *ent.Tx, in *deleteInput) (*struct{}, error) {
		thing, ok := b.store.things[in.ID]
		if !ok {
			return nil, problem.NotFound()
		}
		if err := in.IfMatch.Check(thing.Version); err != nil {
			return nil, err
		}
		delete(b.store.things, in.ID)
		return nil, nil
	})
	api.Handle(a, op("act-on-thing", http.MethodPost, "/v1/things/{id}/act"), func(context.Context, *ent.Tx, *actInput) (*struct{}, error) {
		b.called++
		return nil, nil
	})
}

// with returns an option of setup that registers another operation.
func with[In, Out any](op api.Op, fn func(context.Context, *ent.Tx, *In) (*Out, error)) func(*api.Config, *bundle) func(*api.API) {
	if op.Tag == "" {
		op.Tag, op.Summary = "more", "Do "+op.ID
	}
	return func(*api.Config, *bundle) func(*api.API) { return func(a *api.API) { api.Handle(a, op, fn) } }
}

// wrong returns the field errors of a problem as a list of pointers or parameters, each with its code.
func wrong(p problem.Problem) string {
	var list []string
	for _, e := range p.Errors {
		where := e.Parameter
		if e.Pointer != nil {
			where = *e.Pointer
		}
		list = append(list, where+" "+e.Code)
	}
	return strings.Join(list, ", ")
}

func TestResourceRoundTrip(t *testing.T) {
	t.Parallel()
	b := setup(t)
	created := b.Post("/v1/things", `{"name":"hammer","tags":["a","b"],"price":"12.50","extra":{"n":9007199254740991,"x":null}}`).Want(http.StatusCreated)
	location := created.Header.Get("Location")
	got := b.Get(location).Want(http.StatusOK)
	if !bytes.Equal(created.Body, got.Body) {
		t.Errorf("created %s\nread %s", created.Body, got.Body)
	}
	if got.ETag() != `"v1"` || got.Header.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("headers %v", got.Header)
	}
	if created.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers of the POST %v", created.Header)
	}
	if at := got.Object()["created_at"]; at != "2026-01-31T09:00:00.123456Z" {
		t.Errorf("created_at %v is not RFC 3339 in UTC with microseconds", at)
	}
	changed := b.Patch(location, `"v1"`, `{"name":"saw","tags":null}`).Want(http.StatusOK)
	if changed.ETag() != `"v2"` || changed.Object()["name"] != "saw" || changed.Object()["tags"] != nil || changed.Object()["price"] != "12.50" {
		t.Errorf("changed to %s", changed.Body)
	}
	stale := b.Patch(location, `"v1"`, `{"name":"axe"}`)
	stale.WantProblem(http.StatusPreconditionFailed, "stale_version")
	if stale.ETag() != `"v2"` {
		t.Errorf("the 412 has the ETag %q", stale.ETag())
	}
	b.Delete(location, `"v2"`).Want(http.StatusNoContent)
	missing := b.Get(location)
	missing.WantProblem(http.StatusNotFound, "not_found")
	never := b.Get("/v1/things/" + uuid.NewString())
	never.WantProblem(http.StatusNotFound, "not_found")
}

func TestHeadIsGetWithoutBody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	location := b.Post("/v1/things", `{"name":"x"}`).Want(http.StatusCreated).Header.Get("Location")
	get := b.Get(location)
	head := b.Do(http.MethodHead, location, nil).Want(http.StatusOK)
	if len(head.Body) != 0 || head.Header.Get("Content-Length") != get.Header.Get("Content-Length") || head.ETag() != get.ETag() {
		t.Errorf("HEAD: %v %q, GET: %v", head.Header, head.Body, get.Header)
	}
	b.Do(http.MethodHead, "/v1/things/"+uuid.NewString(), nil).Want(http.StatusNotFound)
}

func TestReads(t *testing.T) {
	t.Parallel()
	b := setup(t, with(api.Op{ID: "read-trial", Method: http.MethodGet, Path: "/v1/trials/{id}", AuditedRead: true},
		func(context.Context, *ent.Tx, *getInput) (*struct{}, error) { return nil, nil }))
	checkpoint := uuid.New()
	b.Get("/v1/things", "Checkpoint", checkpoint.String()).Want(http.StatusOK)
	b.Post("/v1/things", `{"name":"x"}`, "Checkpoint", checkpoint.String()).Want(http.StatusCreated)
	trial := "/v1/trials/" + uuid.NewString()
	b.Get(trial).Want(http.StatusNoContent)
	want := []session.Options{
		{ReadOnly: true, Description: "GET /v1/things"}, {Checkpoint: checkpoint, Description: "POST /v1/things"}, {Description: "GET " + trial},
	}
	if !slices.Equal(b.store.options, want) {
		t.Errorf("transactions %+v, want %+v", b.store.options, want)
	}
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, authorization string
		status              int
		code, challenge     string
	}{
		{"none", "", 401, "unauthenticated", `Bearer realm="chenu"`},
		{"invalid", "Bearer forged", 401, "invalid_token", `Bearer realm="chenu", error="invalid_token"`},
		{"malformed", "Bearer", 400, "invalid_request", `Bearer realm="chenu", error="invalid_request"`},
		{"undecided", "Bearer broken", 500, "internal_error", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			// Callers who are not authenticated learn nothing else, such as that the body is invalid.
			r := b.For(t).Post("/v1/things", `{`, "Authorization", test.authorization)
			r.WantProblem(test.status, test.code)
			if got := r.Header.Get("WWW-Authenticate"); got != test.challenge {
				t.Errorf("WWW-Authenticate %q, want %q", got, test.challenge)
			}
			if len(b.store.options) > 0 {
				t.Error("a transaction was started")
			}
		})
	}
}

func TestParameters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, test := range []struct {
		target string
		header []string
		status int
		wrong  string
	}{
		{target: "/v1/things", status: 200},
		{target: "/v1/things?page_size=1&color=red&since=2026-01-01T00:00:00%2B01:00&name=a%20b&owner=019a0000-0000-7000-8000-00000000000a&least=-5&small=127&exact=true", status: 200},
		{target: "/v1/things?sort=name", status: 400, wrong: "sort unknown_parameter"},
		{target: "/v1/things?Color=red", status: 400, wrong: "Color unknown_parameter"},
		{target: "/v1/things?color=red&color=red", status: 400, wrong: "color repeated_parameter"},
		{target: "/v1/things?color=%zz", status: 400, wrong: " invalid_syntax"},
		{target: "/v1/things?color=red;least=1", status: 400, wrong: " invalid_syntax"},
		{target: "/v1/things?%00=1", status: 400, wrong: "\x00 unknown_parameter"},
		{target: "/v1/things?sort=a&page_size=0", status: 400, wrong: "sort unknown_parameter, page_size out_of_range"},
		{target: "/v1/things?page_size=0", status: 422, wrong: "page_size out_of_range"},
		{target: "/v1/things?page_size=201", status: 422, wrong: "page_size out_of_range"},
		{target: "/v1/things?page_size=", status: 422, wrong: "page_size wrong_type"},
		{target: "/v1/things?page_size=1.0", status: 422, wrong: "page_size wrong_type"},
		{target: "/v1/things?page_size=%2B1", status: 422, wrong: "page_size wrong_type"},
		{target: "/v1/things?page_size=01", status: 422, wrong: "page_size wrong_type"},
		{target: "/v1/things?page_size=99999999999999999999999999", status: 422, wrong: "page_size wrong_type"},
		{target: "/v1/things?least=9223372036854775808", status: 422, wrong: "least out_of_range"},
		{target: "/v1/things?small=128", status: 422, wrong: "small out_of_range"},
		{target: "/v1/things?exact=1", status: 422, wrong: "exact wrong_type"},
		{target: "/v1/things?color=blue", status: 422, wrong: "color not_in_enum"},
		{target: "/v1/things?color=", status: 422, wrong: "color not_in_enum"},
		{target: "/v1/things?since=yesterday", status: 422, wrong: "since invalid_format"},
		{target: "/v1/things?since=2026-02-30T00:00:00Z", status: 422, wrong: "since invalid_format"},
		{target: "/v1/things?since=9999-12-31T23:59:59-01:00", status: 422, wrong: "since invalid_format"},
		{target: "/v1/things?owner=1", status: 422, wrong: "owner invalid_format"},
		{target: "/v1/things?owner=%7B019a0000-0000-7000-8000-00000000000a%7D", status: 422, wrong: "owner invalid_format"},
		{target: "/v1/things?name=", status: 422, wrong: "name too_short"},
		{target: "/v1/things?name=a%00b", status: 422, wrong: "name invalid_character"},
		{target: "/v1/things?name=%ff", status: 422, wrong: "name invalid_encoding"},
		{target: "/v1/things?name=" + strings.Repeat("%F0%9F%94%A8", 1000), status: 200},
		{target: "/v1/things/not-a-uuid", status: 422, wrong: "id invalid_format"},
		{target: "/v1/things/019a0000-0000-7000-8000-00000000000a?x=1", status: 400, wrong: "x unknown_parameter"},
		{target: "/v1/things", header: []string{"Checkpoint", "x"}, status: 200}, // A GET ignores the header.
	} {
		t.Run(test.target[:min(80, len(test.target))], func(t *testing.T) {
			t.Parallel()
			r := b.For(t).Get(test.target, test.header...)
			switch test.status {
			case 200:
				r.Want(200)
			case 400:
				if got := wrong(r.WantProblem(400, "invalid_request")); got != test.wrong {
					t.Errorf("wrong is %q, want %q", got, test.wrong)
				}
			default:
				if got := wrong(r.WantProblem(test.status, "validation_failed")); got != test.wrong {
					t.Errorf("wrong is %q, want %q", got, test.wrong)
				}
			}
		})
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	deep := func(n int) string {
		return `{"name":"x","extra":{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}}`
	}
	for _, test := range []struct {
		name, body  string
		status      int
		code, wrong string
	}{
		{"minimal", `{"name":"x"}`, 201, "", ""},
		{"everything", `{"name":"x","email":"a@example.org","count":100,"price":"1.00","color":"red","tags":["a","bcdef"],"due_at":"2026-01-01T00:00:00.5+02:00","parent":"019a0000-0000-7000-8000-00000000000a","link":"https://example.org/x","parts":[{"label":"p","size":1}],"owner":{"label":"o"},"extra":{"any":[1,null,{"x":{}}]}}`, 201, "", ""},
		{"optional as null", `{"name":"x","email":null,"color":null,"due_at":null,"owner":null}`, 201, "", ""},
		{"whitespace", " \t\r\n{ \"name\" : \"x\" } \n", 201, "", ""},
		{"surrogate pair", `{"name":"\ud83d\udd28"}`, 201, "", ""},
		{"20 characters, 80 bytes", `{"name":"` + strings.Repeat("🔨", 20) + `"}`, 201, "", ""},
		{"integer as float", `{"name":"x","count":1.0}`, 422, "validation_failed", "/count wrong_type"},
		{"integer with exponent", `{"name":"x","count":1e1}`, 422, "validation_failed", "/count wrong_type"},
		{"deep enough", deep(62), 201, "", ""},

		{"empty", ``, 400, "invalid_json", " body_required"},
		{"blank", ` `, 400, "invalid_json", " body_required"},
		{"no JSON", `name=x`, 400, "invalid_json", " invalid_syntax"},
		{"cut off", `{"name":"x"`, 400, "invalid_json", " invalid_syntax"},
		{"cut off in a text", `{"name":"x`, 400, "invalid_json", "/name invalid_syntax"},
		{"comma", `{"name":"x",}`, 400, "invalid_json", " invalid_syntax"},
		{"comment", `{"name":"x"/**/}`, 400, "invalid_json", " invalid_syntax"},
		{"single quotes", `{'name':'x'}`, 400, "invalid_json", " invalid_syntax"},
		{"NaN", `{"name":"x","count":NaN}`, 400, "invalid_json", "/count invalid_syntax"},
		{"leading zero", `{"name":"x","count":01}`, 400, "invalid_json", " invalid_syntax"},
		{"control character", "{\"name\":\"a\nb\"}", 400, "invalid_json", "/name invalid_syntax"},
		{"byte order mark", "\ufeff{}", 400, "invalid_json", " invalid_syntax"},
		{"trailing object", `{"name":"x"}{}`, 400, "invalid_json", " trailing_data"},
		{"trailing text", `{"name":"x"} x`, 400, "invalid_json", " trailing_data"},
		{"duplicate", `{"name":"x","name":"y"}`, 400, "invalid_json", "/name duplicate_field"},
		{"duplicate by escape", `{"name":"x","\u006eame":"y"}`, 400, "invalid_json", "/name duplicate_field"},
		{"duplicate inside", `{"name":"x","extra":{"a/b":1,"a/b":2}}`, 400, "invalid_json", "/extra/a~1b duplicate_field"},
		{"not UTF-8", "{\"name\":\"\xff\"}", 400, "invalid_json", " invalid_encoding"},
		{"lone surrogate", `{"name":"\ud800"}`, 400, "invalid_json", "/name invalid_syntax"},
		{"surrogates in the wrong order", `{"name":"\udd28\ud83d"}`, 400, "invalid_json", "/name invalid_syntax"},
		{"too deep", deep(63), 400, "invalid_json", " too_deep"},
		{"far too deep", deep(100_000), 400, "invalid_json", " too_deep"},

		{"array", `[]`, 422, "validation_failed", " wrong_type"},
		{"null", `null`, 422, "validation_failed", " null_not_allowed"},
		{"text", `"x"`, 422, "validation_failed", " wrong_type"},
		{"required", `{}`, 422, "validation_failed", "/name required"},
		{"required as null", `{"name":null}`, 422, "validation_failed", "/name null_not_allowed"},
		{"other case", `{"Name":"x"}`, 422, "validation_failed", "/Name unknown_field, /name required"},
		{"derived", `{"name":"x","id":"019a0000-0000-7000-8000-00000000000a","version":2}`, 422, "validation_failed", "/id unknown_field, /version unknown_field"},
		{"NUL", `{"name":"a\u0000b"}`, 422, "validation_failed", "/name invalid_character"},
		{"NUL in a name", `{"name":"x","extra":{"a\u0000":1}}`, 422, "validation_failed", "/extra/a\x00 invalid_character"},
		{"too long", `{"name":"` + strings.Repeat("x", 21) + `"}`, 422, "validation_failed", "/name too_long"},
		{"huge integer", `{"name":"x","count":99999999999999999999}`, 422, "validation_failed", "/count out_of_range"},
		{"largest integer", `{"name":"x","big":-9007199254740991}`, 201, "", ""},
		{"integer that not every reader keeps", `{"name":"x","big":9007199254740992}`, 422, "validation_failed", "/big out_of_range"},
		{"huge exponent", `{"name":"x","count":1e1000000000}`, 422, "validation_failed", "/count out_of_range"},
		// Numbers that are expensive to parse or to store.
		{"number bomb", `{"name":"x","extra":{"n":[1,1e308]}}`, 422, "validation_failed", "/extra/n/1 out_of_range"},
		{"exponent of 41", `{"name":"x","extra":{"n":1e41,"m":1E-41}}`, 422, "validation_failed", "/extra/n out_of_range, /extra/m out_of_range"},
		{"41 digits", `{"name":"x","extra":{"n":-0.` + strings.Repeat("1", 40) + `}}`, 422, "validation_failed", "/extra/n out_of_range"},
		{"tiny exponent", `{"name":"x","extra":{"n":1e-1000000000}}`, 422, "validation_failed", "/extra/n out_of_range"},
		{"endless digits", `{"name":"x","extra":{"n":[0.` + strings.Repeat("1", 1000) + `]}}`, 422, "validation_failed", "/extra/n/0 out_of_range"},
		{
			"everything wrong",
			`{"name":"","email":"x","count":101,"price":"1","color":"blue","tags":["a","a","too long"],"due_at":"now","parent":"x","link":"nowhere","parts":[{"size":0},{"label":"","foo":1}],"owner":{"label":1},"extra":[]}`,
			422, "validation_failed",
			"/color not_in_enum, /count out_of_range, /due_at invalid_format, /email invalid_format, /extra wrong_type, /link invalid_format, /name too_short, /owner/label wrong_type, /parent invalid_format, /parts/0/label required, /parts/0/size out_of_range, /parts/1/foo unknown_field, /parts/1/label too_short, /price invalid_format, /tags not_unique, /tags/2 too_long",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := b.For(t).Post("/v1/things", test.body)
			if test.status == 201 {
				r.Want(201)
				return
			}
			if got := wrong(r.WantProblem(test.status, test.code)); got != test.wrong {
				t.Errorf("wrong is %q, want %q", got, test.wrong)
			}
		})
	}
}

func TestManyErrorsAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.Post("/v1/things", `{"name":"x","parts":[`+strings.Repeat(`{},`, 1000)+`{}]}`).WantProblem(422, "validation_failed")
	if len(p.Errors) != 50 {
		t.Errorf("%d errors", len(p.Errors))
	}
	query := ""
	for i := range 1000 {
		query += fmt.Sprintf("&x%d=1", i)
	}
	if p := b.Get("/v1/things?"+query).WantProblem(400, "invalid_request"); len(p.Errors) != 50 {
		t.Errorf("%d errors", len(p.Errors))
	}
	if r := b.Post("/v1/things", `{"`+strings.Repeat("x", 1<<19)+`":1}`).Want(422); len(r.Body) > 2000 {
		t.Errorf("a response of %d bytes", len(r.Body))
	}
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	location := b.Post("/v1/things", `{"name":"x"}`).Want(201).Header.Get("Location")
	for _, test := range []struct {
		method, contentType, encoding string
		status                        int
	}{
		{"POST", "application/json", "", 201},
		{"POST", "Application/JSON; charset=UTF-8", "", 201},
		{"POST", "application/json", "identity", 201},
		{"POST", "", "", 415},
		{"POST", "text/plain", "", 415},
		{"POST", "application/merge-patch+json", "", 415},
		{"POST", "application/json; charset=latin1", "", 415},
		{"POST", "application/json", "gzip", 415},
		{"POST", "application/json;;;", "", 415},
		{"PATCH", "application/merge-patch+json", "", 200},
		{"PATCH", "application/json", "", 200},
		{"PATCH", "application/json-patch+json", "", 415},
	} {
		t.Run(test.method+" "+test.contentType+" "+test.encoding, func(t *testing.T) {
			t.Parallel()
			target := "/v1/things"
			if test.method == "PATCH" {
				target = location
			}
			r := b.For(t).Do(test.method, target, `{"name":"x"}`, "Content-Type", test.contentType, "Content-Encoding", test.encoding, "If-Match", "*").Want(test.status)
			if test.status == 415 {
				r.WantProblem(415, "unsupported_media_type")
				if patch := r.Header.Get("Accept-Patch"); (patch != "") != (test.method == "PATCH") {
					t.Errorf("Accept-Patch %q", patch)
				}
			}
		})
	}
}

// endless is a request body of unknown length that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestBodySize(t *testing.T) {
	t.Parallel()
	b := setup(t, with(api.Op{ID: "small", Method: http.MethodPost, Path: "/v1/small", MaxBodyBytes: 20},
		func(context.Context, *ent.Tx, *createInput) (*struct{}, error) { return nil, nil }))
	pad := func(n int) string { return `{"name":"x"}` + strings.Repeat(" ", n-len(`{"name":"x"}`)) }
	b.Post("/v1/things", pad(1<<20)).Want(201)
	b.Post("/v1/things", pad(1<<20+1)).WantProblem(413, "body_too_large")
	b.Post("/v1/small", pad(20)).Want(204)
	b.Post("/v1/small", pad(21)).WantProblem(413, "body_too_large")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/things", endless{})
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = -1
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer alice")
	b.Serve(r).WantProblem(413, "body_too_large")
}

func TestOptionalAndUnexpectedBodies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	act := "/v1/things/" + uuid.NewString() + "/act"
	b.Post(act, nil).Want(204)
	b.Post(act, `{"label":"x"}`).Want(204)
	b.Post(act, `null`).WantProblem(422, "validation_failed")
	b.Post(act, `{}`).WantProblem(422, "validation_failed")
	b.Do("GET", "/v1/things", `{}`).WantProblem(400, "unexpected_body")
	b.Do("DELETE", "/v1/things/"+uuid.NewString(), `{}`, "If-Match", "*").WantProblem(400, "unexpected_body")
}

func TestRoutesThatAreNot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Get("/nothing").WantProblem(404, "not_found")
	b.Get("/v1/things/").WantProblem(404, "not_found")
	b.Get("/v1//things").WantProblem(404, "not_found")
	b.Get("/V1/things").WantProblem(404, "not_found")
	r := b.Do("PUT", "/v1/things", nil)
	r.WantProblem(405, "method_not_allowed")
	if allow := r.Header.Get("Allow"); allow != "GET, HEAD, POST" {
		t.Errorf("Allow %q", allow)
	}
	b.Do("OPTIONS", "/v1/things", nil).WantProblem(405, "method_not_allowed")
	b.Do("TRACE", "/v1/things", nil).WantProblem(405, "method_not_allowed")
}

func TestTransactionsAreRetriedOnce(t *testing.T) {
	t.Parallel()
	conflict := pgError("40001")
	deadlock := pgError("40P01")
	for _, test := range []struct {
		name     string
		failures []error
		status   int
		code     string
		attempts int
	}{
		{"success", nil, 201, "", 1},
		{"serialization failure", []error{conflict}, 201, "", 2},
		{"deadlock", []error{deadlock}, 201, "", 2},
		{"again", []error{conflict, deadlock}, 409, "write_conflict", 2},
		{"another error", []error{pgError("42501")}, 403, "forbidden", 1},
		{"commit unknown", []error{entpgx.ErrCommitUnknown}, 503, "outcome_unknown", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.store.failures = test.failures
			r := b.For(t).Post("/v1/things", `{"name":"x"}`).Want(test.status)
			if test.code != "" {
				r.WantProblem(test.status, test.code)
			}
			if b.called != test.attempts {
				t.Errorf("%d attempts", b.called)
			}
			if made := len(b.store.things); made != map[bool]int{true: 1}[test.status == 201] {
				t.Errorf("%d things were created", made)
			}
		})
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	b := setup(t,
		func(c *api.Config, _ *bundle) func(*api.API) { c.Timeout = 10 * time.Millisecond; return nil },
		with(api.Op{ID: "slow", Method: http.MethodGet, Path: "/v1/slow"}, func(ctx context.Context, _ *ent.Tx, _ *struct{}) (*struct{}, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}),
		with(api.Op{ID: "patient", Method: http.MethodGet, Path: "/v1/patient", Timeout: time.Hour}, func(ctx context.Context, _ *ent.Tx, _ *struct{}) (*struct{}, error) {
			if end, ok := ctx.Deadline(); !ok || time.Until(end) < time.Minute {
				t.Errorf("an operation with a timeout of an hour has the deadline %v", end)
			}
			return nil, nil //nolint:nilnil // 204.
		}))
	b.Get("/v1/slow").WantProblem(504, "timeout")
	b.Get("/v1/patient").Want(204)
}

func TestPanicIsAnInternalError(t *testing.T) {
	t.Parallel()
	b := setup(t, with(api.Op{ID: "fall", Method: http.MethodGet, Path: "/v1/fall"}, func(context.Context, *ent.Tx, *struct{}) (*struct{}, error) {
		panic("the secret cause")
	}))
	r := b.Get("/v1/fall")
	p := r.WantProblem(500, "internal_error")
	if p.Detail != "internal error" || bytes.Contains(r.Body, []byte("secret")) {
		t.Errorf("the response is %s", r.Body)
	}
	if log := b.log.String(); !strings.Contains(log, "the secret cause") || !strings.Contains(log, p.RequestID) {
		t.Errorf("the cause is not in the log: %s", log)
	}
	b.Get("/v1/things").Want(200)
}

func TestWhatCanNotBeWrittenIsNotCommitted(t *testing.T) {
	t.Parallel()
	type output struct{ Body map[string]any }
	b := setup(t, func(_ *api.Config, b *bundle) func(*api.API) {
		return func(a *api.API) {
			api.Handle(a, api.Op{ID: "odd", Method: http.MethodPost, Path: "/v1/odd", Tag: "odd", Summary: "Odd"},
				func(context.Context, *ent.Tx, *struct{}) (*output, error) {
					b.store.things[alice] = Thing{}
					return &output{map[string]any{"x": make(chan int)}}, nil
				})
		}
	})
	b.Post("/v1/odd", nil).WantProblem(500, "internal_error")
	if len(b.store.things) > 0 {
		t.Error("the transaction was committed")
	}
}

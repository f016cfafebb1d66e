package server_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/migrations/dbtest"
)

// refused is a row that its table rejects: the collection's valid body with some fields replaced.
type refused struct {
	path, name string
	set        object
	// pointer is the JSON pointer of the invalid field.
	pointer string
}

var (
	long      = func(n int) string { return strings.Repeat("x", n) }
	many      = func(n int, item any) []any { return slices.Repeat([]any{item}, n) }
	missingID = func() string { return dbtest.NewID().String() }
	lineItem  = func(set object) object {
		line := object{"description": "Work", "quantity": "1", "unit_price": "1.00", "tax_rate": "0"}
		maps.Copy(line, set)
		return line
	}
)

// refusals has at least one row for each rule of the data dictionary.
var refusals = []refused{
	{path: "/v1/personal/notes", name: "no title", set: object{"title": ""}, pointer: "/title"},
	{path: "/v1/personal/notes", name: "title too long", set: object{"title": long(301)}, pointer: "/title"},
	{path: "/v1/personal/notes", name: "content too long", set: object{"content": long(200_001)}, pointer: "/content"},
	{path: "/v1/personal/notes", name: "folder too long", set: object{"folder": long(256)}, pointer: "/folder"},
	{path: "/v1/personal/notes", name: "too many tags", set: object{"tags": many(65, "x")}, pointer: "/tags"},
	{path: "/v1/personal/notes", name: "empty tag", set: object{"tags": []string{"a", ""}}, pointer: "/tags/1"},

	{path: "/v1/personal/tasks", name: "unknown status", set: object{"status": "later"}, pointer: "/status"},
	{path: "/v1/personal/tasks", name: "unknown priority", set: object{"priority": "1"}, pointer: "/priority"},

	{path: "/v1/personal/habits", name: "unknown cadence", set: object{"cadence": "hourly"}, pointer: "/cadence"},
	{path: "/v1/personal/habits", name: "no target", set: object{"target_per_period": 0}, pointer: "/target_per_period"},
	{path: "/v1/personal/habits", name: "target too high", set: object{"target_per_period": 51}, pointer: "/target_per_period"},

	{path: "/v1/business/contacts", name: "not an e-mail address", set: object{"email": "grace"}, pointer: "/email"},
	{path: "/v1/business/contacts", name: "not a telephone number", set: object{"phone": "0664 123"}, pointer: "/phone"},
	{path: "/v1/business/contacts", name: "lead score too low", set: object{"lead_score": -1}, pointer: "/lead_score"},
	{path: "/v1/business/contacts", name: "lead score too high", set: object{"lead_score": 101}, pointer: "/lead_score"},
	{path: "/v1/business/contacts", name: "unknown lead status", set: object{"lead_status": "hot"}, pointer: "/lead_status"},

	{path: "/v1/business/invoices", name: "no number", set: object{"number": ""}, pointer: "/number"},
	{path: "/v1/business/invoices", name: "number too long", set: object{"number": long(51)}, pointer: "/number"},
	{path: "/v1/business/invoices", name: "no currency", set: object{"currency": "Euro"}, pointer: "/currency"},
	{path: "/v1/business/invoices", name: "no line items", set: object{"line_items": []object{}}, pointer: "/line_items"},
	{path: "/v1/business/invoices", name: "too many line items", set: object{"line_items": many(201, lineItem(nil))}, pointer: "/line_items"},
	{path: "/v1/business/invoices", name: "quantity of zero", set: object{"line_items": []object{lineItem(nil), lineItem(object{"quantity": "0"})}}, pointer: "/line_items/1/quantity"},
	{path: "/v1/business/invoices", name: "negative quantity", set: object{"line_items": []object{lineItem(object{"quantity": "-1"})}}, pointer: "/line_items/0/quantity"},
	{path: "/v1/business/invoices", name: "tax rate above 1", set: object{"line_items": []object{lineItem(object{"tax_rate": "1.01"})}}, pointer: "/line_items/0/tax_rate"},
	{path: "/v1/business/invoices", name: "due before it is issued", set: object{"issued_on": "2026-02-01", "due_on": "2026-01-31"}, pointer: "/due_on"},
	{path: "/v1/business/invoices", name: "paid as a draft", set: object{"paid_at": "2026-01-01T00:00:00Z"}, pointer: "/paid_at"},
	{path: "/v1/business/invoices", name: "missing contact", set: object{"contact_id": missingID()}, pointer: "/contact_id"},

	{path: "/v1/business/projects", name: "ends before it starts", set: object{"starts_on": "2026-02-01", "ends_on": "2026-01-31"}, pointer: "/ends_on"},
	{path: "/v1/business/projects", name: "budget without a currency", set: object{"currency": nil}, pointer: "/currency"},
	{path: "/v1/business/projects", name: "negative budget", set: object{"budget": "-0.01"}, pointer: "/budget"},
	{path: "/v1/business/projects", name: "progress above 100", set: object{"progress": 101}, pointer: "/progress"},
	{path: "/v1/business/projects", name: "missing contact", set: object{"contact_id": missingID()}, pointer: "/contact_id"},

	{path: "/v1/creative/assets", name: "AI-generated without a prompt", set: object{"ai_generated": true}, pointer: "/prompt"},
	{path: "/v1/creative/assets", name: "unknown kind", set: object{"kind": "smell"}, pointer: "/kind"},
	{path: "/v1/creative/assets", name: "not a URI", set: object{"uri": "cover.png"}, pointer: "/uri"},
	{path: "/v1/creative/assets", name: "not a media type", set: object{"media_type": "png"}, pointer: "/media_type"},
	{path: "/v1/creative/assets", name: "negative size", set: object{"size_bytes": -1}, pointer: "/size_bytes"},
	{path: "/v1/creative/assets", name: "not a digest", set: object{"sha256": "abc"}, pointer: "/sha256"},
	{path: "/v1/creative/assets", name: "parameters that are a list", set: object{"parameters": []int{1}}, pointer: "/parameters"},
	{path: "/v1/creative/assets", name: "parameters too large", set: object{"parameters": object{"x": long(17 << 10)}}, pointer: "/parameters"},
	{path: "/v1/creative/assets", name: "missing project", set: object{"project_id": missingID()}, pointer: "/project_id"},
	{path: "/v1/creative/projects", name: "missing cover", set: object{"cover_asset_id": missingID()}, pointer: "/cover_asset_id"},
	{path: "/v1/creative/projects", name: "unknown status", set: object{"status": "stuck"}, pointer: "/status"},

	{path: "/v1/entertainment/playlists", name: "unknown kind", set: object{"kind": "scent"}, pointer: "/kind"},
	{path: "/v1/entertainment/playlists", name: "item without a title", set: object{"items": []object{{"content_id": "a", "added_at": "2026-01-01T00:00:00Z"}}}, pointer: "/items/0/title"},
	{path: "/v1/entertainment/playlists", name: "item with an invalid time", set: object{"items": []object{{"content_id": "a", "title": "A", "added_at": "yesterday"}}}, pointer: "/items/0/added_at"},
	{path: "/v1/entertainment/playlists", name: "too many items", set: object{"items": many(1001, object{"content_id": "a", "title": "A", "added_at": "2026-01-01T00:00:00Z"})}, pointer: "/items"},
	{path: "/v1/entertainment/stream-history", name: "negative watched seconds", set: object{"watched_seconds": -1}, pointer: "/watched_seconds"},
	{path: "/v1/entertainment/stream-history", name: "content id too long", set: object{"content_id": long(256)}, pointer: "/content_id"},

	{path: "/v1/community/groups", name: "settings not an object", set: object{"settings": "x"}, pointer: "/settings"},
	{path: "/v1/community/groups", name: "unknown visibility", set: object{"visibility": "hidden"}, pointer: "/visibility"},
	{path: "/v1/community/events", name: "ends when it starts", set: object{"ends_at": "2026-05-02T10:00:00Z"}, pointer: "/ends_at"},
	{path: "/v1/community/events", name: "unknown time zone", set: object{"time_zone": "Mars/Olympus"}, pointer: "/time_zone"},
	{path: "/v1/community/events", name: "capacity of zero", set: object{"capacity": 0}, pointer: "/capacity"},
	{path: "/v1/community/events", name: "missing group", set: object{"group_id": missingID()}, pointer: "/group_id"},

	{path: "/v1/social/posts", name: "no text", set: object{"body": ""}, pointer: "/body"},
	{path: "/v1/social/posts", name: "text too long", set: object{"body": long(10_001)}, pointer: "/body"},
	{path: "/v1/social/posts", name: "too many pictures", set: object{"media": many(11, object{"uri": "https://example.org/x.png", "media_type": "image/png"})}, pointer: "/media"},
	{path: "/v1/social/posts", name: "picture without a media type", set: object{"media": []object{{"uri": "https://example.org/x.png"}}}, pointer: "/media/0/media_type"},
	{path: "/v1/social/posts", name: "picture without a URI", set: object{"media": []object{{"uri": nil, "media_type": "image/png"}}}, pointer: "/media/0/uri"},
	{path: "/v1/social/posts", name: "picture not an object", set: object{"media": []any{1}}, pointer: "/media/0"},
	{path: "/v1/social/posts", name: "missing post to reply to", set: object{"reply_to_id": missingID()}, pointer: "/reply_to_id"},
	{path: "/v1/social/posts", name: "missing thread", set: object{"thread_id": missingID()}, pointer: "/thread_id"},
	{path: "/v1/social/schedules", name: "in the past", set: object{"scheduled_at": "2020-01-01T09:00:00Z"}, pointer: "/scheduled_at"},
	{path: "/v1/social/schedules", name: "unknown platform", set: object{"platform": "telegraph"}, pointer: "/platform"},
	{path: "/v1/social/schedules", name: "missing post", set: object{"post_id": missingID()}, pointer: "/post_id"},
	{path: "/v1/social/schedules", name: "too many attempts", set: object{"attempts": 11}, pointer: "/attempts"},

	{path: "/v1/scholar/references", name: "no authors", set: object{"authors": []string{}}, pointer: "/authors"},
	{path: "/v1/scholar/references", name: "year too early", set: object{"year": 1399}, pointer: "/year"},
	{path: "/v1/scholar/references", name: "year too late", set: object{"year": 2201}, pointer: "/year"},
	{path: "/v1/scholar/references", name: "not a DOI", set: object{"doi": "11.1000/x"}, pointer: "/doi"},
	{path: "/v1/scholar/references", name: "not a citation key", set: object{"citation_key": "turing 1937"}, pointer: "/citation_key"},
	{path: "/v1/scholar/manuscripts", name: "section without an id", set: object{"sections": []object{{"heading": "One", "body": "x", "position": 1}}}, pointer: "/sections/0/id"},
	{path: "/v1/scholar/manuscripts", name: "two sections with the same position", set: object{"sections": []object{
		{"id": "a", "heading": "A", "body": "", "position": 1}, {"id": "b", "heading": "B", "body": "", "position": 1},
	}}, pointer: "/sections"},
	{path: "/v1/scholar/manuscripts", name: "fractional position", set: object{"sections": []object{{"id": "a", "heading": "A", "body": "", "position": 1.5}}}, pointer: "/sections/0/position"},
	{path: "/v1/scholar/manuscripts", name: "unknown status", set: object{"status": "lost"}, pointer: "/status"},

	{path: "/v1/government/compliance-items", name: "expires before it is effective", set: object{"effective_on": "2026-02-01", "expires_on": "2026-01-31"}, pointer: "/expires_on"},
	{path: "/v1/government/compliance-items", name: "computed status", set: object{"status": "expired"}, pointer: "/status"},
	{path: "/v1/government/compliance-items", name: "evidence without a digest", set: object{"evidence": []object{{"uri": "https://example.org/x.pdf"}}}, pointer: "/evidence/0/sha256"},
	{path: "/v1/government/clinical-trials", name: "incomplete registry id", set: object{"registry_id": "NCT123"}, pointer: "/registry_id"},
	{path: "/v1/government/clinical-trials", name: "recruiting without an ethics approval", set: object{"status": "recruiting"}, pointer: "/ethics_reference"},
	{path: "/v1/government/clinical-trials", name: "more than the target", set: object{"target_enrollment": 10, "enrolled": 11}, pointer: "/enrolled"},
	{path: "/v1/government/clinical-trials", name: "ends before it starts", set: object{"starts_on": "2026-02-01", "ends_on": "2026-01-31"}, pointer: "/ends_on"},
	{path: "/v1/government/clinical-trials", name: "unknown phase", set: object{"phase": "phase_9"}, pointer: "/phase"},

	{path: "/v1/team/members", name: "no role", set: object{"role": ""}, pointer: "/role"},
	{path: "/v1/team/agents", name: "unknown capability", set: object{"capabilities": []string{"business", "ledger"}}, pointer: "/capabilities"},
	{path: "/v1/team/tasks", name: "no assignee", set: object{"member_id": nil}, pointer: "/member_id"},
	{path: "/v1/team/tasks", name: "two assignees", set: object{"agent_id": missingID()}, pointer: "/member_id"},
	{path: "/v1/team/tasks", name: "missing member", set: object{"member_id": missingID()}, pointer: "/member_id"},
}

// tableOf returns the table of the collection.
func tableOf(path string) string {
	if path == "/v1/government/compliance-items" {
		return "government_compliance"
	}
	return strings.NewReplacer("/", "_", "-", "_").Replace(strings.TrimPrefix(path, "/v1/"))
}

// TestRules sends each row to the service, which reports the invalid field, and then inserts it with raw SQL. The
// database must reject the row as well, whatever the service did.
func TestRules(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ada := s.person(t, "ada")
	me := ada.Get("/v1/me").Want(http.StatusOK).Object()["id"].(string)
	service := s.db.Pool(t, s.db.ServiceURL)
	for _, test := range refusals {
		t.Run(strings.TrimPrefix(test.path, "/v1/")+": "+test.name, func(t *testing.T) {
			t.Parallel()
			client := ada.For(t)
			i := slices.IndexFunc(collections, func(c collection) bool { return c.path == test.path })
			body := maps.Clone(collections[i].body(&seed{t, client}))
			maps.Copy(body, test.set)
			answer := client.Post(test.path, body).Want(http.StatusUnprocessableEntity)
			var p struct {
				Code   string
				Errors []struct{ Pointer, Code, Detail string }
			}
			answer.JSON(&p)
			if p.Code != "validation_failed" && p.Code != "reference_not_found" || len(p.Errors) == 0 || p.Errors[0].Pointer != test.pointer {
				t.Errorf("%s, want an error at %s", answer.Body, test.pointer)
			}

			tx, err := service.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback(t.Context()) //nolint:errcheck // nothing is to be stored
			if _, err := tx.Exec(t.Context(), "SELECT set_config('role', 'chenu_human', true), set_config('app.identity_id', $1, true), set_config('app.actor_id', $1, true)", me); err != nil {
				t.Fatal(err)
			}
			body["id"], body["created_by"] = dbtest.NewID(), me
			row, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			columns := strings.Join(slices.Sorted(maps.Keys(body)), ", ")
			_, err = tx.Exec(t.Context(), fmt.Sprintf("INSERT INTO %[1]s (%[2]s) SELECT %[2]s FROM jsonb_populate_record(NULL::%[1]s, $1::text::jsonb)", tableOf(test.path), columns), string(row))
			refusal, ok := errors.AsType[*pgconn.PgError](err)
			if !ok || !strings.HasPrefix(refusal.Code, "23") && !strings.HasPrefix(refusal.Code, "22") && refusal.Code != "CH422" {
				t.Errorf("with raw SQL: %v, want a violated constraint", err)
			}
		})
	}
}

// TestUniqueness creates a second row with the same unique value. It is rejected for the same owner, with the field;
// another identity may use the value.
func TestUniqueness(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ada, eve := s.person(t, "ada"), s.person(t, "eve")
	for _, test := range []struct {
		path          string
		first, second object
		pointer       string
	}{
		{"/v1/business/invoices", object{"number": "2026-1"}, object{"number": "2026-1"}, "/number"},
		{"/v1/scholar/references", object{"doi": "10.1000/AbC"}, object{"doi": "10.1000/aBc"}, "/doi"},
		{"/v1/scholar/references", object{"citation_key": "turing"}, object{"citation_key": "turing"}, "/citation_key"},
		{"/v1/government/clinical-trials", object{"registry_id": "NCT01234567"}, object{"registry_id": "NCT01234567"}, "/registry_id"},
		{"/v1/social/schedules", object{"platform": "bluesky"}, object{"platform": "bluesky"}, "/platform"},
	} {
		t.Run(test.pointer, func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(collections, func(c collection) bool { return c.path == test.path })
			bodyOf := func(s *seed, set object) object {
				body := maps.Clone(collections[i].body(s))
				maps.Copy(body, set)
				return body
			}
			mine := &seed{t, ada.For(t)}
			first, second := bodyOf(mine, test.first), bodyOf(mine, test.second)
			if post, ok := first["post_id"]; ok {
				second["post_id"] = post
			}
			mine.client.Post(test.path, first).Want(http.StatusCreated)
			refused := mine.client.Post(test.path, second).WantProblem(http.StatusConflict, "already_exists")
			if len(refused.Errors) != 1 || refused.Errors[0].Pointer == nil || *refused.Errors[0].Pointer != test.pointer {
				t.Errorf("errors %+v, want one at %s", refused.Errors, test.pointer)
			}
			hers := &seed{t, eve.For(t)}
			hers.client.Post(test.path, bodyOf(hers, test.second)).Want(http.StatusCreated)
		})
	}
}

// TestReferences refers to rows that do not exist or belong to another identity. Both have the same response, with
// the pointer, and nothing is written.
func TestReferences(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ada, eve := s.person(t, "ada"), s.person(t, "eve")
	hers := eve.Post("/v1/business/contacts", object{"name": "Grace"}).Want(http.StatusCreated).Object()["id"]
	invoice := func(contact any) object {
		return object{"number": "1", "currency": "EUR", "contact_id": contact,
			"line_items": []any{object{"description": "x", "quantity": "1", "unit_price": "1.00", "tax_rate": "0"}}}
	}
	for name, contact := range map[string]any{"another's": hers, "nobody's": dbtest.NewID()} {
		problem := ada.Post("/v1/business/invoices", invoice(contact)).
			WantProblem(http.StatusUnprocessableEntity, "reference_not_found")
		if len(problem.Errors) != 1 || problem.Errors[0].Pointer == nil || *problem.Errors[0].Pointer != "/contact_id" {
			t.Errorf("%s: errors %+v, want one at /contact_id", name, problem.Errors)
		}
		if ids := listed(ada, "/v1/business/invoices"); len(ids) != 0 {
			t.Errorf("%s: written anyway: %v", name, ids)
		}
	}
	own := ada.Post("/v1/business/invoices", invoice(nil)).Want(http.StatusCreated)
	ada.Patch(own.Header.Get("Location"), own.ETag(), object{"contact_id": hers}).
		WantProblem(http.StatusUnprocessableEntity, "reference_not_found")
	if got := ada.Get(own.Header.Get("Location")).Want(http.StatusOK).Object()["contact_id"]; got != nil {
		t.Errorf("the invoice refers to %v", got)
	}
}

// In all free-form JSON of clients, numbers have at most 40 digits and an exponent from -40 to 40.
func TestFreeFormNumbersAreLimited(t *testing.T) {
	t.Parallel()
	s := newService(t)
	c := s.person(t, "ada")
	thread := c.Post("/v1/threads", map[string]any{"founding_intent": "Count", "sphere": "personal"}).Want(http.StatusCreated).Header.Get("Location")
	for _, test := range []struct{ name, method, path, body, pointer string }{
		{"parameters of an asset", "POST", "/v1/creative/assets", `{"name":"a","kind":"image","uri":"https://example.org/a","media_type":"image/png","size_bytes":1,"parameters":{"a":[%s]}}`, "/parameters/a/0"},
		{"settings of a group", "POST", "/v1/community/groups", `{"name":"a","settings":{"a":%s}}`, "/settings/a"},
		{"settings of the identity", "PATCH", "/v1/me", `{"settings":{"a":%s}}`, "/settings/a"},
		{"content of a checkpoint", "POST", "/v1/checkpoints", `{"type":"cost","resource_type":"report","action":"x","content":{"a":%s}}`, "/content/a"},
		{"details of an event", "POST", thread + "/events", `{"events":[{"type":"action.proposed","payload":{"action":"x","details":{"a":%s}}}]}`, "/events/0/payload/details/a"},
	} {
		for _, number := range []string{"1e308", "1e41", "1e-41", "0." + strings.Repeat("1", 40), "-1e308"} {
			r := c.Do(test.method, test.path, fmt.Sprintf(test.body, number), "If-Match", "*")
			p := r.WantProblem(http.StatusUnprocessableEntity, "validation_failed")
			if len(p.Errors) != 1 || p.Errors[0].Pointer == nil || *p.Errors[0].Pointer != test.pointer || p.Errors[0].Code != "out_of_range" {
				t.Errorf("%s: %s: %s", test.name, number, r.Body)
			}
		}
		for _, number := range []string{"1e40", "-1.5e-40", "0." + strings.Repeat("1", 39), "12345"} {
			if r := c.Do(test.method, test.path, fmt.Sprintf(test.body, number), "If-Match", "*"); r.Status/100 != 2 {
				t.Errorf("%s: %s: %d %s", test.name, number, r.Status, r.Body)
			}
		}
	}
}

// URIs that run a program when they are opened are rejected in all fields.
func TestURIsThatRunProgramsAreRefused(t *testing.T) {
	t.Parallel()
	b := newService(t)
	agent := b.agentOf(t, "ada")
	thread := agent.Post("/v1/threads", object{"founding_intent": "x", "sphere": "personal"}).Want(http.StatusCreated).Header.Get("Location")
	fields := []struct {
		path, pointer string
		body          func(uri string) object
	}{
		{"/v1/creative/assets", "/uri", func(uri string) object {
			return object{"name": "n", "kind": "image", "uri": uri, "media_type": "image/png", "size_bytes": 1}
		}},
		{"/v1/community/events", "/online_url", func(uri string) object {
			return object{"title": "t", "starts_at": "2030-01-01T10:00:00Z", "ends_at": "2030-01-01T11:00:00Z", "time_zone": "UTC", "online_url": uri}
		}},
		{"/v1/scholar/references", "/url", func(uri string) object {
			return object{"title": "t", "authors": []string{"a"}, "citation_key": "k", "url": uri}
		}},
		{"/v1/social/posts", "/media/0/uri", func(uri string) object {
			return object{"body": "b", "media": []object{{"uri": uri, "media_type": "image/png"}}}
		}},
		{"/v1/government/compliance-items", "/evidence/0/uri", func(uri string) object {
			return object{"name": "n", "regulation": "r", "authority": "a", "evidence": []object{{"uri": uri, "sha256": strings.Repeat("0", 64)}}}
		}},
		{thread + "/events", "/events/0/payload/uri", func(uri string) object {
			return object{"events": []object{{"type": "link.added", "payload": object{"uri": uri}}}}
		}},
	}
	for _, field := range fields {
		for _, uri := range []string{
			"javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "blob:https://example.org/x", "file:///etc/passwd",
			" javascript:alert(1)", "\tjavascript:alert(1)", "\x01javascript:alert(1)", "java\nscript:alert(1)", "//example.org", "/cover.png", "https:", "https://example.org/a b",
		} {
			p := agent.Post(field.path, field.body(uri)).WantProblem(http.StatusUnprocessableEntity, "validation_failed")
			if len(p.Errors) != 1 || *p.Errors[0].Pointer != field.pointer || p.Errors[0].Code != "invalid_format" || !strings.Contains(p.Errors[0].Detail, "starts with one of https:, http:") {
				t.Errorf("%q at %s: %+v", uri, field.path, p.Errors)
			}
		}
		agent.Post(field.path, field.body("HTTPS://example.org/x")).Want(http.StatusCreated)
	}
}

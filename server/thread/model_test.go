package thread_test

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies/verify"
	"github.com/chenu/chenu/server/api/apitest"
)

// TestMain reduces rapid's default of 100 checks, because each step is a request. The flag -rapid.checks overrides
// it.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "20"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// model is the expected state of a thread, implemented independently of the service.
type model struct {
	status     string
	title, typ any
	tags       []string
	parent     any
	types      []string         // of the events, in order
	history    []map[string]any // the thread after each event
	version    int
	appended   []map[string]any // events of the last append, with their ids
	answer     string
}

// next has the allowed transitions: from a status, by an event, to a status.
var next = map[string]map[string]string{
	"active":    {"thread.paused": "paused", "thread.completed": "completed", "thread.archived": "archived"},
	"paused":    {"thread.resumed": "active", "thread.completed": "completed", "thread.archived": "archived"},
	"completed": {"thread.resumed": "active", "thread.archived": "archived"},
	"archived":  {},
}

func (m *model) state() map[string]any {
	return map[string]any{
		"status": m.status, "title": m.title, "type": m.typ, "tags": fmt.Sprintf("%q", m.tags), "parent_thread_id": m.parent,
		"last_sequence": float64(len(m.types)), "event_count": float64(len(m.types)),
	}
}

// apply applies an event, and reports whether it is allowed.
func (m *model) apply(e map[string]any) bool {
	name := e["type"].(string)
	if m.status == "archived" {
		return false
	}
	switch name {
	case "thread.paused", "thread.resumed", "thread.completed", "thread.archived":
		to, ok := next[m.status][name]
		if !ok {
			return false
		}
		m.status = to
	case "thread.updated":
		for field, value := range e["payload"].(map[string]any) {
			switch field {
			case "title":
				m.title = value
			case "type":
				m.typ = value
			case "tags":
				m.tags = value.([]string)
			case "parent_thread_id":
				m.parent = value
			}
		}
	}
	m.types = append(m.types, name)
	m.history = append(m.history, m.state())
	return true
}

// seen returns the fields of a thread in a response that the model has.
func seen(o map[string]any) map[string]any {
	out := map[string]any{}
	for _, field := range []string{"status", "title", "type", "tags", "parent_thread_id", "last_sequence", "event_count"} {
		out[field] = o[field]
	}
	out["tags"] = fmt.Sprintf("%q", o["tags"])
	return out
}

var (
	titles     = rapid.OneOf(rapid.Just[any](nil), rapid.Map(rapid.StringMatching(`[a-zé"'\\ ]{1,20}`), func(s string) any { return s }))
	tagsLists  = rapid.SliceOfN(rapid.StringMatching(`[a-z,{}" ]{1,8}`), 0, 4)
	types      = rapid.SampledFrom([]string{"personal", "collective", "institutional"})
	eventTypes = rapid.SampledFrom([]string{
		"note.added", "note.added", "note.added", "thread.updated", "thread.updated", "thread.paused", "thread.resumed",
		"thread.completed", "intent.refined", "decision.recorded", "thread.archived",
	})
)

func drawEvent(t *rapid.T, parents []any) map[string]any {
	name := eventTypes.Draw(t, "type")
	var payload map[string]any
	switch name {
	case "note.added":
		payload = object("text", rapid.StringN(1, 30, -1).Filter(func(s string) bool { return !slices.Contains([]byte(s), 0) }).Draw(t, "text"))
	case "intent.refined":
		payload = object("intent", "More exactly")
	case "decision.recorded":
		payload = object("decision", "Do it", "alternatives", []string{"Don't"})
	case "thread.updated":
		payload = drawChanges(t, parents)
	default:
		payload = object()
	}
	return event(name, payload, "id", dbtest.NewID())
}

func drawChanges(t *rapid.T, parents []any) map[string]any {
	changes := object()
	for len(changes) == 0 {
		if rapid.Bool().Draw(t, "changes title") {
			changes["title"] = titles.Draw(t, "title")
		}
		if rapid.Bool().Draw(t, "changes tags") {
			changes["tags"] = tagsLists.Draw(t, "tags")
		}
		if rapid.Bool().Draw(t, "changes type") {
			changes["type"] = types.Draw(t, "type")
		}
		if rapid.Bool().Draw(t, "changes parent") {
			changes["parent_thread_id"] = rapid.SampledFrom(parents).Draw(t, "parent")
		}
	}
	return changes
}

// TestModel compares the service with the model in random steps: appends of allowed and forbidden events, stale and
// repeated appends, patches, and reads of the current and earlier states.
func TestModel(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	client := b.human(t, b.ada)
	parents := []any{nil, begin(client)[len("/v1/threads/"):], begin(client)[len("/v1/threads/"):]}
	rapid.Check(t, func(rt *rapid.T) {
		c := client
		path := begin(c)
		m := &model{status: "active", typ: "personal", version: 1, types: []string{"thread.created"}}
		m.history = []map[string]any{m.state()}
		fail := func(r *apitest.Response, want int) bool {
			if r.Status != want {
				rt.Fatalf("status %d, want %d: %s", r.Status, want, r.Body)
			}
			return true
		}
		rt.Repeat(map[string]func(*rapid.T){
			"": func(rt *rapid.T) {
				got := c.Get(path).Object()
				if want := m.state(); !maps.Equal(seen(got), want) {
					rt.Fatalf("the thread is %v, want %v", seen(got), want)
				}
				if got["version"] != float64(m.version) || got["founding_intent"] != "Write the annual report" {
					rt.Fatalf("the thread is %v, want version %d", got, m.version)
				}
			},
			"append": func(rt *rapid.T) {
				list := make([]map[string]any, rapid.IntRange(1, 4).Draw(rt, "events"))
				try, allowed := *m, true
				try.tags = slices.Clone(m.tags)
				try.types, try.history = slices.Clone(m.types), slices.Clone(m.history)
				for i := range list {
					list[i] = drawEvent(rt, parents)
					allowed = allowed && try.apply(list[i])
				}
				body := events(list...)
				stale := rapid.IntRange(0, 4).Draw(rt, "stale") == 0
				switch {
				case stale:
					body["expected_sequence"] = len(m.types) + rapid.SampledFrom([]int{1, 7}).Draw(rt, "ahead")
				case rapid.Bool().Draw(rt, "expects"):
					body["expected_sequence"] = len(m.types)
				}
				r := c.Post(path+"/events", body)
				switch {
				case stale:
					fail(r, http.StatusPreconditionFailed)
				case !allowed:
					fail(r, http.StatusConflict)
				case fail(r, http.StatusCreated):
					*m = try
					m.version++
					m.appended, m.answer = list, string(r.Body)
				}
			},
			"append the same again": func(rt *rapid.T) {
				if m.appended == nil {
					rt.Skip("nothing was appended yet")
				}
				if r := c.Post(path+"/events", events(m.appended...)); fail(r, http.StatusOK) && string(r.Body) != m.answer {
					rt.Fatalf("the repeated append returned %s, want %s", r.Body, m.answer)
				}
			},
			"append others under the same id": func(rt *rapid.T) {
				if m.appended == nil {
					rt.Skip("nothing was appended yet")
				}
				fail(c.Post(path+"/events", events(note("something else", "id", m.appended[0]["id"]), note("y", "id", dbtest.NewID()))), http.StatusConflict)
			},
			"patch": func(rt *rapid.T) {
				changes := drawChanges(rt, parents)
				etag := fmt.Sprintf(`"v%d"`, m.version)
				if rapid.IntRange(0, 3).Draw(rt, "stale") == 0 {
					fail(c.Patch(path, fmt.Sprintf(`"v%d"`, m.version+1), changes), http.StatusPreconditionFailed)
					return
				}
				before := m.state()
				try := *m
				allowed := try.apply(event("thread.updated", changes))
				after := try.state()
				delete(before, "last_sequence")
				delete(before, "event_count")
				delete(after, "last_sequence")
				delete(after, "event_count")
				r := c.Patch(path, etag, changes)
				switch {
				case m.status == "archived" && !patches(m, changes), maps.Equal(before, after) && m.status != "archived":
					fail(r, http.StatusOK) // a patch that changes nothing appends no event
				case !allowed:
					fail(r, http.StatusConflict)
				case fail(r, http.StatusOK):
					*m = try
					m.version++
				}
			},
			"read as of": func(rt *rapid.T) {
				sequence := rapid.IntRange(1, len(m.types)).Draw(rt, "sequence")
				got := c.Get(fmt.Sprintf("%s?as_of=%d", path, sequence)).Object()
				if want := m.history[sequence-1]; !maps.Equal(seen(got), want) {
					rt.Fatalf("as of %d the thread is %v, want %v", sequence, seen(got), want)
				}
			},
			"list events": func(rt *rapid.T) {
				after := rapid.IntRange(0, len(m.types)).Draw(rt, "after")
				got := []string{}
				for _, item := range c.Get(fmt.Sprintf("%s/events?after_sequence=%d&page_size=200", path, after)).Object()["items"].([]any) {
					got = append(got, item.(map[string]any)["type"].(string))
				}
				if !slices.Equal(got, m.types[after:]) {
					rt.Fatalf("after %d the events are %v, want %v", after, got, m.types[after:])
				}
			},
		})
	})
	conn := b.db.Pool(t, b.db.AdminURL)
	one, err := conn.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer one.Release()
	if _, err := verify.Database(t.Context(), one.Conn(), func(f verify.Finding) { t.Error(f) }); err != nil {
		t.Fatal(err)
	}
}

// patches reports whether the changes would change the model.
func patches(m *model, changes map[string]any) bool {
	for field, value := range changes {
		present := map[string]any{"title": m.title, "type": m.typ, "tags": m.tags, "parent_thread_id": m.parent}[field]
		if fmt.Sprintf("%q", present) != fmt.Sprintf("%q", value) {
			return true
		}
	}
	return false
}

package server_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/postgres/pgtest"
	"github.com/chenu/chenu/server"
	"github.com/chenu/chenu/server/account"
	"github.com/chenu/chenu/server/api/apitest"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

// withConnections returns a service with pools of n connections each.
func withConnections(t *testing.T, n int32) *service {
	t.Helper()
	db := dbtest.New(t)
	s, err := server.New(t.Context(), server.Config{
		DevelopmentTokens: true,
		Session:           session.Config{HumanURL: db.ServiceURL, AgentURL: db.AgentURL, MaxConns: n}, Secret: auth.NewSecret(), PasswordHash: quickHash,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	document, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	return &service{s, db, apitest.New(t, s.Handler(), document)}
}

// Every operation works with one connection in each pool, for a person, for an agent and without authentication. An
// operation that requests a second connection while it holds one gets session.ErrNested, which results in status 500.
// The other tests of this package detect that too, and cover each operation in more depth.
func TestEveryOperationNeedsOneConnection(t *testing.T) {
	t.Parallel()
	b := withConnections(t, 1)
	data, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths      map[string]map[string]json.RawMessage
		Components struct{ Schemas map[string]schema }
	}
	if err := json.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	sent := 0
	for path, operations := range document.Paths {
		for method, raw := range operations {
			var o struct {
				RequestBody struct {
					Content map[string]struct{ Schema schema }
				}
			}
			if method == "parameters" {
				continue
			}
			if err := json.Unmarshal(raw, &o); err != nil {
				t.Fatal(err)
			}
			target := path
			for strings.Contains(target, "{") {
				i, j := strings.Index(target, "{"), strings.Index(target, "}")
				target = target[:i] + dbtest.NewID().String() + target[j+1:]
			}
			var body any
			for _, content := range o.RequestBody.Content {
				body = content.Schema.example(document.Components.Schemas, 0)
			}
			// Each request has a new caller, because some operations end the session.
			name := fmt.Sprintf("caller%d", sent)
			for kind, client := range map[string]*apitest.Client{
				"person":          b.as(t, account.DevelopmentToken{Email: name + "@example.org"}),
				"agent":           b.as(t, account.DevelopmentToken{Email: name + "@example.org", Agent: dbtest.NewID()}),
				"unauthenticated": b.client.For(t),
			} {
				header := []string{"If-Match", "*"}
				r := client.Do(strings.ToUpper(method), target, body, header...)
				sent++
				if r.Status >= 500 || r.Status == http.StatusTooManyRequests {
					t.Errorf("%s %s by %s: %d %.300s", method, path, kind, r.Status, r.Body)
				}
			}
		}
	}
	if sent < 300 {
		t.Errorf("only %d requests were sent", sent)
	}
}

// schema has the parts of a JSON schema that example uses.
type schema struct {
	Ref        string `json:"$ref"`
	Type       any
	Properties map[string]schema
	Required   []string
	Items      *schema
	Enum       []any
	Examples   []any
	AllOf      []schema
	AnyOf      []schema
	OneOf      []schema
	Format     string
}

// example returns a value for the schema with all required properties.
func (s schema) example(all map[string]schema, depth int) any {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return all[name].example(all, depth)
	}
	if len(s.Examples) > 0 {
		return s.Examples[0]
	}
	if len(s.Enum) > 0 {
		return s.Enum[0]
	}
	for _, options := range [][]schema{s.AllOf, s.AnyOf, s.OneOf} {
		if len(options) > 0 && len(s.Properties) == 0 {
			return options[0].example(all, depth)
		}
	}
	kind, _ := s.Type.(string)
	if kinds, ok := s.Type.([]any); ok && len(kinds) > 0 {
		kind, _ = kinds[0].(string)
	}
	switch {
	case kind == "array":
		if s.Items != nil && depth < 4 {
			return []any{s.Items.example(all, depth+1)}
		}
		return []any{}
	case kind == "integer", kind == "number":
		return 1
	case kind == "boolean":
		return true
	case kind == "string" && s.Format == "uuid":
		return dbtest.NewID().String()
	case kind == "string" && s.Format == "date-time":
		return time.Now().UTC().Format(time.RFC3339)
	case kind == "string":
		return "copper meadow distant violin"
	}
	object := map[string]any{}
	for _, name := range s.Required {
		if depth < 6 {
			object[name] = s.Properties[name].example(all, depth+1)
		}
	}
	return object
}

// Requests of one identity that wait in the database use at most half of the connections, so a request of another
// identity gets one.
func TestOneIdentityLeavesConnectionsToOthers(t *testing.T) {
	t.Parallel()
	b := withConnections(t, 2)
	ada, eve := b.person(t, "ada"), b.person(t, "eve")
	note := ada.Post("/v1/personal/notes", map[string]any{"title": "A"}).Want(http.StatusCreated)
	path := "/v1/personal/notes/" + note.Object()["id"].(string)
	admin := b.db.Pool(t, b.db.AdminURL)
	tx, err := admin.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT FROM personal_notes WHERE id = $1 FOR UPDATE`, note.Object()["id"]); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	statuses := make([]int, 5)
	for i := range statuses {
		client := ada.For(t)
		wg.Go(func() { statuses[i] = client.Patch(path, "*", map[string]any{"title": "B"}).Status })
	}
	waiting := func() (n int) {
		if err := admin.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := pgtest.AwaitLocks(t.Context(), admin, 1, nil); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		eve.Post("/v1/personal/notes", map[string]any{"title": "E"}).Want(http.StatusCreated)
		eve.Get("/v1/me").Want(http.StatusOK)
	}
	if n := waiting(); n != 1 {
		t.Errorf("%d transactions of one identity wait in the database, want 1 of 2 connections", n)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	// On a slow machine, a request may exceed the time limit for waiting.
	if !slices.Contains(statuses, http.StatusOK) || slices.ContainsFunc(statuses, func(status int) bool {
		return status != http.StatusOK && status != http.StatusTooManyRequests
	}) {
		t.Errorf("statuses %v", statuses)
	}
}

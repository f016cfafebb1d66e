package refusal_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/postgres/pgtest"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/session"
)

// statement is a raw SQL statement with its arguments.
type statement struct {
	query string
	args  []any
}

// unit runs the statements in one unit of work that may make several writes.
func (g *gated) unit(ctx context.Context, checkpoint uuid.UUID, statements func() []statement) error {
	options := session.Options{Checkpoint: checkpoint, Several: true, Description: "POST /test"}
	return g.Do(ctx, options, func(ctx context.Context, tx *ent.Tx) error {
		for _, s := range statements() {
			if _, err := tx.ExecContext(ctx, s.query, s.args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// append returns a function that returns the statement that appends the events to the thread.
func (g *gated) append(thread uuid.UUID, events ...string) func() []statement {
	return func() []statement {
		return []statement{{"SELECT app.append_events($1, NULL, $2::jsonb)", []any{thread, "[" + strings.Join(events, ",") + "]"}}}
	}
}

func noteEvent(text string, more ...string) string {
	return fmt.Sprintf(`{"type": "note.added", "schema_version": 1, "payload": {"text": %q}%s}`, text, strings.Join(more, ""))
}

var publishEvent = threadUpdate(`{"visibility": "public"}`)

// approve requests an approval of the unit and approves it.
func (g *gated) approve(t testing.TB, ctx context.Context, statements func() []statement) *problem.Checkpoint { //nolint:revive // t comes first in tests
	t.Helper()
	c := asked(t, g.unit(ctx, uuid.Nil, statements))
	if err := g.decide(g.ada, c, "approved"); err != nil {
		t.Fatal(err)
	}
	return c
}

// elements returns the writes that a checkpoint lists, each as "type operation table id version".
func (g *gated) elements(t testing.TB, checkpoint uuid.UUID) []string {
	t.Helper()
	rows, _ := g.admin.Query(t.Context(), `SELECT concat_ws(' ', w ->> 'type', w ->> 'operation', w ->> 'table', w ->> 'id', w ->> 'version')
		FROM checkpoints c, jsonb_array_elements(c.payload -> 'writes') AS w WHERE c.id = $1`, checkpoint)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// raw runs statements as the serving role in one transaction around the service, with any settings that the statements
// make, and commits.
func (g *gated) raw(ctx context.Context, who auth.Identity, checkpoint uuid.UUID, statements ...string) error {
	conn, err := pgx.Connect(ctx, g.database.ServiceURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	id := ""
	if checkpoint != uuid.Nil {
		id = checkpoint.String()
	}
	if _, err := tx.Exec(ctx, `SELECT set_config('role', $1, true), set_config('app.identity_id', $2, true), set_config('app.actor_id', $3, true),
		set_config('app.checkpoint_id', $4, true)`, "chenu_"+string(who.Kind), who.ID.String(), who.ActorID.String(), id); err != nil {
		return err
	}
	for _, s := range statements {
		if _, err := tx.Exec(ctx, s); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

// Hardening item 4: an approval covers the whole append. A human who approves only that a thread becomes public does
// not approve other events in the same append.
func TestAnApprovalCoversTheWholeAppend(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	begin := func(t *testing.T) uuid.UUID {
		t.Helper()
		id := dbtest.NewID()
		if err := g.do(g.agent, uuid.Nil, thread.private, id, g.adaID, "Sunday"); err != nil {
			t.Fatal(err)
		}
		return id
	}
	// cause is replaced with the id of the event that creates the thread, since a cause must exist.
	const cause = "the event that creates the thread"
	decision := `{"type": "decision.recorded", "schema_version": 1, "payload": {"decision": "Print it"}}`
	approved := []string{noteEvent("fine"), decision, publishEvent}
	for name, test := range map[string]struct {
		asked, sent []string
		works       bool
	}{
		"as approved":                            {approved, approved, true},
		"only the change of the thread":          {[]string{publishEvent}, []string{publishEvent}, true},
		"three events, only the change approved": {[]string{publishEvent}, []string{noteEvent("evil"), decision, publishEvent}, false},
		"an event after the change":              {[]string{publishEvent}, []string{publishEvent, noteEvent("evil")}, false},
		"an additional event":                    {approved, append(slices.Clone(approved), noteEvent("evil")), false},
		"an additional event before":             {approved, append([]string{noteEvent("evil")}, approved...), false},
		"an event missing":                       {approved, approved[1:], false},
		"another order":                          {approved, []string{decision, noteEvent("fine"), publishEvent}, false},
		"another text":                           {approved, []string{noteEvent("evil"), decision, publishEvent}, false},
		"an intermediate title":                  {approved, []string{noteEvent("fine"), decision, threadUpdate(`{"title": "evil"}`), threadUpdate(`{"visibility": "public", "title": "Sunday"}`)}, false},
		"the change with a cause":                {[]string{publishEvent}, []string{strings.TrimSuffix(publishEvent, "}") + `, "causation_id": "` + cause + `"}`}, false},
		"only the change of an approved list":    {approved, []string{publishEvent}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := begin(t)
			var created string
			if err := g.admin.QueryRow(t.Context(), "SELECT id FROM thread_events WHERE thread_id = $1 AND type = 'thread.created'", id).Scan(&created); err != nil {
				t.Fatal(err)
			}
			sent := make([]string, len(test.sent))
			for i, event := range test.sent {
				sent[i] = strings.ReplaceAll(event, cause, created)
			}
			c := asked(t, g.unit(g.agent, uuid.Nil, g.append(id, test.asked...)))
			if again := asked(t, g.unit(g.agent, uuid.Nil, g.append(id, test.asked...))); again.ID != c.ID {
				t.Errorf("the same request again returns the checkpoint %s, first %s", again.ID, c.ID)
			}
			_ = locked(t, g.unit(g.agent, c.ID, g.append(id, test.asked...)), "checkpoint_pending")
			if err := g.decide(g.ada, c, "approved"); err != nil {
				t.Fatal(err)
			}
			before := g.count(t, "SELECT last_sequence FROM threads WHERE id = $1", id)
			err := g.unit(g.agent, c.ID, g.append(id, sent...))
			if !test.works {
				_ = locked(t, err, "checkpoint_mismatch")
				if n := g.count(t, "SELECT last_sequence FROM threads WHERE id = $1 AND visibility = 'private'", id); n != before {
					t.Errorf("the thread is at sequence %d, before %d", n, before)
				}
				if n := g.count(t, "SELECT count(*) FROM checkpoints WHERE id = $1 AND consumed_at IS NULL", c.ID); n != 1 {
					t.Error("the approval was consumed")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if n := g.count(t, "SELECT count(*) FROM threads WHERE id = $1 AND visibility = 'public' AND version = 2 AND step_count = 3", id); n != 1 {
				t.Error("the thread is not public, or its version counts the steps of its approval")
			}
			if len(test.sent) > 1 {
				// One row for each event, and one for the change of the thread.
				if n := g.count(t, "SELECT count(*) FROM audit_logs WHERE checkpoint_id = $1 AND resource_type <> 'checkpoint' AND outcome = 'success' AND actor_id = $2", c.ID, g.agentID); n != len(test.sent)+1 {
					t.Errorf("%d audit rows name the approval, want %d", n, len(test.sent)+1)
				}
			}
			if err := g.unit(g.agent, c.ID, g.append(id, noteEvent("again"))); problem.From(err).Status != http.StatusLocked {
				t.Errorf("another append with the used approval: %v, want 423", err)
			}
		})
	}
}

// Hardening item 4: an append to a public thread is published, and needs an approval.
func TestAppendToAPublicThreadNeedsAnApproval(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	for name, as := range map[string]context.Context{"agent": g.agent, "human": g.ada} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := dbtest.NewID()
			g.exec(t, thread.public, id, g.adaID, "Sunday")
			one, two := g.append(id, noteEvent("fine")), g.append(id, noteEvent("first"), noteEvent("second"))
			for _, approved := range []func() []statement{one, two} {
				_ = locked(t, g.unit(as, dbtest.NewID(), approved), "checkpoint_mismatch")
				c := asked(t, g.unit(as, uuid.Nil, approved))
				if c.Type != "sensitive" {
					t.Errorf("the approval is of type %s, want sensitive", c.Type)
				}
				if err := g.decide(g.ada, c, "approved"); err != nil {
					t.Fatal(err)
				}
				_ = locked(t, g.unit(as, c.ID, g.append(id, noteEvent("evil"))), "checkpoint_mismatch")
				if err := g.unit(as, c.ID, approved); err != nil {
					t.Fatal(err)
				}
			}
			if n := g.count(t, "SELECT count(*) FROM thread_events WHERE thread_id = $1 AND type = 'note.added'", id); n != 3 {
				t.Errorf("%d notes, want 3", n)
			}
			if n := g.count(t, `SELECT count(*) FROM thread_events e JOIN audit_logs a ON a.resource_id = e.id
				WHERE e.thread_id = $1 AND e.type = 'note.added' AND a.checkpoint_id IS NOT NULL`, id); n != 3 {
				t.Errorf("%d audit rows of the notes name an approval, want 3", n)
			}
			if n := g.count(t, "SELECT count(*) FROM threads WHERE id = $1 AND last_sequence = event_count AND event_count = (SELECT count(*) FROM thread_events e WHERE e.thread_id = $1)", id); n != 1 {
				t.Error("the thread does not match its events")
			}
			// The text of a client's action is not published with the request.
			ask := `SELECT app.request_checkpoint(jsonb_build_object('identity', $2::text, 'type', 'sensitive', 'sphere', NULL, 'resource_type', 'evil kind',
				'action', 'evil action', 'resource_id', NULL, 'resource_version', NULL, 'thread_id', $1::text, 'content', '{}'::jsonb))`
			if err := g.do(as, uuid.Nil, ask, id, g.adaID); err != nil {
				t.Fatal(err)
			}
			if n := g.count(t, "SELECT count(*) FROM thread_events WHERE thread_id = $1 AND payload::text LIKE '%evil%'", id); n != 0 {
				t.Error("the thread shows the text of an action that was not approved")
			}
		})
	}
}

// Hardening items 4 and 15: an event may name an earlier event of the same append as its cause. The approval covers
// that reference, although the events get new ids each time.
func TestAnApprovalCoversTheCauseOfAnEvent(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	id := dbtest.NewID()
	g.exec(t, thread.public, id, g.adaID, "Sunday")
	var created string
	if err := g.admin.QueryRow(t.Context(), "SELECT id FROM thread_events WHERE thread_id = $1 AND type = 'thread.created'", id).Scan(&created); err != nil {
		t.Fatal(err)
	}
	caused := func(cause string) []statement {
		first := dbtest.NewID().String()
		if cause == "" {
			cause = first
		}
		return g.append(id, noteEvent("first", `, "id": "`+first+`"`), noteEvent("second", `, "causation_id": "`+cause+`"`))()
	}
	approved := func() []statement { return caused("") }
	c := g.approve(t, g.agent, approved)
	_ = locked(t, g.unit(g.agent, c.ID, func() []statement { return caused(created) }), "checkpoint_mismatch")
	if err := g.unit(g.agent, c.ID, func() []statement { return caused(dbtest.NewID().String()) }); pgtest.SQLState(err) != "CH422" {
		t.Errorf("a cause that does not exist: %v, want CH422", err)
	}
	if err := g.unit(g.agent, c.ID, approved); err != nil {
		t.Fatal(err)
	}
	if n := g.count(t, `SELECT count(*) FROM thread_events e JOIN thread_events f ON f.id = e.causation_id AND f.thread_id = e.thread_id
		WHERE e.thread_id = $1 AND e.payload ->> 'text' = 'second' AND f.payload ->> 'text' = 'first'`, id); n != 1 {
		t.Errorf("%d events have the approved cause, want 1", n)
	}
}

// Hardening item 31: one approval covers every write of a unit, gated or not.
func TestOneApprovalOfSeveralWrites(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	first := dbtest.NewID()
	g.exec(t, g.public, first, g.adaID, "First")
	batch := func() []statement {
		contact, list := dbtest.NewID(), dbtest.NewID()
		return []statement{
			{"INSERT INTO business_contacts (id, created_by, name) VALUES ($1, $2, 'Grace')", []any{contact, g.adaID}},
			{"INSERT INTO business_projects (id, created_by, name, contact_id) VALUES ($1, $2, 'new:1 ' || $3::text, $3::uuid)", []any{dbtest.NewID(), g.adaID, contact}},
			{g.public, []any{list, g.adaID, "Second"}},
			{g.rename, []any{first, "Third"}},
			{g.rename, []any{list, "Fourth"}},
			{"DELETE FROM business_projects WHERE contact_id = $1", []any{contact}},
		}
	}
	// One text contains the id of the new row within a longer string, so that it differs each time. Replace it with a
	// constant.
	same := func() []statement {
		all := batch()
		all[1].query = strings.Replace(all[1].query, "'new:1 ' || $3::text", "'new:1'", 1)
		return all
	}
	c := g.approve(t, g.agent, same)
	want := []string{
		"INSERT business_contacts new:1", "INSERT business_projects new:2", "sensitive INSERT entertainment_playlists new:3",
		"sensitive UPDATE entertainment_playlists " + first.String() + " 1", "sensitive UPDATE entertainment_playlists new:3 1", "DELETE business_projects new:2 1",
	}
	if got := g.elements(t, c.ID); !slices.Equal(got, want) {
		t.Errorf("the checkpoint shows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := g.count(t, `SELECT count(*) FROM checkpoints WHERE id = $1 AND payload @> '{"writes": [{"values": {"contact_id": "new:1", "name": "new::1"}}]}'
		AND action = 'insert contact, insert project, insert playlist, update 2 playlists, delete project'
		AND encode(sha256(convert_to(payload::text, 'UTF8')), 'hex') = $2 AND resource_type = 'playlist' AND resource_id IS NULL`, c.ID, c.Digest); n != 1 {
		t.Error("the checkpoint does not describe its writes")
	}
	_ = locked(t, g.unit(g.agent, c.ID, batch), "checkpoint_mismatch")
	_ = locked(t, g.unit(g.otherAgent, c.ID, same), "checkpoint_mismatch")
	_ = locked(t, g.unit(g.ada, c.ID, same), "checkpoint_mismatch")
	if err := g.unit(g.agent, c.ID, same); err != nil {
		t.Fatal(err)
	}
	if n := g.count(t, "SELECT count(*) FROM audit_logs WHERE checkpoint_id = $1 AND resource_type <> 'checkpoint' AND outcome = 'success'", c.ID); n != 6 {
		t.Errorf("%d audit rows name the approval, want 6", n)
	}
	if n := g.count(t, "SELECT count(*) FROM app.collected_writes"); n != 0 {
		t.Errorf("%d collected writes are left", n)
	}
	_ = locked(t, g.unit(g.agent, c.ID, same), "checkpoint_used")

	// A human needs an approval for the same list, too.
	c = g.approve(t, g.ada, same)
	if err := g.unit(g.ada, c.ID, same); problem.From(err).Code != "checkpoint_mismatch" { // the version of the first row has changed
		if err != nil {
			t.Fatal(err)
		}
	}
	// No checkpoint is requested for a unit with a write that fails anyway.
	err := g.unit(g.agent, uuid.Nil, func() []statement {
		return append(same(), statement{"INSERT INTO business_projects (id, created_by, name) VALUES ($1, $2, '')", []any{dbtest.NewID(), g.adaID}})
	})
	if p := problem.From(err); p.Status != http.StatusUnprocessableEntity {
		t.Errorf("a list with an invalid write: %v, want 422", err)
	}
}

// Hardening item 4: the check of lists also applies to raw SQL around the service, whatever it sets.
func TestListsHoldForRawSQL(t *testing.T) { //nolint:tparallel // The subtests share only the identity.
	t.Parallel()
	g := setupGated(t)
	agent := auth.Identity{ID: g.adaID, ActorID: g.agentID, Kind: auth.Agent}
	contact := func(name string) string {
		return fmt.Sprintf("INSERT INTO business_contacts (id, created_by, name) VALUES ('%s', '%s', '%s')", dbtest.NewID(), g.adaID, name)
	}
	list := func(name string) string {
		return fmt.Sprintf("INSERT INTO entertainment_playlists (id, created_by, name, visibility) VALUES ('%s', '%s', '%s', 'public')", dbtest.NewID(), g.adaID, name)
	}
	const forget, remember = "SELECT set_config('app.checkpoint_id', '', true)", "SELECT set_config('app.checkpoint_id', '%s', true)"
	const collecting = "SELECT set_config('app.collecting', 'on', true)"
	const immediate = "SET CONSTRAINTS ALL IMMEDIATE"
	for name, test := range map[string]struct { //nolint:paralleltest // each subtest counts the rows that it leaves
		want  string // SQLSTATE, or empty if the transaction commits
		rows  int    // number of rows of both kinds after the transaction
		write func(c uuid.UUID) []string
	}{
		"as approved":               {"", 2, func(uuid.UUID) []string { return []string{contact("a"), list("b")} }},
		"an extra write at the end": {"CH423", 0, func(uuid.UUID) []string { return []string{contact("a"), list("b"), contact("c")} }},
		"an extra write without the approval before": {"CH423", 0, func(c uuid.UUID) []string {
			return []string{forget, contact("c"), fmt.Sprintf(remember, c), contact("a"), list("b")}
		}},
		"an extra write without the approval after": {"CH423", 0, func(uuid.UUID) []string { return []string{contact("a"), list("b"), forget, contact("c")} }},
		"an extra write without the approval in a savepoint": {"CH423", 0, func(uuid.UUID) []string {
			return []string{contact("a"), list("b"), forget, "SAVEPOINT s", contact("c"), "RELEASE s"}
		}},
		"an extra write that is rolled back": {"", 2, func(uuid.UUID) []string {
			return []string{contact("a"), "SAVEPOINT s", forget, contact("c"), "ROLLBACK TO s", list("b")}
		}},
		"a write that is rolled back and repeated": {"", 2, func(uuid.UUID) []string {
			return []string{contact("a"), "SAVEPOINT s", list("b"), "ROLLBACK TO s", list("b")}
		}},
		"a write that is rolled back": {"CH423", 0, func(uuid.UUID) []string {
			return []string{contact("a"), "SAVEPOINT s", list("b"), "ROLLBACK TO s"}
		}},
		"all writes rolled back": {"", 0, func(uuid.UUID) []string {
			return []string{"SAVEPOINT s", contact("a"), list("b"), "ROLLBACK TO s"}
		}},
		"the first write is missing":      {"CH423", 0, func(uuid.UUID) []string { return []string{list("b")} }},
		"the last write is missing":       {"CH423", 0, func(uuid.UUID) []string { return []string{contact("a")} }},
		"another order":                   {"CH423", 0, func(uuid.UUID) []string { return []string{list("b"), contact("a")} }},
		"another content, not gated":      {"CH423", 0, func(uuid.UUID) []string { return []string{contact("x"), list("b")} }},
		"another content, gated":          {"CH423", 0, func(uuid.UUID) []string { return []string{contact("a"), list("x")} }},
		"all writes twice":                {"CH423", 0, func(uuid.UUID) []string { return []string{contact("a"), list("b"), contact("a"), list("b")} }},
		"an immediate check at the end":   {"CH423", 0, func(uuid.UUID) []string { return []string{contact("a"), list("b"), immediate} }},
		"an immediate check at the start": {"CH423", 0, func(uuid.UUID) []string { return []string{immediate, contact("a"), list("b")} }},
		"an immediate check in a savepoint": {"", 2, func(uuid.UUID) []string {
			return []string{contact("a"), list("b"), "DO $$ BEGIN SET CONSTRAINTS ALL IMMEDIATE; EXCEPTION WHEN OTHERS THEN NULL; END $$"}
		}},
		"an immediate check in a savepoint, and an extra write": {"CH423", 0, func(uuid.UUID) []string {
			return []string{contact("a"), list("b"), "DO $$ BEGIN SET CONSTRAINTS ALL IMMEDIATE; EXCEPTION WHEN OTHERS THEN NULL; END $$", forget, contact("c")}
		}},
		"only this check immediate in a savepoint, and an extra write": {"CH423", 0, func(uuid.UUID) []string {
			return []string{contact("a"), list("b"), "DO $$ BEGIN SET CONSTRAINTS app.check_collected IMMEDIATE; EXCEPTION WHEN OTHERS THEN NULL; END $$", forget, contact("c")}
		}},
		"an extra write at the commit": {"CH423", 0, func(uuid.UUID) []string {
			return []string{contact("a"), "DECLARE late CURSOR WITH HOLD FOR SELECT " + strings.ReplaceAll(beginThread("app.uuid_v7()", "'x'", "private"), "\n", " "), list("b")}
		}},
		"the refusal caught": {"CH423", 0, func(uuid.UUID) []string {
			return []string{contact("a"), "DO $$ BEGIN " + list("x") + "; EXCEPTION WHEN OTHERS THEN NULL; END $$"}
		}},
		"another identity at the commit": {"CH403", 0, func(uuid.UUID) []string {
			return []string{contact("a"), list("b"), fmt.Sprintf("SELECT set_config('app.identity_id', '%s', true)", g.eveID)}
		}},
		"no identity at the commit": {"CH403", 0, func(uuid.UUID) []string {
			return []string{contact("a"), list("b"), "SELECT set_config('app.identity_id', '', true)"}
		}},
		"as the login at the commit": {"", 2, func(uuid.UUID) []string { return []string{contact("a"), list("b"), "RESET ROLE"} }},
		"collecting":                 {"CH403", 0, func(uuid.UUID) []string { return []string{collecting, contact("a"), list("b")} }},
		"collecting, then disabled": {"CH403", 0, func(uuid.UUID) []string {
			return []string{collecting, list("evil"), "SELECT set_config('app.collecting', '', true)"}
		}},
		"collecting in the middle of an approval": {"CH403", 0, func(uuid.UUID) []string {
			return []string{contact("a"), collecting, list("evil"), "SELECT set_config('app.collecting', '', true)", list("b")}
		}},
		"collecting, with an immediate check": {"CH403", 0, func(uuid.UUID) []string { return []string{collecting, immediate, list("evil")} }},
		"collecting, the error of the check caught": {"CH403", 0, func(uuid.UUID) []string {
			return []string{collecting, list("evil"), "DO $$ BEGIN SET CONSTRAINTS ALL IMMEDIATE; EXCEPTION WHEN OTHERS THEN NULL; END $$"}
		}},
		"collecting in a block that catches errors": {"CH403", 0, func(uuid.UUID) []string {
			return []string{"DO $$ BEGIN PERFORM set_config('app.collecting', 'on', true); " + list("evil") + "; EXCEPTION WHEN OTHERS THEN NULL; END $$"}
		}},
		"collecting, made immediate and deferred again": {"CH403", 0, func(uuid.UUID) []string {
			return []string{collecting, list("evil"), "SET CONSTRAINTS ALL DEFERRED"}
		}},
		"collecting, all writes rolled back": {"", 0, func(uuid.UUID) []string { return []string{collecting, "SAVEPOINT s", list("evil"), "ROLLBACK TO s"} }},
		"deleting the list": {"42501", 0, func(uuid.UUID) []string {
			return []string{collecting, list("evil"), "DELETE FROM app.collected_writes"}
		}},
		"reading the list": {"42501", 0, func(uuid.UUID) []string {
			return []string{collecting, list("evil"), "SELECT FROM app.collected_writes"}
		}},
		"adding to the list": {"42501", 0, func(c uuid.UUID) []string {
			return []string{fmt.Sprintf("INSERT INTO app.collected_writes (id, created_by, checkpoint_id, place, table_name, operation, row_id) VALUES ('%s', '%s', '%s', 1, 'x', 'INSERT', '%[1]s')", dbtest.NewID(), g.adaID, c)}
		}},
		"emptying the list":       {"42501", 0, func(uuid.UUID) []string { return []string{"TRUNCATE app.collected_writes"} }},
		"the function take_write": {"42501", 0, func(uuid.UUID) []string { return []string{"SELECT app.take_write('{}', app.uuid_v7(), false)"} }},
		"the function account_write": {"42501", 0, func(uuid.UUID) []string {
			return []string{"SELECT app.account_write(0, 'x', 'x', 'x', 'x', '{}', 'INSERT', '{}', '{}')"}
		}},
		"the function gate_event": {"42501", 0, func(uuid.UUID) []string { return []string{"SELECT app.gate_event(app.uuid_v7(), 'personal', '{}')"} }},
		"another temporary table": {"42501", 0, func(uuid.UUID) []string { return []string{"CREATE TEMPORARY TABLE collected_writes ()"} }},
	} {
		t.Run(name, func(t *testing.T) {
			c := g.approve(t, g.agent, func() []statement { return []statement{{contact("a"), nil}, {list("b"), nil}} })
			const both = "SELECT (SELECT count(*) FROM business_contacts) + (SELECT count(*) FROM entertainment_playlists)"
			before := g.count(t, both)
			err := g.raw(t.Context(), agent, c.ID, test.write(c.ID)...)
			if (err == nil) != (test.want == "") || err != nil && pgtest.SQLState(err) != test.want {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if n := g.count(t, both) - before; n != test.rows {
				t.Errorf("%d rows were written, want %d", n, test.rows)
			}
			used := g.count(t, "SELECT count(*) FROM checkpoints WHERE id = $1 AND consumed_at IS NOT NULL", c.ID)
			if want := test.rows / 2; used != want {
				t.Errorf("the approval was used %d times, want %d", used, want)
			}
			if n := g.count(t, "SELECT count(*) FROM app.collected_writes"); n != 0 {
				t.Errorf("%d collected writes are left", n)
			}
			if used == 0 { // the approval must not stay valid
				g.exec(t, "UPDATE checkpoints SET use_before = clock_timestamp() WHERE id = $1", c.ID)
			}
		})
	}
}

// TestWritesAreFoundAfterTheClockWasSetBack sets back the clock that app.uuid_v7() reads by default. An audit row
// whose id contains a time before its transaction must not hide a write from the check of the transaction.
func TestWritesAreFoundAfterTheClockWasSetBack(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	agent := auth.Identity{ID: g.adaID, ActorID: g.agentID, Kind: auth.Agent}
	insert := func(table, columns, values string) string {
		return fmt.Sprintf("INSERT INTO %s (id, created_by, %s) VALUES ('%s', '%s', %s)", table, columns, dbtest.NewID(), g.adaID, values)
	}
	contact := insert("business_contacts", "name", "'a'")
	list := insert("entertainment_playlists", "name, visibility", "'b', 'public'")
	c := g.approve(t, g.agent, func() []statement { return []statement{{contact, nil}, {list, nil}} })
	var definition string
	if err := g.admin.QueryRow(t.Context(), "SELECT pg_get_functiondef('app.uuid_v7'::regproc)").Scan(&definition); err != nil {
		t.Fatal(err)
	}
	back := strings.Replace(definition, "DEFAULT clock_timestamp()", "DEFAULT (clock_timestamp() - interval '2 minutes')", 1)
	if back == definition {
		t.Fatalf("no default to replace in %s", definition)
	}
	g.exec(t, back)
	if err := g.raw(t.Context(), agent, c.ID, contact, list, "SELECT set_config('app.checkpoint_id', '', true)", insert("business_contacts", "name", "'c'")); pgtest.SQLState(err) != "CH423" {
		t.Errorf("with another write: %v, want CH423", err)
	}
	if err := g.raw(t.Context(), agent, c.ID, contact, list); err != nil {
		t.Errorf("as approved: %v", err)
	}
}

// Hardening item 4: an approval of one write allows no other write in the same transaction.
func TestAnApprovalOfOneWriteCoversNoOther(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	agent := auth.Identity{ID: g.adaID, ActorID: g.agentID, Kind: auth.Agent}
	c := g.approved(t, "Sunday")
	list := fmt.Sprintf("INSERT INTO entertainment_playlists (id, created_by, name, visibility) VALUES ('%s', '%s', 'Sunday', 'public')", dbtest.NewID(), g.adaID)
	contact := fmt.Sprintf("INSERT INTO business_contacts (id, created_by, name) VALUES ('%s', '%s', 'x')", dbtest.NewID(), g.adaID)
	for name, statements := range map[string][]string{"before": {contact, list}, "after": {list, contact}} {
		if err := g.raw(t.Context(), agent, c.ID, statements...); pgtest.SQLState(err) != "CH423" {
			t.Errorf("a write %s the approved one: %v, want CH423", name, err)
		}
	}
	if err := g.raw(t.Context(), agent, c.ID, list); err != nil {
		t.Errorf("the approved write: %v", err)
	}
}

// Hardening item 4: a forged list of writes is rejected.
func TestListsAreNotMadeUp(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	list := func() []statement {
		return []statement{{g.public, []any{dbtest.NewID(), g.adaID, "a"}}, {g.public, []any{dbtest.NewID(), g.adaID, "b"}}}
	}
	c := asked(t, g.unit(g.agent, uuid.Nil, list))
	var payload map[string]any
	var text string
	if err := g.admin.QueryRow(t.Context(), "SELECT payload::text FROM checkpoints WHERE id = $1", c.ID).Scan(&text); err != nil {
		t.Fatal(err)
	}
	for name, forge := range map[string]func(){
		"another type":     func() { payload["type"] = "cross_sphere" },
		"another resource": func() { payload["resource_type"] = "note" },
		"an action":        func() { payload["action"] = "nothing much" },
		"no list":          func() { payload["writes"] = "none" },
		"an empty list":    func() { payload["writes"] = []any{} },
		"no type": func() {
			delete(payload["writes"].([]any)[0].(map[string]any), "type")
			delete(payload["writes"].([]any)[1].(map[string]any), "type")
		},
	} {
		if err := json.Unmarshal([]byte(text), &payload); err != nil {
			t.Fatal(err)
		}
		forge()
		forged, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.do(g.agent, uuid.Nil, "SELECT app.request_checkpoint($1)", string(forged)); problem.From(err).Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %v, want 422", name, err)
		}
	}
}

// Hardening item 31: when concurrent transactions use the approval of one list, exactly one succeeds.
func TestListUsedAtOnce(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	for round := range 20 {
		list := func() []statement {
			return []statement{
				{"INSERT INTO business_contacts (id, created_by, name) VALUES ($1, $2, 'Grace')", []any{dbtest.NewID(), g.adaID}},
				{g.public, []any{dbtest.NewID(), g.adaID, fmt.Sprint(round)}},
			}
		}
		c := g.approve(t, g.agent, list)
		var wg sync.WaitGroup
		errs := make([]error, 3)
		for i := range errs {
			wg.Go(func() { errs[i] = g.unit(g.agent, c.ID, list) })
		}
		wg.Wait()
		worked := 0
		for _, err := range errs {
			if err == nil {
				worked++
			} else {
				_ = locked(t, err, "checkpoint_used")
			}
		}
		if worked != 1 {
			t.Fatalf("round %d: %d of 3 succeeded: %v", round, worked, errors.Join(errs...))
		}
	}
	if n := g.count(t, "SELECT count(*) FROM business_contacts"); n != 20 {
		t.Errorf("%d contacts, want 20", n)
	}
}

// operation is one write of a random batch. of selects the row that it changes or refers to among the rows that exist
// by then.
type operation struct {
	kind, text string
	of         int
}

// Hardening item 31: compares random batches of writes with approved ones. A batch succeeds with an approval only if
// it is the approved batch.
func TestRandomLists(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	g := setupGated(t)
	old := dbtest.NewID()
	g.exec(t, "INSERT INTO business_contacts (id, created_by, name) VALUES ($1, $2, 'old')", old, g.adaID)
	kinds := []string{"contact", "project", "list", "public list", "rename", "remove"}
	one := func() operation {
		return operation{kinds[random.IntN(len(kinds))], fmt.Sprint(random.IntN(3)), random.IntN(4)}
	}
	statements := func(batch []operation) func() []statement {
		return func() []statement {
			contacts := []uuid.UUID{old}
			var all []statement
			for i, o := range batch {
				of := contacts[o.of%len(contacts)]
				switch o.kind {
				case "contact":
					id := dbtest.NewID()
					contacts = append(contacts, id)
					all = append(all, statement{"INSERT INTO business_contacts (id, created_by, name, tags) VALUES ($1, $2, $3, ARRAY[$4])", []any{id, g.adaID, o.text, of.String()}})
				case "project":
					all = append(all, statement{"INSERT INTO business_projects (id, created_by, name, contact_id) VALUES ($1, $2, $3, $4)", []any{dbtest.NewID(), g.adaID, o.text, of}})
				case "list":
					all = append(all, statement{g.private, []any{dbtest.NewID(), g.adaID, o.text}})
				case "public list":
					all = append(all, statement{g.public, []any{dbtest.NewID(), g.adaID, o.text}})
				case "rename":
					all = append(all, statement{"UPDATE business_contacts SET name = $2 WHERE id = $1", []any{of, fmt.Sprint(o.text, " ", i)}})
				case "remove": // deletes nothing if no project has the name
					all = append(all, statement{"DELETE FROM business_projects WHERE id = (SELECT id FROM business_projects WHERE name = $1 ORDER BY id LIMIT 1)", []any{o.text}})
				}
			}
			return all
		}
	}
	plain := func(batch []operation) string { // the writes, without those that do nothing
		projects := map[string]int{}
		contacts := 1
		var text strings.Builder
		for i, o := range batch {
			of := o.of % contacts
			switch o.kind {
			case "contact":
				contacts++
				fmt.Fprintln(&text, o.kind, o.text, of)
			case "project":
				projects[o.text]++
				fmt.Fprintln(&text, o.kind, o.text, of)
			case "remove":
				if projects[o.text] > 0 {
					projects[o.text]--
					fmt.Fprintln(&text, o.kind, o.text)
				}
			case "rename":
				fmt.Fprintln(&text, o.kind, o.text, i, of)
			default:
				fmt.Fprintln(&text, o.kind, o.text)
			}
		}
		return text.String()
	}
	for round := range 60 {
		batch := []operation{{"public list", fmt.Sprint("round ", round), 0}}
		for range 1 + random.IntN(5) {
			batch = slices.Insert(batch, random.IntN(len(batch)+1), one())
		}
		g.exec(t, "DELETE FROM business_projects")
		c := g.approve(t, g.agent, statements(batch))
		tried := slices.Clone(batch)
		switch at := random.IntN(len(tried)); random.IntN(5) {
		case 0:
			tried = slices.Delete(tried, at, at+1)
		case 1:
			tried = slices.Insert(tried, at, one())
		case 2:
			other := random.IntN(len(tried))
			tried[at], tried[other] = tried[other], tried[at]
		case 3:
			tried[at] = one()
		}
		const state = "SELECT (SELECT count(*) FROM business_contacts) + (SELECT count(*) FROM business_projects) + (SELECT count(*) FROM entertainment_playlists) + (SELECT sum(version) FROM business_contacts)"
		before := g.count(t, state)
		err := g.unit(g.agent, c.ID, statements(tried))
		if plain(tried) == plain(batch) {
			if err != nil {
				t.Fatalf("seed %d, round %d: %v: the approved batch %v", seed, round, err, batch)
			}
			continue
		}
		if err == nil && !strings.Contains(plain(tried), "public list") {
			// Without a gated write, the approval is not needed, and it is not consumed unless its list has begun.
			if n := g.count(t, "SELECT count(*) FROM checkpoints WHERE id = $1 AND consumed_at IS NOT NULL", c.ID); n != 0 {
				t.Fatalf("seed %d, round %d: %v used the approval of %v", seed, round, tried, batch)
			}
			continue
		}
		if err == nil {
			t.Fatalf("seed %d, round %d: with the approval of\n%v\nthis was accepted:\n%v", seed, round, batch, tried)
		}
		if err != nil && problem.From(err).Status != http.StatusLocked {
			t.Fatalf("seed %d, round %d: %v", seed, round, err)
		}
		if after := g.count(t, state); after != before {
			t.Fatalf("seed %d, round %d: a rejected batch wrote rows: %d rows and versions, before %d", seed, round, after, before)
		}
	}
}

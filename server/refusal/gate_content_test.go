package refusal_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
)

// put runs a statement and fails the test if the statement needs an approval.
func (g *gated) put(ctx context.Context, t testing.TB, query string, args ...any) {
	t.Helper()
	if err := g.do(ctx, uuid.Nil, query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// wantLocked runs a statement and fails the test unless the statement needs an approval. It returns the requested
// checkpoint.
func (g *gated) wantLocked(ctx context.Context, t testing.TB, query string, args ...any) *problem.Checkpoint {
	t.Helper()
	err := g.do(ctx, uuid.Nil, query, args...)
	if p := problem.From(orNothing(err)); p.Code != problem.CheckpointRequired {
		t.Errorf("%s: got %v, want 423", query, err)
		return nil
	}
	return asked(t, err)
}

var errNothing = errors.New("nothing was refused")

func orNothing(err error) error {
	if err == nil {
		return errNothing
	}
	return err
}

// wantField runs a statement and fails the test unless the value at the pointer is rejected with the code.
func (g *gated) wantField(ctx context.Context, t testing.TB, pointer, code, query string, args ...any) {
	t.Helper()
	err := g.do(ctx, uuid.Nil, query, args...)
	p := problem.From(orNothing(err))
	if p.Status != http.StatusUnprocessableEntity || len(p.Errors) != 1 || *p.Errors[0].Pointer != pointer || p.Errors[0].Code != code {
		t.Errorf("%s: got %v %+v, want 422 %s at %s", query, err, p.Errors, code, pointer)
	}
}

func (g *gated) confirm(t testing.TB, c *problem.Checkpoint) uuid.UUID {
	t.Helper()
	if err := g.decide(g.ada, c, "approved"); err != nil {
		t.Fatal(err)
	}
	return c.ID
}

// Hardening item 11: a manuscript cannot be created as published, or changed while it is published, without an
// approval.
func TestManuscriptIsGatedFromSubmissionToPublication(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	for _, who := range []context.Context{g.agent, g.ada} {
		for _, status := range []string{"submitted", "accepted", "published"} {
			g.wantLocked(who, t, "INSERT INTO scholar_manuscripts (id, created_by, title, status) VALUES ($1, $2, 't', $3)", dbtest.NewID(), g.adaID, status)
			id := dbtest.NewID()
			g.put(who, t, "INSERT INTO scholar_manuscripts (id, created_by, title) VALUES ($1, $2, 't')", id, g.adaID)
			enter := g.wantLocked(who, t, "UPDATE scholar_manuscripts SET status = $2 WHERE id = $1", id, status)
			if err := g.do(who, g.confirm(t, enter), "UPDATE scholar_manuscripts SET status = $2 WHERE id = $1", id, status); err != nil {
				t.Fatal(err)
			}
			for _, set := range []string{
				"title = 'u'", "abstract = 'a'", `sections = '[{"id": "1", "heading": "h", "body": "b", "position": 1}]'`, "co_authors = '{Eve}'",
				"target_journal = 'j'", "submitted_at = '2026-01-01'", "status = 'revision'", "status = 'draft', title = 'u'",
			} {
				g.wantLocked(who, t, "UPDATE scholar_manuscripts SET "+set+" WHERE id = $1", id)
			}
			g.wantLocked(who, t, "DELETE FROM scholar_manuscripts WHERE id = $1", id)
			g.exec(t, "DELETE FROM checkpoints WHERE status = 'pending'")
		}
	}
}

// Hardening item 11: an agent cannot change the title, sponsor or ethics reference of a running trial without an
// approval.
func TestRunningTrialIsGatedAsAWhole(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	id := dbtest.NewID()
	g.exec(t, `INSERT INTO government_clinical_trials (id, created_by, registry_id, title, status, ethics_reference, ethics_approved_on, target_enrollment)
		VALUES ($1, $2, 'EUCT-1', 't', 'recruiting', 'r', '2026-01-01', 9)`, id, g.adaID)
	for _, set := range []string{
		"title = 'u'", "sponsor = 's'", "ethics_reference = 'q'", "ethics_approved_on = '2026-01-02'", "phase = 'phase_3'", "registry_id = 'EUCT-2'",
		"starts_on = '2026-01-01'", "ends_on = '2027-01-01'", "target_enrollment = 10", "status = 'completed'", "enrolled = 2, title = 'u'",
	} {
		for _, who := range []context.Context{g.agent, g.ada} {
			g.wantLocked(who, t, "UPDATE government_clinical_trials SET "+set+" WHERE id = $1", id)
		}
	}
	g.put(g.agent, t, "UPDATE government_clinical_trials SET enrolled = 3 WHERE id = $1", id)
}

// Hardening item 11: a trial cannot recruit with an ethics approval of the year 2999.
func TestFutureEthicsApprovalIsRefused(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	const insert = `INSERT INTO government_clinical_trials (id, created_by, registry_id, title, status, ethics_reference, ethics_approved_on)
		VALUES ($1, $2, $3, 't', $4, 'r', $5::text::date)`
	for _, who := range []context.Context{g.agent, g.ada} {
		for _, status := range []string{"recruiting", "planned"} {
			g.wantField(who, t, "/ethics_approved_on", "in_the_future", insert, dbtest.NewID(), g.adaID, dbtest.NewID().String(), status, "2999-01-01")
		}
		id := dbtest.NewID()
		g.put(who, t, insert, id, g.adaID, id.String(), "planned", time.Now().UTC().Format(time.DateOnly))
		g.wantField(who, t, "/ethics_approved_on", "in_the_future", "UPDATE government_clinical_trials SET ethics_approved_on = '2999-01-01' WHERE id = $1", id)
		g.wantField(who, t, "/ethics_approved_on", "in_the_future", "UPDATE government_clinical_trials SET ethics_approved_on = 'infinity' WHERE id = $1", id)
	}
	// A trial from before the rule can be corrected and renamed, but cannot start recruiting.
	old := dbtest.NewID()
	g.exec(t, "ALTER TABLE government_clinical_trials DISABLE TRIGGER refuse_future_approval")
	g.exec(t, insert, old, g.adaID, "EUCT-9", "planned", "2999-01-01")
	g.exec(t, "ALTER TABLE government_clinical_trials ENABLE TRIGGER refuse_future_approval")
	g.put(g.agent, t, "UPDATE government_clinical_trials SET title = 'u' WHERE id = $1", old)
	g.wantField(g.agent, t, "/ethics_approved_on", "in_the_future", "UPDATE government_clinical_trials SET status = 'recruiting' WHERE id = $1", old)
	g.put(g.agent, t, "UPDATE government_clinical_trials SET ethics_approved_on = '2026-01-01' WHERE id = $1", old)
}

// Hardening item 11: an agent cannot schedule a post and mark it as published without an approval.
func TestAgentPublishesNothingAlone(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	const (
		newPost     = "INSERT INTO social_posts (id, created_by, body, published_at) VALUES ($1, $2, 'b', $3::text::timestamptz)"
		newSchedule = "INSERT INTO social_schedules (id, created_by, post_id, platform, scheduled_at) VALUES ($1, $2, $3, $4, '2035-01-01')"
		state       = "UPDATE social_schedules SET status = $2 WHERE id = $1"
		rewrite     = "UPDATE social_posts SET body = $2 WHERE id = $1"
	)
	post, schedule := dbtest.NewID(), dbtest.NewID()
	g.put(g.agent, t, newPost, post, g.adaID, nil)
	g.put(g.agent, t, rewrite, post, "a draft changes freely")

	g.wantLocked(g.agent, t, newPost, dbtest.NewID(), g.adaID, "2026-01-01")
	g.wantLocked(g.agent, t, "UPDATE social_posts SET published_at = '2026-01-01' WHERE id = $1", post)
	g.wantLocked(g.agent, t, newSchedule, schedule, g.adaID, post, "mastodon")
	g.put(g.ada, t, newSchedule, schedule, g.adaID, post, "mastodon") // The human needs no approval.

	// While the post is scheduled, agents cannot change what will be published.
	for _, set := range []string{"body = 'c'", `media = '[{"uri": "https://example.org/x.png", "media_type": "image/png"}]'`, "visibility = 'public'"} {
		g.wantLocked(g.agent, t, "UPDATE social_posts SET "+set+" WHERE id = $1", post)
	}
	g.wantLocked(g.agent, t, state, schedule, "published")
	g.wantLocked(g.agent, t, "UPDATE social_schedules SET scheduled_at = '2036-01-01' WHERE id = $1", schedule)
	g.put(g.agent, t, "UPDATE social_schedules SET attempts = 1, last_error = 'e' WHERE id = $1", schedule)
	g.put(g.agent, t, state, schedule, "cancelled")
	g.wantLocked(g.agent, t, state, schedule, "scheduled")
	g.put(g.agent, t, rewrite, post, "free again")

	// The approval of a schedule covers the post as it was.
	c := g.wantLocked(g.agent, t, state, schedule, "scheduled")
	approval := g.confirm(t, c)
	g.put(g.agent, t, rewrite, post, "something else")
	_ = locked(t, g.do(g.agent, approval, state, schedule, "scheduled"), "checkpoint_mismatch")
	c = g.wantLocked(g.agent, t, state, schedule, "scheduled")
	if err := g.do(g.agent, g.confirm(t, c), state, schedule, "scheduled"); err != nil {
		t.Fatal(err)
	}
	g.put(g.ada, t, state, schedule, "published")
	g.wantLocked(g.agent, t, state, schedule, "cancelled")
	g.wantLocked(g.agent, t, "DELETE FROM social_schedules WHERE id = $1", schedule)

	// The approval of a reply covers the post that it replies to.
	reply := dbtest.NewID()
	g.put(g.agent, t, "INSERT INTO social_posts (id, created_by, body, reply_to_id) VALUES ($1, $2, 'I agree', $3)", reply, g.adaID, post)
	c = g.wantLocked(g.agent, t, "UPDATE social_posts SET published_at = '2026-01-01' WHERE id = $1", reply)
	approval = g.confirm(t, c)
	g.put(g.ada, t, rewrite, post, "the opposite")
	_ = locked(t, g.do(g.agent, approval, "UPDATE social_posts SET published_at = '2026-01-01' WHERE id = $1", reply), "checkpoint_mismatch")
}

// Hardening item 11: when an approved schedule and a change of its post run concurrently, the second one is rejected,
// so that no post is scheduled with content that was not approved.
func TestScheduleAndRewriteAtOnce(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	for round := range 30 {
		post, schedule := dbtest.NewID(), dbtest.NewID()
		g.put(g.agent, t, "INSERT INTO social_posts (id, created_by, body) VALUES ($1, $2, 'b')", post, g.adaID)
		const insert = "INSERT INTO social_schedules (id, created_by, post_id, platform, scheduled_at) VALUES ($1, $2, $3, 'mastodon', '2035-01-01')"
		approval := g.confirm(t, g.wantLocked(g.agent, t, insert, schedule, g.adaID, post))
		var wg sync.WaitGroup
		var scheduled, rewritten error
		wg.Go(func() { scheduled = g.do(g.agent, approval, insert, schedule, g.adaID, post) })
		wg.Go(func() { rewritten = g.do(g.agent, uuid.Nil, "UPDATE social_posts SET body = 'c' WHERE id = $1", post) })
		wg.Wait()
		if (scheduled == nil) == (rewritten == nil) {
			t.Fatalf("round %d: scheduled: %v, rewritten: %v", round, scheduled, rewritten)
		}
		if err := errors.Join(scheduled, rewritten); problem.From(err).Status != http.StatusLocked {
			t.Fatalf("round %d: %v", round, err)
		}
		g.exec(t, "DELETE FROM checkpoints WHERE status = 'pending'")
	}
}

// Hardening item 11: an approved invoice cannot be sent after the address of its contact has changed.
func TestApprovalIsVoidOnceTheContactChanged(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	contact, invoice := dbtest.NewID(), dbtest.NewID()
	g.put(g.agent, t, "INSERT INTO business_contacts (id, created_by, name, email) VALUES ($1, $2, 'Grace', 'grace@example.org')", contact, g.adaID)
	g.put(g.agent, t, `INSERT INTO business_invoices (id, created_by, number, contact_id, currency, line_items)
		VALUES ($1, $2, '1', $3, 'EUR', '[{"description":"x","quantity":"1","unit_price":"2","tax_rate":"0"}]')`, invoice, g.adaID, contact)
	const send = "UPDATE business_invoices SET status = 'sent' WHERE id = $1"
	c := g.wantLocked(g.agent, t, send, invoice)
	if n := g.count(t, `SELECT count(*) FROM checkpoints WHERE id = $1 AND payload -> 'references' -> 'contact_id' = jsonb_build_object(
		'resource_type', 'contact', 'id', $2::text, 'version', 1, 'shows', '{"name": "Grace", "email": "grace@example.org", "phone": null, "company": null}'::jsonb)`, c.ID, contact); n != 1 {
		t.Error("the payload does not show the contact")
	}
	approval := g.confirm(t, c)
	g.put(g.agent, t, "UPDATE business_contacts SET email = 'eve@example.org' WHERE id = $1", contact)
	_ = locked(t, g.do(g.agent, approval, send, invoice), "checkpoint_mismatch")
	g.put(g.agent, t, "UPDATE business_contacts SET email = 'grace@example.org' WHERE id = $1", contact)
	_ = locked(t, g.do(g.agent, approval, send, invoice), "checkpoint_mismatch") // the contact has another version
	again := g.wantLocked(g.agent, t, send, invoice)
	if err := g.do(g.agent, g.confirm(t, again), send, invoice); err != nil {
		t.Fatal(err)
	}
}

// Hardening item 11: an event in a public group is public, and publishing a group publishes its events.
func TestEventsOfAPublicGroupAreGated(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	const newEvent = `INSERT INTO community_events (id, created_by, group_id, title, starts_at, ends_at, time_zone)
		VALUES ($1, $2, $3, 'e', '2030-01-01 10:00Z', '2030-01-01 12:00Z', 'UTC')`
	group, event, elsewhere := dbtest.NewID(), dbtest.NewID(), dbtest.NewID()
	g.put(g.agent, t, "INSERT INTO community_groups (id, created_by, name) VALUES ($1, $2, 'n')", group, g.adaID)
	g.put(g.agent, t, newEvent, event, g.adaID, group)
	g.put(g.agent, t, newEvent, elsewhere, g.adaID, nil)
	const publish = "UPDATE community_groups SET visibility = 'public' WHERE id = $1"
	c := g.wantLocked(g.agent, t, publish, group)
	if n := g.count(t, `SELECT count(*) FROM checkpoints WHERE id = $1 AND payload #>> '{references,community_event,rows,0,id}' = $2::text
		AND payload #> '{references,community_event,count}' = '1'`, c.ID, event); n != 1 {
		t.Error("the payload does not show the group's event")
	}
	approval := g.confirm(t, c)
	g.put(g.agent, t, "UPDATE community_events SET title = 'f' WHERE id = $1", event)
	_ = locked(t, g.do(g.agent, approval, publish, group), "checkpoint_mismatch")
	if err := g.do(g.agent, g.confirm(t, g.wantLocked(g.agent, t, publish, group)), publish, group); err != nil {
		t.Fatal(err)
	}
	for _, who := range []context.Context{g.agent, g.ada} {
		g.wantLocked(who, t, newEvent, dbtest.NewID(), g.adaID, group)
		g.wantLocked(who, t, "UPDATE community_events SET title = 'g' WHERE id = $1", event)
		g.wantLocked(who, t, "UPDATE community_events SET group_id = NULL WHERE id = $1", event)
		g.wantLocked(who, t, "UPDATE community_events SET group_id = $2 WHERE id = $1", elsewhere, group)
		g.wantLocked(who, t, "DELETE FROM community_events WHERE id = $1", event)
		g.put(who, t, "UPDATE community_events SET title = 'h' WHERE id = $1", elsewhere)
	}
	// RSVPs do not change the event.
	contact := dbtest.NewID()
	g.put(g.agent, t, "INSERT INTO business_contacts (id, created_by, name) VALUES ($1, $2, 'Grace')", contact, g.adaID)
	g.put(g.agent, t, "INSERT INTO app.event_rsvps (id, created_by, event_id, contact_id, status) VALUES ($1, $2, $3, $4, 'going')", dbtest.NewID(), g.adaID, event, contact)
}

// Hardening item 11: the approval of the publication of a group shows every field of every event that becomes public
// with it. A group with too many events must be published in steps.
func TestPublicationShowsAllThatBecomesPublic(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	const (
		newGroup = "INSERT INTO community_groups (id, created_by, name) VALUES ($1, $2, 'n')"
		newEvent = `INSERT INTO community_events (id, created_by, group_id, title, description, starts_at, ends_at, time_zone, location, online_url, capacity)
			VALUES ($1, $2, $3, 'Seed swap', $4, '2030-01-01 10:00Z', '2030-01-01 12:00Z', 'UTC', 'Somewhere else', 'https://example.org/unseen', 12)`
		publish = "UPDATE community_groups SET visibility = 'public' WHERE id = $1"
		rename  = "UPDATE community_groups SET name = 'm' WHERE id = $1"
		leave   = "UPDATE community_events SET group_id = NULL WHERE id = $1"
	)
	group, event := dbtest.NewID(), dbtest.NewID()
	g.put(g.agent, t, newGroup, group, g.adaID)
	g.put(g.agent, t, newEvent, event, g.adaID, group, "What nobody saw")
	c := g.wantLocked(g.agent, t, publish, group)
	if n := g.count(t, `SELECT count(*) FROM checkpoints WHERE id = $1 AND payload #> '{references,community_event,rows}' = jsonb_build_array(jsonb_build_object(
		'id', $2::text, 'version', 1, 'shows', '{"title": "Seed swap", "description": "What nobody saw", "starts_at": "2030-01-01T10:00:00+00:00",
		"ends_at": "2030-01-01T12:00:00+00:00", "time_zone": "UTC", "location": "Somewhere else", "online_url": "https://example.org/unseen",
		"capacity": 12, "status": "scheduled"}'::jsonb))`, c.ID, event); n != 1 {
		t.Error("the payload does not show every field of the event")
	}
	approval := g.confirm(t, c)
	g.put(g.agent, t, "UPDATE community_events SET online_url = 'https://example.org/other' WHERE id = $1", event)
	_ = locked(t, g.do(g.agent, approval, publish, group), "checkpoint_mismatch")
	// Text with bidirectional controls, which a human could misread, cannot become public with the group.
	g.put(g.agent, t, "UPDATE community_events SET description = E'pay 1\u202e000' WHERE id = $1", event)
	g.wantField(g.agent, t, "/community_event", "bidirectional_control", publish, group)
	g.put(g.agent, t, "UPDATE community_events SET description = 'd' WHERE id = $1", event)

	// More events than one approval can show: 51 events, or 50 with more than 1.5 MiB.
	tooLarge := func(who context.Context) {
		t.Helper()
		if p := problem.From(g.do(who, uuid.Nil, publish, group)); p.Status != http.StatusConflict || p.Code != "too_large_to_approve" || !strings.Contains(p.Detail, "community event") {
			t.Errorf("got %d %s: %s", p.Status, p.Code, p.Detail)
		}
	}
	var others []uuid.UUID
	for range 50 {
		others = append(others, dbtest.NewID())
		g.put(g.agent, t, newEvent, others[len(others)-1], g.adaID, group, strings.Repeat("\U0001f331", 10_000))
	}
	tooLarge(g.agent)
	tooLarge(g.ada)
	g.put(g.agent, t, leave, event)
	tooLarge(g.agent) // 50 events with 2 MB
	for _, id := range others[:25] {
		g.put(g.agent, t, leave, id)
	}
	if err := g.do(g.agent, g.confirm(t, g.wantLocked(g.agent, t, publish, group)), publish, group); err != nil {
		t.Fatal(err)
	}
	// The other events follow, each with its own approval.
	for _, id := range append(others[:25], event) {
		if err := g.do(g.agent, g.confirm(t, g.wantLocked(g.agent, t, "UPDATE community_events SET group_id = $2 WHERE id = $1", id, group)),
			"UPDATE community_events SET group_id = $2 WHERE id = $1", id, group); err != nil {
			t.Fatal(err)
		}
	}
	// A change of a group that is already public publishes no event, so the number of its events does not matter.
	c = g.wantLocked(g.agent, t, rename, group)
	if n := g.count(t, `SELECT count(*) FROM checkpoints WHERE id = $1 AND payload #> '{references,community_event,count}' = '51'
		AND NOT payload #> '{references,community_event}' ? 'rows'`, c.ID); n != 1 {
		t.Error("the payload of another change contains the events again")
	}
	if err := g.do(g.agent, g.confirm(t, c), rename, group); err != nil {
		t.Fatal(err)
	}
}

// Hardening item 11: an event that is added while its group becomes public does not become public unseen. The
// publication waits for the event, and then no longer matches the approval.
func TestEventAddedWhileItsGroupIsPublished(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	group := dbtest.NewID()
	g.put(g.agent, t, "INSERT INTO community_groups (id, created_by, name) VALUES ($1, $2, 'n')", group, g.adaID)
	const publish = "UPDATE community_groups SET visibility = 'public' WHERE id = $1"
	approval := g.confirm(t, g.wantLocked(g.agent, t, publish, group))
	tx, err := g.admin.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), fmt.Sprintf(`SELECT set_config('role', 'chenu_agent', true), set_config('app.identity_id', '%s', true), set_config('app.actor_id', '%s', true)`, g.adaID, g.agentID)); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `INSERT INTO community_events (id, created_by, group_id, title, starts_at, ends_at, time_zone)
		VALUES ($1, $2, $3, 'e', '2030-01-01 10:00Z', '2030-01-01 12:00Z', 'UTC')`, dbtest.NewID(), g.adaID, group); err != nil {
		t.Fatal(err)
	}
	published := g.waits(t, func() error { return g.do(g.agent, approval, publish, group) })
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = locked(t, <-published, "checkpoint_mismatch")
}

// Hardening item 25: text for approval must not contain controls that reorder it on the display. They are rejected in
// a write, in a referenced row and in the action and content of a client. Joiners are allowed, and drafts are not
// checked.
func TestReorderedTextIsNotApproved(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	for _, control := range []string{"\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"} {
		text := "pay 1" + control + "000"
		for _, who := range []context.Context{g.agent, g.ada} {
			g.wantField(who, t, "/name", "bidirectional_control", g.public, dbtest.NewID(), g.adaID, text)
			g.put(who, t, g.private, dbtest.NewID(), g.adaID, text)
			g.wantField(who, t, "/action", "bidirectional_control", ownAction, g.adaID, text, "{}")
			g.wantField(who, t, "/content/lines/1/a~1b", "bidirectional_control", ownAction, g.adaID, "a", `{"lines": [1, {"a/b": "`+text+`"}]}`)
			g.wantField(who, t, "/content", "bidirectional_control", ownAction, g.adaID, "a", `{"`+text+`": 1}`)
		}
	}
	contact, invoice := dbtest.NewID(), dbtest.NewID()
	g.put(g.agent, t, "INSERT INTO business_contacts (id, created_by, name) VALUES ($1, $2, $3)", contact, g.adaID, "Grace\u202e")
	g.put(g.agent, t, `INSERT INTO business_invoices (id, created_by, number, contact_id, currency, line_items)
		VALUES ($1, $2, '1', $3, 'EUR', '[{"description":"x","quantity":"1","unit_price":"2","tax_rate":"0"}]')`, invoice, g.adaID, contact)
	g.wantField(g.agent, t, "/contact_id", "bidirectional_control", "UPDATE business_invoices SET status = 'sent' WHERE id = $1", invoice)
	for _, text := range []string{"\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\U0001f469\u200d\U0001f4bb"} { // a Persian word and an emoji
		g.wantLocked(g.agent, t, g.public, dbtest.NewID(), g.adaID, text)
		g.put(g.agent, t, ownAction, g.adaID, text, "{}")
	}
}

// ownAction requests a checkpoint for an action of a client. Its parameters are the identity, the action and the
// content.
const ownAction = `SELECT app.request_checkpoint(jsonb_build_object('identity', $1::text, 'type', 'sensitive', 'sphere', NULL, 'resource_type', 'report',
	'action', $2::text, 'resource_id', NULL, 'resource_version', NULL, 'thread_id', NULL, 'content', $3::text::jsonb))`

// Hardening item 24: at most 20 requests of one agent can be pending, also when it sends many concurrently, and at
// most 100 of all agents. The human's own requests do not count towards these limits.
func TestPendingRequestsAreLimited(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	pending := func(kind string) int {
		return g.count(t, "SELECT count(*) FROM checkpoints WHERE status = 'pending' AND requested_by_kind = $1", kind)
	}
	ask := func(who context.Context, n int) error {
		return g.do(who, uuid.Nil, ownAction, g.adaID, fmt.Sprint("share ", n), "{}")
	}
	wantFull := func(err error) {
		t.Helper()
		if p := problem.From(orNothing(err)); p.Status != http.StatusConflict || p.Code != "too_many_pending" {
			t.Errorf("got %v, want 409 too_many_pending", err)
		}
	}
	agents := make([]context.Context, 6)
	ctx := t.Context()
	for i := range agents {
		id := dbtest.NewID()
		g.database.Hire(t, g.adaID, id)
		agents[i] = auth.With(ctx, auth.Identity{ID: g.adaID, ActorID: id, Kind: auth.Agent}) //nolint:fatcontext // each context is derived from the context of the test
	}
	var wg sync.WaitGroup
	for n := range 40 {
		wg.Go(func() { _ = ask(agents[0], n) })
	}
	wg.Wait()
	if n := pending("agent"); n != 20 {
		t.Fatalf("%d requests of one agent are pending, want 20", n)
	}
	wantFull(ask(agents[0], 99))
	wantFull(g.publish(agents[0], uuid.Nil, "n")) // a gated write requests a checkpoint, too
	// Repeating a pending request does not count.
	var known int
	if err := g.admin.QueryRow(t.Context(), "SELECT substr(action, 7)::int FROM checkpoints LIMIT 1").Scan(&known); err != nil {
		t.Fatal(err)
	}
	if err := ask(agents[0], known); err != nil {
		t.Error(err)
	}
	for _, who := range agents[1:5] {
		for n := range 20 {
			if err := ask(who, n); err != nil {
				t.Fatal(err)
			}
		}
	}
	wantFull(ask(agents[5], 0))
	for n := range 100 {
		if err := ask(g.ada, n); err != nil {
			t.Fatal(err)
		}
	}
	wantFull(ask(g.ada, 100))
	// A request that is decided or expires makes room.
	g.exec(t, "UPDATE checkpoints SET expires_at = clock_timestamp() WHERE id = (SELECT id FROM checkpoints WHERE requested_by_kind = 'agent' LIMIT 1)")
	if err := ask(agents[5], 0); err != nil {
		t.Error(err)
	}
}

// Hardening item 24: the origin of a checkpoint tells a request of a client from a gated write, and the action of a
// client cannot read like a gated write.
func TestClientsActionsAreRecognizable(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	for _, action := range []string{
		"insert invoice", "Delete playlist", " update hired agent", "ERASE identity", "in\u200bsert invoice", "\uff49\uff4e\uff53\uff45\uff52\uff54 invoice",
		"\u00a0delete\u00a0playlist", "update", "\u201cinsert\u201d invoice", "d\u00adelete it",
		"in\U000e0020sert invoice", "in\U000e0fffsert invoice", "in\u2800sert invoice", "\u2800insert invoice", "ins\u3164ert invoice", "in\U0001d173sert invoice",
	} {
		for _, who := range []context.Context{g.agent, g.ada} {
			g.wantField(who, t, "/action", "reserved_action", ownAction, g.adaID, action, "{}")
		}
	}
	for _, action := range []string{"share the report", "updates of the site", "move and delete nothing"} {
		g.put(g.agent, t, ownAction, g.adaID, action, "{}")
	}
	g.wantLocked(g.agent, t, g.public, dbtest.NewID(), g.adaID, "n")
	if n := g.count(t, "SELECT count(*) FROM checkpoints WHERE origin = 'client'"); n != 3 {
		t.Errorf("%d checkpoints of clients, want 3", n)
	}
	if n := g.count(t, "SELECT count(*) FROM checkpoints WHERE origin = 'write' AND action = 'insert playlist'"); n != 1 {
		t.Errorf("%d checkpoints of writes, want 1", n)
	}
	for _, who := range []context.Context{g.agent, g.ada} {
		err := g.do(who, uuid.Nil, "UPDATE checkpoints SET origin = 'write'")
		if err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("the origin was changed: %v", err)
		}
	}
}

// Hardening item 35: the database rejects URIs that run programs, whichever service writes them.
func TestDatabaseRefusesURIsThatRunPrograms(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	threadID := dbtest.NewID()
	g.put(g.ada, t, thread.private, threadID, g.adaID, "n")
	inserts := map[string]string{
		"creative_assets_uri_form":            "INSERT INTO creative_assets (id, created_by, name, kind, uri, media_type, size_bytes) VALUES ($1, $2, 'n', 'image', $3, 'image/png', 1)",
		"community_events_online_url_form":    "INSERT INTO community_events (id, created_by, title, starts_at, ends_at, time_zone, online_url) VALUES ($1, $2, 't', '2030-01-01', '2030-01-02', 'UTC', $3)",
		"scholar_references_url_form":         "INSERT INTO scholar_references (id, created_by, title, authors, citation_key, url) VALUES ($1, $2, 't', '{a}', left(md5(random()::text), 20), $3)",
		"social_posts_media_uris":             "INSERT INTO social_posts (id, created_by, body, media) VALUES ($1, $2, 'b', jsonb_build_array(jsonb_build_object('uri', $3::text, 'media_type', 'image/png')))",
		"government_compliance_evidence_uris": "INSERT INTO government_compliance (id, created_by, name, regulation, authority, evidence) VALUES ($1, $2, 'n', 'r', 'a', jsonb_build_array(jsonb_build_object('uri', $3::text, 'sha256', repeat('0', 64))))",
	}
	const link = "SELECT app.append_events($1, NULL, jsonb_build_array(jsonb_build_object('type', 'link.added', 'schema_version', 1, 'payload', jsonb_build_object('uri', $2::text))))"
	for _, who := range []context.Context{g.agent, g.ada} {
		for _, uri := range []string{
			"javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:https://example.org/x",
			" javascript:alert(1)", "\tjavascript:alert(1)", "\x01javascript:alert(1)", "java\nscript:alert(1)", "javascript:alert(1)\nhttps://example.org",
			"//example.org", "/cover.png", "cover.png", "https:", "xhttps://example.org", "https://example.org/a b", "https://example.org/\x1b", "https://example.org\n",
		} {
			for constraint, insert := range inserts {
				err := g.do(who, uuid.Nil, insert, dbtest.NewID(), g.adaID, uri)
				if problem.From(orNothing(err)).Status != http.StatusUnprocessableEntity || !strings.Contains(err.Error(), constraint) {
					t.Errorf("%q: got %v, want a violation of %s", uri, err, constraint)
				}
			}
			g.wantField(who, t, "/events/0/payload/uri", "invalid_format", link, threadID, uri)
		}
		for _, uri := range []string{"https://example.org/", "HTTPS://example.org/", "s3://bucket/a", "urn:isbn:0451450523", "ipfs://x/y", "https://example.org/ä"} {
			for _, insert := range inserts {
				g.put(who, t, insert, dbtest.NewID(), g.adaID, uri)
			}
			g.put(who, t, link, threadID, uri)
		}
		g.wantField(who, t, "/events/0/payload/uri", "invalid_format",
			"SELECT app.append_events($1, NULL, '[{\"type\": \"link.added\", \"schema_version\": 1, \"payload\": {}}]')", threadID)
	}
}

// Hardening items 4 and 24: SQL of an agent cannot request the approval of a write to a table that does not exist.
// Otherwise free text could become an action of origin write, in a public thread, too.
func TestRequestsSayNothingButWrites(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	public := dbtest.NewID()
	g.exec(t, thread.public, public, g.adaID, "Sunday")
	element := func(kind any, resource, table, operation string) map[string]any {
		return map[string]any{
			"type": kind, "sphere": "social", "resource_type": resource, "table": table, "operation": operation, "id": nil, "version": nil,
			"values": map[string]any{"thread_id": public, "body": "evil"},
		}
	}
	ask := func(payload map[string]any) error {
		text, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		return g.do(g.agent, uuid.Nil, "SELECT app.request_checkpoint($1)", string(text))
	}
	write := func(w map[string]any) map[string]any {
		w["identity"], w["references"] = g.adaID, map[string]any{}
		return w
	}
	list := func(elements ...map[string]any) map[string]any {
		first := elements[0]
		return map[string]any{
			"identity": g.adaID, "type": first["type"], "sphere": "social", "resource_type": first["resource_type"], "id": nil, "version": nil,
			"thread_id": public, "writes": elements,
		}
	}
	genuine := element("sensitive", "social_post", "social_posts", "INSERT")
	if err := ask(list(genuine, element(nil, "contact", "business_contacts", "INSERT"))); err != nil {
		t.Errorf("a list of writes: %v", err)
	}
	if err := ask(write(maps.Clone(genuine))); err != nil {
		t.Errorf("a write: %v", err)
	}
	extra := maps.Clone(genuine)
	extra["note"] = "evil"
	for name, forged := range map[string]map[string]any{
		"another operation":                     element("sensitive", "social_post", "social_posts", "EVIL TEXT"),
		"the operation in lower case":           element("sensitive", "social_post", "social_posts", "insert"),
		"an unknown table":                      element("sensitive", "note", "evil", "INSERT"),
		"a table without a gate":                element("sensitive", "contact", "business_contacts", "INSERT"),
		"another resource type":                 element("sensitive", "evil_text", "social_posts", "INSERT"),
		"resource type of another table":        element("sensitive", "playlist", "social_posts", "INSERT"),
		"another type":                          element("cost", "social_post", "social_posts", "INSERT"),
		"operation ERASE":                       element("sensitive", "social_post", "social_posts", "ERASE"),
		"an update of an event":                 element("sensitive", "thread_event", "thread_events", "UPDATE"),
		"an additional field":                   extra,
		"values not an object":                  {"type": "sensitive", "sphere": "social", "resource_type": "social_post", "table": "social_posts", "operation": "INSERT", "id": nil, "version": nil, "values": "evil"},
		"an ungated write to an unknown table":  element(nil, "contact", "evil", "INSERT"),
		"an ungated write, other resource type": element(nil, "evil_text", "business_contacts", "INSERT"),
	} {
		payloads := []map[string]any{list(genuine, forged)}
		if forged["type"] != nil {
			payloads = append(payloads, write(maps.Clone(forged)))
		}
		for _, payload := range payloads {
			if p := problem.From(orNothing(ask(payload))); p.Status != http.StatusUnprocessableEntity {
				t.Errorf("%s: %v, want 422", name, p)
			}
		}
	}
	if n := g.count(t, "SELECT count(*) FROM checkpoints WHERE origin = 'write'"); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
	// No text of the two requests is published with them.
	if n := g.count(t, `SELECT count(*) FROM thread_events WHERE thread_id = $1 AND type = 'checkpoint.requested'
		AND payload ->> 'action' = 'a change of data' AND NOT payload ?| '{resource_type,resource_id}'`, public); n != 2 {
		t.Errorf("%d requests are recorded without their text, want 2", n)
	}
}

// Hardening item 4: an event that changes nothing needs an approval in a public thread, too, and must have a valid
// schema version.
func TestAnAppendThatChangesNothingIsGated(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	id, parent := dbtest.NewID(), dbtest.NewID()
	g.put(g.ada, t, thread.private, parent, g.adaID, "Week")
	g.put(g.ada, t, thread.private, id, g.adaID, "Sunday")
	g.put(g.ada, t, "SELECT app.append_events($1, NULL, $2)", id, "["+threadUpdate(`{"parent_thread_id": "`+parent.String()+`"}`)+"]")
	if err := g.do(g.ada, g.confirm(t, g.wantLocked(g.ada, t, thread.goPublic, id)), thread.goPublic, id); err != nil {
		t.Fatal(err)
	}
	for name, payload := range map[string]string{
		"the same title":            `{"title": "Sunday"}`,
		"the same tags and type":    `{"tags": [], "type": "personal"}`,
		"the same visibility":       `{"visibility": "public"}`,
		"the parent, in upper case": `{"parent_thread_id": "` + strings.ToUpper(parent.String()) + `"}`,
	} {
		for _, who := range []context.Context{g.agent, g.ada} {
			same := g.append(id, threadUpdate(payload))
			c := asked(t, g.unit(who, uuid.Nil, same))
			if n := g.count(t, "SELECT count(*) FROM checkpoints WHERE id = $1 AND resource_type = 'thread_event'", c.ID); n != 1 {
				t.Errorf("%s: the checkpoint is not about the event", name)
			}
			if err := g.decide(g.ada, c, "approved"); err != nil {
				t.Fatal(err)
			}
			if err := g.unit(who, c.ID, same); err != nil {
				t.Errorf("%s: with its approval: %v", name, err)
			}
		}
	}
	c := asked(t, g.unit(g.agent, uuid.Nil, g.append(id, threadUpdate(`{"title": "Monday"}`))))
	if n := g.count(t, "SELECT count(*) FROM checkpoints WHERE id = $1 AND resource_type = 'thread'", c.ID); n != 1 {
		t.Error("a change of the thread is not gated as a change of the thread")
	}
	for _, version := range []string{"0", "2", "777", `"1"`, "null", "1.5"} {
		g.wantField(g.agent, t, "/events/0/schema_version", "invalid_value", "SELECT app.append_events($1, NULL, $2)", parent,
			`[{"type": "note.added", "payload": {"text": "x"}, "schema_version": `+version+`}]`)
	}
	g.wantField(g.agent, t, "/events/0/schema_version", "invalid_value", "SELECT app.append_events($1, NULL, $2)", parent, `[{"type": "note.added", "payload": {"text": "x"}}]`)
	g.wantField(g.agent, t, "/schema_version", "invalid_value", strings.ReplaceAll(thread.private, "app.uuid_v7(), 1,", "app.uuid_v7(), 777,"), dbtest.NewID(), g.adaID, "x")
}

// Hardening item 25: only text that a write adds is checked for bidirectional controls, and all text of a row that
// becomes public. So a public thread whose founding intent contains such a control from before the rule can still be
// changed.
func TestUnchangedTextIsNotRefused(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	const evil = "pay 1\u202e000"
	do := func(who context.Context, query string, args ...any) {
		t.Helper()
		if c := g.wantLocked(who, t, query, args...); c != nil {
			if err := g.do(who, g.confirm(t, c), query, args...); err != nil {
				t.Errorf("%s: %v", query, err)
			}
		}
	}
	for _, who := range []context.Context{g.agent, g.ada} {
		id := dbtest.NewID()
		g.exec(t, strings.Replace(thread.public, "'founding_intent', 'x'", "'founding_intent', '"+evil+"'", 1), id, g.adaID, "Sunday")
		do(who, thread.rename, id, "Monday")
		g.wantField(who, t, "/title", "bidirectional_control", thread.rename, id, evil)
		do(who, thread.hide, id)
		// Publishing the thread again publishes its founding intent.
		g.wantField(who, t, "/founding_intent", "bidirectional_control", thread.goPublic, id)

		list, draft := dbtest.NewID(), dbtest.NewID()
		g.exec(t, playlist.public, list, g.adaID, evil)
		g.exec(t, playlist.private, draft, g.adaID, evil)
		const items = `UPDATE entertainment_playlists SET items = jsonb_build_array(jsonb_build_object('content_id', 'c', 'title', $2::text, 'added_at', '2026-01-01T00:00:00Z')) WHERE id = $1`
		do(who, items, list, "t")
		g.wantField(who, t, "/items/0/title", "bidirectional_control", items, list, evil)
		g.wantField(who, t, "/name", "bidirectional_control", playlist.goPublic, draft)
		do(who, "DELETE FROM entertainment_playlists WHERE id = $1", list)

		group, event := dbtest.NewID(), dbtest.NewID()
		g.exec(t, "INSERT INTO community_groups (id, created_by, name, visibility) VALUES ($1, $2, 'n', 'public')", group, g.adaID)
		g.exec(t, `INSERT INTO community_events (id, created_by, group_id, title, starts_at, ends_at, time_zone)
			VALUES ($1, $2, $3, $4, '2030-01-01 10:00Z', '2030-01-01 12:00Z', 'UTC')`, event, g.adaID, group, evil)
		do(who, "UPDATE community_groups SET rules = 'r' WHERE id = $1", group)
		do(who, "UPDATE community_events SET location = 'l' WHERE id = $1", event)
		g.wantField(who, t, "/location", "bidirectional_control", "UPDATE community_events SET location = $2 WHERE id = $1", event, evil)
		do(who, "UPDATE community_groups SET visibility = 'private' WHERE id = $1", group)
		g.wantField(who, t, "/community_event", "bidirectional_control", "UPDATE community_groups SET visibility = 'public' WHERE id = $1", group)
	}
}

package server_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server/api/apitest"
)

// TestStreaks shows what check-ins make of a habit, and that a missed period
// ends the current streak and leaves the best one.
func TestStreaks(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ada := s.person(t, "ada")
	tests := []struct {
		name          string
		cadence       string
		target        int
		daysAgo       []int
		current, best float64
	}{
		{"none", "daily", 1, nil, 0, 0},
		{"today", "daily", 1, []int{0}, 1, 1},
		{"yesterday still counts", "daily", 1, []int{2, 1}, 2, 2},
		{"missed a day", "daily", 1, []int{4, 3, 2}, 0, 3},
		{"a gap", "daily", 1, []int{5, 4, 3, 1, 0}, 2, 3},
		{"out of order", "daily", 1, []int{0, 2, 1}, 3, 3},
		{"twice a day counts once", "daily", 1, []int{0, 0}, 1, 1},
		{"target of two", "daily", 2, []int{1, 0, 0}, 1, 1},
		{"target of two, not reached", "daily", 2, []int{1, 0}, 0, 0},
		{"weeks", "weekly", 1, []int{14, 7, 0}, 3, 3},
		{"missed weeks", "weekly", 1, []int{35, 28}, 0, 2},
		{"months", "monthly", 1, []int{0}, 1, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ada := ada.For(t)
			// A streak depends on the day: a day that ends meanwhile is another test.
			for same := false; !same; {
				today := time.Now().UTC()
				habit := ada.Post("/v1/personal/habits", object{"name": "Read", "cadence": test.cadence, "target_per_period": test.target}).
					Want(http.StatusCreated).Object()["id"].(string)
				for _, days := range test.daysAgo {
					day := today.AddDate(0, 0, -days).Format(time.DateOnly)
					ada.Post("/v1/personal/habits/"+habit+"/check-ins", object{"checked_in_on": day}).Want(http.StatusCreated)
				}
				row := ada.Get("/v1/personal/habits/" + habit).Want(http.StatusOK).Object()
				if same = time.Now().UTC().Format(time.DateOnly) == today.Format(time.DateOnly); same && (row["current_streak"] != test.current || row["best_streak"] != test.best) {
					t.Errorf("current %v, best %v; want %v, %v", row["current_streak"], row["best_streak"], test.current, test.best)
				}
			}
		})
	}

	habit := ada.Post("/v1/personal/habits", object{"name": "Run"}).Want(http.StatusCreated).Object()["id"].(string)
	path := "/v1/personal/habits/" + habit + "/check-ins"
	tomorrow := time.Now().UTC().AddDate(0, 0, 2).Format(time.DateOnly)
	ada.Post(path, object{"checked_in_on": tomorrow}).WantProblem(http.StatusUnprocessableEntity, "validation_failed")
	s.person(t, "eve").Post(path, object{}).WantProblem(http.StatusNotFound, "not_found")
	s.person(t, "eve").Get(path).WantProblem(http.StatusNotFound, "not_found")
	ada.Post(path, object{"note": "In the rain."}).Want(http.StatusCreated)
	if ids := listed(ada, path); len(ids) != 1 {
		t.Errorf("the habit has %d check-ins, want 1", len(ids))
	}
}

// TestDayBeginsWhereTheIdentityIs shows that today is a day of the identity's
// own time zone.
func TestDayBeginsWhereTheIdentityIs(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for _, zone := range []string{"Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Vienna"} {
		name := strings.ToLower(zone[strings.IndexByte(zone, '/')+1:])
		ada := s.person(t, strings.ReplaceAll(name, "_", "-"))
		me := ada.Get("/v1/me").Want(http.StatusOK)
		ada.Patch("/v1/me", me.ETag(), object{"settings": object{"time_zone": zone}}).Want(http.StatusOK)
		habit := ada.Post("/v1/personal/habits", object{"name": "Read"}).Want(http.StatusCreated).Object()["id"].(string)
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		before := time.Now().In(location).Format(time.DateOnly)
		got := ada.Post("/v1/personal/habits/"+habit+"/check-ins", object{}).Want(http.StatusCreated).Object()["checked_in_on"]
		if after := time.Now().In(location).Format(time.DateOnly); got != before && got != after {
			t.Errorf("in %s the day is %v, want %s", zone, got, after)
		}
	}
}

// TestStreaksAcrossDaylightSaving checks in at moments around the changes of clocks, whose
// days have 23 or 25 hours or begin at one o'clock.
func TestStreaksAcrossDaylightSaving(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	for _, test := range []struct {
		name, zone    string
		moments       []string // of the check-ins
		asked         string
		current, best int64
	}{
		{
			"the short day counts", "Europe/Vienna",
			[]string{"2025-03-29T22:30:00Z", "2025-03-30T21:30:00Z", "2025-03-30T22:30:00Z"},
			"2025-03-31T12:00:00Z", 3, 3,
		},
		{
			"23 hours later is the next day", "Europe/Vienna",
			[]string{"2025-03-29T23:00:00Z", "2025-03-30T22:00:00Z"},
			"2025-03-30T22:00:00Z", 2, 2,
		},
		{
			"24 hours later is two days later, over the short one", "Europe/Vienna",
			[]string{"2025-03-29T22:59:00Z", "2025-03-30T22:59:00Z"},
			"2025-03-30T22:59:00Z", 1, 1,
		},
		{
			"24 hours later is the same day, within the long one", "Europe/Vienna",
			[]string{"2025-10-25T22:00:00Z", "2025-10-26T22:00:00Z"},
			"2025-10-26T22:59:00Z", 1, 1,
		},
		{
			"the long day is not missed before its 25th hour is over", "Europe/Vienna",
			[]string{"2025-10-25T12:00:00Z"},
			"2025-10-26T22:59:59Z", 1, 1,
		},
		{
			"the long day was missed", "Europe/Vienna",
			[]string{"2025-10-25T12:00:00Z"},
			"2025-10-26T23:00:00Z", 0, 1,
		},
		{
			"the hour that comes twice is of one day", "America/New_York",
			[]string{"2025-11-02T05:30:00Z", "2025-11-02T06:30:00Z", "2025-11-03T04:59:00Z"},
			"2025-11-03T04:59:00Z", 1, 1,
		},
		{
			"a day that begins at one o'clock", "America/Sao_Paulo",
			[]string{"2018-11-04T02:59:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"},
			"2018-11-05T02:00:00Z", 3, 3,
		},
		{
			"half an hour", "Australia/Lord_Howe",
			[]string{"2025-04-05T12:59:00Z", "2025-04-06T13:29:00Z", "2025-04-06T13:30:00Z"},
			"2025-04-06T14:00:00Z", 3, 3,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			conn, err := db.Pool(t, db.AdminURL).Acquire(ctx) // One connection, since a setting is the connection's.
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Release()
			owner, habit := newID(), newID()
			for _, statement := range []struct {
				sql  string
				args []any
			}{
				{"INSERT INTO identities (id, email, name, settings) VALUES ($1, $2, 'Ada', jsonb_build_object('time_zone', $3::text))",
					[]any{owner, owner.String() + "@example.org", test.zone}},
				{"SELECT set_config('app.identity_id', $1, false)", []any{owner.String()}},
				{"INSERT INTO personal_habits (id, created_by, name, cadence, target_per_period) VALUES ($1, $2, 'Read', 'daily', 1)", []any{habit, owner}},
				{"INSERT INTO app.habit_check_ins (id, created_by, habit_id, checked_in_on) SELECT app.uuid_v7(), $1, $2, app.day_of(m) FROM unnest($3::timestamptz[]) AS m",
					[]any{owner, habit, test.moments}},
			} {
				if _, err := conn.Exec(ctx, statement.sql, statement.args...); err != nil {
					t.Fatalf("%s: %v", statement.sql, err)
				}
			}
			var current, best int64
			err = conn.QueryRow(ctx, "SELECT app.current_streak(cadence, current_streak, last_completed_period, app.day_of($2)), best_streak FROM personal_habits WHERE id = $1",
				habit, test.asked).Scan(&current, &best)
			if err != nil {
				t.Fatal(err)
			}
			if current != test.current || best != test.best {
				t.Errorf("current %d, best %d; want %d, %d", current, best, test.current, test.best)
			}
		})
	}
}

// TestCapacity answers an event many times at once: never more are going than
// there is room for.
func TestCapacity(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ada := s.person(t, "ada")
	const capacity, contacts = 3, 12
	group := ada.Post("/v1/community/groups", object{"name": "Gardeners"}).Want(http.StatusCreated).Object()["id"].(string)
	event := ada.Post("/v1/community/events", object{
		"group_id": group, "title": "Swap", "starts_at": "2026-05-02T10:00:00Z", "ends_at": "2026-05-02T13:00:00Z",
		"time_zone": "Europe/Vienna", "capacity": capacity,
	}).Want(http.StatusCreated).Object()["id"].(string)
	path := "/v1/community/events/" + event + "/rsvps"
	ids := make([]string, contacts)
	for i := range ids {
		ids[i] = ada.Post("/v1/business/contacts", object{"name": fmt.Sprint("Guest ", i)}).Want(http.StatusCreated).Object()["id"].(string)
	}
	statuses := make([]int, contacts)
	var wait sync.WaitGroup
	for i, id := range ids {
		wait.Go(func() { statuses[i] = ada.Post(path, object{"contact_id": id, "status": "going"}).Status })
	}
	wait.Wait()
	going := ""
	n := 0
	for i, status := range statuses {
		switch status {
		case http.StatusOK:
			n++
			going = ids[i]
		case http.StatusConflict:
		default:
			t.Errorf("answer %d: status %d", i, status)
		}
	}
	if n != capacity {
		t.Errorf("%d answers were taken, want %d", n, capacity)
	}
	row := ada.Get("/v1/community/events/" + event).Want(http.StatusOK).Object()
	if row["going_count"] != float64(capacity) {
		t.Errorf("going_count is %v, want %d", row["going_count"], capacity)
	}
	// Who declines makes room; answering alike changes nothing.
	ada.Post(path, object{"contact_id": going, "status": "declined"}).Want(http.StatusOK)
	ada.Post(path, object{"contact_id": going, "status": "declined"}).Want(http.StatusOK)
	ada.Post(path, object{"contact_id": going, "status": "going"}).Want(http.StatusOK)
	row = ada.Get("/v1/community/events/" + event).Want(http.StatusOK).Object()
	if row["going_count"] != float64(capacity) || row["declined_count"] != 0.0 {
		t.Errorf("going_count is %v and declined_count %v, want %d and 0", row["going_count"], row["declined_count"], capacity)
	}
	if members := ada.Get("/v1/community/groups/" + group).Want(http.StatusOK).Object()["member_count"]; members != float64(capacity) {
		t.Errorf("member_count is %v, want %d", members, capacity)
	}
	s.person(t, "eve").Post(path, object{"contact_id": ids[0], "status": "going"}).WantProblem(http.StatusNotFound, "not_found")
	ada.Delete("/v1/community/events/"+event, ada.Get("/v1/community/events/"+event).ETag()).Want(http.StatusNoContent)
}

// TestCapacityOfAnyAnswers holds an event against a model, for any order of answers and changes of its capacity: what is
// taken, what is refused, and the counts in the end.
func TestCapacityOfAnyAnswers(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ada := s.person(t, "ada")
	guests := make([]string, 6)
	for i := range guests {
		guests[i] = ada.Post("/v1/business/contacts", object{"name": fmt.Sprint("Guest ", i)}).Want(http.StatusCreated).Object()["id"].(string)
	}
	rapid.Check(t, func(t *rapid.T) {
		group := ada.Post("/v1/community/groups", object{"name": "Gardeners"}).Want(http.StatusCreated)
		event := ada.Post("/v1/community/events", object{
			"group_id": group.Object()["id"], "title": "Swap", "time_zone": "Europe/Vienna",
			"starts_at": "2026-05-02T10:00:00Z", "ends_at": "2026-05-02T13:00:00Z",
		}).Want(http.StatusCreated)
		self, answers := event.Header.Get("Location"), map[string]string{}
		room := len(guests) // null is room for all of them
		count := func(status string) (n int) {
			for _, answer := range answers {
				if answer == status {
					n++
				}
			}
			return n
		}
		t.Repeat(map[string]func(*rapid.T){
			"answer": func(t *rapid.T) {
				guest := rapid.SampledFrom(guests).Draw(t, "guest")
				status := rapid.SampledFrom([]string{"going", "maybe", "declined"}).Draw(t, "status")
				answer := ada.Post(self+"/rsvps", object{"contact_id": guest, "status": status})
				if status == "going" && answers[guest] != "going" && count("going") >= room {
					answer.WantProblem(http.StatusConflict, "conflict")
					return
				}
				answer.Want(http.StatusOK)
				answers[guest] = status
			},
			"change the capacity": func(t *rapid.T) {
				wanted := rapid.IntRange(0, len(guests)).Draw(t, "capacity")
				capacity := any(wanted)
				if wanted == 0 {
					capacity, wanted = nil, len(guests)
				}
				answer := ada.Patch(self, ada.Get(self).Want(http.StatusOK).ETag(), object{"capacity": capacity})
				if wanted < count("going") {
					answer.WantProblem(http.StatusUnprocessableEntity, "validation_failed")
					return
				}
				answer.Want(http.StatusOK)
				room = wanted
			},
		})
		row := ada.Get(self).Want(http.StatusOK).Object()
		for status, counted := range map[string]any{"going": row["going_count"], "maybe": row["maybe_count"], "declined": row["declined_count"]} {
			if counted != float64(count(status)) {
				t.Fatalf("%s: counted %v, want %d", status, counted, count(status))
			}
		}
		if members := ada.Get(group.Header.Get("Location")).Want(http.StatusOK).Object()["member_count"]; members != float64(count("going")) {
			t.Fatalf("%v members, want %d", members, count("going"))
		}
	})
}

// TestCitations shows which reference cites which.
func TestCitations(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ada, eve := s.person(t, "ada"), s.person(t, "eve")
	body := func(key string) object {
		return object{"title": "T", "authors": []string{"A"}, "citation_key": key}
	}
	one := ada.Post("/v1/scholar/references", body("one")).Want(http.StatusCreated).Object()["id"].(string)
	two := ada.Post("/v1/scholar/references", body("two")).Want(http.StatusCreated).Object()["id"].(string)
	hers := eve.Post("/v1/scholar/references", body("one")).Want(http.StatusCreated).Object()["id"].(string)
	path := "/v1/scholar/references/" + one + "/citations"

	ada.Post(path, object{"cited_id": two, "locator": "p. 4"}).Want(http.StatusCreated)
	ada.Post(path, object{"cited_id": two}).WantProblem(http.StatusConflict, "already_exists")
	ada.Post(path, object{"cited_id": one}).WantProblem(http.StatusUnprocessableEntity, "validation_failed")
	ada.Post(path, object{"cited_id": hers}).WantProblem(http.StatusUnprocessableEntity, "reference_not_found")
	eve.Post(path, object{"cited_id": hers}).WantProblem(http.StatusNotFound, "not_found")
	if ids := listed(ada, path); len(ids) != 1 {
		t.Errorf("%d citations, want 1", len(ids))
	}
	ada.Do(http.MethodDelete, path+"?cited_id="+two, nil).Want(http.StatusNoContent)
	ada.Do(http.MethodDelete, path+"?cited_id="+two, nil).WantProblem(http.StatusNotFound, "not_found")
	ada.Post("/v1/scholar/references", object{"title": "T", "authors": []string{"A"}, "citation_key": "doi1", "doi": "10.1000/AbC"}).Want(http.StatusCreated)
	ada.Post("/v1/scholar/references", object{"title": "T", "authors": []string{"A"}, "citation_key": "doi2", "doi": "10.1000/aBc"}).
		WantProblem(http.StatusConflict, "already_exists")
}

// TestWhatTheClockDecides shows statuses that are read and never stored, and
// that filters see the same.
func TestWhatTheClockDecides(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ada := s.person(t, "ada")
	day := func(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
	for _, test := range []struct {
		path    string
		body    object
		want    string
		storage string
	}{
		{"/v1/government/compliance-items", object{"status": "active", "expires_on": day(-2)}, "expired", "active"},
		{"/v1/government/compliance-items", object{"status": "active", "expires_on": day(10)}, "expiring", "active"},
		{"/v1/government/compliance-items", object{"status": "active", "expires_on": day(60)}, "active", "active"},
		{"/v1/government/compliance-items", object{"status": "waived", "expires_on": day(-2)}, "waived", "waived"},
		{"/v1/government/compliance-items", object{"status": "active"}, "active", "active"},
	} {
		test.body["name"], test.body["regulation"], test.body["authority"] = "Licence", "Act", "City"
		row := ada.Post(test.path, test.body).Want(http.StatusCreated)
		id := row.Object()["id"].(string)
		if got := row.Object()["status"]; got != test.want {
			t.Errorf("%v reads as %v, want %s", test.body, got, test.want)
		}
		if ids := listed(ada, test.path+"?status="+test.want); !strings.Contains(strings.Join(ids, " "), id) {
			t.Errorf("status=%s does not find %v", test.want, test.body)
		}
		if test.want != test.storage {
			if ids := listed(ada, test.path+"?status="+test.storage); strings.Contains(strings.Join(ids, " "), id) {
				t.Errorf("status=%s finds %v, which reads as %s", test.storage, test.body, test.want)
			}
		}
		// A change of something else leaves the stored status as it is.
		changed := ada.Patch(test.path+"/"+id, row.ETag(), object{"identifier": "4711"}).Want(http.StatusOK)
		if got := changed.Object()["status"]; got != test.want {
			t.Errorf("after a patch %v reads as %v, want %s", test.body, got, test.want)
		}
	}
	ada.Post("/v1/government/compliance-items", object{"name": "L", "regulation": "A", "authority": "C", "status": "expired"}).
		WantProblem(http.StatusUnprocessableEntity, "validation_failed")
}

// TestDetach deletes what others name: refused, and with detach the optional
// references are cleared first.
func TestDetach(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ada := s.person(t, "ada")
	contact := ada.Post("/v1/business/contacts", object{"name": "Grace"}).Want(http.StatusCreated)
	self := contact.Header.Get("Location")
	project := ada.Post("/v1/business/projects", object{"name": "P", "contact_id": contact.Object()["id"]}).Want(http.StatusCreated)
	refused := ada.Delete(self, contact.ETag()).WantProblem(http.StatusConflict, "in_use")
	if fmt.Sprint(refused.Kinds) != "[project]" {
		t.Errorf("in use by %v, want project", refused.Kinds)
	}
	ada.Delete(self+"?detach=true", contact.ETag()).Want(http.StatusNoContent)
	if got := ada.Get(project.Header.Get("Location")).Want(http.StatusOK).Object()["contact_id"]; got != nil {
		t.Errorf("the project still names %v", got)
	}
	ada.Post("/v1/business/projects", object{"name": "P", "contact_id": contact.Object()["id"]}).
		WantProblem(http.StatusUnprocessableEntity, "reference_not_found")
}

// Hardening item 31: a detach that changes two gated rows needs one approval, which names
// both, and every other row that it changes.
func TestDetachOfSeveralGatedRows(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ada := s.person(t, "ada")
	for name, by := range map[string]*apitest.Client{"human": ada, "agent": s.agentOf(t, "ada")} {
		contact := by.Post("/v1/business/contacts", object{"name": "Grace"}).Want(http.StatusCreated)
		self, of := contact.Header.Get("Location"), contact.Object()["id"]
		project := by.Post("/v1/business/projects", object{"name": "P", "contact_id": of}).Want(http.StatusCreated).Header.Get("Location")
		var invoices []string
		for i := range 2 {
			invoice := object{"number": fmt.Sprint(name, i), "currency": "EUR", "contact_id": of, "status": "sent",
				"line_items": []any{object{"description": "x", "quantity": "1", "unit_price": "1.00", "tax_rate": "0"}}}
			id, digest := checkpointOf(t, by.Post("/v1/business/invoices", invoice))
			ada.Post("/v1/checkpoints/"+id+"/approve", object{"digest": digest}).Want(http.StatusOK)
			invoices = append(invoices, by.Post("/v1/business/invoices", invoice, "Checkpoint", id).Want(http.StatusCreated).Header.Get("Location"))
		}
		id, digest := checkpointOf(t, by.Delete(self+"?detach=true", contact.ETag()))
		shown := ada.Get("/v1/checkpoints/" + id).Want(http.StatusOK).Object()
		if shown["action"] != "update 2 invoices, update project, delete contact" || shown["type"] != "cost" {
			t.Errorf("%s: asked for %v of type %v", name, shown["action"], shown["type"])
		}
		ada.Post("/v1/checkpoints/"+id+"/approve", object{"digest": digest}).Want(http.StatusOK)
		by.Delete(self+"?detach=true", contact.ETag(), "Checkpoint", id).Want(http.StatusNoContent)
		by.Get(self).Want(http.StatusNotFound)
		for _, path := range append(invoices, project) {
			if got := by.Get(path).Want(http.StatusOK).Object()["contact_id"]; got != nil {
				t.Errorf("%s: %s still names %v", name, path, got)
			}
		}
		trail := ada.Get("/v1/audit-logs?page_size=100&outcome=success").Want(http.StatusOK).Object()["items"].([]any)
		kinds := map[string]int{}
		for _, row := range trail {
			if r := row.(map[string]any); r["checkpoint_id"] == id {
				kinds[r["resource_type"].(string)]++
			}
		}
		if kinds["invoice"] != 2 || kinds["project"] != 1 || kinds["contact"] != 1 {
			t.Errorf("%s: the audit rows that name the approval are %v", name, kinds)
		}
	}
}

// TestReferences names rows that are not there, or another identity's: the same answer,
// with the pointer, and nothing is written.
func TestReferences(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ada, eve := s.person(t, "ada"), s.person(t, "eve")
	hers := eve.Post("/v1/business/contacts", object{"name": "Grace"}).Want(http.StatusCreated).Object()["id"]
	invoice := func(contact any) object {
		return object{"number": "1", "currency": "EUR", "contact_id": contact,
			"line_items": []any{object{"description": "x", "quantity": "1", "unit_price": "1.00", "tax_rate": "0"}}}
	}
	for name, contact := range map[string]any{"another's": hers, "nobody's": newID()} {
		problem := ada.Post("/v1/business/invoices", invoice(contact)).
			WantProblem(http.StatusUnprocessableEntity, "reference_not_found")
		if len(problem.Errors) != 1 || problem.Errors[0].Pointer == nil || *problem.Errors[0].Pointer != "/contact_id" {
			t.Errorf("%s: errors %+v, want one at /contact_id", name, problem.Errors)
		}
		if ids := listed(ada, "/v1/business/invoices"); len(ids) != 0 {
			t.Errorf("%s: written all the same: %v", name, ids)
		}
	}
	own := ada.Post("/v1/business/invoices", invoice(nil)).Want(http.StatusCreated)
	ada.Patch(own.Header.Get("Location"), own.ETag(), object{"contact_id": hers}).
		WantProblem(http.StatusUnprocessableEntity, "reference_not_found")
	if got := ada.Get(own.Header.Get("Location")).Want(http.StatusOK).Object()["contact_id"]; got != nil {
		t.Errorf("the invoice names %v", got)
	}
}

// TestPagesOfWhatBelongsToOne walks, a row at a time, the lists below a resource.
func TestPagesOfWhatBelongsToOne(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ada := s.person(t, "ada")
	habit := ada.Post("/v1/personal/habits", object{"name": "Read"}).Want(http.StatusCreated).Object()["id"].(string)
	other := ada.Post("/v1/personal/habits", object{"name": "Run"}).Want(http.StatusCreated).Object()["id"].(string)
	path := "/v1/personal/habits/" + habit + "/check-ins"
	ada.Post("/v1/personal/habits/"+other+"/check-ins", object{}).Want(http.StatusCreated)
	want := []string{}
	for range 5 {
		id := ada.Post(path, object{}).Want(http.StatusCreated).Object()["id"].(string)
		want = append([]string{id}, want...)
	}
	for size := 1; size <= 6; size++ {
		var got []string
		token := ""
		for {
			page := ada.Get(fmt.Sprintf("%s?page_size=%d%s", path, size, token)).Want(http.StatusOK).Object()
			items := page["items"].([]any)
			if len(items) == 0 || len(items) > size {
				t.Fatalf("a page of %d has %d items", size, len(items))
			}
			for _, item := range items {
				got = append(got, item.(map[string]any)["id"].(string))
			}
			next, ok := page["next_page_token"].(string)
			if !ok {
				break
			}
			token = "&page_token=" + next
			if len(got) == size {
				ada.Get("/v1/personal/habits/"+other+"/check-ins?page_size="+strconv.Itoa(size)+token).
					WantProblem(http.StatusBadRequest, "invalid_page_token")
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("pages of %d: %v, want %v", size, got, want)
		}
	}
}

// TestTotals computes invoices' totals beside the database, with exact
// arithmetic: each line rounded by itself, half away from zero.
func TestTotals(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	admin := db.Pool(t, db.AdminURL)
	rapid.Check(t, func(t *rapid.T) {
		subtotal, tax := decimal.Zero, decimal.Zero
		var lines []string
		for range rapid.IntRange(1, 8).Draw(t, "lines") {
			quantity := decimal.New(rapid.Int64Range(1, 1_000_000).Draw(t, "quantity"), -4)
			price := decimal.New(rapid.Int64Range(-10_000_000, 100_000_000).Draw(t, "price"), -4)
			rate := decimal.New(rapid.Int64Range(0, 10_000).Draw(t, "rate"), -4)
			amount := quantity.Mul(price).Round(2)
			subtotal, tax = subtotal.Add(amount), tax.Add(amount.Mul(rate).Round(2))
			lines = append(lines, fmt.Sprintf(`{"description":"x","quantity":"%s","unit_price":"%s","tax_rate":"%s"}`, quantity, price, rate))
		}
		var gotSubtotal, gotTax string
		err := admin.QueryRow(context.Background(), "SELECT app.line_items_subtotal(l)::text, app.line_items_tax(l)::text FROM (SELECT $1::jsonb AS l) AS x",
			"["+strings.Join(lines, ",")+"]").Scan(&gotSubtotal, &gotTax)
		if err != nil {
			t.Fatal(err)
		}
		if gotSubtotal != subtotal.StringFixed(2) || gotTax != tax.StringFixed(2) {
			t.Fatalf("subtotal %s, tax %s; want %s, %s", gotSubtotal, gotTax, subtotal.StringFixed(2), tax.StringFixed(2))
		}
	})
}

// TestStreaksOfAnyDays holds the database's streaks against a count in Go, for
// any set of days and any cadence.
func TestStreaksOfAnyDays(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	admin := db.Pool(t, db.AdminURL)
	ctx := context.Background()
	owner := uuid.Must(uuid.NewV7())
	if _, err := admin.Exec(ctx, "INSERT INTO identities (id, email, name) VALUES ($1, 'ada@example.org', 'Ada')", owner); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		cadence := rapid.SampledFrom([]string{"daily", "weekly", "monthly"}).Draw(t, "cadence")
		target := rapid.Int64Range(1, 3).Draw(t, "target")
		offsets := rapid.SliceOfN(rapid.IntRange(0, 90), 1, 60).Draw(t, "days ago")
		habit := uuid.Must(uuid.NewV7())
		if _, err := admin.Exec(ctx, "INSERT INTO personal_habits (id, created_by, name, cadence, target_per_period) VALUES ($1, $2, 'x', $3, $4)", habit, owner, cadence, target); err != nil {
			t.Fatal(err)
		}
		today := time.Now().UTC()
		counts := map[string]int64{}
		first := today
		var days []time.Time
		for _, ago := range offsets {
			day := today.AddDate(0, 0, -ago)
			days = append(days, day)
			counts[period(cadence, day)]++
			if day.Before(first) {
				first = day
			}
		}
		if _, err := admin.Exec(ctx, "INSERT INTO app.habit_check_ins (id, created_by, habit_id, checked_in_on) SELECT app.uuid_v7(), $1, $2, d FROM unnest($3::date[]) AS d", owner, habit, days); err != nil {
			t.Fatal(err)
		}
		var latest, best, run int64
		seen := map[string]bool{}
		for day := first; !day.After(today); day = day.AddDate(0, 0, 1) {
			p := period(cadence, day)
			if seen[p] {
				continue
			}
			seen[p] = true
			if counts[p] >= target {
				run++
				latest, best = run, max(best, run)
			} else {
				run = 0
			}
		}
		var gotLatest, gotBest int64
		if err := admin.QueryRow(ctx, "SELECT current_streak, best_streak FROM personal_habits WHERE id = $1", habit).Scan(&gotLatest, &gotBest); err != nil {
			t.Fatal(err)
		}
		if gotLatest != latest || gotBest != best {
			t.Fatalf("latest %d, best %d; want %d, %d", gotLatest, gotBest, latest, best)
		}
	})
}

func period(cadence string, day time.Time) string {
	switch cadence {
	case "daily":
		return day.Format(time.DateOnly)
	case "weekly":
		year, week := day.ISOWeek()
		return fmt.Sprintf("%d-W%d", year, week)
	default:
		return day.Format("2006-01")
	}
}

package policies_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/chenu/chenu/migrations/dbtest"
)

// TestStreaksAcrossDaylightSaving checks in at times around clock changes, whose days have 23 or 25 hours or begin at
// one o'clock.
func TestStreaksAcrossDaylightSaving(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	for _, test := range []struct {
		name, zone    string
		moments       []string // times of the check-ins
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
			"both repetitions of the repeated hour are on one day", "America/New_York",
			[]string{"2025-11-02T05:30:00Z", "2025-11-02T06:30:00Z", "2025-11-03T04:59:00Z"},
			"2025-11-03T04:59:00Z", 1, 1,
		},
		{
			"a day that begins at one o'clock", "America/Sao_Paulo",
			[]string{"2018-11-04T02:59:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"},
			"2018-11-05T02:00:00Z", 3, 3,
		},
		{
			"a change by half an hour", "Australia/Lord_Howe",
			[]string{"2025-04-05T12:59:00Z", "2025-04-06T13:29:00Z", "2025-04-06T13:30:00Z"},
			"2025-04-06T14:00:00Z", 3, 3,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			conn, err := db.Pool(t, db.AdminURL).Acquire(ctx) // A single connection, since settings belong to the connection.
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Release()
			owner, habit := dbtest.NewID(), dbtest.NewID()
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

// TestStreaksOfAnyDays compares the streaks that the database computes with a count in Go, for random sets of days and
// all cadences.
func TestStreaksOfAnyDays(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	admin := db.Pool(t, db.AdminURL)
	ctx := context.Background()
	owner := dbtest.NewID()
	if _, err := admin.Exec(ctx, "INSERT INTO identities (id, email, name) VALUES ($1, 'ada@example.org', 'Ada')", owner); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		cadence := rapid.SampledFrom([]string{"daily", "weekly", "monthly"}).Draw(t, "cadence")
		target := rapid.Int64Range(1, 3).Draw(t, "target")
		offsets := rapid.SliceOfN(rapid.IntRange(0, 90), 1, 60).Draw(t, "days ago")
		habit := dbtest.NewID()
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

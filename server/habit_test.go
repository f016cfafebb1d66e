package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestStreaks checks the streaks that check-ins result in. A missed period ends the current streak and does not
// change the best one.
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
			// Streaks depend on the date, so the case is repeated if the date changes while it runs.
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

// TestDayBeginsWhereTheIdentityIs checks that the current day is determined in the time zone of the identity.
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

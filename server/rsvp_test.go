package server_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// TestCapacity answers an event many times concurrently and checks that the capacity is never exceeded.
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
		t.Errorf("%d answers were accepted, want %d", n, capacity)
	}
	row := ada.Get("/v1/community/events/" + event).Want(http.StatusOK).Object()
	if row["going_count"] != float64(capacity) {
		t.Errorf("going_count is %v, want %d", row["going_count"], capacity)
	}
	// Declining frees a place. Repeating an answer changes nothing.
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

// TestCapacityOfAnyAnswers compares an event with a model, for random answers and changes of its capacity: which
// requests are accepted and rejected, and the counts at the end.
func TestCapacityOfAnyAnswers(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ada := s.person(t, "ada")
	// Few guests and short sequences find the same errors as many: each request takes milliseconds.
	const most = 12
	guests := make([]string, 3)
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
		room := len(guests) // null means room for all of them
		count := func(status string) (n int) {
			for _, answer := range answers {
				if answer == status {
					n++
				}
			}
			return n
		}
		actions := []func(*rapid.T){
			func(t *rapid.T) { // an answer
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
			func(t *rapid.T) { // another capacity
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
		}
		for range rapid.IntRange(1, most).Draw(t, "steps") {
			rapid.SampledFrom(actions).Draw(t, "action")(t)
		}
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

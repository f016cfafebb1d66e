package server_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// TestPagesOfWhatBelongsToOne reads lists below a resource page by page.
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

// A page ends before it is too large, and the next page continues after it.
func TestPagesAreLimitedInBytes(t *testing.T) {
	t.Parallel()
	s := newService(t)
	c := s.person(t, "ada")
	me := c.Get("/v1/me").Object()["id"].(string)
	const count, size = 40, 900 << 10
	if _, err := s.db.Pool(t, s.db.AdminURL).Exec(t.Context(), `INSERT INTO scholar_manuscripts (id, created_by, title, sections)
		SELECT app.uuid_v7(), $1, 'm' || n, (SELECT jsonb_agg(jsonb_build_object('id', i::text, 'heading', 'h', 'position', i, 'body', repeat('x', $3 / 6)))
			FROM generate_series(1, 6) AS i) FROM generate_series(1, $2) AS n`, me, count, size); err != nil {
		t.Fatal(err)
	}
	seen, pages := map[string]bool{}, 0
	for token := ""; ; pages++ {
		r := c.Get("/v1/scholar/manuscripts?page_size=50" + token).Want(http.StatusOK)
		if len(r.Body) > 5<<20 {
			t.Errorf("a page has %d bytes", len(r.Body))
		}
		page := r.Object()
		for _, item := range page["items"].([]any) {
			id := item.(map[string]any)["id"].(string)
			if seen[id] {
				t.Errorf("%s is on two pages", id)
			}
			seen[id] = true
		}
		next, ok := page["next_page_token"].(string)
		if !ok {
			break
		}
		token = "&page_token=" + next
	}
	if len(seen) != count || pages < 9 {
		t.Errorf("%d manuscripts on %d pages, want %d on at least 10", len(seen), pages+1, count)
	}
	// Lists of checkpoints do not include the payloads.
	payload := object{"text": strings.Repeat("x", 500_000)}
	for i := range 12 {
		c.Post("/v1/checkpoints", object{"type": "sensitive", "resource_type": "report", "action": fmt.Sprint("send ", i), "content": payload}).Want(http.StatusCreated)
	}
	if list := c.Get("/v1/checkpoints").Want(http.StatusOK).Object(); len(list["items"].([]any)) != 12 || list["next_page_token"] != nil {
		t.Errorf("the list has %d checkpoints and the next page token %v", len(list["items"].([]any)), list["next_page_token"])
	}
	// The events of a thread, both as a list and included in the thread.
	thread := c.Post("/v1/threads", object{"founding_intent": "Write", "sphere": "personal"}).Want(http.StatusCreated).Header.Get("Location")
	for range 25 {
		c.Post(thread+"/events", object{"events": []object{{"type": "note.added", "payload": object{"text": strings.Repeat("x", 199_000)}}}}).Want(http.StatusCreated)
	}
	list := c.Get(thread + "/events").Want(http.StatusOK)
	if list.Object()["next_page_token"] == nil || len(list.Body) > 5<<20 {
		t.Errorf("a page of events has %d bytes", len(list.Body))
	}
	with := c.Get(thread + "?include=events").Want(http.StatusOK)
	events := with.Object()["events"].([]any)
	if last := events[len(events)-1].(map[string]any)["sequence"]; len(with.Body) > 5<<20 || last != 26.0 {
		t.Errorf("a thread with its events has %d bytes and ends with sequence %v", len(with.Body), last)
	}
}

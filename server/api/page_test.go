package api_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/chenu/chenu/server/api"
)

type page struct {
	Items []struct {
		ID uuid.UUID `json:"id"`
	} `json:"items"`
	NextPageToken *string `json:"next_page_token"`
}

// walk reads all pages of a list. It returns the ids of the items and the sizes of the pages.
func walk(t *testing.T, b *bundle, target string) (ids []uuid.UUID, sizes []int) {
	t.Helper()
	token := ""
	for {
		var p page
		b.Get(target + token).Want(http.StatusOK).JSON(&p)
		sizes = append(sizes, len(p.Items))
		for _, item := range p.Items {
			ids = append(ids, item.ID)
		}
		if p.NextPageToken == nil {
			return ids, sizes
		}
		token = "&page_token=" + *p.NextPageToken
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rows  int
		size  string
		sizes string
	}{
		{0, "?page_size=2", "[0]"},
		{1, "?page_size=2", "[1]"},
		{2, "?page_size=2", "[2]"},
		{3, "?page_size=2", "[2 1]"},
		{4, "?page_size=2", "[2 2]"},
		{120, "?", "[50 50 20]"},
	} {
		t.Run(fmt.Sprint(test.rows, test.size), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			for range test.rows {
				b.Post("/v1/things", `{"name":"x"}`).Want(http.StatusCreated)
			}
			ids, sizes := walk(t, b, "/v1/things"+test.size)
			if fmt.Sprint(sizes) != test.sizes {
				t.Errorf("pages of %v, want %s", sizes, test.sizes)
			}
			for i := 1; i < len(ids); i++ {
				if ids[i-1].String() <= ids[i].String() {
					t.Errorf("%v is listed before %v", ids[i-1], ids[i])
				}
			}
			if len(ids) != test.rows {
				t.Errorf("%d rows, want %d", len(ids), test.rows)
			}
		})
	}
}

func TestPageTokenIsBound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 3 {
		b.Post("/v1/things", `{"name":"x","color":"red"}`).Want(http.StatusCreated)
	}
	var p page
	b.Get("/v1/things?page_size=1&color=red").Want(http.StatusOK).JSON(&p)
	token := *p.NextPageToken
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(i int) string {
		changed := append([]byte(nil), raw...)
		changed[i] ^= 1
		return base64.RawURLEncoding.EncodeToString(changed)
	}
	other := setup(t, func(c *api.Config, _ *bundle) func(*api.API) { c.PageKey[0] = 8; return nil })
	var foreign page
	other.Post("/v1/things", `{"name":"x","color":"red"}`)
	other.Post("/v1/things", `{"name":"x","color":"red"}`)
	other.Get("/v1/things?page_size=1&color=red").JSON(&foreign)

	for _, test := range []struct {
		name, token, target, as string
		status                  int
	}{
		{"as given", token, "/v1/things?color=red", "alice", 200},
		{"another page size", token, "/v1/things?color=red&page_size=200", "alice", 200},
		{"an agent of the same identity", token, "/v1/things?color=red", "helper", 200},
		{"another identity", token, "/v1/things?color=red", "bob", 400},
		{"another filter", token, "/v1/things?color=green", "alice", 400},
		{"no filter", token, "/v1/things?", "alice", 400},
		{"one more filter", token, "/v1/things?color=red&least=1", "alice", 400},
		{"another service's", *foreign.NextPageToken, "/v1/things?color=red", "alice", 400},
		{"first byte", flip(0), "/v1/things?color=red", "alice", 400},
		{"keyset", flip(5), "/v1/things?color=red", "alice", 400},
		{"MAC", flip(len(raw) - 1), "/v1/things?color=red", "alice", 400},
		{"cut", token[:len(token)-2], "/v1/things?color=red", "alice", 400},
		{"longer", token + "AA", "/v1/things?color=red", "alice", 400},
		{"padded", token + "=", "/v1/things?color=red", "alice", 400},
		{"empty", "", "/v1/things?color=red", "alice", 400},
		{"no base64", "%21%21", "/v1/things?color=red", "alice", 400},
		{"long", strings.Repeat("A", 10000), "/v1/things?color=red", "alice", 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := b.For(t).As(test.as).Get(test.target + "&page_token=" + test.token)
			if test.status == 200 {
				r.Want(200)
				return
			}
			if got := wrong(r.WantProblem(400, "invalid_page_token")); got != "page_token invalid_page_token" {
				t.Errorf("wrong is %q", got)
			}
		})
	}
}

// TestPagesVisitEverythingOnce checks that for any page size, and with rows created or deleted between the pages,
// each row that exists all the time is returned once.
func TestPagesVisitEverythingOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rapid.Check(t, func(rt *rapid.T) {
		clear(b.store.things)
		stay := map[uuid.UUID]bool{}
		made := func(n int) (ids []uuid.UUID) {
			for range n {
				id := uuid.Must(uuid.NewV7())
				b.store.things[id] = Thing{ID: id, Version: 1, ThingInput: ThingInput{Name: "x"}}
				ids = append(ids, id)
			}
			return ids
		}
		for _, id := range made(rapid.IntRange(0, 12).Draw(rt, "rows")) {
			stay[id] = true
		}
		doomed := made(rapid.IntRange(0, 4).Draw(rt, "doomed"))
		seen := map[uuid.UUID]int{}
		token := ""
		for {
			size := rapid.IntRange(1, 5).Draw(rt, "size")
			var p page
			b.Get(fmt.Sprintf("/v1/things?page_size=%d%s", size, token)).Want(http.StatusOK).JSON(&p)
			for _, item := range p.Items {
				seen[item.ID]++
			}
			if p.NextPageToken == nil {
				break
			}
			token = "&page_token=" + *p.NextPageToken
			if len(doomed) > 0 && rapid.Bool().Draw(rt, "remove") {
				delete(b.store.things, doomed[0])
				doomed = doomed[1:]
			}
			if rapid.Bool().Draw(rt, "make") {
				made(1)
			}
		}
		for id := range stay {
			if seen[id] != 1 {
				rt.Fatalf("%v was seen %d times", id, seen[id])
			}
		}
	})
}

func TestKeyRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		k := api.Key{ID: uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(rt, "id"))}
		if rapid.Bool().Draw(rt, "timed") {
			k.Time = time.UnixMicro(rapid.Int64Range(-62135596799999999, 253402300799999999).Draw(rt, "time")).UTC()
		}
		got, err := api.ParseKey(k.Bytes())
		if err != nil || got != k {
			rt.Fatalf("%v became %v: %v", k, got, err)
		}
	})
	for _, bad := range [][]byte{nil, {1}, make([]byte, 15), make([]byte, 17), make([]byte, 25)} {
		if _, err := api.ParseKey(bad); err == nil {
			t.Errorf("%x was accepted", bad)
		}
	}
}

// TestFiltersReachTheOperation checks that values that the schema accepts reach the operation unchanged.
func TestFiltersReachTheOperation(t *testing.T) {
	t.Parallel()
	var got *listInput
	b := setup(t, with(api.Op{ID: "filtered", Method: http.MethodGet, Path: "/v1/filtered"}, capture(&got)))
	rapid.Check(t, func(rt *rapid.T) {
		query := url.Values{}
		var want listInput
		want.Page.PageSize = 50
		optional := func(name string) bool { return rapid.Bool().Draw(rt, name+" given") }
		if optional("name") {
			name := rapid.StringN(1, 20, -1).Filter(func(s string) bool { return !strings.Contains(s, "\x00") }).Draw(rt, "name")
			want.Filters.Name = &name
			query.Set("name", name)
		}
		if optional("least") {
			least := rapid.Int().Draw(rt, "least")
			want.Filters.Least = &least
			query.Set("least", fmt.Sprint(least))
		}
		if optional("since") {
			since := time.UnixMicro(rapid.Int64Range(0, 253402300799999999).Draw(rt, "since")).UTC()
			want.Filters.Since = &since
			query.Set("since", since.Format(time.RFC3339Nano))
		}
		if optional("owner") {
			owner := uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(rt, "owner"))
			want.Filters.Owner = &owner
			query.Set("owner", owner.String())
		}
		if optional("color") {
			color := rapid.SampledFrom([]Color{"red", "green"}).Draw(rt, "color")
			want.Filters.Color = &color
			query.Set("color", string(color))
		}
		if optional("small") {
			want.Filters.Small = rapid.Int8().Draw(rt, "small")
			query.Set("small", fmt.Sprint(want.Filters.Small))
		}
		if optional("exact") {
			want.Filters.Exact = rapid.Bool().Draw(rt, "exact")
			query.Set("exact", fmt.Sprint(want.Filters.Exact))
		}
		b.Get("/v1/filtered?" + query.Encode()).Want(http.StatusNoContent)
		f, w := got.Filters, want.Filters
		if !equal(f.Name, w.Name) || !equal(f.Least, w.Least) || !equal(f.Owner, w.Owner) || !equal(f.Color, w.Color) ||
			(f.Since == nil) != (w.Since == nil) || f.Since != nil && !f.Since.Equal(*w.Since) ||
			f.Small != w.Small || f.Exact != w.Exact || got.Page.PageSize != 50 {
			rt.Fatalf("sent %v, got %+v", query, got)
		}
	})
}

func equal[T comparable](a, b *T) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

package api_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/session"
)

// nothing is a Transactor that calls fn without a transaction.
type nothing struct{}

func (nothing) Do(ctx context.Context, _ session.Options, fn func(context.Context, *ent.Tx) error) error {
	return fn(ctx, nil)
}

// BenchmarkHandle measures the cost of the package for an operation, without the token, the network and the database.
func BenchmarkHandle(b *testing.B) {
	a, err := api.New(api.Config{
		Transactor: nothing{}, Authenticate: authenticate, PageKey: make([]byte, 32),
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	bundle := &bundle{store: &store{things: map[uuid.UUID]Thing{}}}
	bundle.things(a)
	handler, err := a.Handler()
	if err != nil {
		b.Fatal(err)
	}
	id := uuid.Must(uuid.NewV7())
	size := 3
	thing := Thing{ID: id, Version: 1, ThingInput: ThingInput{Name: "hammer", Price: "12.50", Tags: []string{"a", "b"}, Parts: []Part{{Label: "p", Size: &size}}}}
	body := []byte(`{"name":"hammer","email":"a@example.org","count":7,"price":"12.50","color":"red","tags":["a","b"],"due_at":"2026-01-01T00:00:00Z","parts":[{"label":"p","size":3}]}`)
	for _, test := range []struct {
		name, method, target string
		body                 []byte
		status               int
	}{
		{"get", http.MethodGet, "/v1/things/" + id.String(), nil, 200},
		{"list", http.MethodGet, "/v1/things?page_size=20&color=red", nil, 200},
		{"create", http.MethodPost, "/v1/things", body, 201},
		{"patch", http.MethodPatch, "/v1/things/" + id.String(), []byte(`{"name":"saw","count":8}`), 200},
		{"refused", http.MethodPost, "/v1/things", []byte(`{"name":"","count":101,"foo":1}`), 422},
	} {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				clear(bundle.store.things)
				bundle.store.things[id] = thing
				r := httptest.NewRequestWithContext(b.Context(), test.method, test.target, bytes.NewReader(test.body))
				if test.body == nil {
					r = httptest.NewRequestWithContext(b.Context(), test.method, test.target, nil)
				}
				r.Header = http.Header{"Authorization": {"Bearer alice"}, "Content-Type": {"application/json"}, "If-Match": {"*"}}
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				if w.Code != test.status {
					b.Fatalf("status %d: %s", w.Code, w.Body)
				}
			}
		})
	}
}

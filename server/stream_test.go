package server_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// cutter is a response writer that calls once after the first part of a stream.
type cutter struct {
	header http.Header
	parts  int
	bytes  int
	once   func()
}

func (c *cutter) Header() http.Header { return c.header }

func (*cutter) WriteHeader(int) {}

func (*cutter) Flush() {}

func (c *cutter) Write(p []byte) (int, error) {
	c.parts++
	c.bytes += len(p)
	if c.parts == 1 {
		c.once()
	}
	return len(p), nil
}

var _ io.Writer = (*cutter)(nil)

// A running export ends with the session that started it, and holds only a part of the data in memory at a time: each
// character of these references becomes 17 in BibTeX.
func TestAnExportEndsWithItsSession(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"/v1/me/export", "/v1/audit-logs/export", "/v1/scholar/references/export?format=bibtex", "/v1/scholar/references/export?format=csl-json",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			c := s.person(t, "ada")
			me := c.Get("/v1/me").Object()["id"].(string)
			admin := s.db.Pool(t, s.db.AdminURL)
			if _, err := admin.Exec(t.Context(), `INSERT INTO personal_notes (id, created_by, title, content)
				SELECT app.uuid_v7(), $1, 'n', repeat('x', 199000) FROM generate_series(1, 60)`, me); err != nil {
				t.Fatal(err)
			}
			if _, err := admin.Exec(t.Context(), `INSERT INTO scholar_references (id, created_by, title, authors, citation_key, abstract)
				SELECT app.uuid_v7(), $1, 'n', '{a}', 'k' || n, repeat('~', 20000) FROM generate_series(1, 200) n`, me); err != nil {
				t.Fatal(err)
			}
			client := &cutter{header: http.Header{}, once: func() {
				if _, err := admin.Exec(t.Context(), "UPDATE app.sessions SET revoked_at = clock_timestamp() WHERE created_by = $1", me); err != nil {
					t.Error(err)
				}
			}}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
			r.Header.Set("Authorization", c.Header("Authorization"))
			defer func() {
				if ended := recover(); ended != http.ErrAbortHandler { //nolint:errorlint // net/http compares the panic's value the same way.
					t.Errorf("the stream ended with %v, want http.ErrAbortHandler", ended)
				}
				if client.parts != 1 || client.bytes > 2<<20 {
					t.Errorf("after the end of its session the export continued: %d parts, %d bytes", client.parts, client.bytes)
				}
			}()
			s.Handler().ServeHTTP(client, r)
		})
	}
}

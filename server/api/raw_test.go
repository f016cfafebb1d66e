package api_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/api"
)

type rawInput struct {
	Type string `query:"type"`
}

type rawOutput struct {
	Body api.Raw
}

// TestRaw checks that a Raw body is sent unchanged, with a media type of the document.
func TestRaw(t *testing.T) {
	t.Parallel()
	op := api.Op{ID: "get-file", Method: http.MethodGet, Path: "/v1/file", Media: map[string]any{"text/csv": nil, "application/geo+json": []string{}}}
	b := setup(t, with(op, func(_ context.Context, _ *ent.Tx, in *rawInput) (*rawOutput, error) {
		return &rawOutput{api.Raw{Type: in.Type, Content: []byte(`["é"]`)}}, nil
	}))
	for _, media := range []string{"text/csv", "application/geo+json"} {
		r := b.Get("/v1/file?type=" + map[string]string{"text/csv": "text/csv", "application/geo+json": "application/geo%2Bjson"}[media]).Want(http.StatusOK)
		if string(r.Body) != `["é"]` || r.Header.Get("Content-Type") != media || r.Header.Get("Content-Length") != "6" {
			t.Errorf("%s: %v %s", media, r.Header, r.Body)
		}
	}
	b.Get("/v1/file?type=text/html").WantProblem(http.StatusInternalServerError, "internal_error")
}

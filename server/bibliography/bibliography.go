// Package bibliography writes an identity's references in the formats that
// reference managers and typesetters read: BibTeX and CSL-JSON.
package bibliography

import (
	"bytes"
	"context"
	"net/http"
	"strconv"

	"entgo.io/ent/dialect/sql"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/reference"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/problem"
)

// The media types: BibTeX's is the one in use, as none is registered; that of
// CSL-JSON is Zotero's and Crossref's.
const (
	bibtexType = "application/x-bibtex; charset=utf-8"
	cslType    = "application/vnd.citationstyles.csl+json"
)

// An export is made in memory, since it is answered once its audit row is
// committed. At 1 KiB, which is a reference with a short abstract, maxBytes is
// some 30 000 of them.
const (
	maxBytes  = 32 << 20
	batchSize = 500
)

// Mount registers the operation.
func Mount(a *api.API) {
	api.Handle(a, api.Op{
		ID: "export-references", Method: http.MethodGet, Path: "/v1/scholar/references/export", Tag: "scholar",
		Summary: "Export all references as BibTeX or CSL-JSON",
		Description: "All references of the caller, newest first. The audit trail records the export. " +
			"Above " + strconv.Itoa(maxBytes>>20) + " MiB it is 409 `export_too_large`.",
		AuditedRead: true, Problems: []int{http.StatusConflict},
		Media: map[string]any{bibtexType: nil, cslType: []Item{}},
	}, export)
}

type exportInput struct {
	Format string `query:"format" jsonschema:"required,enum=bibtex,enum=csl-json" jsonschema_description:"BibTeX, for LaTeX; or CSL-JSON, for Zotero, Pandoc and others."`
}

type exportOutput struct {
	Disposition string `header:"Content-Disposition" jsonschema_description:"The name to save it under."`
	Body        api.Raw
}

// writer writes references one by one.
type writer interface {
	write(r *ent.Reference) error
	end() error
}

const recordSQL = `SELECT app.record_read('reference', NULL, jsonb_build_object('export', $1::text, 'count', $2::bigint), 'scholar')`

func export(ctx context.Context, tx *ent.Tx, in *exportInput) (*exportOutput, error) {
	var b bytes.Buffer
	var w writer = &bibtexWriter{out: &b}
	out := &exportOutput{Disposition: `attachment; filename="references.bib"`, Body: api.Raw{Type: bibtexType}}
	if in.Format == "csl-json" {
		w = &cslWriter{out: &b}
		out.Disposition, out.Body.Type = `attachment; filename="references.json"`, cslType
	}
	count := 0
	query := tx.Reference.Query().Order(reference.ByID(sql.OrderDesc())).Limit(batchSize)
	for rows, err := query.Clone().All(ctx); len(rows) > 0 || err != nil; rows, err = query.Clone().Where(reference.IDLT(rows[len(rows)-1].ID)).All(ctx) {
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if err := w.write(row); err != nil {
				return nil, err
			}
		}
		if b.Len() > maxBytes {
			return nil, problem.New(http.StatusConflict, "export_too_large", "There are too many references for one export; list them page by page.")
		}
		count += len(rows)
	}
	if err := w.end(); err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, recordSQL, in.Format, count); err != nil {
		return nil, err
	}
	out.Body.Content = b.Bytes()
	return out, nil
}

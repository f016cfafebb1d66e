// Package bibliography exports an identity's references in the formats of reference managers and typesetting systems:
// BibTeX and CSL-JSON.
package bibliography

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/reference"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/entpgx"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/session"
)

// Media types. None is registered for BibTeX, so its type is the commonly used one. That of CSL-JSON is the one of
// Zotero and Crossref.
const (
	bibtexType = "application/x-bibtex; charset=utf-8"
	cslType    = "application/vnd.citationstyles.csl+json"
)

// batchRows and batchBytes limit the rows in memory: at most batchRows, fewer if they are large, and at least one. An
// export writes at most partBytes and one reference at a time.
const (
	batchRows  = 500
	batchBytes = 1 << 20
	partBytes  = 1 << 20
)

// Mount registers the operation.
func Mount(a *api.API) {
	api.Handle(a, api.Op{
		ID: "export-references", Method: http.MethodGet, Path: "/v1/scholar/references/export", Tag: "scholar",
		Summary: "Export references",
		Description: "Returns all references as BibTeX or CSL-JSON, newest first. The export is recorded in the audit trail before its first reference is " +
			"sent. It ends with the caller's session or agent, and after 15 minutes. A response whose connection is aborted is incomplete.",
		Responses:   map[int]string{http.StatusOK: "The references in the requested format."},
		AuditedRead: true,
		Media:       map[string]any{bibtexType: nil, cslType: []Item{}},
	}, export)
}

type exportInput struct {
	Format string `query:"format" jsonschema:"required,enum=bibtex,enum=csl-json" jsonschema_description:"Format of the export: BibTeX for LaTeX, CSL-JSON for Zotero, Pandoc and others."`
}

type exportOutput struct {
	Disposition string `header:"Content-Disposition" jsonschema_description:"Suggested file name of the export."`
	Body        api.Raw
}

// writer writes references one at a time.
type writer interface {
	write(r *ent.Reference) error
	end() error
}

func export(ctx context.Context, tx *ent.Tx, in *exportInput) (*exportOutput, error) {
	count, err := tx.Reference.Query().Count(ctx)
	if err != nil {
		return nil, fmt.Errorf("count the references: %w", err)
	}
	table, ok := policies.ByEntity("Reference")
	if !ok {
		return nil, errors.New("record the export: no table of references")
	}
	if err := api.RecordRead(ctx, tx, table, uuid.NullUUID{}, map[string]any{"export": in.Format, "count": count}); err != nil {
		return nil, err
	}
	if in.Format == "csl-json" {
		return &exportOutput{
			Disposition: `attachment; filename="references.json"`,
			Body:        api.Raw{Type: cslType, Stream: stream(func(b *bytes.Buffer) writer { return &cslWriter{out: b} })},
		}, nil
	}
	return &exportOutput{
		Disposition: `attachment; filename="references.bib"`,
		Body:        api.Raw{Type: bibtexType, Stream: stream(func(b *bytes.Buffer) writer { return &bibtexWriter{out: b} })},
	}, nil
}

// stream returns a stream that writes all references in parts.
func stream(format func(*bytes.Buffer) writer) api.Stream {
	return func(ctx context.Context, db api.Transactor, w io.Writer) error {
		var part bytes.Buffer
		formatted := format(&part)
		send := func() error {
			if part.Len() == 0 {
				return nil
			}
			_, err := w.Write(part.Bytes())
			part.Reset()
			return err
		}
		for before := (uuid.UUID{}); ; {
			rows, more, err := batch(ctx, db, before)
			if err != nil {
				return err
			}
			for i, row := range rows {
				if err := formatted.write(row); err != nil {
					return err
				}
				before = row.ID
				// A full part also ends the batch, because the session is checked with each batch.
				if part.Len() >= partBytes {
					more = more || i < len(rows)-1
					break
				}
			}
			if !more {
				break
			}
			if err := send(); err != nil {
				return err
			}
		}
		if err := formatted.end(); err != nil {
			return err
		}
		return send()
	}
}

// batch reads the references that are older than before, or the newest ones if before is zero, and reports whether
// there can be more.
func batch(ctx context.Context, db api.Transactor, before uuid.UUID) (rows []*ent.Reference, more bool, err error) {
	budget := entpgx.NewRowBudget(batchBytes)
	err = db.Do(ctx, session.Options{ReadOnly: true}, func(ctx context.Context, tx *ent.Tx) (err error) {
		budget.Reset()
		query := tx.Reference.Query().Order(reference.ByID(sql.OrderDesc())).Limit(batchRows)
		if before != (uuid.UUID{}) {
			query.Where(reference.IDLT(before))
		}
		rows, err = query.All(entpgx.WithRowBudget(ctx, budget))
		return err
	})
	return rows, len(rows) == batchRows || budget.Cut(), err
}

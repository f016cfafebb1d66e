// Package audit is what the uniform collection of audit rows leaves to do: the export of
// the whole trail. The rows come from the database itself (app.audit, app.record_event).
package audit

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/session"
)

// Mount registers the operations.
func Mount(a *api.API) {
	api.HandleStream(a, api.Op{
		ID: "export-audit-logs", Method: http.MethodGet, Path: "/v1/audit-logs/export", Tag: "audit-logs",
		Summary: "Export the audit trail",
		Description: "The audit rows that meet the filters, newest first, one JSON object a line, as far as they go when the export " +
			"begins. The export is recorded in the trail before its first line is sent. An answer that breaks off is not complete.",
		ContentType: "application/x-ndjson",
	}, export)
}

type exportInput struct {
	Filter ent.AuditLogFilter
}

// batch is how many rows are in memory at once.
const batch = 500

const recordExportSQL = `SELECT app.record_read('audit_log', NULL, '{"export": "ndjson"}', NULL)`

func export(ctx context.Context, tx *ent.Tx, in *exportInput) (api.Stream, error) {
	if _, err := tx.ExecContext(ctx, recordExportSQL); err != nil {
		return nil, fmt.Errorf("record the export: %w", err)
	}
	return func(ctx context.Context, db api.Transactor, w io.Writer) error {
		var before *ent.Position
		for {
			var rows []*ent.AuditLog
			err := db.Do(ctx, session.Options{ReadOnly: true}, func(ctx context.Context, tx *ent.Tx) (err error) {
				rows, err = tx.AuditLogStore().List(ctx, &in.Filter, before, batch)
				return err
			})
			if err != nil {
				return err
			}
			if err := write(w, rows); err != nil {
				return err
			}
			if len(rows) < batch {
				return nil
			}
			before = &ent.Position{ID: rows[len(rows)-1].ID}
		}
	}, nil
}

func write(w io.Writer, rows []*ent.AuditLog) error {
	var lines []byte
	for _, row := range rows {
		line, err := api.Marshal(row)
		if err != nil {
			return fmt.Errorf("marshal an audit row: %w", err)
		}
		lines = append(append(lines, line...), '\n')
	}
	if len(lines) == 0 {
		return nil
	}
	_, err := w.Write(lines)
	return err
}

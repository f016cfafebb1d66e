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
		ID: "export-audit-logs", Method: http.MethodGet, Path: "/v1/audit-logs/export", Tag: "audit-logs", HumansOnly: true,
		Summary: "Export the audit trail",
		Description: "Returns the audit rows that match the filters, newest first, one JSON object per line. The export is recorded in the " +
			"audit trail before its first line is sent. A response that breaks off is not complete. The export needs an authentication within " +
			"the last 5 minutes, else it is 403 `recent_authentication_required` (see `POST /v1/auth/step-up`). Agents cannot export.",
		ContentType: "application/x-ndjson",
	}, export)
}

type exportInput struct {
	Filter ent.AuditLogFilter
}

// batch is how many rows are in memory at once.
const batch = 500

// recordExportSQL also refuses a caller who has not authenticated recently.
const recordExportSQL = `SELECT app.record_export('audit_log')`

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

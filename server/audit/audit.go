// Package audit exports the audit log. All other operations on audit rows are those of the uniform collection. The
// database itself writes the rows (app.audit, app.record_event).
package audit

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/postgres/entpgx"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/api/body"
	"github.com/chenu/chenu/server/session"
)

// Mount registers the operations with the API.
func Mount(a *api.API) {
	api.HandleStream(a, api.Op{
		ID: "export-audit-logs", Method: http.MethodGet, Path: "/v1/audit-logs/export", Tag: "audit-logs", HumansOnly: true,
		Summary: "Export the audit trail",
		Description: "Returns the audit log entries that match the filters, newest first, one JSON object per line. The export is recorded in the " +
			"audit trail before its first line is sent. A response whose connection is aborted is incomplete. Requires an authentication within the " +
			"last 5 minutes, otherwise the response is 403 `recent_authentication_required` (see `POST /v1/auth/step-up`). Agents cannot call this operation.",
		Responses:   map[int]string{http.StatusOK: "The matching entries, one JSON object per line."},
		ContentType: "application/x-ndjson",
	}, export)
}

type exportInput struct {
	Filter ent.AuditLogFilter
}

// batchRows and batchBytes limit how many rows are in memory at once. A batch has at least one row, even if it is
// larger than batchBytes.
const (
	batchRows  = 500
	batchBytes = 1 << 20
)

func export(ctx context.Context, tx *ent.Tx, in *exportInput) (api.Stream, error) {
	if err := api.RecordExport(ctx, tx, "audit_log"); err != nil {
		return nil, err
	}
	return func(ctx context.Context, db api.Transactor, w io.Writer) error {
		var before *ent.Position
		for {
			var rows []*ent.AuditLog
			budget := entpgx.NewRowBudget(batchBytes)
			err := db.Do(ctx, session.Options{ReadOnly: true}, func(ctx context.Context, tx *ent.Tx) (err error) {
				rows, err = tx.AuditLogStore().List(entpgx.WithRowBudget(ctx, budget), &in.Filter, before, batchRows)
				return err
			})
			if err != nil {
				return err
			}
			if err := write(w, rows); err != nil {
				return err
			}
			if len(rows) < batchRows && !budget.Cut() {
				return nil
			}
			before = &ent.Position{ID: rows[len(rows)-1].ID}
		}
	}, nil
}

// Discloses returns the resource and the id of the row whose content an audit row contains, or "" and nil if it
// contains none.
func Discloses(row *ent.AuditLog) (resource string, id *uuid.UUID) {
	if row.Before == nil && row.After == nil {
		return "", nil
	}
	return row.ResourceType, row.ResourceID
}

func write(w io.Writer, rows []*ent.AuditLog) error {
	var lines []byte
	for _, row := range rows {
		line, err := body.Marshal(row)
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

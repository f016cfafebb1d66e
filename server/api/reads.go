package api

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/server/problem"
)

const recordReadSQL = `SELECT app.record_read($1, $2, $3, nullif($4, ''))`

// RecordRead records, in the transaction that reads it, that a row of the table was read, or several rows if the id
// is not valid. Call it for tables whose reads are recorded ([policies.Table].AuditReads). details may be nil.
func RecordRead(ctx context.Context, tx *ent.Tx, table policies.Table, id uuid.NullUUID, details map[string]any) error {
	if details == nil {
		details = map[string]any{}
	}
	text, err := json.Marshal(details)
	if err != nil {
		return fmt.Errorf("record a read: %w", err)
	}
	if _, err := tx.ExecContext(ctx, recordReadSQL, table.Resource, id, string(text), table.Sphere); err != nil {
		return fmt.Errorf("record a read: %w", err)
	}
	return nil
}

// recordExportSQL also returns an error if the caller has not authenticated recently.
const recordExportSQL = `SELECT app.record_export($1)`

// RecordExport records, in the transaction that starts it, an export of the named resource, and a read of every table
// whose reads are recorded. The database returns an error if the caller has not authenticated recently.
func RecordExport(ctx context.Context, tx *ent.Tx, of string) error {
	if _, err := tx.ExecContext(ctx, recordExportSQL, of); err != nil {
		return fmt.Errorf("record the export: %w", err)
	}
	for _, t := range policies.Tables {
		if !t.AuditReads {
			continue
		}
		if err := RecordRead(ctx, tx, t, uuid.NullUUID{}, map[string]any{"export": of}); err != nil {
			return err
		}
	}
	return nil
}

// RequireExists returns [problem.NotFound] if the Ent query finds no row. An operation on the parts of a row checks
// the row first. Otherwise a reference to a row that does not exist, or that belongs to another identity, would be
// reported as an invalid value (422).
func RequireExists(ctx context.Context, query interface {
	Exist(ctx context.Context) (bool, error)
}) error {
	found, err := query.Exist(ctx)
	if err == nil && !found {
		err = problem.NotFound()
	}
	return err
}

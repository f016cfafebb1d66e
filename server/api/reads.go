package api

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/policies"
)

const recordReadSQL = `SELECT app.record_read($1, $2, $3, nullif($4, ''))`

// RecordRead records that a row of the table was read, or several where the id is not valid, in
// the transaction that reads it. Call it where reads of the table are recorded
// ([policies.Table].AuditReads). The details may be nil.
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

// RecordExport records that an export of the named resource is going to read all rows whose
// reads are recorded, in the transaction that starts it.
func RecordExport(ctx context.Context, tx *ent.Tx, of string) error {
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

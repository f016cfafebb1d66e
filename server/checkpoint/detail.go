package checkpoint

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/session"
)

// CheckpointDetail is a checkpoint with exactly what it asks for.
type CheckpointDetail struct {
	CheckpointItem

	Payload json.RawMessage `json:"payload" jsonschema_description:"Exactly what would be done; null once it was erased."`
	// Canonical is the very text that was digested: a JSON document may be written in many ways.
	Canonical  string      `json:"canonical"  jsonschema_description:"The payload as it was digested: the digest is the SHA-256 of this text in UTF-8."`
	Difference *Difference `json:"difference" jsonschema_description:"What the write would change of what stands; null for an action that clients define."`
}

// Difference is how a write differs from what stands now.
type Difference struct {
	// Version is null where there is no such row.
	Version *int64            `json:"version" jsonschema_description:"The version that stands now; null when there is none."`
	Stale   bool              `json:"stale"   jsonschema_description:"Whether it is another version than the one that the write is for: then an approval could no longer be used."`
	Fields  []FieldDifference `json:"fields"  jsonschema_description:"The fields that would change."`
}

// FieldDifference is how one field would change.
type FieldDifference struct {
	Field    string          `json:"field"    jsonschema_description:"The field's name."`
	Present  json.RawMessage `json:"present"  jsonschema_description:"Its value now; null also when there is no row yet."`
	Proposed json.RawMessage `json:"proposed" jsonschema_description:"Its value then; null also when the row would be deleted."`
}

type detailOutput struct {
	ETag api.ETag `header:"ETag" jsonschema_description:"Its version."`
	Body CheckpointDetail
}

func read(ctx context.Context, tx *ent.Tx, in *byID) (*detailOutput, error) {
	row, err := tx.CheckpointStore().Get(ctx, in.ID)
	if err != nil {
		return nil, fmt.Errorf("read a checkpoint: %w", err)
	}
	out := &detailOutput{ETag: api.VersionTag(row.Version), Body: CheckpointDetail{
		CheckpointItem: item(row), Payload: row.Payload, Canonical: string(row.Payload),
	}}
	out.Body.Difference, err = difference(ctx, tx, row)
	return out, err
}

// write is the payload of a gated write.
type write struct {
	Table     string                     `json:"table"`
	Operation string                     `json:"operation"`
	ID        *uuid.UUID                 `json:"id"`
	Version   *int64                     `json:"version"`
	Values    map[string]json.RawMessage `json:"values"`
}

func difference(ctx context.Context, tx *ent.Tx, row *ent.Checkpoint) (*Difference, error) {
	var w write
	if len(row.Payload) == 0 || json.Unmarshal(row.Payload, &w) != nil {
		return nil, nil //nolint:nilnil,nilerr // There is nothing to compare: the client made the payload.
	}
	i := slices.IndexFunc(policies.Tables, func(t policies.Table) bool { return t.Name == w.Table && len(t.Gates) > 0 })
	if i < 0 {
		return nil, nil //nolint:nilnil // an action that clients define
	}
	d := &Difference{Fields: []FieldDifference{}}
	present := map[string]json.RawMessage{}
	if w.ID != nil {
		if err := stands(ctx, tx, policies.Tables[i], *w.ID, d, &present); err != nil {
			return nil, err
		}
		d.Stale = d.Version == nil || w.Version == nil || *d.Version != *w.Version
	}
	for _, field := range slices.Sorted(maps.Keys(w.Values)) {
		proposed := w.Values[field]
		if w.Operation == "DELETE" {
			proposed = nil
		}
		if !same(present[field], proposed) {
			d.Fields = append(d.Fields, FieldDifference{Field: field, Present: orNull(present[field]), Proposed: orNull(proposed)})
		}
	}
	return d, nil
}

const recordReadSQL = `SELECT app.record_read($1, $2, $3, nullif($4, ''))`

// stands reads the row as it is now, and records that where its reads are audited. The
// statement is made of names from the graph and never of input.
func stands(ctx context.Context, tx *ent.Tx, t policies.Table, id uuid.UUID, d *Difference, present *map[string]json.RawMessage) error {
	var text *string
	query := fmt.Sprintf("SELECT version, to_jsonb(t)::text FROM %s t WHERE id = $1", t.QualifiedName())
	if err := session.One(ctx, tx, query, []any{id}, &d.Version, &text); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read what stands: %w", err)
	}
	if text == nil {
		return nil
	}
	if err := json.Unmarshal([]byte(*text), present); err != nil {
		return fmt.Errorf("read what stands: %w", err)
	}
	if !t.AuditReads {
		return nil
	}
	if _, err := tx.ExecContext(ctx, recordReadSQL, t.Resource, id, `{"in": "checkpoint"}`, t.Sphere); err != nil {
		return fmt.Errorf("record a read: %w", err)
	}
	return nil
}

// same compares two values that Postgres printed as jsonb.
func same(a, b json.RawMessage) bool { return bytes.Equal(orNull(a), orNull(b)) }

func orNull(v json.RawMessage) json.RawMessage {
	if v == nil {
		return json.RawMessage("null")
	}
	return v
}

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
	"strings"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/session"
)

// CheckpointDetail is a checkpoint with the exact changes that it requests.
type CheckpointDetail struct {
	CheckpointItem

	Payload json.RawMessage `json:"payload" jsonschema_description:"The exact write or action. Null after erasure."`
	// Canonical is the exact text of the digest, because a JSON document can be written in different ways.
	Canonical string `json:"canonical"  jsonschema_description:"Canonical text of the payload. The digest is the SHA-256 of this text in UTF-8."`
	// Visible makes invisible characters visible, because different texts can look the same.
	Visible    string      `json:"visible"    jsonschema_description:"Canonical text in which each invisible or control character is replaced by its code point, such as \\u{200D} for a zero-width joiner. Display this text for the approval."`
	Difference *Difference `json:"difference" jsonschema_description:"Changes that the write would cause to the current data. For a list of writes, the changes of the first write that needs an approval. Null for an action that clients define."`
	// Differences has one element for each write in the payload's list.
	Differences []WriteDifference `json:"differences,omitempty" jsonschema_description:"Changes of each write in the payload's list, in order. Only for a list of writes."`
}

// WriteDifference is the difference between a write of a list and the current data.
type WriteDifference struct {
	ResourceType string  `json:"resource_type" jsonschema_description:"Kind of the written resource."`
	Operation    string  `json:"operation"     jsonschema_description:"Kind of the write: INSERT, UPDATE or DELETE."`
	ID           *string `json:"id"            jsonschema_description:"Id of the written resource. Resources that the list creates have the ids new:1, new:2 and so on."`
	Gated        bool    `json:"gated"         jsonschema_description:"Whether this write needs an approval by itself."`
	Difference
}

// Difference is the difference between a write and the current data.
type Difference struct {
	// Version is null if the row does not exist.
	Version    *int64                `json:"version" jsonschema_description:"Current version of the row. Null if the row does not exist."`
	Stale      bool                  `json:"stale"   jsonschema_description:"Whether the row, or a row that it refers to, has another version than the request covers. The approval of a stale request cannot be used."`
	Fields     []FieldDifference     `json:"fields"  jsonschema_description:"Fields that the write would change."`
	References []ReferenceDifference `json:"references" jsonschema_description:"Rows that the write refers to and that the approval covers."`
}

// ReferenceDifference describes a row that a write refers to: its requested and its current version.
type ReferenceDifference struct {
	Field        string          `json:"field" jsonschema_description:"Name of the field that refers to the row."`
	ResourceType string          `json:"resource_type" jsonschema_description:"Kind of the referenced resource."`
	ID           uuid.UUID       `json:"id" jsonschema_description:"Id of the referenced row."`
	Version      *int64          `json:"version" jsonschema_description:"Version of the row that the request covers."`
	Present      *int64          `json:"present" jsonschema_description:"Current version of the row. Null if the row does not exist."`
	Shows        json.RawMessage `json:"shows" jsonschema_description:"Fields of the row as the request covers them."`
	ShowsVisible *string         `json:"shows_visible,omitempty" jsonschema_description:"JSON text of shows in which each invisible or control character is replaced by its code point. Missing if there is none. Display this text for the approval."`
}

// FieldDifference is the change of a field.
type FieldDifference struct {
	Field    string          `json:"field"    jsonschema_description:"Name of the field."`
	Present  json.RawMessage `json:"present"  jsonschema_description:"Current value of the field. Also null if the row does not exist yet."`
	Proposed json.RawMessage `json:"proposed" jsonschema_description:"Value of the field after the write. Also null if the write deletes the row."`
	// The visible forms are separate fields, so that the values are those of the row.
	PresentVisible  *string `json:"present_visible,omitempty"  jsonschema_description:"JSON text of present in which each invisible or control character is replaced by its code point. Missing if there is none. Display this text for the approval."`
	ProposedVisible *string `json:"proposed_visible,omitempty" jsonschema_description:"JSON text of proposed in which each invisible or control character is replaced by its code point. Missing if there is none. Display this text for the approval."`
}

type getInput struct {
	ID uuid.UUID `path:"id" jsonschema_description:"Id of the checkpoint."`
}

type getOutput struct {
	ETag api.ETag `header:"ETag" jsonschema_description:"Entity tag: the version of the checkpoint, and a hash of its current status and of the changes to the current row."`
	Body CheckpointDetail
}

func get(ctx context.Context, tx *ent.Tx, in *getInput) (*getOutput, error) {
	row, err := tx.CheckpointStore().Get(ctx, in.ID)
	if err != nil {
		return nil, fmt.Errorf("read a checkpoint: %w", err)
	}
	out := &getOutput{Body: CheckpointDetail{
		CheckpointItem: item(row), Payload: row.Payload, Canonical: string(row.Payload), Visible: visible(string(row.Payload)),
	}}
	if err := compare(ctx, tx, &out.Body); err != nil {
		return nil, err
	}
	out.ETag, err = api.VersionTag(row.Version).With(row.Status, out.Body.Difference, out.Body.Differences)
	return out, err
}

// write is the payload of a gated write, or an element of a list of writes.
type write struct {
	Type         *string                    `json:"type"`
	ResourceType string                     `json:"resource_type"`
	Table        string                     `json:"table"`
	Operation    string                     `json:"operation"`
	ID           *string                    `json:"id"`
	Version      *int64                     `json:"version"`
	Values       map[string]json.RawMessage `json:"values"`
	// References has rows, and also other data that belongs to a gated row.
	References map[string]json.RawMessage `json:"references"`
}

// reference is a row that a gated write refers to.
type reference struct {
	ResourceType string          `json:"resource_type"`
	ID           uuid.UUID       `json:"id"`
	Version      *int64          `json:"version"`
	Shows        json.RawMessage `json:"shows"`
}

// compare sets the differences between the writes of the payload and the current data.
func compare(ctx context.Context, tx *ent.Tx, c *CheckpointDetail) error {
	var payload struct {
		write

		Writes []write `json:"writes"`
	}
	if len(c.Payload) == 0 || json.Unmarshal(c.Payload, &payload) != nil {
		return nil //nolint:nilerr // The payload is defined by the client, so there is nothing to compare.
	}
	if payload.Writes == nil {
		var err error
		c.Difference, err = difference(ctx, tx, &payload.write)
		return err
	}
	stale := false
	for i := range payload.Writes {
		w := &payload.Writes[i]
		d, err := difference(ctx, tx, w)
		if err != nil {
			return err
		}
		if d == nil {
			continue // a table that the program does not know
		}
		stale = stale || d.Stale
		c.Differences = append(c.Differences, WriteDifference{
			ResourceType: w.ResourceType, Operation: w.Operation, ID: w.ID, Gated: w.Type != nil, Difference: *d,
		})
		if w.Type != nil && c.Difference == nil {
			c.Difference = d
		}
	}
	if c.Difference != nil {
		c.Difference.Stale = stale // A single stale write makes the whole list unusable.
	}
	return nil
}

func difference(ctx context.Context, tx *ent.Tx, w *write) (*Difference, error) {
	i := slices.IndexFunc(policies.Tables, func(t policies.Table) bool { return t.Name == w.Table })
	if i < 0 || !slices.Contains([]string{"INSERT", "UPDATE", "DELETE"}, w.Operation) {
		return nil, nil //nolint:nilnil // an action that clients define, or the erasure of an identity
	}
	if err := recordContent(ctx, tx, policies.Tables[i], w); err != nil {
		return nil, err
	}
	d := &Difference{Fields: []FieldDifference{}, References: []ReferenceDifference{}}
	present := map[string]json.RawMessage{}
	if w.ID != nil {
		// An id such as new:1 identifies a row that the list creates.
		if id, err := uuid.Parse(*w.ID); err == nil {
			if err := stands(ctx, tx, policies.Tables[i], id, d, &present); err != nil {
				return nil, err
			}
			d.Stale = d.Version == nil || w.Version == nil || *d.Version != *w.Version
		}
	}
	for _, field := range slices.Sorted(maps.Keys(w.Values)) {
		proposed := w.Values[field]
		if w.Operation == "DELETE" {
			proposed = nil
		}
		if !same(present[field], proposed) {
			d.Fields = append(d.Fields, FieldDifference{
				Field: field, Present: orNull(present[field]), Proposed: orNull(proposed),
				PresentVisible: visibleJSON(present[field]), ProposedVisible: visibleJSON(proposed),
			})
		}
	}
	for _, g := range policies.Tables[i].Gates {
		if err := references(ctx, tx, g, w, d); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// references compares the rows that the write refers to with their current versions. The query contains only names
// from the graph, never input.
func references(ctx context.Context, tx *ent.Tx, g policies.Gate, w *write, d *Difference) error {
	for _, named := range g.References {
		var r reference
		if given, ok := w.References[named.Column]; !ok || json.Unmarshal(given, &r) != nil {
			continue
		}
		out := ReferenceDifference{Field: named.Column, ResourceType: r.ResourceType, ID: r.ID, Version: r.Version, Shows: orNull(r.Shows), ShowsVisible: visibleJSON(r.Shows)}
		query := fmt.Sprintf("SELECT version FROM %s WHERE id = $1", named.Table)
		if err := session.One(ctx, tx, query, []any{r.ID}, &out.Present); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("read what a write refers to: %w", err)
		}
		d.Stale = d.Stale || out.Version == nil || out.Present == nil || *out.Version != *out.Present
		d.References = append(d.References, out)
	}
	return nil
}

// recordContent records a read of the row of the write, if reads of its table are recorded. The payload contains the
// row's content even after the row was deleted. An id such as new:1 identifies a row that does not exist yet; the
// read is then recorded without an id.
func recordContent(ctx context.Context, tx *ent.Tx, t policies.Table, w *write) error {
	if !t.AuditReads {
		return nil
	}
	var id uuid.NullUUID
	if w.ID != nil {
		if parsed, err := uuid.Parse(*w.ID); err == nil {
			id = uuid.NullUUID{UUID: parsed, Valid: true}
		}
	}
	return api.RecordRead(ctx, tx, t, id, map[string]any{"in": "checkpoint"})
}

// stands reads the current row: its version and its readable columns. The query contains only names from the graph,
// never input.
func stands(ctx context.Context, tx *ent.Tx, t policies.Table, id uuid.UUID, d *Difference, present *map[string]json.RawMessage) error {
	var text *string
	version := "NULL::bigint"
	if _, versioned := t.Column("version"); versioned {
		version = "version"
	}
	var readable []string // Serving roles cannot read the secret columns of a table.
	for _, c := range t.Columns {
		if !c.Rules.Secret {
			readable = append(readable, c.Name)
		}
	}
	query := fmt.Sprintf("SELECT %s, to_jsonb(r)::text FROM (SELECT %s FROM %s WHERE id = $1) AS r",
		version, strings.Join(readable, ", "), t.QualifiedName())
	if err := session.One(ctx, tx, query, []any{id}, &d.Version, &text); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read the current state: %w", err)
	}
	if text == nil {
		return nil
	}
	if err := json.Unmarshal([]byte(*text), present); err != nil {
		return fmt.Errorf("read the current state: %w", err)
	}
	return nil
}

// same reports whether two values are equal. Both are jsonb texts from Postgres.
func same(a, b json.RawMessage) bool { return bytes.Equal(orNull(a), orNull(b)) }

func orNull(v json.RawMessage) json.RawMessage {
	if v == nil {
		return json.RawMessage("null")
	}
	return v
}

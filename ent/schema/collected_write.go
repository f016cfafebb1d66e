package schema

import (
	"encoding/json"

	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/chenu/chenu/policies"
)

// CollectedWrite is one write of a transaction that runs in collecting mode or under an approval. The rows exist only
// during their transaction: a transaction in collecting mode never commits, and one under an approval deletes its rows
// when it commits. Only app.take_write() inserts rows.
type CollectedWrite struct{ ent.Schema }

// Mixin of the CollectedWrite.
func (CollectedWrite) Mixin() []ent.Mixin { return []ent.Mixin{owned{}} }

// Fields of the CollectedWrite.
func (CollectedWrite) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("checkpoint_id", uuid.UUID{}).Optional().Nillable().Immutable().
			Comment("Checkpoint that approves the write; null in collecting mode."),
		field.Int("place").Immutable().
			Annotations(policies.AtLeast(1)).
			Comment("Position of the write among the writes of its checkpoint, from 1."),
		field.String("table_name").Immutable().Comment("Table of the written row."),
		field.String("operation").Immutable().Comment("INSERT, UPDATE or DELETE."),
		field.UUID("row_id", uuid.UUID{}).Immutable().Comment("Id of the written row."),
		field.Bool("audited").
			Annotations(policies.Rules{Default: "false"}).Default(false).
			Comment("Whether the audit row of the write exists."),
		field.JSON("payload", json.RawMessage{}).Optional().Immutable().
			Annotations(policies.Bytes(4 << 20)).
			Comment("Payload of a checkpoint for this write alone; only in collecting mode."),
		field.JSON("element", json.RawMessage{}).Optional().Immutable().
			Annotations(policies.Bytes(4 << 20)).
			Comment("The write as an element of a list, with new:1, new:2 for the ids of new rows; only in collecting mode."),
	}
}

// Annotations of the CollectedWrite.
func (CollectedWrite) Annotations() []schema.Annotation {
	return []schema.Annotation{
		supporting("collected_writes"),
		schema.Comment("Writes of the current transaction, in collecting mode or under an approval."),
		policies.Access{Human: policies.None, Agent: policies.None},
		policies.CheckedByFunction{},
		policies.Transient{},
		policies.Triggers{{
			Name: "check_collected", Events: "AFTER INSERT OR DELETE", Function: "app.check_collected()", Deferred: true,
		}},
	}
}

// Package schema defines the data: one file per entity, with its fields, edges, indexes and the annotations from which
// the access rules are generated. Field comments are public documentation: they become the OpenAPI descriptions and the
// comments in the database.
package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"entgo.io/ent/schema/mixin"
	"github.com/google/uuid"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// newID returns a new UUIDv7. It panics if the system has no randomness, because the service cannot work then.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// owned gives an entity its id, its owner and its chronological key (created_by, id).
type owned struct{ mixin.Schema }

func (owned) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Default(newID).Immutable().
			Comment("Unique identifier, a UUIDv7. Ids sort in order of creation."),
		field.UUID("created_by", uuid.UUID{}).Immutable().
			Comment("Id of the identity that owns the resource."),
		field.Time("created_at").Optional().Immutable().
			Annotations(policies.Derived("clock_timestamp()"), policies.Range()).
			Comment("Time of creation."),
	}
}

func (owned) Annotations() []schema.Annotation {
	return []schema.Annotation{policies.Owner{Column: "created_by"}}
}

// tracked records who changed a row last, when, and how often it was changed.
type tracked struct{ mixin.Schema }

func (tracked) Fields() []ent.Field {
	return []ent.Field{
		field.Time("updated_at").Optional().
			Annotations(policies.Derived("clock_timestamp()")).
			Comment("Time of the last change."),
		field.Int64("version").Optional().
			Annotations(policies.Derived("1"), policies.AtLeast(1)).
			Comment("Version number, starting at 1. The ETag is derived from it."),
		field.UUID("updated_by", uuid.UUID{}).Optional().Nillable().
			Annotations(policies.DerivedNullable()).
			Comment("Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity."),
		field.Enum("updated_by_kind").GoType(datatype.ActorKind("")).Optional().
			Annotations(policies.Derived("'system'")).
			Comment("Type of the actor of the last change: `human`, `agent` or `system`."),
	}
}

// inSphere returns the mixins of all entities of spheres.
func inSphere(sphere string) []ent.Mixin {
	return []ent.Mixin{owned{}, tracked{}, annotated{policies.Sphere(sphere)}}
}

type annotated struct{ annotation schema.Annotation }

func (annotated) Fields() []ent.Field                { return nil }
func (annotated) Edges() []ent.Edge                  { return nil }
func (annotated) Indexes() []ent.Index               { return nil }
func (annotated) Hooks() []ent.Hook                  { return nil }
func (annotated) Interceptors() []ent.Interceptor    { return nil }
func (annotated) Policy() ent.Policy                 { return nil }
func (a annotated) Annotations() []schema.Annotation { return []schema.Annotation{a.annotation} }

// by returns an index that begins with the owner, as every index does.
func by(fields ...string) *indexBuilder {
	return index.Fields(append([]string{"created_by"}, fields...)...)
}

type indexBuilder = index.Builder

// table sets the table of an entity.
func table(name string) schema.Annotation { return entsql.Annotation{Schema: "public", Table: name} }

// supporting sets the table of a type that the service needs in addition to the identities' data.
func supporting(name string) schema.Annotation { return entsql.Annotation{Schema: "app", Table: name} }

// entsqlWhere limits an index to the rows that meet the condition.
func entsqlWhere(condition string) schema.Annotation { return entsql.IndexWhere(condition) }

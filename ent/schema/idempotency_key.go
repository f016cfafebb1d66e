package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// IdempotencyKey stores the outcome of a POST request, which is returned if the request is repeated.
type IdempotencyKey struct{ ent.Schema }

// Mixin of the IdempotencyKey.
func (IdempotencyKey) Mixin() []ent.Mixin { return []ent.Mixin{owned{}} }

// Fields of the IdempotencyKey.
func (IdempotencyKey) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("actor_id", uuid.UUID{}).Optional().Nillable().Immutable().
			Annotations(policies.Derived("app.actor()"), policies.DerivedNullable()).
			Comment("Actor that used the key: the identity itself or one of its agents; null for keys from before this column existed."),
		field.Enum("actor_kind").GoType(datatype.ActorKind("")).Optional().Nillable().Immutable().
			Annotations(policies.Derived("app.actor_kind()"), policies.DerivedNullable()).
			Comment("Kind of that actor. It follows from the database role, so that an agent cannot use a human's keys."),
		field.String("route").Immutable().
			Annotations(policies.Length(1, 200)).
			Comment("Id of the operation that used the key."),
		field.String("key").Immutable().
			Annotations(policies.Length(1, 255)).
			Comment("Key from the client's `Idempotency-Key` header."),
		field.Bytes("request_digest").Immutable().
			Comment("SHA-256 of the request's path and body."),
		field.Int("status").Immutable().
			Annotations(policies.Between(200, 299)).
			Comment("HTTP status of the outcome."),
		field.JSON("headers", map[string]string{}).Immutable().
			Annotations(policies.Bytes(16 << 10)).
			Comment("Headers of the outcome."),
		field.Bytes("body").Optional().Nillable().Immutable().
			Comment("Body of the outcome."),
		field.Time("expires_at").Optional().Immutable().
			Annotations(policies.Derived("clock_timestamp() + interval '24 hours'")).
			Comment("Time until which the outcome is kept."),
	}
}

// Indexes of the IdempotencyKey.
func (IdempotencyKey) Indexes() []ent.Index {
	return []ent.Index{by("actor_kind", "actor_id", "route", "key").Unique(), by("expires_at")}
}

// Annotations of the IdempotencyKey.
func (IdempotencyKey) Annotations() []schema.Annotation {
	return []schema.Annotation{
		supporting("idempotency_keys"),
		schema.Comment("Outcomes of POST requests, which repeated requests receive again."),
		policies.Access{Human: "SID", Agent: "SID"},
		// Rows without an actor were written before the upgrade that scoped keys to actors, and expire within a day of
		// it.
		policies.AgentRows("(actor_kind = 'agent' AND actor_id = nullif(current_setting('app.actor_id', true), '')::uuid OR actor_id IS NULL)"),
		policies.Ungated{Why: "it only keeps the answer of a request that was carried out"},
		policies.Unaudited{Why: "it repeats what the audited write says"},
	}
}

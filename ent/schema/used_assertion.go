package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/chenu/chenu/policies"
)

// UsedAssertion records a signed assertion of an agent until the assertion expires, so that it is used only once (RFC
// 7523, section 3).
type UsedAssertion struct{ ent.Schema }

// Mixin of the UsedAssertion.
func (UsedAssertion) Mixin() []ent.Mixin { return []ent.Mixin{owned{}} }

// Fields of the UsedAssertion.
func (UsedAssertion) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("credential_id", uuid.UUID{}).Immutable().Comment("Id of the credential that signed the assertion."),
		field.Bytes("jti_digest").Immutable().Comment("SHA-256 of the assertion's id."),
		field.Time("expires_at").Immutable().Comment("Time when the assertion expires."),
	}
}

// Indexes of the UsedAssertion.
func (UsedAssertion) Indexes() []ent.Index {
	return []ent.Index{by("credential_id", "jti_digest").Unique(), by("expires_at")}
}

// Annotations of the UsedAssertion.
func (UsedAssertion) Annotations() []schema.Annotation {
	return []schema.Annotation{
		supporting("used_assertions"),
		schema.Comment("Assertions of agents that have been used. An assertion is valid once."),
		policies.Access{Human: policies.None, Agent: policies.None},
		policies.Unaudited{Why: "the login that it was used for is recorded"},
	}
}

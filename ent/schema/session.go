package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// Session is one login of an identity. It changes through the functions of
// policies/functions/accounts.sql and sessions.sql only.
type Session struct{ ent.Schema }

// Mixin of the Session.
func (Session) Mixin() []ent.Mixin { return []ent.Mixin{owned{}} }

// Fields of the Session.
func (Session) Fields() []ent.Field {
	return []ent.Field{
		field.Time("expires_at").
			Comment("When it ends at the latest."),
		field.Time("revoked_at").Optional().Nillable().
			Comment("When it was ended before its time."),
		field.Time("authenticated_at").
			Comment("When the identity last proved itself in it."),
		field.Other("amr", datatype.Texts{}).SchemaType(textArray).
			Annotations(policies.Length(0, 8), policies.ItemLength(16)).
			Comment("How the identity proved itself: names of RFC 8176."),
		field.String("ip").Optional().Nillable().
			Comment("Network address it was opened from."),
		field.String("user_agent").Optional().Nillable().
			Annotations(policies.Length(0, 400)).
			Comment("Program it was opened with."),
		moment("refreshed_at", "When it was last refreshed."),
		moment("idle_expires_at", "When it ends unless it is refreshed before; null when it can't be."),
	}
}

// Edges of the Session.
func (Session) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("refresh_tokens", RefreshToken.Type).Annotations(entsql.OnDelete(entsql.Cascade)),
	}
}

// Annotations of the Session.
func (Session) Annotations() []schema.Annotation {
	return []schema.Annotation{
		supporting("sessions"),
		schema.Comment("Logins of identities."),
		policies.Access{Human: policies.ReadOnly, Agent: policies.None},
		// The address and the program are recorded by the login; they are deleted here 30 days
		// after the session ended, which leaves no copy.
		policies.AuditCounters{"refreshed_at", "idle_expires_at", "ip", "user_agent"},
	}
}

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

// Session is one login of an identity. Only the functions of policies/functions/accounts.sql and sessions.sql change
// it.
type Session struct{ ent.Schema }

// Mixin of the Session.
func (Session) Mixin() []ent.Mixin { return []ent.Mixin{owned{}} }

// Fields of the Session.
func (Session) Fields() []ent.Field {
	return []ent.Field{
		field.Time("expires_at").
			Comment("Latest time at which the session can end."),
		field.Time("revoked_at").Optional().Nillable().
			Comment("Time when the session was revoked. Null while it is not."),
		field.Time("authenticated_at").
			Comment("Time of the last authentication in the session."),
		field.Other("amr", datatype.Texts{}).SchemaType(textArray).
			Annotations(policies.Length(0, 8), policies.ItemLength(16)).
			Comment("Authentication methods of the session (RFC 8176)."),
		field.String("ip").Optional().Nillable().
			Comment("Network address of the client that opened the session."),
		field.String("user_agent").Optional().Nillable().
			Annotations(policies.Length(0, 400)).
			Comment("`User-Agent` header of the client that opened the session."),
		timestamp("refreshed_at", "Time of the last refresh."),
		timestamp("idle_expires_at", "Time when the session ends unless it is refreshed. Null if it cannot be refreshed."),
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
		schema.Comment("Login sessions of identities."),
		policies.Access{Human: policies.ReadOnly, Agent: policies.None},
		// The audit row of the login records the address and the user agent. They are deleted here 30 days after the
		// session ended, and audit rows of that change must not copy them.
		policies.AuditCounters{"refreshed_at", "idle_expires_at", "ip", "user_agent"},
	}
}

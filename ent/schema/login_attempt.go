package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"

	"github.com/chenu/chenu/policies"
)

// LoginAttempt counts the attempts at an identity's password from one origin: an address network, or one of the
// identity's open sessions. Only the functions of policies/functions/attempts.sql change it.
type LoginAttempt struct{ ent.Schema }

// Mixin of the LoginAttempt.
func (LoginAttempt) Mixin() []ent.Mixin { return []ent.Mixin{owned{}} }

// Fields of the LoginAttempt.
func (LoginAttempt) Fields() []ent.Field {
	return []ent.Field{
		field.String("origin").Immutable().
			Annotations(policies.Length(1, 64)).
			Comment("Network in CIDR notation, a /24 of IPv4 or a /64 of IPv6; session: and its id for a known session; the id of a credential and a network for logins of an agent."),
		field.Int("failed").Optional().
			Annotations(policies.Derived("0"), policies.AtLeast(0)).
			Comment("Failed attempts since the last successful one."),
		field.Time("locked_until").Optional().Nillable().
			Comment("Time until which attempts from the origin are refused."),
		field.Time("succeeded_at").Optional().Nillable().
			Comment("Time of the last successful attempt."),
		field.Time("used_at").Optional().
			Annotations(policies.Derived("clock_timestamp()")).
			Comment("Time of the last attempt."),
		field.Time("recorded_at").Optional().Nillable().
			Comment("Hour whose first failure was recorded in the audit trail."),
		field.Int("unrecorded").Optional().
			Annotations(policies.Derived("0"), policies.AtLeast(0)).
			Comment("Failures in that hour that are not recorded yet."),
	}
}

// Indexes of the LoginAttempt.
func (LoginAttempt) Indexes() []ent.Index { return []ent.Index{by("origin").Unique()} }

// Annotations of the LoginAttempt.
func (LoginAttempt) Annotations() []schema.Annotation {
	return []schema.Annotation{
		supporting("login_attempts"),
		schema.Comment("Counters of password attempts for each account and origin. Serving roles can neither read nor write them."),
		policies.Access{},
		policies.Unaudited{Why: "failed and successful attempts are recorded by themselves; this only counts them"},
	}
}

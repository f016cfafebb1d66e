package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/chenu/chenu/policies"
)

// AgentCredential is a credential with which a hired agent authenticates: a secret, of which only the hash is stored,
// or a key whose private half only the agent has. Only app.add_agent_credential() and related functions change it.
type AgentCredential struct{ ent.Schema }

// Mixin of the AgentCredential.
func (AgentCredential) Mixin() []ent.Mixin { return []ent.Mixin{owned{}} }

// Fields of the AgentCredential.
func (AgentCredential) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("agent_id", uuid.UUID{}).Immutable().Comment("Id of the agent that uses the credential."),
		field.String("name").Optional().Nillable().Immutable().
			Annotations(policies.Length(1, 200)).
			Comment("Display name of the credential."),
		field.Bytes("secret_hash").Optional().Nillable().Immutable().Sensitive().
			Annotations(policies.Secret()).
			Comment("SHA-256 of the secret, which has 32 random bytes; null for a key."),
		field.Bytes("public_key").Optional().Nillable().Immutable().
			Comment("Ed25519 public key, 32 bytes; null for a secret."),
		field.Time("expires_at").Optional().Nillable().Immutable().
			Comment("Expiry time, at most 365 days after the credential was created. A credential without one is refused."),
		field.Time("revoked_at").Optional().Nillable().
			Comment("Time when the credential was revoked. Null while it is not."),
		field.Time("last_used_at").Optional().Nillable().
			Comment("Time of the last access token that was issued for the credential."),
	}
}

// Edges of the AgentCredential.
func (AgentCredential) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("agent", HiredAgent.Type).Ref("credentials").Field("agent_id").Unique().Required().Immutable(),
	}
}

// Indexes of the AgentCredential.
func (AgentCredential) Indexes() []ent.Index {
	return []ent.Index{by("agent_id", "id")}
}

// Annotations of the AgentCredential.
func (AgentCredential) Annotations() []schema.Annotation {
	return []schema.Annotation{
		supporting("agent_credentials"),
		schema.Comment("Credentials with which hired agents authenticate."),
		policies.Access{Human: policies.ReadOnly, Agent: policies.None},
		policies.AuditCounters{"last_used_at"},
		policies.Checks{
			{
				Name: "agent_credentials_one", Column: "public_key",
				Expression: "num_nonnulls(secret_hash, public_key) = 1",
				Detail:     "A credential is either a secret or a key.",
			},
			{
				Name: "agent_credentials_key", Column: "public_key",
				Expression: "octet_length(public_key) = 32",
				Detail:     "An Ed25519 public key has 32 bytes.",
			},
		},
	}
}

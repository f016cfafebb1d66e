package schema

import (
	"strings"

	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// HiredAgent is an AI agent that a human hired (Rule #4). No column can make one agent another agent's superior.
type HiredAgent struct{ ent.Schema }

// Mixin of the HiredAgent.
func (HiredAgent) Mixin() []ent.Mixin { return inSphere("my_team") }

// Fields of the HiredAgent.
func (HiredAgent) Fields() []ent.Field {
	return []ent.Field{
		text("name", 1, 200, "Name of the agent.", policies.Example(`"Bookkeeper"`)),
		choice("kind", datatype.AgentKind(""), "assistant", "Kind of the agent.", policies.Filter()),
		optionalText("provider", 200, "Company or project that provides the agent."),
		optionalText("model", 200, "AI model that the agent uses."),
		texts("capabilities", 64, 64, "Capabilities of the agent: the tags of the operations that it may call. A tag with `:read`, such as `business:read`, allows only operations that read."),
		choice("status", datatype.AgentStatus(""), "active", "Status of the agent. Only an `active` agent can act.", policies.Filter()),
		field.UUID("hired_by", uuid.UUID{}).Optional().
			Annotations(policies.Rules{Derived: true}).
			Comment("Id of the identity that hired the agent."),
		field.Time("hired_at").Optional().
			Annotations(policies.Derived("clock_timestamp()")).
			Comment("Time when the agent was hired."),
		field.UUID("hire_checkpoint_id", uuid.UUID{}).Optional().Nillable().
			Annotations(policies.DerivedNullable()).
			Comment("Id of the checkpoint that approved the hiring."),
		timestamp("suspended_at", "Time of the last suspension. Access tokens from before that time stay invalid even after the agent is resumed.", policies.DerivedNullable()),
		field.String("suspend_reason").Optional().Nillable().
			Annotations(policies.Length(1, 2000), policies.DerivedNullable()).
			Comment("Reason for which the service suspended the agent. Null if its owner suspended it or if it is not suspended."),
		field.UUID("dismissed_by", uuid.UUID{}).Optional().Nillable().
			Annotations(policies.DerivedNullable()).
			Comment("Id of the identity that dismissed the agent."),
		timestamp("dismissed_at", "Time when the agent was dismissed.", policies.DerivedNullable()),
		field.String("dismiss_reason").Optional().Nillable().
			Annotations(policies.Length(1, 2000), policies.DerivedNullable()).
			Comment("Reason for the dismissal."),
	}
}

// Edges of the HiredAgent.
func (HiredAgent) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("tasks", TeamTask.Type),
		edge.To("credentials", AgentCredential.Type),
	}
}

// Indexes of the HiredAgent.
func (HiredAgent) Indexes() []ent.Index {
	return []ent.Index{by("status", "id")}
}

// Annotations of the HiredAgent.
func (HiredAgent) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("team_agents"),
		schema.Comment("A hired agent is an AI agent that acts for its owner within its capabilities."),
		policies.Access{Human: policies.Verbs("SIU"), Agent: policies.ReadOnly},
		policies.Gate{
			Type: "governance", State: "status = 'active'", FreeExit: "true", NoDelete: true,
			Why:    "an active agent acts for its owner: hiring it and widening what it may do are the owner's decisions, and narrowing or ending it needs none",
			Within: "NOT app.implied_capabilities(NEW.capabilities) <@ app.implied_capabilities(OLD.capabilities)",
		},
		// A budget that is not metered limits nothing. The release after this one drops the column.
		policies.Retired{{Name: "token_budget", Type: "bigint", Why: "Nothing ever charged it."}},
		policies.Checks{
			{
				Name: "team_agents_capabilities", Column: "capabilities",
				Expression: "capabilities <@ '{" + strings.Join(datatype.Capability("").Values(), ",") + "}'",
				Detail:     "A capability is one of " + strings.Join(datatype.Capability("").Values(), ", ") + ".",
			},
			{
				Name: "team_agents_dismissed", Column: "status",
				Expression: "(status = 'dismissed') = (dismissed_at IS NOT NULL)",
				Detail:     "An agent is dismissed by its dismissal.",
			},
		},
		policies.Triggers{
			{Name: "hire", Events: "BEFORE INSERT OR UPDATE", Function: "app.hire()"},
			{Name: "end_agent", Events: "AFTER UPDATE", Function: "app.end_agent()"},
			{Name: "tell_hired", Events: "AFTER INSERT OR UPDATE", Function: "app.tell_hired()"},
		},
	}
}

package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// TeamTask is work that a human assigned to a member or an agent (Rule #4).
type TeamTask struct{ ent.Schema }

// Mixin of the TeamTask.
func (TeamTask) Mixin() []ent.Mixin { return inSphere("my_team") }

// Fields of the TeamTask.
func (TeamTask) Fields() []ent.Field {
	return []ent.Field{
		text("title", 1, 300, "Title of the task.", policies.Example(`"Proofread chapter 2"`)),
		optionalText("description", 20_000, "Description of the task."),
		choice("status", datatype.TaskStatus(""), "todo", "Status of the task.", policies.Filter()),
		choice("priority", datatype.Priority(""), "normal", "Priority of the task. Lists are not sorted by it.", policies.Filter()),
		reference("member_id", "Id of the assigned team member. Exactly one of `member_id` and `agent_id` is set."),
		reference("agent_id", "Id of the assigned agent. Exactly one of `member_id` and `agent_id` is set."),
		field.UUID("assigned_by", uuid.UUID{}).Optional().
			Annotations(policies.Rules{Derived: true}).
			Comment("Id of the identity that assigned the task."),
		timestamp("due_at", "Time when the task is due.", policies.Range()),
		timestamp("completed_at", "Time of completion. Set if and only if the task is done.", policies.DerivedNullable()),
		optionalText("result", 20_000, "Outcome of the task."),
	}
}

// Edges of the TeamTask.
func (TeamTask) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("member", TeamMember.Type).Ref("tasks").Field("member_id").Unique(),
		edge.From("agent", HiredAgent.Type).Ref("tasks").Field("agent_id").Unique(),
	}
}

// Indexes of the TeamTask.
func (TeamTask) Indexes() []ent.Index {
	return []ent.Index{by("member_id", "id"), by("agent_id", "id"), by("status", "id"), by("due_at", "id")}
}

// Annotations of the TeamTask.
func (TeamTask) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("team_tasks"),
		schema.Comment("A team task is assigned by a human to exactly one team member or agent."),
		// Agents work on tasks that a human assigned to them, and cannot direct other agents or members (Rule #4).
		policies.Access{Human: policies.All, Agent: "SU"},
		policies.AgentUpdates{"status", "result"},
		policies.Ungated{Why: "only a human assigns it (Rule #4), and its assignee reports on it"},
		policies.Checks{
			{
				Name: "team_tasks_assignee", Column: "member_id",
				Expression: "num_nonnulls(member_id, agent_id) = 1",
				Detail:     "A task is given to exactly one: either member_id or agent_id.",
			},
			{
				Name: "team_tasks_completed_at_status", Column: "completed_at",
				Expression: "(status = 'done') = (completed_at IS NOT NULL)",
				Detail:     "A task has the time of its completion exactly while it is done.",
			},
		},
		policies.Triggers{
			{Name: "assign", Events: "BEFORE INSERT OR UPDATE", Function: "app.assign()"},
			{Name: "complete", Events: "BEFORE INSERT OR UPDATE", Function: "app.complete()"},
		},
	}
}

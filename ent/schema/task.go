package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// Task is something that a person intends to do.
type Task struct{ ent.Schema }

// Mixin of the Task.
func (Task) Mixin() []ent.Mixin { return inSphere("personal") }

// Fields of the Task.
func (Task) Fields() []ent.Field {
	return []ent.Field{
		text("title", 1, 300, "Title of the task.", policies.Example(`"Renew the passport"`)),
		optionalText("description", 20_000, "Description of the task."),
		choice("status", datatype.TaskStatus(""), "todo", "Status of the task.", policies.Filter()),
		choice("priority", datatype.Priority(""), "normal", "Priority of the task. Lists are not sorted by it.", policies.Filter()),
		timestamp("due_at", "Time when the task is due.", policies.Range()),
		timestamp("completed_at", "Time of completion. Set if and only if the task is done.", policies.DerivedNullable()),
		tags(64),
	}
}

// Indexes of the Task.
func (Task) Indexes() []ent.Index {
	return []ent.Index{by("status", "id"), by("due_at", "id")}
}

// Annotations of the Task.
func (Task) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("personal_tasks"),
		schema.Comment("A personal task has a status, a priority and a due date."),
		policies.Access{Human: policies.All, Agent: policies.All},
		policies.Ungated{Why: "it is private"},
		policies.Checks{
			{
				Name: "personal_tasks_completed_at_status", Column: "completed_at",
				Expression: "(status = 'done') = (completed_at IS NOT NULL)",
				Detail:     "A task has the time of its completion exactly while it is done.",
			},
		},
		policies.Triggers{{Name: "complete", Events: "BEFORE INSERT OR UPDATE", Function: "app.complete()"}},
	}
}

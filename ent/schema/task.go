package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// Task is something that a person means to do.
type Task struct{ ent.Schema }

// Mixin of the Task.
func (Task) Mixin() []ent.Mixin { return inSphere("personal") }

// Fields of the Task.
func (Task) Fields() []ent.Field {
	return []ent.Field{
		text("title", 1, 300, "What is to be done.", policies.Example(`"Renew the passport"`)),
		optionalText("description", 20_000, "More about it."),
		choice("status", datatype.TaskStatus(""), "todo", "How far it has come.", policies.Filter()),
		choice("priority", datatype.Priority(""), "normal", "A label, never an order.", policies.Filter()),
		moment("due_at", "When it is due.", policies.Range()),
		moment("completed_at", "When it was done; set exactly while it is.", policies.DerivedNullable()),
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
		schema.Comment("Personal tasks, with status, priority and due dates."),
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

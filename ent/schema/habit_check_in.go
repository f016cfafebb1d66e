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

// HabitCheckIn records that a habit was done on a day. Streaks are derived from check-ins.
type HabitCheckIn struct{ ent.Schema }

// Mixin of the HabitCheckIn.
func (HabitCheckIn) Mixin() []ent.Mixin { return []ent.Mixin{owned{}} }

// Fields of the HabitCheckIn.
func (HabitCheckIn) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("habit_id", uuid.UUID{}).Immutable().Comment("Id of the habit."),
		field.Other("checked_in_on", datatype.Date{}).SchemaType(date).Optional().Immutable().
			Annotations(policies.Rules{Default: "app.today()", Derived: false}).
			Comment("Date of the check-in, in the identity's time zone. Never in the future; the default is today."),
		field.String("note").Optional().Nillable().Immutable().
			Annotations(policies.Length(1, 2000)).
			Comment("Note on the check-in, as free text."),
	}
}

// Edges of the HabitCheckIn.
func (HabitCheckIn) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("habit", Habit.Type).Ref("check_ins").Field("habit_id").Unique().Required().Immutable(),
	}
}

// Indexes of the HabitCheckIn.
func (HabitCheckIn) Indexes() []ent.Index {
	return []ent.Index{by("habit_id", "checked_in_on", "id")}
}

// Annotations of the HabitCheckIn.
func (HabitCheckIn) Annotations() []schema.Annotation {
	return []schema.Annotation{
		supporting("habit_check_ins"),
		schema.Comment("A check-in records that a habit was performed on a day."),
		policies.Sphere("personal"),
		policies.Access{Human: policies.AddOnly, Agent: policies.AddOnly},
		policies.Ungated{Why: "it is private, and never changes"},
		policies.Triggers{
			{Name: "check_day", Events: "BEFORE INSERT", Function: "app.check_in_day()"},
			{Name: "streak", Events: "AFTER INSERT", Function: "app.derive_streak()"},
		},
	}
}

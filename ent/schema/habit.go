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

// Habit is an activity that a person intends to repeat.
type Habit struct{ ent.Schema }

// Mixin of the Habit.
func (Habit) Mixin() []ent.Mixin { return inSphere("personal") }

// Fields of the Habit.
func (Habit) Fields() []ent.Field {
	return []ent.Field{
		text("name", 1, 200, "Name of the habit.", policies.Example(`"Read for an hour"`)),
		choice("cadence", datatype.Cadence(""), "daily", "Length of a period, such as a day or a week.", policies.Filter()),
		field.Int("target_per_period").Default(1).
			Annotations(policies.Between(1, 50), policies.Rules{Default: "1"}).
			Comment("Number of check-ins that complete a period."),
		counter("current_streak", "Number of consecutive completed periods up to now. 0 after a missed period.",
			policies.Read("app.current_streak(cadence, current_streak, last_completed_period)")),
		counter("best_streak", "Length of the longest streak, in periods."),
		day("last_completed_period", "First day of the latest completed period.", policies.DerivedNullable()),
		day("last_checked_in_on", "Date of the latest check-in.", policies.DerivedNullable()),
		field.Bool("active").Default(true).
			Annotations(policies.Rules{Default: "true"}, policies.Filter()).
			Comment("Whether the habit is active."),
	}
}

// Edges of the Habit.
func (Habit) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("check_ins", HabitCheckIn.Type).Annotations(entsql.OnDelete(entsql.Cascade)),
	}
}

// Annotations of the Habit.
func (Habit) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("personal_habits"),
		schema.Comment("A habit is repeated in every period. The database computes its streaks from the check-ins."),
		policies.Access{Human: policies.All, Agent: policies.All},
		policies.Ungated{Why: "it is private"},
		policies.Triggers{{Name: "rederive_streak", Events: "BEFORE UPDATE", Function: "app.rederive_streak()"}},
	}
}

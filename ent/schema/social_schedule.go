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

// SocialSchedule is the intention to publish a post on a platform.
type SocialSchedule struct{ ent.Schema }

// Mixin of the SocialSchedule.
func (SocialSchedule) Mixin() []ent.Mixin { return inSphere("social") }

// Fields of the SocialSchedule.
func (SocialSchedule) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("post_id", uuid.UUID{}).Immutable().Annotations(policies.Filter()).Comment("Id of the post to publish."),
		field.Enum("platform").GoType(datatype.SocialPlatform("")).Immutable().
			Annotations(policies.Filter(), policies.Example(`"mastodon"`)).
			Comment("Platform to publish the post on. A post has at most one schedule for each platform."),
		field.Time("scheduled_at").Annotations(policies.Range(), policies.Example(`"2030-01-01T09:00:00Z"`)).Comment("Planned time of publication. Must be in the future when it is set."),
		choice("status", datatype.ScheduleStatus(""), "scheduled", "Status of the schedule.", policies.Filter()),
		field.Int("attempts").Default(0).
			Annotations(policies.Between(0, 10), policies.Rules{Default: "0"}).
			Comment("Number of publication attempts."),
		optionalText("last_error", 2000, "Error of the last failed attempt."),
		optionalText("external_id", 255, "Id of the published post on the platform."),
	}
}

// Edges of the SocialSchedule.
func (SocialSchedule) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("post", SocialPost.Type).Ref("schedules").Field("post_id").Unique().Required().Immutable(),
	}
}

// Indexes of the SocialSchedule.
func (SocialSchedule) Indexes() []ent.Index {
	return []ent.Index{by("post_id", "platform").Unique(), by("scheduled_at", "id"), by("status", "id")}
}

// Annotations of the SocialSchedule.
func (SocialSchedule) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("social_schedules"),
		schema.Comment("A social schedule plans the publication of a post on a platform."),
		policies.Access{Human: policies.All, Agent: policies.All},
		policies.Gate{
			Type: "sensitive", Agents: "status IN ('scheduled', 'published')", FreeExit: "status = 'scheduled'",
			Free: []string{"attempts", "last_error"},
			Why:  "a schedule publishes a post, and reports that it was published; an agent may cancel one alone",
			References: []policies.GateReference{{
				Column: "post_id", Table: "public.social_posts", Resource: "social_post",
				Shows: []string{"body", "media", "visibility", "reply_to_id", "published_at"}, Lock: true,
			}},
		},
		policies.Triggers{
			{Name: "lock_post", Events: "BEFORE INSERT OR UPDATE OF status", Function: "app.lock_scheduled_post()"},
			{Name: "refuse_past", Events: "BEFORE INSERT OR UPDATE OF scheduled_at", Function: "app.refuse_past()"},
		},
	}
}

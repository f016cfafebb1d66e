package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// SocialPost is a post. Posts are listed in chronological order: there is no score, rank or engagement column (Rule
// #5).
type SocialPost struct{ ent.Schema }

// Mixin of the SocialPost.
func (SocialPost) Mixin() []ent.Mixin { return inSphere("social") }

// Fields of the SocialPost.
func (SocialPost) Fields() []ent.Field {
	return []ent.Field{
		text("body", 1, 10_000, "Text of the post.", policies.Example(`"Hello, world."`)),
		field.JSON("media", []datatype.Media{}).Default([]datatype.Media{}).
			Annotations(policies.Bytes(2<<20), policies.Rules{MaxLength: 10, Default: "'[]'"}).
			Comment("Pictures and other media, at most 10."),
		visibility(),
		reference("thread_id", "Id of the thread that the post belongs to."),
		reference("reply_to_id", "Id of the post that this post replies to."),
		timestamp("published_at", "Time of publication. Null for a draft.", policies.Range()),
	}
}

// Edges of the SocialPost.
func (SocialPost) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("thread", Thread.Type).Ref("posts").Field("thread_id").Unique(),
		edge.To("replies", SocialPost.Type).From("reply_to").Field("reply_to_id").Unique(),
		edge.To("schedules", SocialSchedule.Type),
	}
}

// Indexes of the SocialPost.
func (SocialPost) Indexes() []ent.Index {
	return []ent.Index{by("published_at", "id"), by("thread_id", "id"), by("reply_to_id", "id")}
}

// Annotations of the SocialPost.
func (SocialPost) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("social_posts"),
		schema.Comment("Social posts are listed in the order of time and are never ranked."),
		policies.Access{Human: policies.All, Agent: policies.All},
		// The thread is not among the references: it only states where the post belongs, and each step of the approval
		// increases the version of the thread.
		policies.Gate{
			Type: "sensitive", State: "visibility = 'public' AND published_at IS NOT NULL",
			Agents:  "published_at IS NOT NULL",
			Through: &policies.Through{Column: "id", Table: "public.social_schedules", Key: "post_id", Condition: "status = 'scheduled'", Agents: true},
			Why:     "a published post speaks for its owner, and a scheduled one is published as it then is; an agent marks no post as published by itself",
			References: []policies.GateReference{{
				Column: "reply_to_id", Table: "public.social_posts", Resource: "social_post", Shows: []string{"body"},
			}},
		},
		policies.Checks{
			{
				Name: "social_posts_media_valid", Column: "media",
				Expression: "app.media_valid(media)",
				Detail:     "A post has at most 10 media, each complete.",
			},
			{
				Name: "social_posts_media_uris", Column: "media",
				Expression: "app.part_uris_allowed(media)",
				Detail:     "The URI of each medium begins with one of " + uriSchemes + ".",
			},
		},
	}
}

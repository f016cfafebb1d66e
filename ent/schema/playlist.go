package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// Playlist is a list of media in an order that the owner sets.
type Playlist struct{ ent.Schema }

// Mixin of the Playlist.
func (Playlist) Mixin() []ent.Mixin { return inSphere("entertainment") }

// Fields of the Playlist.
func (Playlist) Fields() []ent.Field {
	return []ent.Field{
		text("name", 1, 200, "Name of the playlist.", policies.Example(`"Sunday morning"`)),
		choice("kind", datatype.PlaylistKind(""), "mixed", "Kind of media in the playlist.", policies.Filter()),
		visibility(),
		field.JSON("items", []datatype.PlaylistItem{}).Default([]datatype.PlaylistItem{}).
			Annotations(policies.Bytes(2<<20), policies.Rules{MaxLength: 1000, Default: "'[]'"}).
			Comment("Items of the playlist in the owner's order, at most 1000."),
	}
}

// Indexes of the Playlist.
func (Playlist) Indexes() []ent.Index {
	return []ent.Index{by("kind", "id")}
}

// Annotations of the Playlist.
func (Playlist) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("entertainment_playlists"),
		schema.Comment("A playlist is an ordered list of media."),
		policies.Access{Human: policies.All, Agent: policies.All},
		policies.Gate{Type: "sensitive", State: "visibility = 'public'", Why: "what is public is meant for others to see"},
		policies.Checks{
			{
				Name: "entertainment_playlists_items_valid", Column: "items",
				Expression: "app.playlist_items_valid(items)",
				Detail:     "A playlist has at most 1000 complete items.",
			},
		},
	}
}

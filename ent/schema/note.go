package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"

	"github.com/chenu/chenu/policies"
)

// Note is a personal note with a folder and tags.
type Note struct{ ent.Schema }

// Mixin of the Note.
func (Note) Mixin() []ent.Mixin { return inSphere("personal") }

// Fields of the Note.
func (Note) Fields() []ent.Field {
	return []ent.Field{
		text("title", 1, 300, "Title of the note.", policies.Example(`"Groceries"`)),
		field.String("content").Default("").
			Annotations(policies.Length(0, 200_000), policies.Rules{Default: "''"}, policies.Example(`"Bread, olives, figs"`)).
			Comment("Text of the note."),
		optionalText("folder", 255, "Folder that contains the note.", policies.Filter(), policies.Example(`"Home"`)),
		tags(64),
		boolean("pinned", "Whether the note is pinned. Lists are not sorted by it.", policies.Filter()),
	}
}

// Indexes of the Note.
func (Note) Indexes() []ent.Index {
	return []ent.Index{by("folder", "id")}
}

// Annotations of the Note.
func (Note) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("personal_notes"),
		schema.Comment("A personal note has a text, a folder and tags."),
		policies.Access{Human: policies.All, Agent: policies.All},
		policies.Ungated{Why: "it is private"},
		policies.Search{Columns: []string{"title", "content"}},
	}
}

package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// Manuscript is an academic text in sections.
type Manuscript struct{ ent.Schema }

// Mixin of the Manuscript.
func (Manuscript) Mixin() []ent.Mixin { return inSphere("scholar") }

// Fields of the Manuscript.
func (Manuscript) Fields() []ent.Field {
	return []ent.Field{
		text("title", 1, 1000, "Title.", policies.Example(`"A study of everything"`)),
		optionalText("abstract", 20_000, "Abstract."),
		field.JSON("sections", []datatype.Section{}).Default([]datatype.Section{}).
			Annotations(policies.Bytes(2<<20), policies.Rules{MaxLength: 200, Default: "'[]'"}).
			Comment("Its sections, at most 200, each with its position."),
		choice("status", datatype.ManuscriptStatus(""), "draft", "How far it has come.", policies.Filter()),
		optionalText("target_journal", 500, "Journal it is meant for."),
		moment("submitted_at", "When it was submitted.", policies.Range()),
		field.Int("word_count").Optional().
			Annotations(policies.Generated("app.word_count(sections)")).
			Comment("Words of all headings and bodies."),
		texts("co_authors", 200, 300, "Co-authors, family name first."),
	}
}

// Indexes of the Manuscript.
func (Manuscript) Indexes() []ent.Index {
	return []ent.Index{by("status", "id"), by("submitted_at", "id")}
}

// Annotations of the Manuscript.
func (Manuscript) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("scholar_manuscripts"),
		schema.Comment("Manuscripts in sections; the database counts their words."),
		policies.Access{Human: policies.All, Agent: policies.All},
		policies.Gate{
			Type: "governance", State: "status IN ('submitted', 'accepted', 'published')",
			Why: "a journal decides about the manuscript as it was submitted, and readers rely on it as it was published; drafts and revisions are the authors' own",
		},
		policies.Checks{
			{
				Name: "scholar_manuscripts_sections_valid", Column: "sections",
				Expression: "app.sections_valid(sections)",
				Detail:     "Sections are complete, at most 200, and share neither ids nor positions.",
			},
		},
	}
}

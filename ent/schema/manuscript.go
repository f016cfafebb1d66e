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
		text("title", 1, 1000, "Title of the manuscript.", policies.Example(`"A study of everything"`)),
		optionalText("abstract", 20_000, "Abstract of the manuscript."),
		field.JSON("sections", []datatype.Section{}).Default([]datatype.Section{}).
			Annotations(policies.Bytes(2<<20), policies.Rules{MaxLength: 200, Default: "'[]'"}).
			Comment("Sections of the manuscript, at most 200."),
		choice("status", datatype.ManuscriptStatus(""), "draft", "Status of the manuscript.", policies.Filter()),
		optionalText("target_journal", 500, "Journal that the manuscript is written for."),
		timestamp("submitted_at", "Time when the manuscript was submitted.", policies.Range()),
		field.Int("word_count").Optional().
			Annotations(policies.Generated("app.word_count(sections)")).
			Comment("Number of words in all headings and bodies."),
		texts("co_authors", 200, 300, "Co-authors, each with the family name first."),
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
		schema.Comment("A manuscript consists of sections. The database counts its words."),
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

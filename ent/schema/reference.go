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

// Reference is an academic reference with its citations.
type Reference struct{ ent.Schema }

// Mixin of the Reference.
func (Reference) Mixin() []ent.Mixin { return inSphere("scholar") }

// Fields of the Reference.
func (Reference) Fields() []ent.Field {
	return []ent.Field{
		text("title", 1, 1000, "Title of the work.", policies.Example(`"On Computable Numbers"`)),
		field.Other("authors", datatype.Texts{}).SchemaType(textArray).
			Annotations(policies.Length(1, 200), policies.ItemLength(300), policies.Example(`["Turing, Alan M."]`)).
			Comment("Authors of the work, each with the family name first. At least one."),
		field.Int("year").Optional().Nillable().
			Annotations(policies.Between(1400, 2200), policies.Filter(), policies.Example(`1937`)).
			Comment("Year of publication."),
		choice("kind", datatype.ReferenceKind(""), "article", "Kind of the work.", policies.Filter()),
		optionalText("container_title", 500, "Journal, book or website in which the work appeared."),
		optionalText("volume", 50, "Volume of the journal or book."),
		optionalText("issue", 50, "Issue of the journal."),
		optionalText("pages", 50, "Pages of the work, such as 230-265.", policies.Example(`"230-265"`)),
		optionalText("doi", 300, "DOI of the work. Unique for each owner, ignoring case.", policies.Pattern(`10[.][0-9]{4,9}/[^[:space:]]+`), policies.Filter(), policies.Example(`"10.1112/plms/s2-42.1.230"`)),
		optionalText("url", 2048, "URL of the work.", policies.Format("uri")),
		optionalText("abstract", 20_000, "Abstract of the work."),
		text("citation_key", 1, 100, "Citation key, unique for each owner.", policies.Pattern(`[A-Za-z0-9][A-Za-z0-9_:.+/-]*`), policies.Filter(), policies.Example(`"turing1937"`)),
	}
}

// Edges of the Reference.
func (Reference) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("cites", ReferenceCitation.Type).Annotations(entsql.OnDelete(entsql.Cascade)),
		edge.To("cited_by", ReferenceCitation.Type).Annotations(entsql.OnDelete(entsql.Cascade)),
	}
}

// Indexes of the Reference.
func (Reference) Indexes() []ent.Index {
	return []ent.Index{by("citation_key").Unique(), by("year", "id")}
}

// Annotations of the Reference.
func (Reference) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("scholar_references"),
		schema.Comment("A reference describes a published work."),
		policies.Access{Human: policies.All, Agent: policies.All},
		policies.Ungated{Why: "it is a private record of a published work"},
		policies.UniqueExpression{Index: "scholar_references_doi_key", Expression: "lower(doi)", Column: "doi"},
		policies.Search{Columns: []string{"title", "abstract"}},
	}
}

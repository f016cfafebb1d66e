package generator

import (
	"fmt"
	"strings"
	"testing"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/entc/gen"
	"entgo.io/ent/entc/load"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/chenu/chenu/policies"
)

// Thing is an entity that the generator accepts; each test makes one part invalid.
type Thing struct {
	ent.Schema
	fields      []ent.Field
	indexes     []ent.Index
	annotations []schema.Annotation
}

func (t Thing) Fields() []ent.Field              { return t.fields }
func (t Thing) Indexes() []ent.Index             { return t.indexes }
func (t Thing) Annotations() []schema.Annotation { return t.annotations }

func good() Thing {
	return Thing{
		fields: []ent.Field{
			field.UUID("id", uuid.UUID{}).Comment("Identifier."),
			field.UUID("created_by", uuid.UUID{}).Comment("Owner."),
			field.Time("created_at").Comment("When made."),
			field.Time("updated_at").Comment("When changed."),
			field.Int64("version").Comment("Changes."),
		},
		indexes: []ent.Index{index.Fields("created_by", "id")},
		annotations: []schema.Annotation{
			entsql.Annotation{Schema: "public", Table: "things"},
			policies.Owner{Column: "created_by"},
			policies.Access{Human: policies.All, Agent: policies.ReadOnly},
			policies.Ungated{Why: "x"},
		},
	}
}

func (t Thing) without(name string) Thing {
	var annotations []schema.Annotation
	for _, a := range t.annotations {
		if a.Name() != name {
			annotations = append(annotations, a)
		}
	}
	t.annotations = annotations
	var fields []ent.Field
	for _, f := range t.fields {
		if f.Descriptor().Name != name {
			fields = append(fields, f)
		}
	}
	t.fields = fields
	return t
}

func (t Thing) with(annotations ...schema.Annotation) Thing {
	t.annotations = append(t.annotations, annotations...)
	return t
}

func (t Thing) withField(f ent.Field) Thing {
	t.fields = append(t.fields, f)
	return t
}

// sealed returns an append-only entity whose content has a digest.
func sealed() Thing {
	return good().without("Access").with(policies.Access{Human: policies.AddOnly}, policies.AppendOnly{Content: []string{"name"}}).
		withField(field.String("name").Comment("Name.")).
		withField(field.Bytes("content_salt").Comment("Salt.")).
		withField(field.Bytes("content_digest").Comment("Digest."))
}

// TestRefusals checks the error for every schema that would leave a gap in the access rules: Rules #3, #5 and #6 are
// checked when the code is generated.
func TestRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		schema Thing
		want   string // part of the error; empty if the schema is valid
	}{
		{name: "good", schema: good()},
		{"no owner", good().without("Owner"), "exactly one of the annotations Owner and Ownerless"},
		{"owner and ownerless", good().with(policies.Ownerless{Why: "x"}), "exactly one of the annotations Owner and Ownerless"},
		{"ownerless without a reason", good().without("Owner").with(policies.Ownerless{}), "Ownerless without a reason"},
		{"ownerless with access", good().without("Owner").with(policies.Ownerless{Why: "x"}), "its Access must be empty"},
		{"ownerless and audited", good().without("Owner").without("Access").with(policies.Ownerless{Why: "x"}, policies.Access{}), "annotate it Unaudited"},
		{"owner column missing", good().without("Owner").with(policies.Owner{Column: "owned_by"}), `names "owned_by" as its owner column`},
		{"no access", good().without("Access"), "has no Access annotation"},
		{"no created_at", good().without("created_at"), "has no created_at"},
		{"no updated_at", good().without("updated_at"), "lacks updated_at or version"},
		{"no version", good().without("version"), "lacks updated_at or version"},
		{"no table name", good().without("EntSQL"), "no entsql.Table annotation"},
		{"unaudited without a reason", good().with(policies.Unaudited{}), "Unaudited without a reason"},
		{"field without a comment", good().withField(field.String("name")), "Thing.name has no comment"},
		{"append-only with update", good().with(policies.AppendOnly{}), "neither update nor delete"},
		{"append-only content without digest", good().without("Access").with(policies.Access{Human: policies.AddOnly}, policies.AppendOnly{Content: []string{"name"}}), "lacks content_salt"},
		{"append-only content that is deleted", sealed(), "annotate it Kept"},
		{"kept without a reason", good().with(policies.Kept{}), "Kept without a reason"},
		{"kept without an owner", good().without("Owner").without("Access").with(policies.Ownerless{Why: "x"}, policies.Access{}, policies.Unaudited{Why: "x"}, policies.Kept{Why: "x"}), "Kept but nobody's"},
		{"kept text without a rule for erasure", good().with(policies.Kept{Why: "x"}).withField(field.String("name").Comment("Name.")), "give it policies.Erased"},
		{"kept text that is erased", good().with(policies.Kept{Why: "x"}).withField(field.String("name").Annotations(policies.Erased("'x'")).Comment("Name.")), ""},
		{"kept text that is impersonal", good().with(policies.Kept{Why: "x"}).withField(field.String("name").Annotations(policies.Impersonal()).Comment("Name.")), ""},
		{"append-only content that is kept", sealed().with(policies.Kept{Why: "x"}), ""},
		{"append-only content with a time", sealed().without("AppendOnly").with(policies.Kept{Why: "x"}, policies.AppendOnly{Content: []string{"name", "created_at"}}), "Thing.created_at is content, so it must be a field of text or JSON"},
		{"append-only content without a field", sealed().without("AppendOnly").with(policies.Kept{Why: "x"}, policies.AppendOnly{Content: []string{"names"}}), "Thing.names is content, so it must be a field of text or JSON"},
		{"append-only text that is replaced", sealed().with(policies.Kept{Why: "x"}).withField(field.String("more").Annotations(policies.Erased("'x'")).Comment("More.")), "erased to NULL"},
		// Hardening item 11: every entity states what a human must approve, or why nothing needs approval.
		{"neither gated nor ungated", good().without("Ungated"), "exactly one of the annotations Gate and Ungated"},
		{"ungated without a reason", good().without("Ungated").with(policies.Ungated{}), "exactly one of the annotations Gate and Ungated"},
		{"gated and ungated", good().with(policies.Gate{Type: "cost", Why: "x", State: "true"}), "exactly one of the annotations Gate and Ungated"},
		{"gated without a reason", good().without("Ungated").with(policies.Gate{Type: "cost", State: "true"}), "Gate without a reason"},
		{"gated without a state", good().without("Ungated").with(policies.Gate{Type: "cost", Why: "x"}), "covers no state"},
		{"gated by a column that does not exist", good().without("Ungated").with(policies.Gate{Type: "cost", Why: "x", State: "true", Free: []string{"name"}}), `names the column "name"`},
		// Hardening item 11: an approval shows everything that becomes public.
		{"gated with unseen contents", good().without("Ungated").withField(field.String("name").Comment("Name.")).withField(field.UUID("thing_id", uuid.UUID{}).Comment("Thing.")).
			with(policies.Gate{Type: "cost", Why: "x", State: "version > 1", Contents: []policies.GateContent{{Table: "public.things", Column: "thing_id", Shows: []string{"created_at", "updated_at", "version"}}}}), "does not show name"},
		{"gated with contents", good().without("Ungated").withField(field.String("name").Comment("Name.")).withField(field.UUID("thing_id", uuid.UUID{}).Comment("Thing.")).
			with(policies.Gate{Type: "cost", Why: "x", State: "version > 1", Contents: []policies.GateContent{{Table: "public.things", Column: "thing_id", Shows: []string{"created_at", "updated_at", "version", "name"}}}}), ""},
		{"gated with contents of a table that does not exist", good().without("Ungated").
			with(policies.Gate{Type: "cost", Why: "x", State: "version > 1", Contents: []policies.GateContent{{Table: "public.none", Column: "thing_id"}}}), "does not exist"},
		{"gated", good().without("Ungated").with(policies.Gate{Type: "cost", Why: "x", State: "version > 1"}), ""},
		{"index without the owner", func() Thing {
			s := good()
			s.indexes = append(s.indexes, index.Fields("version"))
			return s
		}(), "does not lead with created_by"},
		{"a score in a social entity", good().with(policies.Sphere("social")).withField(field.Int("engagement_score").Comment("Score.")), "Rule #5"},
		{"a rank in an entertainment entity", good().with(policies.Sphere("entertainment")).withField(field.Int("rank").Comment("Rank.")), "Rule #5"},
		{"a score in a business entity", good().with(policies.Sphere("business")).withField(field.Int("lead_score").Comment("Score.")), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := describeOne(t, test.schema)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.want != "" && err == nil:
				t.Error("was accepted")
			case test.want != "" && !strings.Contains(err.Error(), test.want):
				t.Errorf("got %q, want an error with %q", err, test.want)
			}
		})
	}
}

func describeOne(t *testing.T, s Thing) ([]policies.Table, error) {
	t.Helper()
	data, err := load.MarshalSchema(s)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := load.UnmarshalSchema(data)
	if err != nil {
		t.Fatal(err)
	}
	storage, err := gen.NewStorage("sql")
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := gen.NewGraph(&gen.Config{Package: "x", Storage: storage, IDType: &field.TypeInfo{Type: field.TypeUUID}}, loaded)
	if err != nil {
		t.Fatal(err)
	}
	g := &graph{tables: map[string]policies.Table{}}
	return g.describe(nodes)
}

// TestLimitsBecomeChecks checks that limits of fields become CHECK constraints.
func TestLimitsBecomeChecks(t *testing.T) {
	t.Parallel()
	tests := []struct {
		field ent.Field
		want  string
	}{
		{field.String("x").Comment("X.").Annotations(policies.Length(1, 9)), "char_length(x) BETWEEN 1 AND 9"},
		{field.String("x").Comment("X.").Annotations(policies.Length(0, 9)), "char_length(x) <= 9"},
		{field.String("x").Comment("X.").Annotations(policies.Pattern("[a-z']+")), "x ~ '^([a-z'']+)$'"},
		{field.Int("x").Comment("X.").Annotations(policies.Between(0, 100)), "x BETWEEN 0 AND 100"},
		{field.Int("x").Comment("X.").Annotations(policies.AtLeast(1)), "x >= 1"},
		{field.String("x").Comment("X.").Annotations(policies.Format("email")), "x ~ '^[^[:space:]@]+@[^[:space:]@]+$'"},
		{field.Enum("x").Values("a", "b").Comment("X."), "x IN ('a', 'b')"},
		{field.JSON("x", map[string]any{}).Comment("X.").Annotations(policies.Bytes(99)), "octet_length(x::text) <= 99"},
	}
	for _, test := range tests {
		t.Run(test.want, func(t *testing.T) {
			t.Parallel()
			tables, err := describeOne(t, good().withField(test.field))
			if err != nil {
				t.Fatal(err)
			}
			checks := tables[0].Checks
			if last := checks[len(checks)-1]; last.Expression != test.want || last.Column != "x" {
				t.Errorf("got %q on %q, want %q", last.Expression, last.Column, test.want)
			}
		})
	}
}

// TestChecksTellClients checks that an entity's check that a client can violate needs a column and a detail.
func TestChecksTellClients(t *testing.T) {
	t.Parallel()
	whole := policies.Check{Name: "notes_x", Column: "id", Expression: "true", Detail: "It is true."}
	silent, homeless := whole, whole
	silent.Detail, homeless.Column = "", "nowhere"
	for _, test := range []struct {
		check policies.Check
		want  string
	}{{whole, ""}, {silent, "clients are told both"}, {homeless, "clients are told both"}} {
		_, err := describeOne(t, good().with(policies.Checks{test.check}))
		if got := fmt.Sprint(err); test.want == "" && err != nil || !strings.Contains(got, test.want) {
			t.Errorf("%+v: %v, want %q", test.check, err, test.want)
		}
	}
}

// TestWrittenTablesKeepTheirConstraints checks that the rules of a table that serving roles write stay separate CHECK
// constraints.
func TestWrittenTablesKeepTheirConstraints(t *testing.T) {
	t.Parallel()
	if _, err := describeOne(t, good().with(policies.CheckedByFunction{})); err == nil || !strings.Contains(err.Error(), "serving roles write it") {
		t.Errorf("got %v", err)
	}
}

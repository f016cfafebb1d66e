package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// Contact is a customer or lead.
type Contact struct{ ent.Schema }

// Mixin of the Contact.
func (Contact) Mixin() []ent.Mixin { return inSphere("business") }

// Fields of the Contact.
func (Contact) Fields() []ent.Field {
	return []ent.Field{
		field.String("name").
			Annotations(policies.Length(1, 200), policies.Example(`"Grace Hopper"`)).
			Comment("Name of the person or organisation."),
		field.String("email").Optional().Nillable().
			Annotations(policies.Length(3, 320), policies.Format("email"), policies.Filter(), policies.Example(`"grace@example.org"`)).
			Comment("E-mail address."),
		field.String("phone").Optional().Nillable().
			Annotations(policies.Pattern(`[+][1-9][0-9]{1,14}`), policies.Example(`"+12125550123"`)).
			Comment("Telephone number in the form of E.164."),
		field.String("company").Optional().Nillable().
			Annotations(policies.Length(1, 200), policies.Filter()).
			Comment("Company."),
		field.String("job_title").Optional().Nillable().
			Annotations(policies.Length(1, 200)).
			Comment("Position in the company."),
		field.Int("lead_score").Default(0).
			Annotations(policies.Between(0, 100), policies.Rules{Default: "0"}, policies.Example(`70`)).
			Comment("How promising a lead, 0 to 100; a note of the owner's, never an order."),
		field.Enum("lead_status").GoType(datatype.LeadStatus("")).Default("new").
			Annotations(policies.Rules{Default: "'new'"}, policies.Filter(), policies.Example(`"qualified"`)).
			Comment("How far the lead has come."),
		field.String("source").Optional().Nillable().
			Annotations(policies.Length(1, 200)).
			Comment("Where the contact came from."),
		tags(64),
		field.String("notes").Optional().Nillable().
			Annotations(policies.Length(1, 20_000)).
			Comment("Free text."),
	}
}

// Edges of the Contact.
func (Contact) Edges() []ent.Edge {
	return []ent.Edge{edge.To("invoices", Invoice.Type)}
}

// Indexes of the Contact.
func (Contact) Indexes() []ent.Index {
	return []ent.Index{by("lead_status", "id"), by("email", "id"), by("company", "id")}
}

// Annotations of the Contact.
func (Contact) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("business_contacts"),
		schema.Comment("Customers and leads."),
		policies.Access{Human: policies.All, Agent: policies.All},
	}
}

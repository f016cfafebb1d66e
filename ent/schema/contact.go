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
		text("name", 1, 200, "Full name of the person or organisation.", policies.Example(`"Grace Hopper"`)),
		optionalText("email", 320, "E-mail address of the contact.", policies.Format("email"), policies.Filter(), policies.Example(`"grace@example.org"`)),
		optionalText("phone", 16, "Telephone number in E.164 format.", policies.Pattern(`[+][1-9][0-9]{1,14}`), policies.Example(`"+12125550123"`)),
		optionalText("company", 200, "Company that the contact works for.", policies.Filter()),
		optionalText("job_title", 200, "Job title at the company."),
		field.Int("lead_score").Default(0).
			Annotations(policies.Between(0, 100), policies.Rules{Default: "0"}, policies.Example(`70`)).
			Comment("Rating of the lead by the owner, from 0 to 100. Lists are not sorted by it."),
		choice("lead_status", datatype.LeadStatus(""), "new", "Stage of the lead.", policies.Filter(), policies.Example(`"qualified"`)),
		optionalText("source", 200, "Source of the contact, such as a referral."),
		tags(64),
		optionalText("notes", 20_000, "Notes about the contact, as free text."),
	}
}

// Edges of the Contact.
func (Contact) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("invoices", Invoice.Type),
		edge.To("projects", Project.Type),
		edge.To("rsvps", EventRSVP.Type),
	}
}

// Indexes of the Contact.
func (Contact) Indexes() []ent.Index {
	return []ent.Index{by("lead_status", "id"), by("email", "id"), by("company", "id")}
}

// Annotations of the Contact.
func (Contact) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("business_contacts"),
		schema.Comment("A contact is a customer or a lead."),
		policies.Access{Human: policies.All, Agent: policies.All},
		policies.Ungated{Why: "it is a private record; the invoice that relies on it carries it into the approval"},
		policies.Triggers{{Name: "lock_answered_events", Events: "BEFORE DELETE", Function: "app.lock_answered_events()"}},
	}
}

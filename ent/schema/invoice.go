package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// Invoice is a bill with line items. The database computes its totals.
type Invoice struct{ ent.Schema }

// Mixin of the Invoice.
func (Invoice) Mixin() []ent.Mixin { return inSphere("business") }

// Fields of the Invoice.
func (Invoice) Fields() []ent.Field {
	return []ent.Field{
		text("number", 1, 50, "Invoice number, unique for each owner.", policies.Filter(), policies.Example(`"2026-001"`)),
		reference("contact_id", "Id of the contact that the invoice is addressed to."),
		text("currency", 3, 3, "Currency code (ISO 4217).", policies.Pattern(`[A-Z]{3}`), policies.Example(`"EUR"`)),
		field.JSON("line_items", []datatype.LineItem{}).
			Annotations(policies.Length(1, 200), policies.Bytes(2<<20), policies.Example(`[{"description":"Consulting","quantity":"7.5","unit_price":"120.00","tax_rate":"0.19"}]`)).
			Comment("Line items, 1 to 200."),
		field.Other("subtotal", datatype.Money{}).SchemaType(money).Optional().
			Annotations(policies.Generated("app.line_items_subtotal(line_items)")).
			Comment("Sum of the line amounts before tax. Each line amount, quantity × unit_price, is rounded to two decimal places, half away from zero."),
		field.Other("tax_total", datatype.Money{}).SchemaType(money).Optional().
			Annotations(policies.Generated("app.line_items_tax(line_items)")).
			Comment("Sum of the line taxes. Each line tax, the rounded line amount × tax_rate, is rounded in the same way."),
		field.Other("total", datatype.Money{}).SchemaType(money).Optional().
			Annotations(policies.Generated("app.line_items_subtotal(line_items) + app.line_items_tax(line_items)")).
			Comment("Total amount due: subtotal + tax_total."),
		choice("status", datatype.InvoiceStatus(""), "draft", "Status. A `sent` invoice past `due_on` is reported as `overdue`.", policies.Filter(),
			policies.Read("CASE WHEN status = 'sent' AND due_on < (SELECT app.today()) THEN 'overdue' ELSE status END", "overdue")),
		day("issued_on", "Date of issue.", policies.Example(`"2026-01-15"`)),
		day("due_on", "Date by which the invoice must be paid. Not before `issued_on`.", policies.Range(), policies.Example(`"2026-02-14"`)),
		timestamp("paid_at", "Time of the payment. Null unless the invoice is `paid` or `void`."),
	}
}

// Edges of the Invoice.
func (Invoice) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("contact", Contact.Type).Ref("invoices").Field("contact_id").Unique(),
	}
}

// Indexes of the Invoice.
func (Invoice) Indexes() []ent.Index {
	return []ent.Index{
		by("number").Unique(), by("contact_id", "id"), by("status", "id"), by("due_on", "id"),
	}
}

// Annotations of the Invoice.
func (Invoice) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("business_invoices"),
		schema.Comment("An invoice has line items. The database computes its totals."),
		policies.Access{Human: policies.All, Agent: policies.All},
		policies.Gate{
			Type: "cost", State: "status IN ('sent', 'paid', 'void')", NoDelete: true,
			Why: "an invoice that was sent is a claim to money, made to the contact at the address it had then",
			References: []policies.GateReference{{
				Column: "contact_id", Table: "public.business_contacts", Resource: "contact",
				Shows: []string{"name", "email", "phone", "company"},
			}},
		},
		policies.Checks{
			{
				Name: "business_invoices_line_items_valid", Column: "line_items",
				Expression: "app.line_items_valid(line_items)",
				Detail:     "An invoice has 1 to 200 complete lines.",
			},
			{
				Name: "business_invoices_due_on_order", Column: "due_on",
				Expression: "due_on >= issued_on",
				Detail:     "An invoice is not due before it is issued.",
			},
			{
				Name: "business_invoices_paid_at_status", Column: "paid_at",
				Expression: "paid_at IS NULL OR status IN ('paid', 'void')",
				Detail:     "Only an invoice that is paid or void has the time of its payment.",
			},
		},
	}
}

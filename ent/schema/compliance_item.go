package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// ComplianceItem is a duty towards an authority that may expire.
type ComplianceItem struct{ ent.Schema }

// Mixin of the ComplianceItem.
func (ComplianceItem) Mixin() []ent.Mixin { return inSphere("government") }

// Fields of the ComplianceItem.
func (ComplianceItem) Fields() []ent.Field {
	return []ent.Field{
		text("name", 1, 300, "Name of the compliance item.", policies.Example(`"Trade licence"`)),
		text("regulation", 1, 300, "Law or regulation that requires the item.", policies.Filter(), policies.Example(`"Trade Act, section 5"`)),
		text("authority", 1, 300, "Authority that enforces the regulation.", policies.Filter(), policies.Example(`"City of Vienna"`)),
		optionalText("identifier", 200, "Number or code that the authority assigned."),
		choice("status", datatype.ComplianceStatus(""), "pending", "Status. An `active` item is reported as `expiring` from 30 days before `expires_on`, and as `expired` after it.", policies.Filter(),
			policies.Read("CASE WHEN status = 'active' AND expires_on < (SELECT app.today()) THEN 'expired' WHEN status = 'active' AND expires_on <= (SELECT app.today()) + 30 THEN 'expiring' ELSE status END", "expiring", "expired")),
		day("effective_on", "First day on which the item is valid."),
		day("expires_on", "Last day on which the item is valid. Not before `effective_on`.", policies.Range()),
		field.JSON("evidence", []datatype.Evidence{}).Default([]datatype.Evidence{}).
			Annotations(policies.Bytes(2<<20), policies.Rules{MaxLength: 100, Default: "'[]'"}).
			Comment("Documents that prove compliance, at most 100."),
	}
}

// Indexes of the ComplianceItem.
func (ComplianceItem) Indexes() []ent.Index {
	return []ent.Index{by("expires_on", "id"), by("status", "id")}
}

// Annotations of the ComplianceItem.
func (ComplianceItem) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("government_compliance"),
		schema.Comment("A compliance item is a licence, permit or other obligation towards an authority, with an expiry date."),
		policies.Access{Human: policies.All, Agent: policies.All},
		policies.Gate{
			Type: "governance", Agents: "status IN ('active', 'waived')",
			Why: "it states that the owner complies or need not; a human may state that alone, an agent may not",
		},
		policies.Checks{
			{
				Name: "government_compliance_expires_on_order", Column: "expires_on",
				Expression: "expires_on >= effective_on",
				Detail:     "The last day is not before the first.",
			},
			{
				Name: "government_compliance_evidence_valid", Column: "evidence",
				Expression: "app.evidence_valid(evidence)",
				Detail:     "Evidence is at most 100 documents, each with its uri and sha256.",
			},
			{
				Name: "government_compliance_evidence_uris", Column: "evidence",
				Expression: "app.part_uris_allowed(evidence)",
				Detail:     "The URI of each document begins with one of " + uriSchemes + ".",
			},
		},
	}
}

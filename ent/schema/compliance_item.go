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
		text("name", 1, 300, "Name.", policies.Example(`"Trade licence"`)),
		text("regulation", 1, 300, "Rule that demands it.", policies.Filter(), policies.Example(`"Trade Act, section 5"`)),
		text("authority", 1, 300, "Authority that sees to it.", policies.Filter(), policies.Example(`"City of Vienna"`)),
		optionalText("identifier", 200, "Number or mark that the authority gave."),
		choice("status", datatype.ComplianceStatus(""), "pending", "Status; an active one reads as expiring within 30 days of its expiry, and as expired after it.", policies.Filter(),
			policies.Read("CASE WHEN status = 'active' AND expires_on < (SELECT app.today()) THEN 'expired' WHEN status = 'active' AND expires_on <= (SELECT app.today()) + 30 THEN 'expiring' ELSE status END", "expiring", "expired")),
		day("effective_on", "First day it holds."),
		day("expires_on", "Last day it holds, not before the first.", policies.Range()),
		field.JSON("evidence", []datatype.Evidence{}).Default([]datatype.Evidence{}).
			Annotations(policies.Bytes(2<<20), policies.Rules{MaxLength: 100, Default: "'[]'"}).
			Comment("Documents that show it, at most 100."),
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
		schema.Comment("Compliance items with expiry."),
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

package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// ClinicalTrial is a clinical trial. Every read of a trial is recorded.
type ClinicalTrial struct{ ent.Schema }

// Mixin of the ClinicalTrial.
func (ClinicalTrial) Mixin() []ent.Mixin { return inSphere("government") }

// Fields of the ClinicalTrial.
func (ClinicalTrial) Fields() []ent.Field {
	return []ent.Field{
		text("registry_id", 1, 50, "Id in a public trial registry, unique for each owner: `NCT` and 8 digits, `ISRCTN` and 8 digits, or the id of another registry.", policies.Pattern(`[A-Za-z0-9][A-Za-z0-9./-]{2,49}`), policies.Filter(), policies.Example(`"NCT01234567"`)),
		text("title", 1, 1000, "Title of the trial.", policies.Example(`"Aspirin and headache"`)),
		choice("phase", datatype.TrialPhase(""), "not_applicable", "Phase of the trial.", policies.Filter()),
		choice("status", datatype.TrialStatus(""), "planned", "Status of the trial. Every status except `planned` and `withdrawn` requires an ethics approval.", policies.Filter()),
		optionalText("sponsor", 300, "Organisation that sponsors the trial."),
		day("starts_on", "First day of the trial."),
		day("ends_on", "Last day of the trial. Not before `starts_on`."),
		field.Int("target_enrollment").Default(0).
			Annotations(policies.Between(0, 1e7), policies.Rules{Default: "0"}).
			Comment("Planned number of participants."),
		field.Int("enrolled").Default(0).
			Annotations(policies.Between(0, 1e7), policies.Rules{Default: "0"}).
			Comment("Current number of participants. At most `target_enrollment`."),
		optionalText("ethics_reference", 200, "Reference number of the ethics committee's approval."),
		day("ethics_approved_on", "Date of the ethics committee's approval."),
	}
}

// Indexes of the ClinicalTrial.
func (ClinicalTrial) Indexes() []ent.Index {
	return []ent.Index{by("registry_id").Unique(), by("status", "id")}
}

// Annotations of the ClinicalTrial.
func (ClinicalTrial) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("government_clinical_trials"),
		schema.Comment("A clinical trial has a registry id, an enrollment and an ethics approval."),
		policies.Access{Human: policies.All, Agent: policies.All},
		policies.AuditReads{},
		policies.Gate{
			Type: "sensitive", State: "status <> 'planned'", Free: []string{"enrolled"},
			Why: "people take part in the trial as the ethics committee and the registry know it; only the number of those who take part changes by itself",
		},
		policies.Triggers{{Name: "refuse_future_approval", Events: "BEFORE INSERT OR UPDATE", Function: "app.refuse_future_approval()"}},
		policies.Checks{
			{
				Name: "government_clinical_trials_registry", Column: "registry_id",
				Expression: "registry_id ~ '^(NCT[0-9]{8}|ISRCTN[0-9]{8})$' OR registry_id !~ '^(NCT|ISRCTN)'",
				Detail:     "An id of ClinicalTrials.gov is NCT and 8 digits, one of ISRCTN is ISRCTN and 8 digits.",
			},
			{
				Name: "government_clinical_trials_ends_on_order", Column: "ends_on",
				Expression: "ends_on >= starts_on",
				Detail:     "The last day is not before the first.",
			},
			{
				Name: "government_clinical_trials_enrolled", Column: "enrolled",
				Expression: "enrolled <= target_enrollment",
				Detail:     "No more people take part than target_enrollment says.",
			},
			{
				Name: "government_clinical_trials_ethics", Column: "ethics_reference",
				Expression: "status IN ('planned', 'withdrawn') OR (ethics_reference IS NOT NULL AND ethics_approved_on IS NOT NULL)",
				Detail:     "A trial that is more than planned has an ethics committee's approval: its reference and its day.",
			},
		},
	}
}

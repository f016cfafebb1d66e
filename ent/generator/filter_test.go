package generator

import (
	"strings"
	"testing"

	"github.com/chenu/chenu/policies"
)

func TestFilterTexts(t *testing.T) {
	t.Parallel()
	contacts := policies.Table{Entity: "Contact", Resource: "contact"}
	for column, want := range map[string]string{
		"company":     "Only contacts at this company.",
		"lead_status": "Only contacts with this lead status.",
		"contact_id":  "Only contacts for the contact with this id.",
		"pinned":      "Only contacts that are (true) or are not (false) pinned.",
	} {
		if got := equalText(contacts, policies.Column{Name: column}); got != want {
			t.Errorf("%s: the text is %q, want %q", column, got, want)
		}
	}
	items := policies.Table{Entity: "ComplianceItem", Resource: "compliance_item"}
	got, err := rangeText(items, policies.Column{Name: "expires_on"}, "expires", true)
	want := rangeDoc{"Only compliance items that expire on or after this date.", "Only compliance items that expire before this date."}
	if err != nil || got != want {
		t.Errorf("the texts of expires_on are %q (%v), want %q", got, err, want)
	}
	got, err = rangeText(contacts, policies.Column{Name: "created_at"}, "created", false)
	want = rangeDoc{"Only contacts created at or after this time.", "Only contacts created before this time."}
	if err != nil || got != want {
		t.Errorf("the texts of created_at are %q (%v), want %q", got, err, want)
	}
	if _, err := rangeText(contacts, policies.Column{Name: "called_at"}, "called", false); err == nil || !strings.Contains(err.Error(), `"called"`) {
		t.Errorf("a range filter without a phrase: %v", err)
	}
}

package policies

import "testing"

func TestNouns(t *testing.T) {
	t.Parallel()
	for entity, want := range map[string][3]string{
		"AuditLog":      {"audit log entry", "audit log entries", "an audit log entry"},
		"Contact":       {"contact", "contacts", "a contact"},
		"EventRSVP":     {"RSVP", "RSVPs", "an RSVP"},
		"HabitCheckIn":  {"habit check-in", "habit check-ins", "a habit check-in"},
		"Identity":      {"identity", "identities", "an identity"},
		"Invoice":       {"invoice", "invoices", "an invoice"},
		"SocialPost":    {"social post", "social posts", "a social post"},
		"StreamHistory": {"stream history entry", "stream history entries", "a stream history entry"},
	} {
		table, ok := ByEntity(entity)
		if !ok {
			t.Fatalf("there is no entity %s", entity)
		}
		if got := [3]string{table.Singular(), table.Plural(), table.Indefinite()}; got != want {
			t.Errorf("%s: the nouns are %q, want %q", entity, got, want)
		}
	}
	for resource := range nouns {
		if !hasResource(resource) {
			t.Errorf("nouns has %q, but no table has this resource", resource)
		}
	}
}

func hasResource(name string) bool {
	for _, t := range Tables {
		if t.Resource == name {
			return true
		}
	}
	return false
}

package policies

import "strings"

// nouns has the singular and plural nouns of the resources whose nouns do not follow from their names.
var nouns = map[string][2]string{
	"audit_log":      {"audit log entry", "audit log entries"},
	"event_r_s_v_p":  {"RSVP", "RSVPs"},
	"habit_check_in": {"habit check-in", "habit check-ins"},
	"identity":       {"identity", "identities"},
	"stream_history": {"stream history entry", "stream history entries"},
}

// Singular returns the noun for one row of the table in running text, such as "social post".
func (t Table) Singular() string {
	if noun, ok := nouns[t.Resource]; ok {
		return noun[0]
	}
	return strings.ReplaceAll(t.Resource, "_", " ")
}

// Plural returns the noun for several rows of the table in running text, such as "social posts".
func (t Table) Plural() string {
	if noun, ok := nouns[t.Resource]; ok {
		return noun[1]
	}
	return t.Singular() + "s"
}

// Indefinite returns the noun with its indefinite article, such as "an invoice".
func (t Table) Indefinite() string {
	noun := t.Singular()
	if strings.ContainsRune("aeiou", rune(noun[0])) || strings.HasPrefix(noun, "RSVP") {
		return "an " + noun
	}
	return "a " + noun
}

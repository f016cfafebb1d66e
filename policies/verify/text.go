package verify

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Limits describes what a report without findings does not prove. TestUndetected checks each of these limits.
const Limits = `A clean run does not prove that the record is complete. A digest is stored in
the row that it covers and does not depend on other rows. A role that can disable
triggers (the owner of the tables or a superuser) can therefore do each of the
following without being detected:
  - delete audit rows
  - delete a whole thread, or its last events together with the thread's counters
  - change content and store a new digest of it
  - change columns that no digest covers, such as actor, action, time, details
    and approval of an audit row
To detect these changes, compare the database with a backup, or with an earlier
export of the audit trail.`

// Text writes what was checked, the warnings, and the limits of a report without findings. It does not write the
// findings, which [Database] reports while it runs.
func (r *Report) Text(w io.Writer) error {
	var b strings.Builder
	for _, table := range slices.Sorted(maps.Keys(r.Rows)) {
		fmt.Fprintf(&b, "%s: %d rows checked\n", table, r.Rows[table])
	}
	if n := len(r.OpenFunctions); n > 0 {
		fmt.Fprintf(&b, "warning: PUBLIC can execute functions of pg_catalog that the service does not need (%d); "+
			"run \"chenu bootstrap\" as a superuser to revoke the privilege:\n  %s\n", n, strings.Join(r.OpenFunctions, "\n  "))
	}
	if r.Findings == 0 {
		fmt.Fprintf(&b, "All rows match.\n\n%s\n", Limits)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// Document is a report with its findings, for JSON.
type Document struct {
	Rows          map[string]int64 `json:"rows"`
	Findings      []Finding        `json:"findings"`
	OpenFunctions []string         `json:"open_functions"`
}

// Document returns the report with the findings that [Database] reported. Empty lists are not nil.
func (r *Report) Document(findings []Finding) Document {
	return Document{Rows: r.Rows, Findings: append([]Finding{}, findings...), OpenFunctions: append([]string{}, r.OpenFunctions...)}
}

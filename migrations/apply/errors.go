package apply

import (
	"fmt"
	"strings"
)

// StatementError is returned by Apply when a statement of a file fails. It wraps the cause, a *pgconn.PgError if the
// server refused it.
type StatementError struct {
	File       string
	Version    string
	Statement  int // from 1; 0 means the COMMIT that ends the file
	Statements int
	Line       int // of the file, from 1, where the server found the error; 0 if Statement is 0
	SQL        string
	Kept       int    // number of the file's statements that remain applied: 0 for a file that is one transaction
	Attempts   int    // number of attempts: more than one if it did not get a lock
	Advice     string // what to do next
	Err        error

	kept string // describes Kept, at the start of Advice
}

func (e *StatementError) Error() string {
	var b strings.Builder
	if e.Statement == 0 {
		fmt.Fprintf(&b, "%s: commit: %v", e.File, e.Err)
	} else {
		fmt.Fprintf(&b, "%s:%d: statement %d of %d: %v", e.File, e.Line, e.Statement, e.Statements, e.Err)
	}
	if e.Advice != "" {
		b.WriteString("; ")
		b.WriteString(e.Advice)
	}
	return b.String()
}

func (e *StatementError) Unwrap() error { return e.Err }

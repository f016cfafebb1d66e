package migrations

import (
	"errors"
	"fmt"
	"strings"
)

// Why a migration was refused; test with errors.Is. Except for ErrLocked, asking again does not help.
var (
	// ErrDirectory: the directory is not fit to be applied: atlas.sum does not match, or a file cannot be understood.
	ErrDirectory = errors.New("the migration directory is not valid")
	// ErrChanged: a file that was applied to this database is not the same any more.
	ErrChanged = errors.New("an applied migration was changed")
	// ErrOutOfOrder: a file that was never applied sorts before one that was.
	ErrOutOfOrder = errors.New("a migration was added out of order")
	// ErrMissing: the database applied a file that the directory does not have, and which is not simply newer.
	ErrMissing = errors.New("an applied migration is missing")
	// ErrLocked: another migration is running on this database.
	ErrLocked = errors.New("another migration is running")
	// ErrNoRights: the login may not become the owner, or the owner may not do what it must.
	ErrNoRights = errors.New("the login lacks a right")
	// ErrPooled: the connection is not one to the server itself.
	ErrPooled = errors.New("the connection goes through a pooler")
)

// Refusal is an error that says what stands in the way and what to do about it. It wraps its Kind, one of the errors
// above, and the cause if there was one.
type Refusal struct {
	Kind   error
	Reason string // what is wrong, naming the file, role or database
	Advice string // what to do next
	Err    error  // cause; may be nil
}

func (r *Refusal) Error() string {
	s := r.Reason
	if r.Err != nil {
		s += ": " + r.Err.Error()
	}
	if r.Advice != "" {
		s += "; " + r.Advice
	}
	return s
}

// Unwrap makes errors.Is find the kind and errors.As the cause.
func (r *Refusal) Unwrap() []error {
	if r.Err == nil {
		return []error{r.Kind}
	}
	return []error{r.Kind, r.Err}
}

// StatementError is returned by Apply when a statement of a file fails. It wraps the cause, a *pgconn.PgError if the
// server refused it.
type StatementError struct {
	File       string
	Version    string
	Statement  int // from 1; 0 means the COMMIT that ends the file
	Statements int
	Line       int // of the file, from 1, where the server found the error; 0 if Statement is 0
	SQL        string
	Kept       int    // how many of the file's statements stay applied: 0 for a file that is one transaction
	Attempts   int    // how often it was tried: more than once if it did not get a lock
	Advice     string // what to do next
	Err        error

	kept string // Kept in words, with which Advice begins
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

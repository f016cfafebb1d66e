package migrations

import "errors"

// Why a migration was refused; test with errors.Is. A retry helps only with ErrLocked.
var (
	// ErrDirectory: the directory cannot be applied: atlas.sum does not match, or a file cannot be parsed.
	ErrDirectory = errors.New("the migration directory is not valid")
	// ErrChanged: a file was changed after it was applied to this database.
	ErrChanged = errors.New("an applied migration was changed")
	// ErrOutOfOrder: a file that was not applied sorts before one that was.
	ErrOutOfOrder = errors.New("a migration was added out of order")
	// ErrMissing: the database has applied a file that is not in the directory and is not newer than it.
	ErrMissing = errors.New("an applied migration is missing")
	// ErrLocked: another migration is running on this database.
	ErrLocked = errors.New("another migration is running")
	// ErrNoRights: the login cannot become the owner, or the owner lacks a privilege.
	ErrNoRights = errors.New("the login lacks a privilege")
	// ErrPooled: the connection does not lead to the server itself.
	ErrPooled = errors.New("the connection goes through a pooler")
)

// Refusal is an error that states what prevents a migration and what to do about it. It wraps its Kind, one of the
// errors above, and the cause if there is one.
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

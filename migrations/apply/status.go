package apply

import (
	"context"
	"fmt"
	"strings"
	"time"

	"ariga.io/atlas/sql/migrate"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/postgres/project"
)

// State is the state of a database relative to a migration directory.
type State string

const (
	// Current: all files are applied, and no others.
	Current State = "current"
	// Behind: files are pending.
	Behind State = "behind"
	// Ahead: all files are applied, and the database has newer ones that are not in this directory.
	Ahead State = "ahead"
	// Partial: a file that is not one transaction is partly applied. Apply resumes it.
	Partial State = "partial"
	// Conflict: the history contradicts the directory, and Apply returns a refusal.
	Conflict State = "conflict"
)

// Status is the migration state of a database: the files that were applied, and those that Apply would apply.
type Status struct {
	State   State  `json:"state"`
	Version string `json:"version"` // of the last file that is wholly applied; "" if none
	Head    string `json:"head"`    // of the directory's last file; "" if it is empty

	Applied []Applied `json:"applied"`           // rows of the revision table, oldest first
	Pending []string  `json:"pending"`           // files that Apply would run, in order; the partial one is the first
	Unknown []string  `json:"unknown,omitempty"` // applied versions newer than the directory
	Stopped *Stopped  `json:"stopped,omitempty"` // in state Partial, and in Conflict if there is such a file

	// Problem is the refusal that Apply would return, in state Conflict.
	Problem string `json:"problem,omitempty"`
	// Running is the session that is migrating this database; "" if there is none.
	Running string `json:"running,omitempty"`
	// Invalid contains the invalid indexes of failed concurrent builds, without those that are being built. Only
	// ReadStatus sets it.
	Invalid []InvalidIndex `json:"invalid_indexes,omitempty"`

	err error
}

// Err returns the refusal that Apply would return, or nil.
func (s *Status) Err() error { return s.err }

// Applied is one row of the revision table.
type Applied struct {
	Version    string        `json:"version"`
	Name       string        `json:"name"`
	AppliedAt  time.Time     `json:"applied_at"`
	Took       time.Duration `json:"took_ns"`
	Statements int           `json:"statements"`
	By         string        `json:"by"` // the program that applied it
}

// Stopped describes a partly applied file.
type Stopped struct {
	Version    string `json:"version"`
	Applied    int    `json:"applied"`    // statements that remain applied
	Statements int    `json:"statements"` // statements of the file
	Statement  string `json:"statement"`  // the statement that failed or was interrupted
	Error      string `json:"error"`
}

// ReadStatus compares the database at url with dir. It uses a read-only session and does not wait for a running
// migration. It returns an error if the directory is invalid or the database cannot be read. A refusal of Apply is
// not an error but the state Conflict.
func ReadStatus(ctx context.Context, url string, c *project.Conventions, dir migrate.Dir) (*Status, error) {
	files, err := migrations.Read(dir)
	if err != nil {
		return nil, err
	}
	s, err := connect(ctx, url, settings{owner: c.Owner, lockTimeout: DefaultLockTimeout, statementTimeout: DefaultStatementTimeout, readOnly: true}, nil)
	if err != nil {
		return nil, err
	}
	defer s.close()
	revisions, err := NewRevisions(s, c.Owner).ReadRevisions(ctx)
	if err != nil {
		return nil, err
	}
	status := newStatus(files, revisions)
	if status.Running, err = s.lockHolder(ctx, migrateLock); err != nil {
		return nil, err
	}
	if status.Invalid, err = invalidIndexes(ctx, s); err != nil {
		return nil, err
	}
	return status, nil
}

func newStatus(files []migrations.File, revisions []*migrate.Revision) *Status {
	status := &Status{State: Current, Applied: []Applied{}, Pending: []string{}}
	if len(files) > 0 {
		status.Head = files[len(files)-1].Version
	}
	for _, r := range revisions {
		if !done(r) {
			status.Stopped = &Stopped{Version: r.Version, Applied: r.Applied, Statements: r.Total, Statement: r.ErrorStmt, Error: r.Error}
			continue
		}
		status.Version = r.Version
		status.Applied = append(status.Applied, Applied{Version: r.Version, Name: r.Description, AppliedAt: r.ExecutedAt,
			Took: r.ExecutionTime, Statements: r.Applied, By: r.OperatorVersion})
	}
	next, err := plan(files, revisions)
	if err != nil {
		status.State, status.Problem, status.err = Conflict, err.Error(), err
		return status
	}
	for _, f := range next.pending {
		status.Pending = append(status.Pending, f.Name)
	}
	status.Unknown = next.unknown
	switch {
	case next.partial != nil:
		status.State = Partial
	case len(next.pending) > 0:
		status.State = Behind
	case len(next.unknown) > 0:
		status.State = Ahead
	}
	return status
}

// planned contains the files to apply.
type planned struct {
	pending []*migrations.File
	partial *migrate.Revision // of pending[0], if that was started before
	unknown []string          // applied versions after the last file, when nothing is pending
}

// done reports whether nothing of the revision remains. `atlas migrate set` resolves a partly applied file without
// counting its statements.
func done(r *migrate.Revision) bool {
	return r.Applied >= r.Total || r.Type.Has(migrate.RevisionTypeResolved) || r.Type == migrate.RevisionTypeBaseline
}

// plan returns the pending files, or the reason why no file may be applied. It is stricter than Atlas' executor,
// which detects neither an edited or removed applied file, nor a file added before the first.
func plan(files []migrations.File, revisions []*migrate.Revision) (planned, error) {
	var next planned
	byVersion := make(map[string]*migrations.File, len(files))
	for i := range files {
		byVersion[files[i].Version] = &files[i]
	}
	applied := make(map[string]*migrate.Revision, len(revisions))
	for _, r := range revisions {
		applied[r.Version] = r
	}
	// Only the last revision can be unfinished, because apply stops there.
	for i, r := range revisions {
		if done(r) {
			continue
		}
		if i != len(revisions)-1 {
			return next, &migrations.Refusal{Kind: migrations.ErrMissing, Reason: fmt.Sprintf("version %s is only partly applied (%d of %d statements), but %s was applied after it", r.Version, r.Applied, r.Total, revisions[i+1].Version),
				Advice: "apply the remaining statements with psql, and record the version with `atlas migrate set`"}
		}
		next.partial = r
	}

	// A file without a revision that is older than the last applied version was added too late. Files before a
	// baseline are never applied.
	var last, first string
	if len(revisions) > 0 {
		last = revisions[len(revisions)-1].Version
		if revisions[0].Type == migrate.RevisionTypeBaseline {
			first = revisions[0].Version
		}
	}
	var late []string
	for i := range files {
		f := &files[i]
		if _, ok := applied[f.Version]; ok || f.Version < first {
			continue
		}
		if f.Version < last {
			late = append(late, f.Name)
			continue
		}
		next.pending = append(next.pending, f)
	}
	if len(late) > 0 {
		// Missing applied versions explain the conflict better than the order does.
		if gone := unknownAfter(revisions, byVersion, ""); len(gone) > 0 {
			return planned{}, &migrations.Refusal{Kind: migrations.ErrMissing, Reason: fmt.Sprintf("the database has applied %s, which this directory does not contain, and has not applied %s, which it contains", strings.Join(gone, ", "), strings.Join(late, ", ")),
				Advice: "merge the two histories: add the missing files, and rename the others to a later timestamp"}
		}
		return planned{}, &migrations.Refusal{Kind: migrations.ErrOutOfOrder, Reason: fmt.Sprintf("%s is not applied, but is older than version %s, which is applied", strings.Join(late, ", "), last),
			Advice: "rename it to a later timestamp, and run `chenu migrate hash`"}
	}

	// Each hash covers all files before it, so the first that differs was changed.
	for _, r := range revisions {
		f, ok := byVersion[r.Version]
		switch {
		case !ok && len(files) > 0 && r.Version < files[len(files)-1].Version:
			return planned{}, &migrations.Refusal{Kind: migrations.ErrMissing, Reason: fmt.Sprintf("version %s (%s) was applied to this database, but its file is missing", r.Version, r.Description),
				Advice: "restore the file: applied migrations must not be removed"}
		case !ok && r == next.partial:
			return planned{}, &migrations.Refusal{Kind: migrations.ErrMissing, Reason: fmt.Sprintf("version %s (%s) is only partly applied to this database, and this directory does not contain its file", r.Version, r.Description),
				Advice: "apply with the directory, or the release, that contains the file"}
		case !ok, r == next.partial, r.Hash == "" || r.Type.Has(migrate.RevisionTypeResolved) && r.Applied < r.Total:
			// The revision is newer than the directory, or is compared by statement below, or has no hash, or was
			// completed by hand.
		case r.Hash != f.Hash:
			return planned{}, &migrations.Refusal{Kind: migrations.ErrChanged, Reason: fmt.Sprintf("%s differs from the file that was applied to this database at %s", f.Name, r.ExecutedAt.UTC().Format(time.RFC3339)),
				Advice: "restore the original file (hashing the directory again does not help), and write the change to a new file"}
		}
	}

	switch {
	case next.partial != nil:
		f := byVersion[next.partial.Version]
		if err := resumable(f, next.partial); err != nil {
			return planned{}, err
		}
		next.pending = append([]*migrations.File{f}, next.pending...)
	case len(next.pending) == 0 && len(files) > 0:
		next.unknown = unknownAfter(revisions, byVersion, files[len(files)-1].Version)
	case len(next.pending) == 0:
		next.unknown = unknownAfter(revisions, byVersion, "")
	}
	return next, nil
}

func unknownAfter(revisions []*migrate.Revision, known map[string]*migrations.File, version string) []string {
	var unknown []string
	for _, r := range revisions {
		if _, ok := known[r.Version]; !ok && r.Version > version {
			unknown = append(unknown, r.Version)
		}
	}
	return unknown
}

// resumable checks that the applied statements of the file have not changed. Later statements may have changed.
func resumable(f *migrations.File, r *migrate.Revision) error {
	for i := range r.Applied {
		if i < len(f.Statements) && i < len(r.PartialHashes) && strings.TrimPrefix(r.PartialHashes[i], "h1:") == f.Statements[i].Sum {
			continue
		}
		return &migrations.Refusal{Kind: migrations.ErrChanged, Reason: fmt.Sprintf("%s stopped after statement %d of %d, and statement %d has changed since", f.Name, r.Applied, r.Total, i+1),
			Advice: fmt.Sprintf("restore the first %d statements; only later statements may be changed", r.Applied)}
	}
	return nil
}

// ReadStatusOn is ReadStatus on an existing connection, whose role must be able to read the revision table.
func ReadStatusOn(ctx context.Context, db Querier, c *project.Conventions, dir migrate.Dir) (*Status, error) {
	files, err := migrations.Read(dir)
	if err != nil {
		return nil, err
	}
	revisions, err := NewRevisions(db, c.Owner).ReadRevisions(ctx)
	if err != nil {
		return nil, err
	}
	return newStatus(files, revisions), nil
}

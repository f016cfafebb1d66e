package apply

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"ariga.io/atlas/sql/migrate"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/postgres/project"
)

const (
	// DefaultLockTimeout limits the wait of a statement for a lock on a table. While a statement waits for an
	// exclusive lock, all later queries on the table wait behind it, so the statement is canceled and retried.
	DefaultLockTimeout = 5 * time.Second
	// DefaultStatementTimeout limits a statement of a file that is one transaction. Such a file holds its locks until
	// it commits, so a long statement blocks other sessions for its whole duration. A file with `-- atlas:txmode
	// none` has no such limit, because an index build can take hours and does not block reads or writes.
	DefaultStatementTimeout = 10 * time.Minute
	// DefaultLockRetries is the number of retries after a lock timeout. Together with the pauses they take some
	// minutes.
	DefaultLockRetries = 10
	// DefaultWait limits the wait for another migration of the same database, for example when several replicas of a
	// service start at the same time.
	DefaultWait = time.Minute
)

// Options of Apply. All except Conventions may be zero: then all files that are built into the program are applied.
type Options struct {
	Conventions *project.Conventions // of the project that owns the database

	Dir    migrate.Dir // nil means Embedded
	To     string      // version, or file name, to stop after; "" means the last
	DryRun bool        // report what would be applied, in a read-only session without the lock, and write nothing
	// LockTimeout is the lock_timeout of the session. The statements of a file that is one transaction share it,
	// because the locks of the first statements are held while later statements wait. 0 means DefaultLockTimeout, but
	// no timeout while an index is built, rebuilt or dropped CONCURRENTLY: reads and writes do not queue behind the
	// locks that these statements wait for, and a canceled build is lost. A negative value means no timeout. A file
	// can set its own timeout.
	LockTimeout time.Duration
	// StatementTimeout is the statement_timeout of the session. 0 means DefaultStatementTimeout for files that are
	// one transaction, and no timeout for others. A negative value means no timeout. A file can set its own timeout.
	StatementTimeout time.Duration
	// LockRetries is the number of retries of a file that is one transaction, or of a statement of another file,
	// after a lock timeout or a deadlock. 0 means DefaultLockRetries. A negative value means no retry.
	LockRetries int
	Wait        time.Duration // for another migration to end; 0 means DefaultWait, negative means not at all
	Progress    func(Event)   // called for each event, one call at a time; may be nil
}

// Report of Apply. If Apply returns an error, it contains the files that were applied before.
type Report struct {
	DryRun  bool           `json:"dry_run"`
	From    string         `json:"from"`              // version before; "" if none
	To      string         `json:"to"`                // version after, or that a dry run would reach; "" if none
	Files   []AppliedFile  `json:"files"`             // files that were applied, or would be
	Unknown []string       `json:"unknown,omitempty"` // applied versions of the database that are newer than this directory
	Invalid []InvalidIndex `json:"invalid_indexes,omitempty"`
	Took    time.Duration  `json:"took_ns"` // including waits
}

// AppliedFile is a file that Apply applied, or would apply.
type AppliedFile struct {
	Name        string                 `json:"name"`
	Version     string                 `json:"version"`
	Transaction bool                   `json:"transaction"`             // false for -- atlas:txmode none
	Resumed     int                    `json:"resumed_after,omitempty"` // statements that an earlier attempt applied; Statements does not contain them
	Statements  []migrations.Statement `json:"statements"`
	Took        time.Duration          `json:"took_ns"` // 0 in a dry run
}

// Apply applies the pending files of the directory, up to Options.To, to the database at url. The login must be a
// member of the owner role, or a superuser. The connection must be direct, because the lock and the role belong to the
// session.
//
// Each file runs in one transaction together with its row in the revision table. The revision of a file with `--
// atlas:txmode none` is written before and after each statement; after a failure, the next Apply resumes with the
// statement that failed. Apply returns a *migrations.Refusal, before it runs a statement, if the directory
// contradicts the history. It returns a *StatementError if a statement fails. Files before the failed one remain
// applied.
//
// An interrupted concurrent index build leaves an invalid index. If its statement is tried again, by this Apply or a
// later one, the index is dropped first, if it is invalid and has exactly that name on exactly that table. The Report
// contains the indexes that are invalid at the end.
//
// If ctx ends, the running statement is canceled on the server too.
func Apply(ctx context.Context, url string, o Options) (report Report, err error) {
	began := time.Now()
	defer func() { report.Took = time.Since(began) }()
	report.DryRun, report.Files = o.DryRun, []AppliedFile{}
	a := &applier{noLockTimeout: o.LockTimeout == 0, unlimited: o.StatementTimeout == 0}
	if err := o.setDefaults(); err != nil {
		return report, err
	}
	a.Options = o
	files, err := migrations.Read(o.Dir)
	if err != nil {
		return report, err
	}
	to, err := versionOf(files, o.To)
	if err != nil {
		return report, err
	}
	a.session, err = connect(ctx, url, settings{owner: o.Conventions.Owner, lockTimeout: o.LockTimeout, readOnly: o.DryRun}, func(m string) { a.event(Notice{Message: m}) })
	if err != nil {
		return report, err
	}
	defer a.session.close()
	a.watcher = newWatcher(url, a.session.PgConn().PID(), o.LockTimeout, a.event)
	defer a.watcher.close()
	defer func() { report.Invalid = a.remaining(ctx, url) }()
	if !o.DryRun {
		err := a.session.lock(ctx, migrateLock, o.Wait, func(holder string) { a.event(Waiting{Holder: holder}) })
		if err != nil {
			return report, err
		}
	}
	a.revisions = NewRevisions(a.session, o.Conventions.Owner)
	revisions, err := a.revisions.ReadRevisions(ctx)
	if err != nil {
		return report, err
	}
	next, err := plan(files, revisions)
	if err != nil {
		return report, err
	}
	for _, r := range revisions {
		if done(r) {
			report.From = r.Version
		}
	}
	report.To, report.Unknown = report.From, next.unknown
	if to != "" {
		next.pending = slices.DeleteFunc(next.pending, func(f *migrations.File) bool { return f.Version > to })
	}
	a.event(Started{From: report.From, Files: len(next.pending)})
	if len(next.pending) > 0 && !o.DryRun {
		if err := a.revisions.create(ctx); err != nil {
			return report, err
		}
	}
	for _, f := range next.pending {
		partial := next.partial
		if partial != nil && partial.Version != f.Version {
			partial = nil
		}
		d := describe(f, partial)
		if !o.DryRun {
			began := time.Now()
			if err := a.file(ctx, f, partial); err != nil {
				return report, err
			}
			d.Took = time.Since(began)
		}
		report.Files = append(report.Files, d)
		report.To = f.Version
	}
	if !o.DryRun {
		if err := a.protect(ctx); err != nil {
			return report, err
		}
	}
	return report, nil
}

// protect protects the revision table after the files were applied, even if ctx has just ended.
func (a *applier) protect(ctx context.Context) error {
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return a.revisions.protect(late)
}

func (o *Options) setDefaults() error {
	if o.Conventions == nil {
		return errNoConventions
	}
	if o.Dir == nil {
		dir, err := migrations.Embedded()
		if err != nil {
			return err
		}
		o.Dir = dir
	}
	switch {
	case o.LockTimeout == 0:
		o.LockTimeout = DefaultLockTimeout
	case o.LockTimeout < 0:
		o.LockTimeout = 0 // which Postgres treats as no limit
	}
	switch {
	case o.StatementTimeout == 0:
		o.StatementTimeout = DefaultStatementTimeout
	case o.StatementTimeout < 0:
		o.StatementTimeout = 0
	}
	switch {
	case o.LockRetries == 0:
		o.LockRetries = DefaultLockRetries
	case o.LockRetries < 0:
		o.LockRetries = 0
	}
	switch {
	case o.Wait == 0:
		o.Wait = DefaultWait
	case o.Wait < 0:
		o.Wait = 0
	}
	return nil
}

// versionOf returns the version of to, which is a version or a file name. It returns "" for "".
func versionOf(files []migrations.File, to string) (string, error) {
	if to == "" {
		return "", nil
	}
	versions := make([]string, 0, len(files))
	for _, f := range files {
		if to == f.Version || to == f.Name {
			return f.Version, nil
		}
		versions = append(versions, f.Version)
	}
	if len(versions) == 0 {
		versions = []string{"no version, because the directory is empty"}
	}
	return "", &migrations.Refusal{Kind: migrations.ErrMissing, Reason: fmt.Sprintf("unknown migration %q", to),
		Advice: "use one of " + strings.Join(versions, ", ")}
}

func describe(f *migrations.File, partial *migrate.Revision) AppliedFile {
	d := AppliedFile{Name: f.Name, Version: f.Version, Transaction: f.Transaction}
	if partial != nil {
		d.Resumed = partial.Applied
	}
	d.Statements = f.Statements[min(d.Resumed, len(f.Statements)):]
	return d
}

type applier struct {
	Options
	noLockTimeout bool // concurrent index builds wait for locks without limit
	unlimited     bool // files that are not one transaction have no statement timeout
	session       *session
	revisions     *Revisions
	watcher       *watcher

	telling sync.Mutex // serializes events
}

func (a *applier) event(e Event) {
	if a.Progress != nil {
		a.telling.Lock()
		defer a.telling.Unlock()
		a.Progress(e)
	}
}

// file applies one file, starting with the statement at which partial stopped.
func (a *applier) file(ctx context.Context, f *migrations.File, partial *migrate.Revision) error {
	began := time.Now()
	if a.session.statementTimeout = a.StatementTimeout; !f.Transaction && a.unlimited {
		a.session.statementTimeout = 0
	}
	if err := a.session.reset(ctx); err != nil {
		return err
	}
	r := partial
	if r == nil {
		r = &migrate.Revision{Version: f.Version, Description: f.Description, Type: migrate.RevisionTypeExecute}
	}
	// Statements that were not applied may have been edited since.
	r.Hash, r.Total, r.ExecutedAt, r.OperatorVersion = f.Hash, len(f.Statements), began.UTC(), operator()
	a.event(FileStarted{File: f.Name, Applied: r.Applied, Statements: r.Total})
	var err error
	if f.Transaction {
		err = a.transaction(ctx, f, r)
	} else {
		err = a.statements(ctx, f, r)
	}
	if err != nil {
		return err
	}
	a.event(FileDone{File: f.Name, Statements: r.Total, Took: time.Since(began)})
	return nil
}

// transaction applies a file and writes its revision in one transaction.
func (a *applier) transaction(ctx context.Context, f *migrations.File, r *migrate.Revision) error {
	return a.retry(ctx, func() error {
		attempt := *r
		if err := a.attempt(ctx, f, &attempt); err != nil {
			return err
		}
		*r = attempt
		return nil
	})
}

func (a *applier) attempt(ctx context.Context, f *migrations.File, r *migrate.Revision) (err error) {
	tx, err := a.session.Begin(ctx)
	if err != nil {
		return fmt.Errorf("%s: start a transaction: %w", f.Name, err)
	}
	defer func() {
		if err != nil {
			late, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
			defer cancel()
			_ = tx.Rollback(late) // fails only if the connection is broken, and then the server rolls back
		}
	}()
	budget := newBudget(a.LockTimeout)
	for i := r.Applied; i < len(f.Statements); i++ {
		if i > r.Applied && !f.Sets("lock_timeout") {
			if err := budget.share(ctx, tx); err != nil {
				return fmt.Errorf("%s: %w", f.Name, err)
			}
		}
		if err := a.statement(ctx, f, i, ""); err != nil {
			kept := "the file was rolled back"
			if r.Applied > 0 {
				kept = fmt.Sprintf("the first %d statements remain applied from an earlier attempt, and the rest was rolled back", r.Applied)
			}
			return a.failed(ctx, f, i, r.Applied, kept, err)
		}
	}
	finish(r)
	if err := NewRevisions(tx, a.Conventions.Owner).WriteRevision(ctx, r); err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	if err := tx.Commit(ctx); err != nil {
		e := &StatementError{File: f.Name, Version: f.Version, Statements: len(f.Statements), Err: err, kept: "the file was rolled back"}
		e.Advice = e.kept + ": correct the file, run `chenu migrate hash`, and apply again"
		if state(err) == "" {
			e.Advice = "the connection was lost, so it is unknown whether the file was applied: run `chenu migrate status`"
		}
		return e
	}
	return nil
}

// interrupted is the error in the revision of a file that is not a transaction while a statement runs. It remains if
// this process or the connection ends before the result is known. Databases contain this text, so it must not change.
const interrupted = "interrupted: it is not known whether this statement was finished"

// statements applies a file statement by statement. It writes the revision after each, so that the revision is exact
// whenever the run ends.
func (a *applier) statements(ctx context.Context, f *migrations.File, r *migrate.Revision) error {
	// The settings of the statements that are already applied ended with their session.
	for i := range r.Applied {
		if s := f.Statements[i]; s.ChangesSession() {
			if _, err := a.session.Exec(ctx, s.SQL); err != nil {
				return a.failed(ctx, f, i, r.Applied, "no further statement was applied", err)
			}
		}
	}
	again, begun := r.Error == interrupted, r.ErrorStmt
	for i := r.Applied; i < len(f.Statements); i++ {
		r.Error, r.ErrorStmt, r.ExecutionTime = interrupted, f.Statements[i].SQL, time.Since(r.ExecutedAt)
		if err := a.revisions.WriteRevision(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		err := a.retry(ctx, func() error {
			err := a.statement(ctx, f, i, begun)
			begun = f.Statements[i].SQL
			if err == nil {
				return nil
			}
			kept := fmt.Sprintf("the %d statements before it remain applied, and the next apply resumes with this statement", i)
			if i == 0 {
				kept = "no statement before it was applied"
			}
			late, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
			defer cancel()
			return a.failed(late, f, i, i, kept, err)
		})
		if failed, ok := errors.AsType[*StatementError](err); ok {
			r.Error, r.ExecutionTime = failed.Err.Error(), time.Since(r.ExecutedAt)
			if again && alreadyThere(failed.Err) {
				r.Error = interrupted // the result of that attempt is still unknown
				failed.Advice = failed.kept + ": an earlier attempt was interrupted in this statement and may have completed it: " +
					"drop the object that it created, or add IF NOT EXISTS and run `chenu migrate hash`, and apply again"
			}
			late, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
			defer cancel()
			if err := a.revisions.WriteRevision(late, r); err != nil && !a.session.IsClosed() {
				failed.Err = errors.Join(failed.Err, err)
			}
			return failed
		}
		again, begun = false, ""
		r.Applied, r.PartialHashes = i+1, append(r.PartialHashes[:i:i], "h1:"+f.Statements[i].Sum)
		if ctx.Err() != nil && r.Applied < r.Total {
			return a.stopped(ctx, f, r)
		}
	}
	finish(r)
	// The file is complete. This is recorded even if ctx has just ended.
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := a.revisions.WriteRevision(late, r); err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	return nil
}

// stopped writes the revision when ctx has ended between two statements.
func (a *applier) stopped(ctx context.Context, f *migrations.File, r *migrate.Revision) error {
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	r.Error, r.ErrorStmt, r.ExecutionTime = ctx.Err().Error(), "", time.Since(r.ExecutedAt)
	if err := a.revisions.WriteRevision(late, r); err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	return a.failed(late, f, r.Applied, r.Applied, fmt.Sprintf("the %d statements before it remain applied, and the next apply resumes with this statement", r.Applied), ctx.Err())
}

func finish(r *migrate.Revision) {
	r.Applied, r.PartialHashes, r.Error, r.ErrorStmt = r.Total, nil, "", ""
	r.ExecutionTime = time.Since(r.ExecutedAt)
}

// statement runs one statement. begun is the statement at this position that an earlier attempt started, or "".
func (a *applier) statement(ctx context.Context, f *migrations.File, i int, begun string) error {
	s := f.Statements[i]
	at := Position{File: f.Name, Line: s.Line, Statement: i + 1, Statements: len(f.Statements), SQL: s.SQL}
	a.event(StatementStarted{at})
	began := time.Now()
	stop := a.watcher.watch(ctx, at)
	err := a.run(ctx, at, s.NoLockTimeout, begun)
	stop()
	if err != nil {
		return err
	}
	a.event(StatementDone{at, time.Since(began)})
	return nil
}

func (a *applier) run(ctx context.Context, at Position, noLockTimeout bool, begun string) error {
	if a.noLockTimeout && noLockTimeout {
		restore, err := a.session.waitForLocks(ctx)
		if err != nil {
			return err
		}
		defer restore()
	}
	if err := a.dropInvalid(ctx, at, begun); err != nil {
		return err
	}
	// Without arguments pgx uses the simple protocol, which accepts the same SQL as psql.
	_, err := a.session.Exec(ctx, at.SQL)
	return err
}

// failed returns the error of a statement with advice.
func (a *applier) failed(ctx context.Context, f *migrations.File, i, kept int, keptText string, err error) *StatementError {
	e := &StatementError{File: f.Name, Version: f.Version, Statement: i + 1, Statements: len(f.Statements), Line: f.Statements[i].Line,
		SQL: f.Statements[i].SQL, Kept: kept, Attempts: 1, Err: err, kept: keptText}
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Position > 0 {
		e.Line = f.LineAt(i, byteOffset(e.SQL, int(refused.Position)-1))
	}
	e.Advice = keptText + ": " + a.advice(ctx, e, refused)
	return e
}

func (a *applier) advice(ctx context.Context, e *StatementError, refused *pgconn.PgError) string {
	if refused == nil || strings.HasPrefix(refused.Code, "57P") {
		if errors.Is(e.Err, context.Canceled) || errors.Is(e.Err, context.DeadlineExceeded) {
			return "the run was canceled; apply again"
		}
		return "the connection was lost; run `chenu migrate status`, and apply again"
	}
	switch {
	case refused.Code == stateQueryCanceled && strings.Contains(refused.Message, "statement timeout"):
		return fmt.Sprintf("the statement exceeded the statement timeout of %s, which limits how long its locks block other sessions: "+
			"split the statement, or move it to a file that starts with `-- atlas:txmode none`, or apply with a longer --statement-timeout", a.session.statementTimeout)
	case refused.Code == stateQueryCanceled:
		return "the run was canceled; apply again"
	}
	switch left, err := leftover(ctx, a.session, e.SQL); {
	case err != nil || left == nil: // this information only improves the advice
	case refused.Code == stateUniqueViolation:
		return fmt.Sprintf("rows have duplicate keys: correct them, and apply again, which first drops the invalid index %s", left.Name)
	default:
		return fmt.Sprintf("apply again, which first drops the invalid index %s", left.Name)
	}
	switch {
	case refused.Code == stateActiveTransaction:
		return "move the statement to a file of its own that starts with `-- atlas:txmode none` and an empty line, and run `chenu migrate hash`"
	case refused.Code == stateInsufficientPrivilege && strings.Contains(refused.Message, "row-level security"):
		return "row-level security would hide rows from the statement: " +
			"add ALTER TABLE … NO FORCE ROW LEVEL SECURITY before it and FORCE ROW LEVEL SECURITY after it in the same file (if a trigger writes to the named table, " +
			"add SET row_security = on before it and off after it), and run `chenu migrate hash`"
	case refused.Code == stateInsufficientPrivilege:
		return a.Conventions.Owner + " lacks this privilege: run `chenu bootstrap`, which grants what migrations need"
	case alreadyThere(e.Err):
		return "the object already exists, but no migration that was applied here created it: check that this is the right database, and who created the object"
	}
	return "correct the file, run `chenu migrate hash`, and apply again"
}

func alreadyThere(err error) bool {
	switch state(err) {
	case stateDuplicateTable, stateDuplicateObject, stateDuplicateSchema:
		return true
	}
	return false
}

// byteOffset converts an offset in characters, as the server counts, into an offset in bytes.
func byteOffset(s string, characters int) int {
	for i := range s {
		if characters == 0 {
			return i
		}
		characters--
	}
	return len(s)
}

// operator returns the name of this program for the revision table.
func operator() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return "chenu " + info.Main.Version
	}
	return "chenu"
}

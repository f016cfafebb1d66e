// Package review reports on migration files. For each statement it lists the locks and what they
// block, scans and rewrites, possible failures on existing rows, timeouts, and a safer form. It
// also reports which roles gain or lose access. The facts are those that package replay observed on
// a server.
package review

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chenu/chenu/migrations/lint"
	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/policies/access"
	"github.com/chenu/chenu/postgres/dev"
)

// Report is the report on migration files, in the order in which they apply.
type Report struct {
	// ServerVersion is the version of the development server, such as 150018; 0 if there was no file
	// to run.
	ServerVersion int    `json:"server_version"`
	Files         []File `json:"files"`
	// Access contains the changes of access from before the first file to after the last. It is nil
	// if a statement failed.
	Access []access.Change `json:"access"`
	Totals Totals          `json:"totals"`
	// Findings are those that concern no file, such as an edited history.
	Findings []lint.Finding `json:"findings,omitempty"`
	// Sizes are the sizes of tables in the live database, if it was measured.
	Sizes map[string]Size `json:"sizes,omitempty"`
}

// File is the report on one file.
type File struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Transaction is false if each statement of the file commits separately. In a transaction, each
	// lock is held until the file ends.
	Transaction bool            `json:"transaction"`
	Statements  []Statement     `json:"statements"`
	Locks       []Lock          `json:"locks"`  // the strongest on each table
	Access      []access.Change `json:"access"` // changes by the file; nil if it fails
	// Findings are those that concern the whole file.
	Findings []lint.Finding `json:"findings,omitempty"`
}

// Statement is the report on one statement. Tables are those that existed before the file.
type Statement struct {
	Line   int     `json:"line"`
	SQL    string  `json:"sql"`
	Tables []Table `json:"tables"`
	// Fires names the triggers that fire for the written rows.
	Fires []string `json:"fires,omitempty"`
	// MayFail lists the conditions of existing rows under which the statement fails.
	MayFail []string `json:"may_fail,omitempty"`
	// Commits reports whether the statement is a block that commits: it
	// releases its locks at its next commit.
	Commits bool `json:"commits,omitempty"`
	// LockTimeout and StatementTimeout are in nanoseconds; 0 means no timeout.
	LockTimeout      time.Duration  `json:"lock_timeout_ns"`
	StatementTimeout time.Duration  `json:"statement_timeout_ns"`
	Findings         []lint.Finding `json:"findings,omitempty"`
	// Error is the error of Postgres when the statement was tried. The
	// statements after it were not tried.
	Error string `json:"error,omitempty"`
	// newTimeouts reports whether the timeouts differ from those of the
	// previous statement.
	newTimeouts bool
}

// Table is the effect of a statement on a table.
type Table struct {
	Name string `json:"name"`
	// Lock is the lock that the statement takes, if it is stronger than the
	// lock that the file already holds.
	Lock string `json:"lock,omitempty"`
	// Through is the lock that the statement takes on an index or a partition
	// of the table, if that blocks more: queries on the table open those too.
	Through string `json:"through,omitempty"`
	// Blocks is what these locks block: "blocks reads and writes",
	// "blocks writes", or "allows reads and writes".
	Blocks string `json:"waits,omitempty"`
	// Scanned reports whether the whole table is read, Rewritten whether the
	// table and its indexes are rewritten, which needs as much free space.
	Scanned   bool `json:"scanned,omitempty"`
	Rewritten bool `json:"rewritten,omitempty"`
	// Writes reports whether rows are changed. Each stays locked until the
	// next commit.
	Writes bool `json:"writes,omitempty"`
	mode   dev.LockMode
}

// Lock is the strongest lock on a table in a file.
type Lock struct {
	Table string `json:"table"`
	// Mode is the lock of the table, Through that of an index or partition if
	// it blocks more.
	Mode    string `json:"lock,omitempty"`
	Through string `json:"through,omitempty"`
	Blocks  string `json:"waits"`
	// Line is where the lock is taken. In a transaction it is held until the
	// end of the file.
	Line int `json:"line"`
	mode dev.LockMode
}

// Totals are counts over all files.
type Totals struct {
	Files      int `json:"files"`
	Statements int `json:"statements"`
	// Numbers of statements that block reads and writes, block only writes,
	// rewrite a table, scan a table, may fail on existing rows, and failed
	// when they were tried.
	ReadsWait  int `json:"reads_wait"`
	WritesWait int `json:"writes_wait"`
	Rewrites   int `json:"rewrites"`
	Scans      int `json:"scans"`
	MayFail    int `json:"may_fail"`
	Failed     int `json:"failed"`
	// Numbers of changes of access, without those of new objects.
	Widening  int `json:"widening"`
	Review    int `json:"review"`
	Narrowing int `json:"narrowing"`
	// Findings is the number of findings that are not accepted.
	Findings int `json:"findings"`
}

// New returns the report of a recorded run.
func New(ctx context.Context, record *replay.Record, options lint.Options) (*Report, error) {
	found, err := lint.Run(ctx, record, options)
	if err != nil {
		return nil, err
	}
	r := &Report{ServerVersion: record.ServerVersion, Files: []File{}}
	known := map[string]bool{}
	for _, f := range record.Files {
		known[f.Name] = true
		file, err := newFile(f, found)
		if err != nil {
			return nil, err
		}
		r.Files = append(r.Files, file)
	}
	r.Findings = where(found, func(f lint.Finding) bool { return !known[f.File] })
	if len(record.Files) == 0 {
		r.Access = []access.Change{}
	} else if n := len(record.Files); record.Files[n-1].After != nil {
		changes, err := access.Compare(record.Files[0].Before.State, record.Files[n-1].After.State)
		if err != nil {
			return nil, fmt.Errorf("compare access: %w", err)
		}
		r.Access = []access.Change{}
		for _, f := range record.Files {
			ownership, err := changesOfOwnership(f)
			if err != nil {
				return nil, err
			}
			for _, h := range ownership {
				h.What = f.Name + ", " + h.What
				r.Access = append(r.Access, h)
			}
		}
		r.Access = append(r.Access, changes...)
		access.Sort(r.Access)
	}
	r.count()
	r.Totals.Findings = len(lint.Open(found))
	return r, nil
}

func where(all []lint.Finding, is func(lint.Finding) bool) []lint.Finding {
	var some []lint.Finding
	for _, f := range all {
		if is(f) {
			some = append(some, f)
		}
	}
	return some
}

func newFile(f *replay.File, found []lint.Finding) (File, error) {
	file := File{Name: f.Name, Version: f.Version, Transaction: f.Transaction, Statements: []Statement{}, Locks: []Lock{}}
	file.Findings = where(found, func(o lint.Finding) bool { return o.File == f.Name && o.Statement == 0 })
	for i, s := range f.Statements {
		statement := Statement{
			Line: s.Line, SQL: s.SQL, Tables: []Table{}, Commits: s.Commits,
			LockTimeout: s.LockTimeout, StatementTimeout: s.StatementTimeout,
			Fires:    fires(f, s.Node),
			MayFail:  mayFail(f, s),
			Findings: where(found, func(o lint.Finding) bool { return o.File == f.Name && o.Statement == i+1 }),
		}
		statement.newTimeouts = i > 0 && timeouts(&statement) != timeouts(&file.Statements[i-1])
		if s.Err != nil {
			statement.Error = dev.Describe(s.Err).Error()
		}
		for _, e := range s.Effects {
			t := Table{Name: e.Table, Lock: e.Lock.String(), Blocks: e.Blocking(), Scanned: e.Scanned && !e.Rewritten, Rewritten: e.Rewritten, mode: max(e.Lock, e.Through)}
			if e.Through >= dev.Share && e.Blocking() != e.Lock.Blocking() {
				t.Through = e.Through.String()
			}
			t.Writes = slices.Contains(writes(s.Node), e.Table)
			if e.Lock < dev.RowExclusive { // locks that every query takes
				t.Lock = ""
			}
			if t.Lock == "" && t.Through == "" {
				t.Blocks, t.mode = "", 0
			}
			if t.Lock == "" && t.Through == "" && !t.Scanned && !t.Rewritten && !t.Writes {
				continue
			}
			statement.Tables = append(statement.Tables, t)
			file.lock(t, s.Line)
		}
		file.Statements = append(file.Statements, statement)
	}
	if f.After != nil {
		changes, err := access.Compare(f.Before.State, f.After.State)
		if err != nil {
			return File{}, fmt.Errorf("compare access around %s: %w", f.Name, err)
		}
		ownership, err := changesOfOwnership(f)
		if err != nil {
			return File{}, err
		}
		file.Access = slices.Concat(ownership, changes)
		access.Sort(file.Access)
		if file.Access == nil {
			file.Access = []access.Change{}
		}
	}
	return file, nil
}

// lock records the strongest lock on each table.
func (f *File) lock(t Table, line int) {
	if t.mode < dev.RowExclusive {
		return
	}
	l := Lock{Table: t.Name, Mode: t.Lock, Through: t.Through, Blocks: t.Blocks, Line: line, mode: t.mode}
	i := slices.IndexFunc(f.Locks, func(o Lock) bool { return o.Table == t.Name })
	switch {
	case i < 0:
		f.Locks = append(f.Locks, l)
	case f.Locks[i].mode < t.mode:
		f.Locks[i] = l
	}
	slices.SortFunc(f.Locks, func(a, b Lock) int { return strings.Compare(a.Table, b.Table) })
}

func (r *Report) count() {
	t := &r.Totals
	t.Files = len(r.Files)
	for _, f := range r.Files {
		for _, s := range f.Statements {
			t.Statements++
			var reads, writes, rewrites, scans bool
			for _, table := range s.Tables {
				reads = reads || table.mode >= dev.AccessExclusive
				writes = writes || table.mode >= dev.Share && table.mode < dev.AccessExclusive
				rewrites = rewrites || table.Rewritten
				scans = scans || table.Scanned
			}
			for _, c := range []struct {
				is bool
				n  *int
			}{{reads, &t.ReadsWait}, {writes && !reads, &t.WritesWait}, {rewrites, &t.Rewrites}, {scans && !rewrites, &t.Scans}, {len(s.MayFail) > 0, &t.MayFail}, {s.Error != "", &t.Failed}} {
				if c.is {
					*c.n++
				}
			}
		}
	}
	for _, c := range r.Access {
		if c.New && c.Effect != access.Review {
			continue
		}
		switch c.Effect {
		case access.Widening:
			t.Widening++
		case access.Review:
			t.Review++
		case access.Narrowing:
			t.Narrowing++
		case access.Unchanged:
		}
	}
}

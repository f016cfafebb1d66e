// Package replay runs migration files on a development database as apply does, statement by
// statement, and records the effects that Postgres reports: locks, scans, rewrites and timeouts,
// and the state of the database before and after each file. Reports and lint findings are based on
// these records.
package replay

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
	"github.com/jackc/pgx/v5/pgconn"
	pg "github.com/pganalyze/pg_query_go/v6"
	pgquery "github.com/wasilibs/go-pgquery"
	"google.golang.org/protobuf/proto"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/postgres/catalog"
	"github.com/chenu/chenu/postgres/dev"
)

// Input is the input of Run.
type Input struct {
	// Files are all files of the directory.
	Files []migrations.File
	// Want reports whether to record a file. Files before the first recorded file are only run. Files after the last
	// recorded file are not run.
	Want func(migrations.File) bool
	// Tables requests the tables before and after each statement that changes an existing table,
	// which Atlas' analyzers need. This takes time.
	Tables bool
	// Progress is called before each recorded file. It may be nil.
	Progress func(name string)
}

// Record is the result of Run.
type Record struct {
	ServerVersion int // server_version_num
	Files         []*File
}

// File is a recorded file.
type File struct {
	migrations.File
	Statements []*Statement
	// Before and After are the complete states. After is nil if a statement failed.
	Before, After *dev.Inspection
	// Existed contains the tables and views that existed before the file, as schema.name, quoted as
	// in SQL.
	Existed map[string]bool
	// Failed is the statement that Postgres rejected, nil if there is none. No later statement of
	// any file was run.
	Failed *Statement
}

// Statement is a statement of a file with its effects.
type Statement struct {
	migrations.Statement
	// Node is the parsed statement; nil if the parser of PostgreSQL 17 cannot parse it. Names that the search_path of
	// the session resolved to another schema than public have that schema; temporary tables have pg_temp.
	Node *pg.Node
	// Effects are the effects on tables that existed before the file.
	Effects []dev.Effect
	// Alone reports whether the statement cannot run in a transaction.
	Alone bool
	// Commits reports whether the statement is a block of code that commits. Its effects were
	// observed without the commits.
	Commits bool
	// LockTimeout and StatementTimeout are the timeouts of the statement; 0 means no timeout.
	LockTimeout, StatementTimeout time.Duration
	// Before and After are the tables around the statement, if Input.Tables is set and the
	// statement can change a table that existed before the file; otherwise nil. Changes of new
	// tables can happen between an After and the next Before.
	Before, After *schema.Realm
	// Err is the error of Postgres; nil if the statement succeeded.
	Err *pgconn.PgError
}

// Run replays files on a new database of the server. A failing statement is recorded, not returned
// as an error, unless its file is not recorded.
func Run(ctx context.Context, server *dev.Server, in Input) (*Record, error) {
	first, last := -1, -1
	for i, f := range in.Files {
		if in.Want(f) {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 {
		return &Record{}, nil
	}
	session, err := server.Create(ctx)
	if err != nil {
		return nil, err
	}
	dir := &migrate.MemDir{}
	for _, f := range in.Files[:first] {
		if err := dir.WriteFile(f.Name, []byte(f.Text)); err != nil {
			return nil, fmt.Errorf("replay: %w", err)
		}
	}
	if err := session.Replay(ctx, dir); err != nil {
		return nil, err
	}
	before, err := session.Inspect(ctx)
	if err != nil {
		return nil, err
	}
	record := &Record{ServerVersion: before.State.Version}
	for _, f := range in.Files[first : last+1] {
		if in.Progress != nil && in.Want(f) {
			in.Progress(f.Name)
		}
		there, err := session.Observe(ctx)
		if err != nil {
			return nil, fmt.Errorf("replay %s: %w", f.Name, err)
		}
		r := &run{Input: in, session: session, there: there, own: map[string]bool{}, file: &File{File: f, Before: before, Existed: there.Names()}}
		if err := r.run(ctx); err != nil {
			return nil, fmt.Errorf("replay %s: %w", f.Name, err)
		}
		if in.Want(f) {
			record.Files = append(record.Files, r.file)
		}
		if r.file.Failed != nil {
			if !in.Want(f) {
				return nil, fmt.Errorf("replay %s, line %d: %w", f.Name, r.file.Failed.Line, dev.Describe(r.file.Failed.Err))
			}
			return record, nil
		}
		before = r.file.After
	}
	return record, nil
}

// run is the replay of one file.
type run struct {
	Input
	session *dev.Session
	file    *File
	there   dev.Observation // the tables and views that existed before the file
	seen    dev.Observation // the same, in their current state
	own     map[string]bool // tables that the file has created
}

func (r *run) run(ctx context.Context) error {
	if err := r.setDefaults(ctx); err != nil {
		return err
	}
	statements := func() error { return r.statements(ctx) }
	var err error
	if r.file.Transaction {
		err = r.session.Transaction(ctx, statements)
	} else {
		err = statements()
	}
	if err != nil && !errors.Is(err, errRefused) {
		return err
	}
	// Settings of one file must not affect the next.
	if err := r.session.Exec(ctx, "RESET ALL"); err != nil {
		return err
	}
	if r.file.Failed != nil {
		return nil
	}
	if r.file.After, err = r.session.InspectRest(ctx, r.tables()); err != nil {
		return err
	}
	r.file.After.State.Roles = catalog.RolesAfter(r.file.Before.State.Roles, r.file.After.State.Roles, r.file.Text)
	return nil
}

// tables returns the tables after the last statement, or nil if they were not read.
func (r *run) tables() *schema.Realm {
	if n := len(r.file.Statements); n > 0 {
		return r.file.Statements[n-1].After
	}
	return nil
}

// setDefaults sets the default timeouts of `chenu migrate apply`.
func (r *run) setDefaults(ctx context.Context) error {
	statement := time.Duration(0)
	if r.file.Transaction {
		statement = apply.DefaultStatementTimeout
	}
	return r.session.Exec(ctx, fmt.Sprintf("SET lock_timeout = %d; SET statement_timeout = %d",
		apply.DefaultLockTimeout.Milliseconds(), statement.Milliseconds()))
}

var errRefused = errors.New("refused")

func (r *run) statements(ctx context.Context) error {
	realm := r.file.Before.Realm
	for _, s := range r.file.File.Statements {
		statement := &Statement{Statement: s, Node: Parse(s.SQL)}
		r.file.Statements = append(r.file.Statements, statement)
		if err := r.settings(ctx, statement); err != nil {
			return err
		}
		err := r.statement(ctx, statement)
		if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
			statement.Err, r.file.Failed = refused, statement
			return errRefused
		}
		if err != nil {
			return err
		}
		if r.Tables && r.changesTables(statement.Node) {
			statement.Before = realm
			if realm, err = r.session.Realm(ctx); err != nil {
				return err
			}
			statement.After = realm
		}
	}
	return nil
}

// statement runs one statement and observes it. In a file without a transaction, each statement
// gets its own transaction if it can run in one.
func (r *run) statement(ctx context.Context, s *Statement) error {
	if r.file.Transaction {
		return r.observed(ctx, s, s.SQL)
	}
	err := r.session.Transaction(ctx, func() error {
		r.seen = nil
		return r.observed(ctx, s, s.SQL)
	})
	switch refused, _ := errors.AsType[*pgconn.PgError](err); {
	case refused == nil:
		return err
	case refused.Code == "25001": // active_sql_transaction
		s.Alone = true
		return r.outside(ctx, s)
	case refused.Code == "2D000": // invalid_transaction_termination
		s.Commits = true
		if err := r.withoutCommits(ctx, s); err != nil {
			return err
		}
	default:
		return err
	}
	return r.session.Exec(ctx, s.SQL)
}

// outside runs and observes a statement that cannot run in a transaction.
func (r *run) outside(ctx context.Context, s *Statement) (err error) {
	if len(r.there) == 0 {
		return r.session.Exec(ctx, s.SQL)
	}
	s.Effects, err = r.session.ObserveOutside(ctx, waits(s), r.there)
	return err
}

// waits returns a statement without SKIP_LOCKED: with this option it does not wait for the observer, but skips the
// table. When it gets the lock, it has the same effects.
func waits(s *Statement) string {
	v := s.Node.GetVacuumStmt()
	skips := func(o *pg.Node) bool { return o.GetDefElem().GetDefname() == "skip_locked" }
	if !slices.ContainsFunc(v.GetOptions(), skips) {
		return s.SQL
	}
	n := proto.Clone(s.Node).(*pg.Node)
	n.GetVacuumStmt().Options = slices.DeleteFunc(n.GetVacuumStmt().GetOptions(), skips)
	sql, err := pgquery.Deparse(&pg.ParseResult{Stmts: []*pg.RawStmt{{Stmt: n}}})
	if err != nil {
		return s.SQL
	}
	return sql
}

var errUndo = errors.New("undo")

var commits = regexp.MustCompile(`(?i)\bCOMMIT\b`)

// withoutCommits observes a block of code without its commits, and rolls it back. Its writes can
// depend on the commits, but its locks do not.
func (r *run) withoutCommits(ctx context.Context, s *Statement) error {
	err := r.session.Transaction(ctx, func() error {
		r.seen = nil
		if err := r.observed(ctx, s, commits.ReplaceAllString(s.SQL, "NULL")); err != nil {
			return err
		}
		return errUndo
	})
	if errors.Is(err, errUndo) {
		return nil
	}
	return err
}

func (r *run) observed(ctx context.Context, s *Statement, sql string) error {
	if len(r.there) == 0 { // The file creates everything that it uses.
		return r.session.Exec(ctx, sql)
	}
	if r.seen == nil {
		all, err := r.session.Observe(ctx)
		if err != nil {
			return err
		}
		r.seen = all.Only(r.there)
	}
	if err := r.session.Exec(ctx, sql); err != nil {
		return err
	}
	after, err := r.session.Observe(ctx)
	if err != nil {
		return err
	}
	s.Effects = r.seen.Effects(after)
	r.seen = after.Only(r.seen)
	return nil
}

// Parse parses one statement; it returns nil if the parser cannot.
func Parse(sql string) *pg.Node {
	result, err := pgquery.Parse(sql)
	if err != nil || len(result.GetStmts()) != 1 {
		return nil
	}
	return result.GetStmts()[0].GetStmt()
}

// changesTables reports whether a statement may change what Atlas reads of tables that existed
// before the file.
func (r *run) changesTables(n *pg.Node) bool {
	switch {
	case n.GetCreateStmt() != nil:
		if name := Name(n.GetCreateStmt().GetRelation()); !r.file.Existed[name] {
			r.own[name] = true
		}
		return false
	case n.GetAlterTableStmt() != nil:
		return !r.own[Name(n.GetAlterTableStmt().GetRelation())]
	case n.GetIndexStmt() != nil:
		return !r.own[Name(n.GetIndexStmt().GetRelation())]
	case n.GetRenameStmt() != nil, n.GetAlterObjectSchemaStmt() != nil:
		clear(r.own) // the names now refer to other tables
		return true
	case n.GetDropStmt() != nil, n.GetDoStmt() != nil, n.GetCallStmt() != nil:
		return true
	}
	return n == nil
}

// DefaultSchema is the schema of a name without one in Statement.Node.
const DefaultSchema = "public"

// Name returns a table's name in the form of Effects. In Statement.Node, it is the name that the server resolves.
func Name(table *pg.RangeVar) string {
	if table == nil {
		return ""
	}
	space := table.GetSchemaname()
	if space == "" {
		space = DefaultSchema
	}
	return catalog.Qualify(space, table.GetRelname())
}

// Oneline returns the statement on one line, truncated to width.
func (s *Statement) Oneline(width int) string {
	text := strings.Join(strings.Fields(s.SQL), " ")
	if r := []rune(text); len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return text
}

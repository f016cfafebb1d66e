// Package explain explains whether an identity may read or write one row of a live database, and
// which clause of which policy decides. It tries the statement in a transaction that is always
// rolled back, and takes no lock that other sessions would notice.
package explain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/postgres/catalog"
	"github.com/chenu/chenu/postgres/project"
)

const (
	// lockTimeout limits the wait for a row that another session is changing.
	lockTimeout = 2 * time.Second
	// statementTimeout limits each statement.
	statementTimeout = 15 * time.Second
)

// Input is the question to explain.
type Input struct {
	// Conventions are the project's names. They are required.
	Conventions *project.Conventions
	// URL is a login that can SET ROLE to Role, like the logins of the service.
	URL string
	// AuditURL is a login that can SET ROLE to the auditor, whose policies show every row. If it is
	// empty, a row that Role cannot read cannot be distinguished from a row that does not exist.
	AuditURL string
	Identity uuid.UUID
	// Agent acts for the identity if Role is the agents' role, whose policies require its capabilities. If it is zero, no
	// agent acts, and those policies return no row.
	Agent   uuid.UUID
	Role    string // one of the serving roles
	Table   string // name or schema.name
	Command string // select, insert, update or delete
	ID      uuid.UUID
	Set     []Assignment // for insert and update
}

// Assignment is a column and its new value as text; nil is NULL.
type Assignment struct {
	Column string
	Value  *string
}

// Verdict is the outcome of the statement.
type Verdict string

// The verdicts.
const (
	Allowed Verdict = "allowed"
	Refused Verdict = "refused"
)

// Reason is the kind of rule that decided. The values are stable.
type Reason string

// The reasons.
const (
	ByPolicy     Reason = "policy"     // a policy's clauses, or the lack of a policy
	ByPrivilege  Reason = "privilege"  // no privilege on the table or a column
	ByAbsence    Reason = "no row"     // the row does not exist
	ByUnseen     Reason = "not seen"   // the row is not visible, and whether it exists is unknown
	ByGate       Reason = "gate"       // a human must approve it first
	ByConstraint Reason = "constraint" // a check, key or trigger
)

// Explanation is the result of Explain.
type Explanation struct {
	Table    string    `json:"table"`
	Command  string    `json:"command"`
	Role     string    `json:"role"`
	Identity uuid.UUID `json:"identity"`
	// ID is the id of the row; nil if none was given.
	ID      *uuid.UUID `json:"id,omitempty"`
	Verdict Verdict    `json:"verdict"`
	Reason  Reason     `json:"reason"`
	// Because is the reason as a sentence.
	Because string `json:"because"`
	// Exists reports whether the row exists. It is nil if that is unknown, or if the command needs
	// no row.
	Exists *bool `json:"exists,omitempty"`
	// Privileges are the privileges of the role on the table.
	Privileges Privileges `json:"privileges"`
	// RowSecurity reports whether policies apply.
	RowSecurity bool `json:"row_security"`
	// Stages are the conditions that the policies decide, in order.
	Stages []Stage `json:"stages"`
	// Answer is the response of Postgres to the attempt.
	Answer Answer `json:"answer"`
	// Notes state assumptions.
	Notes []string `json:"notes,omitempty"`
}

// Privileges are the columns that the command may name.
type Privileges struct {
	Granted bool     `json:"granted"`
	Columns []string `json:"columns,omitempty"`
	// Lacking contains the assigned columns that the role may not set.
	Lacking []string `json:"lacking,omitempty"`
}

// Stage is one condition for one row.
type Stage struct {
	// Question describes the condition: "may read the row".
	Question string `json:"question"`
	// Passed is the decision of the policies; nil if it is unknown.
	Passed   *bool    `json:"passed,omitempty"`
	Policies []Policy `json:"policies"`
}

// Policy is a policy that applies, with its value for the row.
type Policy struct {
	Name       string `json:"name"`
	Permissive bool   `json:"permissive"`
	Condition
}

// Condition is an expression with its value and its clauses.
type Condition struct {
	SQL   string `json:"sql"`
	Value Truth  `json:"value"`
	// Connective joins the clauses: AND or OR.
	Connective string      `json:"connective,omitempty"`
	Clauses    []Condition `json:"clauses,omitempty"`
}

// Truth is the value of a condition, or unknown.
type Truth string

// Answer is the response of Postgres.
type Answer struct {
	Rows int64 `json:"rows"` // rows that the statement read or wrote
	// SQLState, Message and Constraint are those of the error, if there was one.
	SQLState   string `json:"sqlstate,omitempty"`
	Message    string `json:"message,omitempty"`
	Constraint string `json:"constraint,omitempty"`
}

// usage is the error of an invalid Input.
type usage struct{ text string }

func (u usage) Error() string { return u.text }

// IsUsage reports whether the error is that of an invalid Input.
func IsUsage(err error) bool {
	_, ok := errors.AsType[usage](err)
	return ok
}

func wrong(format string, args ...any) error { return usage{fmt.Sprintf(format, args...)} }

// Explain explains whether the statement is allowed. A refusal is a verdict, not an error.
func Explain(ctx context.Context, in Input) (_ *Explanation, err error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	w := &work{Input: in}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.open(ctx); err != nil {
		return nil, err
	}
	return w.explain(ctx)
}

func (in *Input) check() error {
	in.Command = strings.ToLower(in.Command)
	switch {
	case !slices.Contains([]string{"select", "insert", "update", "delete"}, in.Command):
		return wrong("unknown command %q: use select, insert, update or delete", in.Command)
	case !in.Conventions.Serves(in.Role):
		return wrong("%q is not a serving role: use %s", in.Role, strings.Join(in.Conventions.Serving(), " or "))
	case in.Identity == uuid.Nil:
		return wrong("the identity is missing")
	case in.Table == "":
		return wrong("the table is missing")
	case in.Command != "insert" && in.ID == uuid.Nil:
		return wrong("the id of the row is missing")
	case in.Command == "insert" && in.ID != uuid.Nil:
		return wrong("an insert takes the id as a column: set id")
	case len(in.Set) > 0 && in.Command != "insert" && in.Command != "update":
		return wrong("%s does not set columns: remove the assignments", in.Command)
	}
	return nil
}

// work is the state of one Explain.
type work struct {
	Input
	conn, audit *pgx.Conn // audit is nil if there is none
	tx, auditTx pgx.Tx
	superuser   bool // the auditor's login is a superuser
	table       table
	old, row    json.RawMessage // the existing and the new row; nil if there is none
}

func (w *work) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var errs []error
	for _, tx := range []pgx.Tx{w.tx, w.auditTx} {
		if tx != nil {
			if err := tx.Rollback(ctx); err != nil && !errors.Is(err, pgx.ErrTxClosed) {
				errs = append(errs, fmt.Errorf("roll back: %w", err))
			}
		}
	}
	for _, conn := range []*pgx.Conn{w.conn, w.audit} {
		if conn != nil {
			errs = append(errs, conn.Close(ctx))
		}
	}
	return errors.Join(errs...)
}

// open starts the transactions. Both use the same snapshot of the database.
func (w *work) open(ctx context.Context) (err error) {
	if w.conn, err = dial(ctx, w.URL); err != nil {
		return err
	}
	mode := pgx.ReadWrite
	if w.Command == "select" {
		mode = pgx.ReadOnly
	}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: mode}
	if w.tx, err = w.conn.BeginTx(ctx, options); err != nil {
		return fmt.Errorf("start a transaction: %w", err)
	}
	auditURL := w.AuditURL
	if auditURL == "" {
		// If the login is a superuser or a member of both roles, one connection is enough.
		may := false
		if err := w.tx.QueryRow(ctx, "SELECT pg_has_role(session_user, $1::name, 'MEMBER')", w.Conventions.Auditor).Scan(&may); err != nil {
			return fmt.Errorf("read the login: %w", err)
		}
		if may {
			auditURL = w.URL
		}
	}
	if auditURL != "" {
		if err := w.openAudit(ctx, auditURL); err != nil {
			return err
		}
	}
	if w.table, err = readTable(ctx, w.tx, w.Input); err != nil {
		return err
	}
	return w.become(ctx)
}

func (w *work) openAudit(ctx context.Context, url string) (err error) {
	var snapshot string
	if err := w.tx.QueryRow(ctx, "SELECT pg_export_snapshot()").Scan(&snapshot); err != nil {
		return fmt.Errorf("export the snapshot: %w", err)
	}
	if w.audit, err = dial(ctx, url); err != nil {
		return fmt.Errorf("as the auditor: %w", err)
	}
	if w.auditTx, err = w.audit.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}); err != nil {
		return fmt.Errorf("start a transaction as the auditor: %w", err)
	}
	if _, err := w.auditTx.Exec(ctx, "SET TRANSACTION SNAPSHOT "+literal(snapshot)); err != nil {
		return fmt.Errorf("use the auditor's snapshot (do both URLs name the same database?): %w", err)
	}
	if err := w.auditTx.QueryRow(ctx, "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user").Scan(&w.superuser); err != nil {
		return fmt.Errorf("read the auditor's login: %w", err)
	}
	if w.superuser {
		return nil // a superuser sees every row
	}
	if _, err := w.auditTx.Exec(ctx, "SET LOCAL ROLE "+catalog.Ident(w.Conventions.Auditor)); err != nil {
		return fmt.Errorf("the login %s cannot SET ROLE %s: %w", w.audit.Config().User, w.Conventions.Auditor, err)
	}
	return nil
}

func dial(ctx context.Context, url string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(url) // its errors do not contain the password
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // no prepared statement outlives the transaction, also with a connection pooler
	config.RuntimeParams["application_name"] = "policies explain"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return conn, nil
}

// prepareSQL limits how long the transaction can hold locks, and applies the settings of the server that a request
// relies on.
const prepareSQL = `SELECT set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true),
	set_config('search_path', 'public', true), set_config('TimeZone', 'UTC', true), set_config('row_security', 'on', true)`

// become sets the role and the settings of a request of the identity. The settings that a request has in addition to
// the identity and the actor are empty.
func (w *work) become(ctx context.Context) error {
	actor := w.Identity
	if w.Role == w.Conventions.Agent && w.Agent != uuid.Nil {
		actor = w.Agent
	}
	if _, err := w.tx.Exec(ctx, prepareSQL, fmt.Sprint(lockTimeout.Milliseconds()), fmt.Sprint(statementTimeout.Milliseconds())); err != nil {
		return fmt.Errorf("prepare the transaction: %w", err)
	}
	values := []any{w.Role, w.Identity.String(), actor.String()}
	for range w.Conventions.RequestSettings {
		values = append(values, "")
	}
	_, err := w.tx.Exec(ctx, w.Conventions.SettingsSQL(), values...)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42501" {
		return fmt.Errorf("the login %s cannot SET ROLE %s: use the login that serves requests, or a superuser", w.conn.Config().User, w.Role)
	}
	if err != nil {
		return fmt.Errorf("set role %s: %w", w.Role, err)
	}
	if w.auditTx != nil {
		if _, err := w.auditTx.Exec(ctx, "SELECT set_config('search_path', '', true), set_config('TimeZone', 'UTC', true), set_config('statement_timeout', $1, true)",
			fmt.Sprint(statementTimeout.Milliseconds())); err != nil {
			return fmt.Errorf("prepare the auditor: %w", err)
		}
	}
	return nil
}

func (w *work) explain(ctx context.Context) (*Explanation, error) {
	e := &Explanation{
		Table: w.table.name, Command: w.Command, Role: w.Role, Identity: w.Identity, RowSecurity: w.table.security,
		Privileges: w.table.privileges(w.Command, w.Set), Stages: []Stage{},
	}
	if w.ID != uuid.Nil {
		e.ID = &w.ID
	}
	if err := w.readRow(ctx, e); err != nil {
		return nil, err
	}
	if err := w.fill(e); err != nil {
		return nil, err
	}
	answer, err := w.attempt(ctx)
	if err != nil {
		return nil, err
	}
	e.Answer = *answer
	if w.Command == "insert" || w.Command == "update" {
		if err := w.newRow(ctx); err != nil {
			return nil, err
		}
	}
	if e.Stages, err = w.stages(ctx); err != nil {
		return nil, err
	}
	w.decide(e)
	return e, nil
}

// readRow reads the row as the auditor, whose policies show every row.
func (w *work) readRow(ctx context.Context, e *Explanation) error {
	if w.ID == uuid.Nil {
		return nil
	}
	if !w.table.has("id") {
		return wrong("table %s has no column id", w.table.name)
	}
	tx := w.auditTx
	if tx == nil || !w.table.audited && !w.superuser {
		tx = w.tx
	}
	order := ""
	if w.table.has("created_by") {
		order = " ORDER BY (t.created_by = " + literal(w.Identity.String()) + "::uuid) DESC"
	}
	err := tx.QueryRow(ctx, "SELECT to_jsonb(t) FROM "+w.table.name+" t WHERE t.id = $1::text::uuid"+order+" LIMIT 1", w.ID.String()).Scan(&w.old)
	pg, refused := errors.AsType[*pgconn.PgError](err)
	switch {
	case err == nil:
		there := true
		e.Exists = &there
	case errors.Is(err, pgx.ErrNoRows) && tx == w.auditTx:
		there := false
		e.Exists = &there
	case errors.Is(err, pgx.ErrNoRows) && w.auditTx != nil:
		e.Notes = append(e.Notes, "whether the row exists is unknown: "+w.Conventions.Auditor+" cannot read every row of this table")
	case errors.Is(err, pgx.ErrNoRows):
		e.Notes = append(e.Notes, "whether the row exists is unknown: reading it requires a login that can SET ROLE "+w.Conventions.Auditor)
	case refused && pg.Code == "42501" && tx == w.tx:
		return w.restart(ctx)
	default:
		return fmt.Errorf("read the row: %w", err)
	}
	return nil
}

// restart starts a new transaction after an error.
func (w *work) restart(ctx context.Context) error {
	if err := w.tx.Rollback(ctx); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	mode := pgx.ReadWrite
	if w.Command == "select" {
		mode = pgx.ReadOnly
	}
	var err error
	if w.tx, err = w.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: mode}); err != nil {
		return fmt.Errorf("start a transaction: %w", err)
	}
	return w.become(ctx)
}

// fill sets the columns of a new row that the service sets, and selects a column for an update
// without assignments.
func (w *work) fill(e *Explanation) error {
	for _, a := range w.Set {
		if !w.table.has(a.Column) {
			return wrong("table %s has no column %s", w.table.name, a.Column)
		}
	}
	sets := func(column string) bool {
		return slices.ContainsFunc(w.Set, func(a Assignment) bool { return a.Column == column })
	}
	add := func(column, value string) {
		if w.table.has(column) && !sets(column) && slices.Contains(w.table.columnsFor("insert"), column) {
			w.Set = append(w.Set, Assignment{column, &value})
			e.Notes = append(e.Notes, column+" was set to "+value)
		}
	}
	switch {
	case w.Command == "insert":
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("generate an id: %w", err)
		}
		add("id", id.String())
		add("created_by", w.Identity.String())
	case w.Command == "update" && len(w.Set) == 0:
		e.Notes = append(e.Notes, "no column was set, so the attempt sets a column to its current value")
	}
	return nil
}

// savepoint runs fn and rolls back its changes.
func (w *work) savepoint(ctx context.Context, fn func(tx pgx.Tx) error) error {
	inner, err := w.tx.Begin(ctx)
	if err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	err = fn(inner)
	if undo := inner.Rollback(ctx); undo != nil {
		return fmt.Errorf("roll back: %w", undo)
	}
	return err
}

// attempt runs the statement as the service would, and rolls it back.
func (w *work) attempt(ctx context.Context) (*Answer, error) {
	sql, args := w.statement()
	answer := &Answer{}
	err := w.savepoint(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sql, args...)
		if err != nil {
			return err
		}
		answer.Rows = tag.RowsAffected()
		_, err = tx.Exec(ctx, "SET CONSTRAINTS ALL IMMEDIATE") // checks what a commit would check
		return err
	})
	pg, refused := errors.AsType[*pgconn.PgError](err)
	switch {
	case err == nil:
		return answer, nil
	case !refused:
		return nil, fmt.Errorf("try the statement: %w", err)
	case pg.Code == "40001" || pg.Code == "55P03" || pg.Code == "57014" || pg.Code == "40P01":
		return nil, fmt.Errorf("try the statement: another session is changing the row: try again (SQLSTATE %s)", pg.Code)
	case pg.Code == "25006": // read_only_sql_transaction
		return nil, errors.New("try the statement: the server is read-only: use the URL of the primary")
	case pg.Code[:2] == "08" || pg.Code[:2] == "53" || pg.Code[:2] == "57" || pg.Code[:2] == "XX":
		return nil, fmt.Errorf("try the statement: %w", err)
	case pg.Code == "22P02" || pg.Code == "22007" || pg.Code == "22008" || pg.Code == "22003":
		return nil, wrong("a value is not valid for its column: %s", pg.Message)
	}
	answer.Rows, answer.SQLState, answer.Message, answer.Constraint = 0, pg.Code, pg.Message, pg.ConstraintName
	return answer, nil
}

// statement returns the SQL of the attempt. Writes return the id, as those of the service do.
func (w *work) statement() (sql string, args []any) {
	where := func() string {
		args = append(args, w.ID.String())
		return fmt.Sprintf(" WHERE id = $%d::text::uuid", len(args))
	}
	value := func(a Assignment) string {
		args = append(args, a.Value)
		return fmt.Sprintf("$%d::text::%s", len(args), w.table.typeOf(a.Column))
	}
	switch w.Command {
	case "select":
		return "SELECT id FROM " + w.table.name + where(), args
	case "delete":
		return "DELETE FROM " + w.table.name + where(), args
	case "update":
		var sets []string
		for _, a := range w.Set {
			sets = append(sets, catalog.Ident(a.Column)+" = "+value(a))
		}
		if len(sets) == 0 {
			column := "id"
			if may := w.table.columnsFor("update"); len(may) > 0 {
				column = may[0]
			}
			sets = []string{catalog.Ident(column) + " = " + catalog.Ident(column)}
		}
		return "UPDATE " + w.table.name + " SET " + strings.Join(sets, ", ") + where() + " RETURNING id", args
	default:
		var columns, values []string
		for _, a := range w.Set {
			columns = append(columns, catalog.Ident(a.Column))
			values = append(values, value(a))
		}
		if len(columns) == 0 {
			return "INSERT INTO " + w.table.name + " DEFAULT VALUES", nil
		}
		return "INSERT INTO " + w.table.name + " (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(values, ", ") + ") RETURNING id", args
	}
}

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

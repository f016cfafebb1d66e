package entpgx

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// The statements beside the settings that every connection knows by name.
const (
	commitSQL   = "COMMIT"
	rollbackSQL = "ROLLBACK"
)

// StatementCacheSize is the number of prepared statements that a connection keeps, besides those that every transaction
// needs.
const StatementCacheSize = 512

// connection is a connection with its prepared statements. It belongs to whoever holds the connection.
type connection struct {
	driver *Driver
	pg     *pgconn.PgConn
	// named is false behind a transaction pooler, which hands each transaction to
	// another server process: there nothing may be prepared.
	named   bool
	encoder encoder
	fixed   map[string]*pgconn.StatementDescription
	cached  map[string]*list.Element // of *statement, by its SQL
	recent  *list.List               // most recently used first
	closing []string                 // names to deallocate with the next exchange
	// generation is the pool's schema generation when the cache was filled.
	generation uint64
	// announced is the detail of the notice with the SQLSTATE Config.Announced in this exchange.
	announced string
}

// receiveNotice keeps the detail of the notice that announces an error. The notice goes to the client alone, while errors are
// also logged by the server, DETAIL included.
func receiveNotice(conn *pgconn.PgConn, n *pgconn.Notice) {
	if w, ok := conn.CustomData()[connectionKey].(*connection); ok && n.Code == w.driver.config.Announced {
		w.announced = n.Detail
	}
}

// AnnouncedError is an error whose SQLSTATE is Config.Announced, with the detail of the notice that came ahead of it.
type AnnouncedError struct {
	*pgconn.PgError

	Detail string
}

// Unwrap returns the server's error.
func (e *AnnouncedError) Unwrap() error { return e.PgError }

// statement is a prepared statement with what binding and reading it needs.
type statement struct {
	*pgconn.StatementDescription
	columns []column
	formats []int16
	room    size // what its last result took
}

// connectionKey is the key of the custom data of a pgconn.PgConn that is its connection.
const connectionKey = "entpgx"

func connectionOf(conn *pgx.Conn) *connection {
	return conn.PgConn().CustomData()[connectionKey].(*connection)
}

// prepare makes a connection ready for use. If named is true, it prepares the statements that every transaction needs, all
// in one round trip, so that an error in a pipeline never costs their preparation again.
func (c *Driver) prepare(ctx context.Context, conn *pgx.Conn, named bool) error {
	w := &connection{
		driver: c, pg: conn.PgConn(), named: named, encoder: encoder{types: conn.TypeMap()},
		fixed:  map[string]*pgconn.StatementDescription{},
		cached: map[string]*list.Element{}, recent: list.New(),
	}
	w.pg.CustomData()[connectionKey] = w
	if !named {
		return nil
	}
	fixed := slices.Concat([]string{c.config.Settings, c.config.ReadOnlySettings, commitSQL, rollbackSQL}, beginStatements)
	slices.Sort(fixed)
	fixed = slices.Compact(fixed) // the two settings can be the same
	p := w.pg.StartPipeline(ctx)
	for _, query := range fixed {
		p.SendPrepare(statementName(fixedPrefix, query), query, nil)
	}
	err := p.Sync()
	for i := 0; i < len(fixed) && err == nil; i++ {
		var got any
		if got, err = p.GetResults(); err != nil {
			break
		}
		sd, ok := got.(*pgconn.StatementDescription)
		if !ok {
			err = fmt.Errorf("prepare %q: unexpected answer %T", fixed[i], got)
			break
		}
		sd.Name, sd.SQL = statementName(fixedPrefix, fixed[i]), fixed[i]
		w.fixed[sd.SQL] = sd
	}
	if err = errors.Join(err, p.Close()); err != nil {
		return fmt.Errorf("entpgx: prepare a connection: %w", err)
	}
	return nil
}

// fixedPrefix starts the names of the statements that every transaction needs.
const fixedPrefix = "entpgx_fixed_"

// statementName is the name a statement is prepared under. It follows from the
// text, so that no name ever means two statements: were a pooler in between after
// all, another client's statement would be missing or there already, an error in
// either case, and never be run in place of one's own.
func statementName(prefix, query string) string {
	sum := sha256.Sum256([]byte(query))
	return prefix + hex.EncodeToString(sum[:16])
}

// step is a fixed statement that goes ahead of another in its round trip.
type step struct {
	sql    string
	params [][]byte
}

// exchange sends the steps and then the query, when there is one, up to one
// Sync, and reads everything to the end: one round trip, and outside an explicit
// transaction one implicit transaction, whose commit is over when it returns.
// (Postgres manual, section 55.2.3: "the backend closes the current transaction
// at Sync if it is not inside a BEGIN/COMMIT block".)
//
// When nothing about the query is known yet it is parsed, described, bound and
// executed all the same in that one trip, with parameters and results as text.
// Parsing comes after the settings: it needs the role's rights.
func (w *connection) exchange(ctx context.Context, steps []step, query string, args []any) (*result, error) {
	known := w.lookup(query)
	var oids []uint32
	if known != nil {
		oids = known.ParamOIDs
		if oids == nil {
			oids = []uint32{}
		}
	}
	if query != "" {
		if err := w.encoder.encode(oids, args); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}

	w.announced = ""
	p := w.pg.StartPipeline(ctx)
	for _, name := range w.closing {
		p.SendDeallocate(name)
	}
	for _, s := range steps {
		if sd := w.fixed[s.sql]; sd != nil {
			p.SendQueryStatement(sd, s.params, nil, nil)
		} else {
			p.SendQueryParams(s.sql, s.params, nil, nil, nil)
		}
	}
	name := ""
	switch {
	case query == "":
	case known != nil:
		p.SendQueryStatement(known.StatementDescription, w.encoder.values, w.encoder.formats, known.formats)
	case w.named:
		name = statementName("entpgx_", query)
		p.SendPrepare(name, query, nil)
		p.SendQueryPrepared(name, w.encoder.values, w.encoder.formats, nil)
	default:
		p.SendQueryParams(query, w.encoder.values, nil, w.encoder.formats, nil)
	}
	if err := p.Sync(); err != nil {
		return nil, err
	}
	closing := len(w.closing)
	w.closing = nil

	r, err := w.answers(p, closing, len(steps), query, name, known, rowBudgetOf(ctx))
	closeErr := p.Close()
	if err == nil {
		err = closeErr
	}
	if err != nil {
		w.failed(query, err)
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok && w.driver.config.Announced != "" && pg.Code == w.driver.config.Announced {
			err = &AnnouncedError{pg, w.announced}
		}
		return nil, err
	}
	return r, nil
}

// answers reads what an exchange gives back, in the order it was sent.
func (w *connection) answers(p *pgconn.Pipeline, closed, steps int, query, name string, known *statement, budget *RowBudget) (*result, error) {
	for range closed {
		if _, err := p.GetResults(); err != nil {
			return nil, err
		}
	}
	r := &result{}
	for range steps {
		rr, err := nextResult(p)
		if err != nil {
			return nil, err
		}
		if r.tag, err = rr.Close(); err != nil {
			return nil, err
		}
	}
	if query != "" {
		if name != "" {
			got, err := p.GetResults()
			if err != nil {
				// It may have been parsed and then not been described. Closing a
				// statement that does not exist is no error.
				w.closing = append(w.closing, name)
				return nil, err
			}
			sd, ok := got.(*pgconn.StatementDescription)
			if !ok {
				return nil, fmt.Errorf("entpgx: unexpected answer %T to a preparation", got)
			}
			sd.Name, sd.SQL = name, query
			w.remember(sd)
		}
		rr, err := nextResult(p)
		if err != nil {
			return nil, err
		}
		var room size
		if known != nil {
			r.columns, room = known.columns, known.room
		} else {
			r.columns = columnsOf(rr.FieldDescriptions())
		}
		if err := r.read(rr, room, budget); err != nil {
			return nil, err
		}
		if known != nil {
			known.room = size{len(r.data), len(r.cells)}
		}
	}
	// The Sync: outside an explicit transaction this is the implicit commit, and
	// its error (a deferred constraint, a serialization failure) the statement's.
	got, err := p.GetResults()
	if err != nil {
		return nil, err
	}
	if _, ok := got.(*pgconn.PipelineSync); !ok {
		return nil, fmt.Errorf("entpgx: unexpected answer %T to a Sync", got)
	}
	return r, nil
}

func nextResult(p *pgconn.Pipeline) (*pgconn.ResultReader, error) {
	got, err := p.GetResults()
	if err != nil {
		return nil, err
	}
	rr, ok := got.(*pgconn.ResultReader)
	if !ok {
		return nil, fmt.Errorf("entpgx: unexpected answer %T to a statement", got)
	}
	return rr, nil
}

func columnsOf(fields []pgconn.FieldDescription) []column {
	columns := make([]column, len(fields))
	for i, f := range fields {
		columns[i] = column{name: f.Name, oid: f.DataTypeOID, format: f.Format}
	}
	return columns
}

// lookup returns the query's statement, or nil when the connection has not
// prepared it.
func (w *connection) lookup(query string) *statement {
	e := w.cached[query]
	if e == nil {
		return nil
	}
	w.recent.MoveToFront(e)
	return e.Value.(*statement)
}

// remember keeps a statement the server has just prepared.
func (w *connection) remember(sd *pgconn.StatementDescription) {
	s := &statement{StatementDescription: sd, columns: columnsOf(sd.Fields), formats: make([]int16, len(sd.Fields))}
	for i := range s.columns {
		if binaryFormat(s.columns[i].oid) {
			s.formats[i] = pgtype.BinaryFormatCode
		}
		s.columns[i].format = s.formats[i]
	}
	w.cached[sd.SQL] = w.recent.PushFront(s)
	if w.recent.Len() > StatementCacheSize {
		w.drop(w.recent.Back())
	}
}

// drop forgets a statement and has the server forget it with the next exchange.
func (w *connection) drop(e *list.Element) {
	s := w.recent.Remove(e).(*statement)
	delete(w.cached, s.SQL)
	w.closing = append(w.closing, s.Name)
}

// forget drops all statements; the fixed ones touch no table.
func (w *connection) forget() {
	for w.recent.Len() > 0 {
		w.drop(w.recent.Back())
	}
}

// failed forgets the statement whose error says that it is out of date. Any
// other error leaves the prepared statements as they are: a unique violation
// does not cost the next request a preparation.
func (w *connection) failed(query string, err error) {
	if !outdated(err) {
		return
	}
	if e := w.cached[query]; e != nil {
		w.drop(e)
	}
}

// outdated tells whether a prepared statement no longer fits the schema: a
// migration ran since. It is known by the server's routine, which unlike the
// message is not translated. The statement itself did nothing.
func outdated(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "0A000" && pg.Routine == "RevalidateCachedQuery"
}

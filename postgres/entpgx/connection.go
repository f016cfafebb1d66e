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

// The statements, in addition to the settings, that every connection has prepared under a fixed name.
const (
	commitSQL   = "COMMIT"
	rollbackSQL = "ROLLBACK"
)

// StatementCacheSize is the number of prepared statements that a connection caches, in addition to those that every
// transaction needs.
const StatementCacheSize = 512

// connection is a connection with its prepared statements. Only the holder of the connection may use it.
type connection struct {
	driver *Driver
	pg     *pgconn.PgConn
	// named is false behind a transaction pooler, which assigns each transaction to another server process, so no
	// statement may be prepared.
	named   bool
	encoder encoder
	fixed   map[string]*pgconn.StatementDescription
	cached  map[string]*list.Element // of *statement, by its SQL
	recent  *list.List               // most recently used first
	closing []string                 // names to deallocate with the next exchange
	// generation is the pool's schema generation for which the cache was filled.
	generation uint64
	// announced is the detail of the notice with the SQLSTATE Config.Announced in this exchange.
	announced string
}

// receiveNotice stores the detail of the notice that announces an error. A notice is sent to the client only, whereas
// the server also logs errors, including DETAIL.
func receiveNotice(conn *pgconn.PgConn, n *pgconn.Notice) {
	if w, ok := conn.CustomData()[connectionKey].(*connection); ok && n.Code == w.driver.config.Announced {
		w.announced = n.Detail
	}
}

// AnnouncedError is an error whose SQLSTATE is Config.Announced, with the detail of the notice that preceded it.
type AnnouncedError struct {
	*pgconn.PgError

	Detail string
}

// Unwrap returns the server's error.
func (e *AnnouncedError) Unwrap() error { return e.PgError }

// statement is a prepared statement with the data for binding parameters and reading results.
type statement struct {
	*pgconn.StatementDescription
	columns []column
	formats []int16
	room    size // size of its last result
}

// connectionKey is the key of the connection in the custom data of a pgconn.PgConn.
const connectionKey = "entpgx"

func connectionOf(conn *pgx.Conn) *connection {
	return conn.PgConn().CustomData()[connectionKey].(*connection)
}

// prepare makes a connection ready for use. If named is true, it prepares the statements that every transaction needs,
// in one round trip, so that an error in a pipeline never requires preparing them again.
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

// fixedPrefix is the prefix of the names of the statements that every transaction needs.
const fixedPrefix = "entpgx_fixed_"

// statementName returns the name under which a statement is prepared. It is derived from the text, so that a name never
// refers to two statements. If a pooler were used by mistake, a statement would be missing or would already exist, both
// of which are errors, but another client's statement would never run instead.
func statementName(prefix, query string) string {
	sum := sha256.Sum256([]byte(query))
	return prefix + hex.EncodeToString(sum[:16])
}

// step is a fixed statement that is sent before another statement in the same round trip.
type step struct {
	sql    string
	params [][]byte
}

// exchange sends the steps and then the query, if there is one, followed by one Sync, and reads all responses. This is
// one round trip and, outside an explicit transaction, one implicit transaction, which has ended when exchange returns.
// (Postgres manual, section 55.2.3: "the backend closes the current transaction at Sync if it is not inside a
// BEGIN/COMMIT block".)
//
// A query that the connection does not know yet is parsed, described, bound and executed in the same round trip, with
// parameters and results as text. It is parsed after the settings, because parsing needs the role's privileges.
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

// answers reads the responses to an exchange, in the order in which it was sent.
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
				// The statement may have been parsed although it was not described. Closing a statement that does not
				// exist is no error.
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
	// The response to Sync. Outside an explicit transaction this is the implicit commit, whose error (a deferred
	// constraint, a serialization failure) is returned as that of the statement.
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

// lookup returns the query's statement, or nil if the connection has not prepared it.
func (w *connection) lookup(query string) *statement {
	e := w.cached[query]
	if e == nil {
		return nil
	}
	w.recent.MoveToFront(e)
	return e.Value.(*statement)
}

// remember caches a statement that the server has just prepared.
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

// drop removes a statement from the cache and deallocates it with the next exchange.
func (w *connection) drop(e *list.Element) {
	s := w.recent.Remove(e).(*statement)
	delete(w.cached, s.SQL)
	w.closing = append(w.closing, s.Name)
}

// forget drops all cached statements. The fixed statements stay, because they use no table.
func (w *connection) forget() {
	for w.recent.Len() > 0 {
		w.drop(w.recent.Back())
	}
}

// failed drops the statement if the error says that it is outdated. After other errors the prepared statements stay, so
// that a unique violation does not require the next request to prepare again.
func (w *connection) failed(query string, err error) {
	if !outdated(err) {
		return
	}
	if e := w.cached[query]; e != nil {
		w.drop(e)
	}
}

// outdated reports whether the error means that a prepared statement no longer fits the schema, because a migration ran
// in the meantime. It compares the name of the server's routine, because the message may be translated. The statement
// had no effect.
func outdated(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "0A000" && pg.Routine == "RevalidateCachedQuery"
}

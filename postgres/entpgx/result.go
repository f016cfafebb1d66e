package entpgx

import (
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"sync"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// column describes one column of a result. It is shared by all results of a prepared statement and is immutable.
type column struct {
	name   string
	oid    uint32
	format int16
}

// result is the complete result of a statement. It is read to the end, including the end of a transaction that ends
// with it, before the caller gets it. So the statement that causes an error of the implicit commit returns it, unclosed
// rows never hold a connection, and a second statement of a transaction never has to wait for the rows of the first.
type result struct {
	columns []column
	// data holds all values one after another. cells has the place of each value, row by row.
	data  []byte
	cells []cell
	tag   pgconn.CommandTag
}

// cell is the place of a value in data. An end of -1 is NULL.
type cell struct{ start, end int32 }

// size is the size of a result.
type size struct{ data, cells int }

// most is the maximum size that is allocated in advance: after a large result, later results of the same statement must
// not allocate as much.
var most = size{data: 64 << 10, cells: 4 << 10}

// read copies the rows of rr, whose buffers belong to the connection. room is the size of the statement's last result.
// Rows beyond the budget, if there is one, are read from the connection and discarded.
func (r *result) read(rr *pgconn.ResultReader, room size, budget *RowBudget) error {
	for rr.NextRow() {
		if len(r.cells) > 0 && budget.exceeded(len(r.data), rr.Values()) {
			budget.cut = true
			break
		}
		if r.cells == nil {
			r.data = make([]byte, 0, min(room.data, most.data))
			r.cells = make([]cell, 0, max(len(r.columns), min(room.cells, most.cells)))
		}
		for _, v := range rr.Values() {
			if v == nil {
				r.cells = append(r.cells, cell{end: -1})
				continue
			}
			start := len(r.data)
			if start+len(v) > math.MaxInt32 {
				return errors.New("entpgx: the result is larger than 2 GiB: ask for it in pages")
			}
			r.data = append(r.data, v...)
			r.cells = append(r.cells, cell{int32(start), int32(len(r.data))})
		}
	}
	tag, err := rr.Close()
	r.tag = tag
	return err
}

// rows iterates over a result. Ent scans from it. It is not safe for concurrent use.
type rows struct {
	result *result
	next   int
}

var _ entsql.ColumnScanner = (*rows)(nil)

// Columns returns the columns' names.
func (r *rows) Columns() ([]string, error) {
	names := make([]string, len(r.result.columns))
	for i, c := range r.result.columns {
		names[i] = c.name
	}
	return names, nil
}

// ColumnTypes describes the columns as database/sql does.
func (r *rows) ColumnTypes() ([]*sql.ColumnType, error) {
	std, err := standardRows(&result{columns: r.result.columns})
	if err != nil {
		return nil, err
	}
	types, err := std.ColumnTypes()
	return types, errors.Join(err, std.Close())
}

// Next advances to the next row.
func (r *rows) Next() bool {
	width := len(r.result.columns)
	if width == 0 || (r.next+1)*width > len(r.result.cells) {
		r.next = len(r.result.cells)/max(width, 1) + 1
		return false
	}
	r.next++
	return true
}

// NextResultSet always returns false: the extended protocol has one result set per statement.
func (r *rows) NextResultSet() bool { return false }

// Err always returns nil: errors are reported before the first row.
func (r *rows) Err() error { return nil }

// Close ends the iteration. There are no resources to release.
func (r *rows) Close() error {
	r.next = len(r.result.cells) + 1
	return nil
}

// Scan copies the current row into dest, by the rules of database/sql; it also accepts destinations into which pgx can
// scan.
func (r *rows) Scan(dest ...any) error {
	width := len(r.result.columns)
	if r.next < 1 || width == 0 || r.next*width > len(r.result.cells) {
		return errors.New("entpgx: Scan called without a row: call Next first")
	}
	if len(dest) != width {
		return fmt.Errorf("entpgx: the row has %d columns, Scan was given %d destinations", width, len(dest))
	}
	cells := r.result.cells[(r.next-1)*width:]
	for i, d := range dest {
		if err := r.result.scan(i, cells[i], d); err != nil {
			return fmt.Errorf("scan column %q: %w", r.result.columns[i].name, err)
		}
	}
	return nil
}

// bytes returns the value in place; the caller must not keep the slice.
func (r *result) bytes(c cell) []byte {
	if c.end < 0 {
		return nil
	}
	if r.data == nil { // all values are empty; a slice of nil would be NULL
		return []byte{}
	}
	return r.data[c.start:c.end:c.end]
}

// scan copies a value to dest. The types into which Ent's generated code scans come first and need neither reflection
// nor a conversion through driver.Value.
func (r *result) scan(i int, c cell, dest any) error {
	col, src := r.columns[i], r.bytes(c)
	switch d := dest.(type) {
	case *uuid.UUID:
		if src != nil && col.oid == pgtype.UUIDOID && col.format == pgtype.BinaryFormatCode && len(src) == len(d) {
			copy(d[:], src)
			return nil
		}
	case *sql.NullString:
		if src == nil {
			*d = sql.NullString{}
			return nil
		}
		if col.textual() {
			*d = sql.NullString{String: string(src), Valid: true}
			return nil
		}
	case *sql.NullTime:
		if t, ok := col.time(src); ok {
			*d = sql.NullTime{Time: t, Valid: true}
			return nil
		}
	case *sql.NullInt64:
		if n, ok := col.integer(src); ok {
			*d = sql.NullInt64{Int64: n, Valid: true}
			return nil
		}
	case *string:
		if src != nil && col.textual() {
			*d = string(src)
			return nil
		}
	case *[]byte:
		if src == nil {
			*d = nil
			return nil
		}
		if col.textual() || col.oid == pgtype.ByteaOID && col.format == pgtype.BinaryFormatCode {
			*d = append(make([]byte, 0, len(src)), src...)
			return nil
		}
	case *int64:
		if n, ok := col.integer(src); ok {
			*d = n
			return nil
		}
	case *int:
		if n, ok := col.integer(src); ok && int64(int(n)) == n {
			*d = int(n)
			return nil
		}
	case *time.Time:
		if t, ok := col.time(src); ok {
			*d = t
			return nil
		}
	case *bool:
		if src != nil && col.oid == pgtype.BoolOID && len(src) == 1 {
			*d = src[0] == 1 || src[0] == 't'
			return nil
		}
	case *any:
		v, err := r.value(i, c)
		*d = v
		return err
	case *entsql.UnknownType:
		v, err := r.value(i, c)
		*d = v
		return err
	case *entsql.NullScanner:
		// An optional id, by far the most frequent case.
		if id, ok := d.S.(*uuid.UUID); ok && src != nil && col.oid == pgtype.UUIDOID && col.format == pgtype.BinaryFormatCode && len(src) == len(id) {
			copy(id[:], src)
			d.Valid = true
			return nil
		}
	}
	if s, ok := dest.(sql.Scanner); ok {
		v, err := r.value(i, c)
		if err != nil {
			return err
		}
		return s.Scan(v)
	}
	return scanType(col, src, dest)
}

// typeMaps are pgx's decoders. A map must not be used concurrently, and when a result is scanned, the map of its
// connection may already be in use by the next holder. Times are returned in UTC.
var typeMaps = sync.Pool{New: func() any {
	m := pgtype.NewMap()
	m.RegisterType(&pgtype.Type{Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC}})
	return m
}}

func scanType(c column, src []byte, dest any) error {
	types := typeMaps.Get().(*pgtype.Map)
	defer typeMaps.Put(types)
	return types.Scan(c.oid, c.format, src, dest)
}

// textual reports whether the value's bytes are its text.
func (c column) textual() bool {
	if c.format == pgtype.TextFormatCode {
		return c.oid != pgtype.ByteaOID
	}
	return c.oid == pgtype.TextOID || c.oid == pgtype.VarcharOID
}

// integer decodes integers in binary format.
func (c column) integer(src []byte) (int64, bool) {
	if c.format != pgtype.BinaryFormatCode {
		return 0, false
	}
	switch {
	case c.oid == pgtype.Int8OID && len(src) == 8:
		return int64(binary.BigEndian.Uint64(src)), true
	case c.oid == pgtype.Int4OID && len(src) == 4:
		return int64(int32(binary.BigEndian.Uint32(src))), true
	case c.oid == pgtype.Int2OID && len(src) == 2:
		return int64(int16(binary.BigEndian.Uint16(src))), true
	}
	return 0, false
}

// epoch is the zero time of Postgres, in microseconds of Unix time.
const epoch = 946_684_800 * 1_000_000

// time decodes a timestamptz in binary format. It does not decode the infinities, which time.Time cannot represent; pgx
// returns an error for them.
func (c column) time(src []byte) (time.Time, bool) {
	if c.oid != pgtype.TimestamptzOID || c.format != pgtype.BinaryFormatCode || len(src) != 8 {
		return time.Time{}, false
	}
	micro := int64(binary.BigEndian.Uint64(src))
	if micro == math.MaxInt64 || micro == math.MinInt64 {
		return time.Time{}, false
	}
	return time.UnixMicro(micro + epoch).UTC(), true
}

// value converts a cell to one of the driver values of database/sql, as drivers for Postgres do: integers to int64,
// floats to float64, bytea and JSON to []byte, times to time.Time in UTC, and everything else, including numeric, uuid
// and arrays, to its text.
func (r *result) value(i int, c cell) (driver.Value, error) {
	col, src := r.columns[i], r.bytes(c)
	if src == nil {
		return nil, nil
	}
	switch col.oid {
	case pgtype.Int8OID, pgtype.Int4OID, pgtype.Int2OID:
		if n, ok := col.integer(src); ok {
			return n, nil
		}
		return strconv.ParseInt(string(src), 10, 64)
	case pgtype.OIDOID, pgtype.XIDOID, pgtype.CIDOID:
		return strconv.ParseInt(string(src), 10, 64) // always fetched as text
	case pgtype.BoolOID:
		if len(src) != 1 {
			return nil, fmt.Errorf("a boolean of %d bytes", len(src))
		}
		return src[0] == 1 || src[0] == 't', nil
	case pgtype.Float8OID:
		if col.format == pgtype.BinaryFormatCode && len(src) == 8 {
			return math.Float64frombits(binary.BigEndian.Uint64(src)), nil
		}
		return strconv.ParseFloat(string(src), 64)
	case pgtype.Float4OID:
		if col.format == pgtype.BinaryFormatCode && len(src) == 4 {
			return float64(math.Float32frombits(binary.BigEndian.Uint32(src))), nil
		}
		return strconv.ParseFloat(string(src), 32)
	case pgtype.TimestamptzOID, pgtype.TimestampOID, pgtype.DateOID:
		if t, ok := col.time(src); ok {
			return t, nil
		}
		var t time.Time
		if err := scanType(col, src, &t); err != nil {
			return nil, err
		}
		return t.UTC(), nil
	case pgtype.UUIDOID:
		if col.format == pgtype.BinaryFormatCode && len(src) == 16 {
			return uuid.UUID(src).String(), nil
		}
		return string(src), nil
	case pgtype.ByteaOID:
		var b []byte
		err := scanType(col, src, &b)
		return b, err
	case pgtype.JSONOID, pgtype.JSONBOID, pgtype.XMLOID:
		return append(make([]byte, 0, len(src)), src...), nil
	default:
		return string(src), nil
	}
}

// binaryFormat reports whether values of the type are requested in binary format once a statement is known, because
// that format is cheaper to decode. Other types are requested as text, which every scanner for Postgres understands.
func binaryFormat(oid uint32) bool {
	switch oid {
	case pgtype.BoolOID, pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.Float4OID, pgtype.Float8OID,
		pgtype.UUIDOID, pgtype.ByteaOID, pgtype.TimestamptzOID, pgtype.TimestampOID, pgtype.DateOID:
		return true
	}
	return false
}

// affected is the sql.Result of a statement.
type affected struct{ tag pgconn.CommandTag }

// LastInsertId returns an error: use RETURNING.
func (affected) LastInsertId() (int64, error) {
	return 0, errors.New("entpgx: Postgres has no last insert id: use RETURNING")
}

// RowsAffected returns the number in the statement's command tag.
func (a affected) RowsAffected() (int64, error) { return a.tag.RowsAffected(), nil }

// driverRows makes a result available to database/sql; see standardRows.
type driverRows struct {
	rows  rows
	names []string
}

func (d *driverRows) Columns() []string { return d.names }
func (d *driverRows) Close() error      { return d.rows.Close() }

func (d *driverRows) Next(dest []driver.Value) error {
	if !d.rows.Next() {
		return io.EOF
	}
	r := d.rows.result
	cells := r.cells[(d.rows.next-1)*len(r.columns):]
	for i := range dest {
		v, err := r.value(i, cells[i])
		if err != nil {
			return fmt.Errorf("scan column %q: %w", r.columns[i].name, err)
		}
		dest[i] = v
	}
	return nil
}

package session_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/server/session"
)

type kindName string // a named string type, like the graph's enums

type upper string // a Valuer with a value receiver, which must not be called on a nil pointer

func (u upper) Value() (driver.Value, error) { return strings.ToUpper(string(u)), nil }

// TestValues sends every type of argument that Ent and raw queries use to a column of each type, and reads it into
// every type of destination. Each statement runs three times: first when the connection has not prepared it, with all
// values as text, and then twice prepared. It runs once more as behind a pooler, where it is never prepared. All
// results must be equal.
func TestValues(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *session.Config) { c.MaxConns = 1 })
	pooled := open(t, b.database, func(c *session.Config) { c.Pooler = true })
	ctx, _ := as(t)

	id := uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057")
	moment := time.Date(2026, 11, 22, 23, 59, 59, 123456000, time.UTC)
	zoned := moment.In(time.FixedZone("", -5*3600))
	early := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)

	for _, test := range []struct {
		name string
		sql  string // the type that $1 is cast to
		arg  any
		dest any // a pointer; the test scans into a new value of its type
		want any // the expected value that it points to
	}{
		{"uuid", "uuid", id, new(uuid.UUID), id},
		{"uuid pointer", "uuid", &id, new(uuid.UUID), id},
		{"uuid as text", "uuid", id.String(), new(string), id.String()},
		{"uuid into NullString", "uuid", id, new(sql.NullString), sql.NullString{String: id.String(), Valid: true}},
		{"uuid into any", "uuid", id, new(any), id.String()},
		{"uuid into a pointer", "uuid", id, new(*uuid.UUID), &id},
		{"uuid to text", "text", id, new(string), id.String()},
		{"uuids", "uuid[]", []uuid.UUID{id, id}, new(string), "{" + id.String() + "," + id.String() + "}"},

		{"text", "text", "Grüße", new(string), "Grüße"},
		{"empty text", "text", "", new(sql.NullString), sql.NullString{Valid: true}},
		{"text into bytes", "text", "x", new([]byte), []byte("x")},
		{"text into a pointer", "text", "x", new(*string), new("x")},
		{"text into any", "text", "x", new(any), "x"},
		{"text of a named type", "text", kindName("draft"), new(kindName), kindName("draft")},
		{"varchar", "varchar(9)", "x", new(string), "x"},
		{"char", "char(3)", "x", new(string), "x  "},
		{"number to text", "text", 5, new(string), "5"},
		{"valuer", "text", upper("x"), new(string), "X"},
		{"valuer pointer", "text", new(upper("x")), new(string), "X"},
		{"nil valuer pointer", "text", (*upper)(nil), new(sql.NullString), sql.NullString{}},
		{"text that looks like JSON", "text", `{"a":1}`, new(any), `{"a":1}`},

		{"bigint", "bigint", int64(math.MaxInt64), new(int64), int64(math.MaxInt64)},
		{"bigint into NullInt64", "bigint", -1, new(sql.NullInt64), sql.NullInt64{Int64: -1, Valid: true}},
		{"bigint into int", "bigint", uint32(7), new(int), 7},
		{"bigint into any", "bigint", 7, new(any), int64(7)},
		{"bigint into text", "bigint", 7, new(sql.NullString), sql.NullString{String: "7", Valid: true}},
		{"bigint from text", "bigint", "7", new(int64), int64(7)},
		{"integer", "integer", int8(-7), new(int32), int32(-7)},
		{"integer into NullInt64", "integer", -7, new(sql.NullInt64), sql.NullInt64{Int64: -7, Valid: true}},
		{"smallint", "smallint", -7, new(int64), int64(-7)},
		{"oid", "oid", 7, new(any), int64(7)},
		{"boolean", "boolean", true, new(bool), true},
		{"boolean into NullBool", "boolean", false, new(sql.NullBool), sql.NullBool{Valid: true}},
		{"boolean into any", "boolean", true, new(any), true},
		{"double", "double precision", 0.1, new(float64), 0.1},
		{"double into NullFloat64", "double precision", float32(0.5), new(sql.NullFloat64), sql.NullFloat64{Float64: 0.5, Valid: true}},
		{"infinite double", "double precision", math.Inf(1), new(any), math.Inf(1)},
		{"real", "real", 0.5, new(any), 0.5},

		{"numeric", "numeric(14,2)", decimal.RequireFromString("1250.10"), new(string), "1250.10"},
		{"numeric into decimal", "numeric", decimal.RequireFromString("0.1"), new(decimal.Decimal), decimal.RequireFromString("0.1")},
		{"numeric into NullScanner", "numeric", "12345678901234567890.123", &entsql.NullScanner{S: new(decimal.Decimal)}, nil},
		{"numeric into any", "numeric", 5, new(any), "5"},
		{"numeric from float", "numeric", 1.5, new(string), "1.5"},

		{"timestamptz", "timestamptz", moment, new(time.Time), moment},
		{"timestamptz of another zone", "timestamptz", zoned, new(time.Time), moment},
		{"timestamptz into NullTime", "timestamptz", moment, new(sql.NullTime), sql.NullTime{Time: moment, Valid: true}},
		{"timestamptz into a pointer", "timestamptz", &moment, new(*time.Time), &moment},
		{"timestamptz into any", "timestamptz", moment, new(any), moment},
		{"zero time", "timestamptz", early, new(time.Time), early},
		{"timestamp", "timestamp", moment, new(time.Time), moment},
		{"date", "date", moment, new(time.Time), time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)},
		{"date of another zone", "date", zoned, new(time.Time), time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)},
		{"date type", "date", datatype.Date{Year: 2026, Month: 2, Day: 28}, new(datatype.Date), datatype.Date{Year: 2026, Month: 2, Day: 28}},
		{"interval", "interval", "1 day 02:00:00", new(string), "1 day 02:00:00"},

		{"jsonb", "jsonb", json.RawMessage(`{"a": [1]}`), new([]byte), []byte(`{"a": [1]}`)},
		{"jsonb into any", "jsonb", json.RawMessage(`{}`), new(any), []byte(`{}`)},
		{"jsonb from text", "jsonb", `"x"`, new(string), `"x"`},
		{"json null is not NULL", "jsonb", json.RawMessage(`null`), new([]byte), []byte(`null`)},
		{"json", "json", json.RawMessage(`{"a":1}`), new(string), `{"a":1}`},
		{"bytea", "bytea", []byte{0, 255, '\\'}, new([]byte), []byte{0, 255, '\\'}},
		{"empty bytea", "bytea", []byte{}, new([]byte), []byte{}},
		{"bytea into any", "bytea", []byte{0}, new(any), []byte{0}},

		{"texts", "text[]", datatype.Texts{`a"b`, `c\d`, "e,f", "", "NULL"}, new(datatype.Texts), datatype.Texts{`a"b`, `c\d`, "e,f", "", "NULL"}},
		{"no texts", "text[]", datatype.Texts{}, new(datatype.Texts), datatype.Texts{}},
		{"text slice", "text[]", []string{"a", `b"c`}, new([]string), []string{"a", `b"c`}},
		{"number slice", "bigint[]", []int64{1, 2}, new([]int64), []int64{1, 2}},
		{"array into any", "bigint[]", []int64{1, 2}, new(any), "{1,2}"},
		{"inet", "inet", "2001:db8::1", new(string), "2001:db8::1"},

		{"NULL", "text", nil, new(sql.NullString), sql.NullString{}},
		{"NULL into any", "bigint", nil, new(any), any(nil)},
		{"NULL bytes", "bytea", []byte(nil), new([]byte), []byte(nil)},
		{"NULL JSON", "jsonb", json.RawMessage(nil), new([]byte), []byte(nil)},
		{"NULL time", "timestamptz", (*time.Time)(nil), new(sql.NullTime), sql.NullTime{}},
		{"NULL uuid", "uuid", (*uuid.UUID)(nil), new(*uuid.UUID), (*uuid.UUID)(nil)},
		{"NULL number", "bigint", (*int)(nil), new(sql.NullInt64), sql.NullInt64{}},
		{"NULL slice", "text[]", []string(nil), new([]string), []string(nil)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for i, db := range []*session.DB{b.DB, b.DB, b.DB, pooled} {
				dest := reflect.New(reflect.TypeOf(test.dest).Elem())
				if n, ok := test.dest.(*entsql.NullScanner); ok {
					dest = reflect.ValueOf(&entsql.NullScanner{S: reflect.New(reflect.TypeOf(n.S).Elem()).Interface().(sql.Scanner)})
				}
				// Ent's code path: this package scans the values.
				query(ctx, t, db, "/* "+test.name+" */ SELECT $1::"+test.sql+" AS v", []any{test.arg}, dest.Interface())
				got := dest.Elem().Interface()
				if n, ok := got.(entsql.NullScanner); ok {
					if d := n.S.(*decimal.Decimal); !n.Valid || d.String() != test.arg {
						t.Errorf("run %d: got %v (valid %v), want %v", i, d, n.Valid, test.arg)
					}
					continue
				}
				if !equal(got, test.want) {
					t.Errorf("run %d: got %#v, want %#v", i, got, test.want)
				}
			}
		})
	}
}

func equal(got, want any) bool {
	if d, ok := got.(decimal.Decimal); ok {
		return d.Equal(want.(decimal.Decimal))
	}
	return reflect.DeepEqual(got, want)
}

// query runs a query as Ent does and scans its single row.
func query(ctx context.Context, t testing.TB, db *session.DB, query string, args []any, dest ...any) {
	t.Helper()
	rows := &entsql.Rows{}
	if err := session.Driver(db).Query(ctx, query, args, rows); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	if !rows.Next() {
		t.Fatalf("%s: no row", query)
	}
	if err := rows.Scan(dest...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// TestRefusedValues shows that a value that does not fit is an error and is not converted, in both forms of a
// statement.
func TestRefusedValues(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *session.Config) { c.MaxConns = 1 })
	ctx, _ := as(t)
	c := b.Client()
	for _, test := range []struct {
		name, query string
		args        []any
		dest        any
	}{
		{"too large for an integer", "SELECT $1::integer AS v", []any{int64(1) << 40}, new(int64)},
		{"not a number", "SELECT $1::bigint AS v", []any{"x"}, new(int64)},
		{"too few arguments", "SELECT $1::bigint, $2::bigint AS v", []any{1}, new(int64)},
		{"too many arguments", "SELECT $1::bigint AS v", []any{1, 2}, new(int64)},
		{"a type that cannot be encoded", "SELECT $1::bigint AS v", []any{struct{ X int }{1}}, new(int64)},
		{"a channel", "SELECT $1::bigint AS v", []any{make(chan int)}, new(int64)},
		{"NULL into a value", "SELECT NULL::bigint AS v", nil, new(int64)},
		{"text into a number", "SELECT 'x'::text AS v", nil, new(int64)},
		{"an infinite time", "SELECT 'infinity'::timestamptz AS v", nil, new(time.Time)},
		{"a value that overflows", "SELECT 4000000000::bigint AS v", nil, new(int32)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for i := range 3 {
				err := func() error {
					rows := &entsql.Rows{}
					if err := session.Driver(b.DB).Query(ctx, test.query, append([]any{}, test.args...), rows); err != nil {
						return err
					}
					defer rows.Close()
					rows.Next()
					return rows.Scan(test.dest)
				}()
				if err == nil {
					t.Errorf("run %d: no error, got %v", i, reflect.ValueOf(test.dest).Elem())
				}
			}
			// The connection still works.
			var n int
			scanOne(ctx, t, c, "SELECT 1", nil, &n)
		})
	}
}

// TestStandardRows shows that a raw query returns standard *sql.Rows.
func TestStandardRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, id := as(t)
	rows, err := b.Client().QueryContext(ctx, `SELECT n, 'x' || n AS text, $1::uuid AS id, now() AS at, 1.50::numeric AS amount,
		NULL::text AS nothing, true AS flag, '\x00ff'::bytea AS raw, '{"a":1}'::jsonb AS doc, 2.5::float8 AS real FROM generate_series(1, 3) n`, id)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		t.Fatal(err)
	}
	var described []string
	for _, c := range types {
		described = append(described, c.Name()+" "+c.DatabaseTypeName()+" "+c.ScanType().String())
	}
	want := "n INT4 int64|text TEXT string|id UUID string|at TIMESTAMPTZ time.Time|amount NUMERIC string|" +
		"nothing TEXT string|flag BOOL bool|raw BYTEA []uint8|doc JSONB []uint8|real FLOAT8 float64"
	if got := strings.Join(described, "|"); got != want {
		t.Errorf("columns:\n got %s\nwant %s", got, want)
	}
	count := 0
	for rows.Next() {
		count++
		var (
			n       int
			text    string
			got     uuid.UUID
			at      time.Time
			amount  decimal.Decimal
			nothing *string
			flag    bool
			raw     []byte
			doc     json.RawMessage
			ratio   float32
		)
		if err := rows.Scan(&n, &text, &got, &at, &amount, &nothing, &flag, &raw, &doc, &ratio); err != nil {
			t.Fatal(err)
		}
		if n != count || got != id || at.Location() != time.UTC || amount.String() != "1.5" || nothing != nil || !flag ||
			string(raw) != "\x00\xff" || string(doc) != `{"a": 1}` || ratio != 2.5 || text != "x"+string(rune('0'+n)) {
			t.Errorf("row %d: %v %v %v %v %v %v %v %v %s %v", count, n, text, got, at, amount, nothing, flag, raw, doc, ratio)
		}
	}
	if err := rows.Err(); err != nil || count != 3 {
		t.Errorf("%d rows, error %v", count, err)
	}
	if rows.NextResultSet() {
		t.Error("a second result set")
	}
}

// TestRowsAffected shows the result of statements without rows.
func TestRowsAffected(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, things)
	ctx, id := as(t)
	res, err := b.Client().ExecContext(ctx, "INSERT INTO things (created_by, note) SELECT $1, n::text FROM generate_series(1, 3) n", id)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := res.RowsAffected(); n != 3 || err != nil {
		t.Errorf("%d rows affected, error %v", n, err)
	}
	if _, err := res.LastInsertId(); err == nil || !strings.Contains(err.Error(), "RETURNING") {
		t.Errorf("LastInsertId: %v", err)
	}
}

// TestAnyValue sends arbitrary values and reads them back, with a statement's first use on a connection, with a prepared
// statement, and behind a pooler.
func TestAnyValue(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *session.Config) { c.MaxConns = 1 })
	pooled := open(t, b.database, func(c *session.Config) { c.MaxConns, c.Pooler = 1, true })
	ctx, _ := as(t)
	number := 0
	rapid.Check(t, func(r *rapid.T) {
		text := strings.ReplaceAll(rapid.String().Draw(r, "text"), "\x00", "")
		raw := rapid.SliceOf(rapid.Byte()).Draw(r, "bytes")
		whole := rapid.Int64().Draw(r, "integer")
		ratio := rapid.Float64().Draw(r, "float")
		texts := datatype.Texts(rapid.SliceOf(rapid.StringOf(rapid.RuneFrom([]rune(`ab "\{},'NUL`)))).Draw(r, "texts"))
		// The range of a timestamptz: 4713 BC to 294276 AD, in microseconds.
		moment := time.UnixMicro(rapid.Int64Range(-200_000_000_000_000_000, 9_000_000_000_000_000_000).Draw(r, "time")).UTC()
		number++
		for _, db := range []*session.DB{b.DB, b.DB, pooled} {
			var (
				gotText   string
				gotRaw    []byte
				gotWhole  sql.NullInt64
				gotRatio  float64
				gotTexts  datatype.Texts
				gotMoment sql.NullTime
			)
			query(ctx, t, db, fmt.Sprintf("/* %d */ SELECT $1::text, $2::bytea, $3::bigint, $4::float8, $5::text[], $6::timestamptz", number),
				[]any{text, raw, whole, ratio, texts, moment}, &gotText, &gotRaw, &gotWhole, &gotRatio, &gotTexts, &gotMoment)
			if gotText != text || !bytes.Equal(gotRaw, raw) || gotWhole.Int64 != whole || gotRatio != ratio ||
				!slices.Equal(gotTexts, texts) || !gotMoment.Time.Equal(moment) {
				r.Fatalf("got %q %x %v %v %q %v, want %q %x %v %v %q %v", gotText, gotRaw, gotWhole.Int64, gotRatio, gotTexts,
					gotMoment.Time, text, raw, whole, ratio, texts, moment)
			}
		}
	})
}

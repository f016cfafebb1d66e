package entpgx

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// Ent's raw queries (feature sql/execquery) return a *sql.Rows, a type that only database/sql can create. The bridge is
// a driver whose only query returns an existing result: without connections, arguments and conversions.

// resultKey is the key of the result in the context of the bridge.
type resultKey struct{}

var bridge = sync.OnceValue(func() *sql.DB { return sql.OpenDB(connector{}) })

// standardRows returns a result as rows of database/sql.
func standardRows(r *result) (*sql.Rows, error) {
	return bridge().QueryContext(context.WithValue(context.Background(), resultKey{}, r), "")
}

type connector struct{}

func (connector) Connect(context.Context) (driver.Conn, error) { return bridgeConn{}, nil }
func (c connector) Driver() driver.Driver                      { return c }
func (connector) Open(string) (driver.Conn, error)             { return bridgeConn{}, nil }

var errBridge = errors.New("entpgx: the bridge to database/sql only carries results")

type bridgeConn struct{}

var _ driver.QueryerContext = bridgeConn{}

func (bridgeConn) Prepare(string) (driver.Stmt, error) { return nil, errBridge }
func (bridgeConn) Begin() (driver.Tx, error)           { return nil, errBridge }
func (bridgeConn) Close() error                        { return nil }

func (bridgeConn) QueryContext(ctx context.Context, _ string, _ []driver.NamedValue) (driver.Rows, error) {
	r, ok := ctx.Value(resultKey{}).(*result)
	if !ok {
		return nil, errBridge
	}
	d := &driverRows{rows: rows{result: r}, names: make([]string, len(r.columns))}
	for i, c := range r.columns {
		d.names[i] = c.name
	}
	return d, nil
}

// ColumnTypeDatabaseTypeName returns the type's name in capitals, or its OID if pgx does not know the type.
func (d *driverRows) ColumnTypeDatabaseTypeName(i int) string {
	c := d.rows.result.columns[i]
	types := typeMaps.Get().(*pgtype.Map)
	defer typeMaps.Put(types)
	if t, ok := types.TypeForOID(c.oid); ok {
		return strings.ToUpper(t.Name)
	}
	return strconv.FormatUint(uint64(c.oid), 10)
}

// ColumnTypeScanType returns the type of the values that value returns.
func (d *driverRows) ColumnTypeScanType(i int) reflect.Type {
	switch d.rows.result.columns[i].oid {
	case pgtype.Int8OID, pgtype.Int4OID, pgtype.Int2OID, pgtype.OIDOID, pgtype.XIDOID, pgtype.CIDOID:
		return reflect.TypeFor[int64]()
	case pgtype.BoolOID:
		return reflect.TypeFor[bool]()
	case pgtype.Float8OID, pgtype.Float4OID:
		return reflect.TypeFor[float64]()
	case pgtype.TimestamptzOID, pgtype.TimestampOID, pgtype.DateOID:
		return reflect.TypeFor[time.Time]()
	case pgtype.ByteaOID, pgtype.JSONOID, pgtype.JSONBOID, pgtype.XMLOID:
		return reflect.TypeFor[[]byte]()
	default:
		return reflect.TypeFor[string]()
	}
}

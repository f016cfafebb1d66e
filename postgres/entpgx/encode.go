package entpgx

import (
	"database/sql/driver"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// encoder encodes arguments as parameters. Its buffers are for one connection and one statement at a time; pgconn
// copies them when it queues the statement.
type encoder struct {
	types   *pgtype.Map
	buf     []byte
	values  [][]byte
	formats []int16
	places  [][2]int // start and end of each value in buf; the end is -1 for NULL
}

// unknown is the type of the parameters of a statement that the connection has not prepared: the server infers the
// types, as it does when it prepares a statement, and values are sent as text.
const unknown = 0

// encode sets values and formats. oids are the types of the parameters, or nil if the statement is not known. It sends
// nothing, so an invalid value is an error before anything is sent.
func (e *encoder) encode(oids []uint32, args []any) error {
	if oids != nil && len(oids) != len(args) {
		return fmt.Errorf("entpgx: the statement has %d parameters, %d arguments were given", len(oids), len(args))
	}
	if e.buf == nil || cap(e.buf) > 1<<16 { // a large value must not occupy memory as long as the connection
		e.buf = make([]byte, 0, 512) // never nil: a slice of nil is nil, which means NULL
	}
	e.buf, e.formats, e.places = e.buf[:0], e.formats[:0], e.places[:0]
	for i, arg := range args {
		oid := uint32(unknown)
		if oids != nil {
			oid = oids[i]
		}
		start := len(e.buf)
		format, null, err := e.append(oid, arg, 0)
		if err != nil {
			return fmt.Errorf("entpgx: encode argument $%d (%T): %w", i+1, arg, err)
		}
		place := [2]int{start, len(e.buf)}
		if null {
			place[1] = -1
		}
		e.places = append(e.places, place)
		e.formats = append(e.formats, format)
	}
	// From here on, buf is no longer reallocated.
	e.values = e.values[:0]
	for _, p := range e.places {
		if p[1] < 0 {
			e.values = append(e.values, nil)
			continue
		}
		e.values = append(e.values, e.buf[p[0]:p[1]:p[1]])
	}
	return nil
}

const (
	text  = pgtype.TextFormatCode
	bin   = pgtype.BinaryFormatCode
	depth = 4 // pointers to Valuers that return Valuers: a deeper nesting is an error
)

// append encodes one value. It returns the format and whether the value is NULL.
func (e *encoder) append(oid uint32, arg any, level int) (format int16, null bool, err error) {
	if level > depth {
		return 0, false, errors.New("nested too deeply")
	}
	switch v := arg.(type) {
	case nil:
		return text, true, nil
	case string:
		e.buf = append(e.buf, v...)
		return text, false, nil
	case json.RawMessage:
		if v == nil {
			return text, true, nil
		}
		e.buf = append(e.buf, v...)
		return text, false, nil
	case []byte:
		if v == nil {
			return text, true, nil
		}
		e.buf = append(e.buf, v...)
		if oid == pgtype.JSONOID || oid == pgtype.JSONBOID {
			return text, false, nil
		}
		return bin, false, nil
	case bool:
		if oid == pgtype.BoolOID {
			var b byte
			if v {
				b = 1
			}
			e.buf = append(e.buf, b)
			return bin, false, nil
		}
		e.buf = strconv.AppendBool(e.buf, v)
		return text, false, nil
	case int:
		return e.integer(oid, int64(v))
	case int64:
		return e.integer(oid, v)
	case float64:
		if oid == pgtype.Float8OID {
			e.buf = binary.BigEndian.AppendUint64(e.buf, math.Float64bits(v))
			return bin, false, nil
		}
		e.buf = strconv.AppendFloat(e.buf, v, 'g', -1, 64)
		return text, false, nil
	case uuid.UUID:
		if oid == pgtype.UUIDOID {
			e.buf = append(e.buf, v[:]...)
			return bin, false, nil
		}
		e.buf = append(e.buf, v.String()...)
		return text, false, nil
	case []uuid.UUID:
		if v == nil {
			return text, true, nil
		}
		e.buf = append(e.buf, '{')
		for i, id := range v {
			if i > 0 {
				e.buf = append(e.buf, ',')
			}
			e.buf = append(e.buf, id.String()...)
		}
		e.buf = append(e.buf, '}')
		return text, false, nil
	case time.Time:
		return e.time(oid, v)
	case driver.Valuer:
		if rv := reflect.ValueOf(arg); rv.Kind() == reflect.Pointer && rv.IsNil() {
			return text, true, nil // as database/sql does for a Value method on the element
		}
		value, err := v.Value()
		if err != nil {
			return 0, false, err
		}
		return e.append(oid, value, level+1)
	}
	return e.reflected(oid, arg, level)
}

// reflected encodes named types and pointers by their underlying values, and other types with pgx.
func (e *encoder) reflected(oid uint32, arg any, level int) (format int16, null bool, err error) {
	switch rv := reflect.ValueOf(arg); rv.Kind() {
	case reflect.Pointer:
		if rv.IsNil() {
			return text, true, nil
		}
		return e.append(oid, rv.Elem().Interface(), level+1)
	case reflect.String:
		e.buf = append(e.buf, rv.String()...)
		return text, false, nil
	case reflect.Bool:
		return e.append(oid, rv.Bool(), level+1)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return e.integer(oid, rv.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		e.buf = strconv.AppendUint(e.buf, rv.Uint(), 10)
		return text, false, nil
	case reflect.Float32:
		e.buf = strconv.AppendFloat(e.buf, rv.Float(), 'g', -1, 32)
		return text, false, nil
	case reflect.Float64:
		return e.append(oid, rv.Float(), level+1)
	case reflect.Slice:
		if rv.IsNil() {
			return text, true, nil
		}
	}
	formats := []int16{text}
	if oid != unknown {
		formats = []int16{e.types.FormatCodeForOID(oid), text}
	}
	start := len(e.buf)
	for _, format := range formats {
		buf, encodeErr := e.types.Encode(oid, format, arg, e.buf[:start])
		if encodeErr == nil {
			if buf == nil {
				return text, true, nil
			}
			e.buf = buf
			return format, false, nil
		}
		if err == nil {
			err = encodeErr
		}
	}
	return 0, false, err
}

// integer encodes n in binary for the integer types in which it fits, and otherwise as text, so that the server casts
// it or reports that it is out of range.
func (e *encoder) integer(oid uint32, n int64) (int16, bool, error) {
	switch {
	case oid == pgtype.Int8OID:
		e.buf = binary.BigEndian.AppendUint64(e.buf, uint64(n))
		return bin, false, nil
	case oid == pgtype.Int4OID && n == int64(int32(n)):
		e.buf = binary.BigEndian.AppendUint32(e.buf, uint32(int32(n)))
		return bin, false, nil
	case oid == pgtype.Int2OID && n == int64(int16(n)):
		e.buf = binary.BigEndian.AppendUint16(e.buf, uint16(int16(n)))
		return bin, false, nil
	}
	e.buf = strconv.AppendInt(e.buf, n, 10)
	return text, false, nil
}

// time encodes t in binary for a timestamptz. For other types, and for times out of the range of microseconds since
// 2000, it uses pgx.
func (e *encoder) time(oid uint32, t time.Time) (int16, bool, error) {
	if oid == pgtype.TimestamptzOID {
		e.buf = binary.BigEndian.AppendUint64(e.buf, uint64(t.UnixMicro()-epoch))
		return bin, false, nil
	}
	format := int16(bin)
	if oid == unknown {
		oid, format = pgtype.TimestamptzOID, text
	} else if oid != pgtype.DateOID && oid != pgtype.TimestampOID {
		format = text
	}
	buf, err := e.types.Encode(oid, format, t, e.buf)
	if err != nil {
		return 0, false, err
	}
	e.buf = buf
	return format, false, nil
}

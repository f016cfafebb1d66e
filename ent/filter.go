package ent

import (
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
)

// Position is a row's place in a list that is ordered by a time and then id, or
// by id alone.
type Position struct {
	// Time is the zero time in a list by id alone.
	Time time.Time
	ID   uuid.UUID
}

// earlier keeps the rows behind the position in a list by the column and id.
func earlier(column string, p Position) func(*sql.Selector) {
	return func(s *sql.Selector) {
		s.Where(sql.P(func(b *sql.Builder) {
			b.WriteString("(").Ident(s.C(column)).WriteString(", ").Ident(s.C("id")).WriteString(") < (").Args(p.Time, p.ID).WriteString(")")
		}))
	}
}

// read makes readers see the expression in the column's place: of two columns of
// one name in a result, Ent takes the later.
func read(expression, column string) func(*sql.Selector) {
	return func(s *sql.Selector) { s.AppendSelectExprAs(sql.Raw("("+expression+")"), column) }
}

// readsAs keeps the rows for which readers see the value.
func readsAs(expression string, value any) func(*sql.Selector) {
	return func(s *sql.Selector) {
		s.Where(sql.P(func(b *sql.Builder) { b.WriteString("(" + expression + ") = ").Arg(value) }))
	}
}

// clockSkew is how far the time in an id may be from the database's clock; the
// trigger app.stamp refuses more.
const clockSkew = time.Hour

// idsFrom and idsBefore bound the ids of rows that were made from, or before, a
// moment. They are wider than the moment by the permitted skew: the index on
// the id narrows the range, created_at decides.
func idsFrom(t time.Time) uuid.UUID   { return idFloor(t.Add(-clockSkew)) }
func idsBefore(t time.Time) uuid.UUID { return idFloor(t.Add(clockSkew)) }

// idFloor is the least UUIDv7 of a time (RFC 9562, section 5.7). Times outside
// of what 48 bits of milliseconds hold become the nearest that they do.
func idFloor(t time.Time) uuid.UUID {
	ms := min(max(t.UnixMilli(), 0), 1<<48-1)
	id := uuid.UUID{6: 0x70, 8: 0x80}
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	return id
}

func hasTag(tag string) func(*sql.Selector) {
	return func(s *sql.Selector) {
		s.Where(sql.P(func(b *sql.Builder) {
			b.Arg(tag).WriteString(" = ANY (").Ident(s.C("tags")).WriteString(")")
		}))
	}
}

// matches is Postgres's search in the manner of the web (manual, section
// 12.3.2): any text is a valid query.
func matches(query string) func(*sql.Selector) {
	return func(s *sql.Selector) {
		s.Where(sql.P(func(b *sql.Builder) {
			b.Ident(s.C("search")).WriteString(" @@ websearch_to_tsquery('simple', ").Arg(query).WriteString(")")
		}))
	}
}

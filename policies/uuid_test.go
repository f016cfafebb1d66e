package policies_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/postgres/pgtest"
)

// TestUUIDv7 compares the ids that Postgres generates with section 5.7 of RFC 9562, method 3: 48 bits of milliseconds,
// and units of 256 ns after the version.
func TestUUIDv7(t *testing.T) {
	t.Parallel()
	conn := pgtest.Connect(t, dbtest.New(t).AdminURL)
	seen := map[uuid.UUID]bool{}
	for _, at := range []string{
		"1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000999Z", "2026-01-02T03:04:05.678901Z",
		"2026-01-02T03:04:05.999999Z", "2099-12-31T23:59:59.000001Z",
	} {
		moment, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			var id uuid.UUID
			var told time.Time
			var floor uuid.UUID
			if err := conn.QueryRow(t.Context(), "SELECT id, app.uuid_v7_time(id), app.uuid_v7_floor($1) FROM app.uuid_v7($1) AS id", moment).Scan(&id, &told, &floor); err != nil {
				t.Fatal(err)
			}
			if id.Version() != 7 || id.Variant() != uuid.RFC4122 {
				t.Fatalf("%s: version %d, variant %v", id, id.Version(), id.Variant())
			}
			milliseconds := moment.UnixMilli()
			fraction := (moment.UnixMicro() - milliseconds*1000) * 1000 / 256
			if got, want := binary.BigEndian.Uint64(id[:8]), uint64(milliseconds)<<16|7<<12|uint64(fraction); got != want {
				t.Errorf("uuid_v7(%s) = %s: the first half is %016x, want %016x", at, id, got, want)
			}
			if !told.Equal(moment.Truncate(time.Millisecond)) {
				t.Errorf("uuid_v7_time(%s) = %s, want %s", id, told, moment.Truncate(time.Millisecond))
			}
			if id.String() < floor.String() {
				t.Errorf("uuid_v7(%s) = %s is less than the floor %s", at, id, floor)
			}
			if seen[id] {
				t.Errorf("%s twice", id)
			}
			seen[id] = true
		}
	}
}

// TestIDsTellTheTime checks which ids a serving role may give to a new row.
func TestIDsTellTheTime(t *testing.T) {
	t.Parallel()
	conn := pgtest.Connect(t, dbtest.New(t).AdminURL)
	for id, want := range map[string]struct{ human, system bool }{
		"app.uuid_v7()": {true, true},
		"app.uuid_v7(clock_timestamp() - interval '59 minutes')": {true, true},
		"app.uuid_v7(clock_timestamp() + interval '59 minutes')": {true, true},
		"app.uuid_v7(clock_timestamp() - interval '61 minutes')": {false, true},
		"app.uuid_v7(clock_timestamp() + interval '61 minutes')": {false, true},
		"'00000000-0000-0000-0000-000000000000'":                 {false, true},
		"'ffffffff-ffff-ffff-ffff-ffffffffffff'":                 {false, true},
		// Version 4, with the milliseconds of the current time.
		"overlay(app.uuid_v7()::text placing '4' from 15)::uuid": {false, true},
	} {
		for role, want := range map[string]bool{"chenu_human": want.human, "chenu_agent": want.human, "none": want.system} {
			var got bool
			batch := &pgx.Batch{}
			batch.Queue("SELECT set_config('role', $1, true)", role)
			batch.Queue("SELECT app.id_tells_time(" + id + ")").QueryRow(func(row pgx.Row) error { return row.Scan(&got) })
			if err := conn.SendBatch(t.Context(), batch).Close(); err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("%s: id_tells_time(%s) = %v, want %v", role, id, got, want)
			}
		}
	}
}

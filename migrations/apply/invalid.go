package apply

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
)

// InvalidIndex is an unfinished index, because its concurrent build failed or was interrupted: queries do not use it,
// but every write must update it.
type InvalidIndex struct {
	Name   string `json:"name"` // with its schema, quoted as in SQL
	Table  string `json:"table"`
	Remove string `json:"remove"` // the statement that removes it
}

// invalidSQL excludes indexes that are being built. The server shows their progress to every role, and their table by
// the locks. An index of a partitioned table cannot be dropped concurrently, and an index of a constraint cannot be
// dropped alone. Indexes left by REINDEX CONCURRENTLY are recognized by their suffix, _ccnew or _ccold.
// https://www.postgresql.org/docs/current/sql-reindex.html#SQL-REINDEX-CONCURRENTLY
const invalidSQL = `SELECT format('%I.%I', n.nspname, c.relname), format('%I.%I', tn.nspname, t.relname),
	CASE WHEN k.conname IS NOT NULL THEN format('ALTER TABLE %I.%I DROP CONSTRAINT %I', tn.nspname, t.relname, k.conname)
	ELSE format('DROP INDEX %s%I.%I', CASE c.relkind WHEN 'i' THEN 'CONCURRENTLY ' END, n.nspname, c.relname) END
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
LEFT JOIN pg_catalog.pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')
WHERE NOT i.indisvalid AND c.relpersistence <> 't' AND NOT EXISTS (
	SELECT FROM pg_catalog.pg_stat_progress_create_index p JOIN pg_catalog.pg_locks l ON l.pid = p.pid
	WHERE p.datname = current_database() AND l.locktype = 'relation' AND l.database = p.datid AND l.relation = i.indrelid)`

func invalidIndexes(ctx context.Context, s *session) ([]InvalidIndex, error) {
	rows, err := s.Query(ctx, invalidSQL+" ORDER BY 1")
	if err != nil {
		return nil, fmt.Errorf("find invalid indexes: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[InvalidIndex])
	if err != nil {
		return nil, fmt.Errorf("find invalid indexes: %w", err)
	}
	return all, nil
}

// reBuild matches the names of the index and the table in a concurrent build. It does not match unusual forms, such as
// with a comment in between, and then nothing is dropped.
var reBuild = regexp.MustCompile(`(?i)^CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?(` + identifier +
	`)\s+ON\s+(?:ONLY\s+)?(` + identifier + `(?:\.` + identifier + `)?)[\s(]`)

const identifier = `(?:"(?:[^"]|"")+"|[\pL_][\pL\pN_$]*)`

// leftover returns the invalid index that a concurrent build left: the index with exactly the name and on exactly the
// table that sql names, in the session's search_path. It returns nil if there is none.
func leftover(ctx context.Context, s *session, sql string) (*InvalidIndex, error) {
	m := reBuild.FindStringSubmatch(sql)
	if m == nil {
		return nil, nil //nolint:nilnil // nothing is left, and that is no error
	}
	const condition = ` AND c.relkind = 'i' AND k.conname IS NULL AND c.relname = (parse_ident($1))[1] AND i.indrelid = to_regclass($2)`
	rows, err := s.Query(ctx, invalidSQL+condition, m[1], m[2])
	if err != nil {
		return nil, fmt.Errorf("find the invalid index: %w", err)
	}
	left, err := pgx.CollectExactlyOneRow(rows, pgx.RowToAddrOfStructByPos[InvalidIndex])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // as above
	}
	if err != nil {
		return nil, fmt.Errorf("find the invalid index: %w", err)
	}
	return left, nil
}

// dropInvalid drops the invalid index that an earlier attempt of the statement left. Otherwise the build would fail, or,
// with IF NOT EXISTS, accept the invalid index.
func (a *applier) dropInvalid(ctx context.Context, at Position, begun string) error {
	if begun == "" {
		return nil
	}
	left, err := leftover(ctx, a.session, begun)
	if err != nil || left == nil {
		return err
	}
	if _, err := a.session.Exec(ctx, left.Remove); err != nil {
		return fmt.Errorf("drop the invalid index of an earlier attempt: %w", err)
	}
	a.event(InvalidIndexDropped{Position: at, Index: *left})
	return nil
}

// waitForEnd waits until the server process has ended. Until then, the index that it was building counts as being
// built.
func waitForEnd(ctx context.Context, s *session, pid uint32) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var running bool
		if err := s.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE pid = $1)", pid).Scan(&running); err != nil || !running {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// remaining returns the indexes that are invalid when Apply ends. The session may have ended before.
func (a *applier) remaining(ctx context.Context, url string) []InvalidIndex {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	s := a.session
	var err error
	if s.IsClosed() {
		if s, err = connect(ctx, url, settings{owner: a.Conventions.Owner, readOnly: true}, nil); err == nil {
			defer s.close()
			err = waitForEnd(ctx, s, a.session.PgConn().PID())
		}
	}
	var all []InvalidIndex
	if err == nil {
		all, err = invalidIndexes(ctx, s)
	}
	if err != nil {
		a.event(Notice{Message: "cannot check for invalid indexes: " + err.Error()})
		return nil
	}
	for _, i := range all {
		a.event(InvalidIndexRemains{Index: i})
	}
	return all
}

// Package verify compares stored rows with the data that proves them: each thread's row with its events, and the
// content of append-only rows with their digests. It reads as chenu_auditor, the only role that sees the rows of every
// identity. No login of the service can become that role.
//
// A digest covers one row and is stored in that row. So a check finds changed content and gaps within threads, but not
// audit rows or whole threads that were deleted, nor content that was changed together with its digest: see
// TestUndetected.
package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/policies"
)

// Finding is a row that failed verification.
type Finding struct {
	Table     string    `json:"table"`
	CreatedBy uuid.UUID `json:"identity_id"`
	ID        uuid.UUID `json:"id"`
	// What are the columns of a thread that differ from the state that its events determine, and "sequence" if the
	// events have a gap. It is "content" if the content does not match its digest.
	What []string `json:"what"`
}

// String returns the finding as one line.
func (f Finding) String() string {
	return fmt.Sprintf("%s %s of identity %s: %s", f.Table, f.ID, f.CreatedBy, strings.Join(f.What, ", "))
}

// Report is the result of a verification.
type Report struct {
	// Rows are the rows that were checked, by table.
	Rows map[string]int64
	// Findings is the number of rows that failed verification.
	Findings int
	// OpenFunctions are the functions of pg_catalog that PUBLIC may execute although no role of the service needs that,
	// with the types of their arguments: see [policies.OpenFunctions]. They do not count as findings: on a managed
	// server, it may be impossible to revoke the privilege.
	OpenFunctions []string
}

// openFunctionsSQL reads pg_proc, which every role may read.
const openFunctionsSQL = `SELECT f.oid::pg_catalog.regprocedure::text FROM (` + policies.OpenFunctions + `) f ORDER BY 1`

// Database verifies everything in one snapshot, while the service may continue to write, and calls found for each
// finding immediately. The login of the connection must be a member of chenu_auditor.
func Database(ctx context.Context, conn *pgx.Conn, found func(Finding)) (report Report, err error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return report, fmt.Errorf("start the transaction: %w", err)
	}
	defer func() {
		if rollback := tx.Rollback(context.WithoutCancel(ctx)); !errors.Is(rollback, pgx.ErrTxClosed) {
			err = errors.Join(err, rollback)
		}
	}()
	// For any other role, policies would hide the rows and nothing would be found.
	if _, err := tx.Exec(ctx, "SELECT set_config('role', 'chenu_auditor', true), set_config('TimeZone', 'UTC', true)"); err != nil {
		return report, fmt.Errorf("become chenu_auditor: %w", err)
	}
	report.Rows = map[string]int64{}
	check := func(table, query string, args ...any) error {
		rows, err := tx.Query(ctx, query, args...)
		if err != nil {
			return fmt.Errorf("verify %s: %w", table, err)
		}
		f := Finding{Table: table}
		_, err = pgx.ForEachRow(rows, []any{&f.CreatedBy, &f.ID, &f.What}, func() error {
			report.Findings++
			found(f)
			f.What = nil
			return nil
		})
		if err != nil {
			return fmt.Errorf("verify %s: %w", table, err)
		}
		return nil
	}
	if err := check("threads", driftSQL); err != nil {
		return report, err
	}
	tables := []string{"threads"}
	for _, t := range policies.Tables {
		if t.AppendOnly == nil || len(t.AppendOnly.Content) == 0 {
			continue
		}
		tables = append(tables, t.Name)
		if err := check(t.Name, digestSQL(t), t.AppendOnly.Content); err != nil {
			return report, err
		}
	}
	for _, name := range tables {
		i := slices.IndexFunc(policies.Tables, func(t policies.Table) bool { return t.Name == name })
		var n int64
		if err := tx.QueryRow(ctx, "SELECT count(*) FROM "+qualified(policies.Tables[i])).Scan(&n); err != nil {
			return report, fmt.Errorf("count %s: %w", name, err)
		}
		report.Rows[name] = n
	}
	rows, err := tx.Query(ctx, openFunctionsSQL)
	if err != nil {
		return report, fmt.Errorf("list functions of pg_catalog: %w", err)
	}
	if report.OpenFunctions, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return report, fmt.Errorf("list functions of pg_catalog: %w", err)
	}
	return report, nil
}

func qualified(t policies.Table) string { return pgx.Identifier{t.Schema, t.Name}.Sanitize() }

// driftSQL rebuilds every thread from its events and compares the result with the stored row, column by column. Columns
// that no event determines, and those that were erased, are equal in both.
const driftSQL = `
	SELECT t.created_by, t.id, drift.columns
	FROM public.threads t
	CROSS JOIN LATERAL (SELECT app.rebuild_thread(t.created_by, t.id) AS state) AS rebuilt
	CROSS JOIN LATERAL (
		SELECT array_agg(d.name ORDER BY d.name) AS columns FROM (
			SELECT stored.key AS name FROM jsonb_each(to_jsonb(t)) AS stored
			WHERE stored.value IS DISTINCT FROM to_jsonb(jsonb_populate_record(t, rebuilt.state)) -> stored.key
			UNION ALL SELECT 'sequence' WHERE rebuilt.state IS NULL
				OR rebuilt.state -> 'event_count' <> rebuilt.state -> 'last_sequence'
		) AS d
	) AS drift
	WHERE drift.columns IS NOT NULL`

// digestSQL finds rows whose content does not match its digest. Content without its salt was erased, which is valid
// only for an erased identity.
func digestSQL(t policies.Table) string {
	return fmt.Sprintf(`
		SELECT r.created_by, r.id, ARRAY['content']
		FROM %s r
		WHERE CASE WHEN r.content_salt IS NOT NULL
			THEN r.content_digest IS DISTINCT FROM app.content_digest(r.content_salt, to_jsonb(r), $1)
			ELSE num_nonnulls(%s) > 0 OR NOT EXISTS (SELECT FROM public.identities i WHERE i.id = r.created_by AND i.status = 'erased')
		END`, qualified(t), "r."+strings.Join(t.AppendOnly.Content, ", r."))
}

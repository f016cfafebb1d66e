// Package privacy exports and erases everything that an identity owns. Both operations derive from the tables of the
// graph, so that they cover new entities without a change.
package privacy

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/identity"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

// Service implements the operations. It is safe for concurrent use.
type Service struct {
	Authenticator *auth.Authenticator
}

// Mount registers the operations with the API.
func (s *Service) Mount(a *api.API) {
	const me = "Me"
	api.HandleStream(a, api.Op{
		ID: "export-me", Method: http.MethodGet, Path: "/v1/me/export", Tag: me, HumansOnly: true,
		Summary: "Export your data",
		Description: "Returns all rows of the identity, one JSON object per line: `table` is the name of the table, and `row` contains the stored columns " +
			"without hashes of secrets. Rows are sorted by table and id, and each row has its state at the time when it is read. The export is recorded in the " +
			"audit trail before its first line is sent. A response whose connection is aborted is incomplete. Requires an authentication within the " +
			"last 5 minutes, otherwise the response is 403 `recent_authentication_required` (see `POST /v1/auth/step-up`). Agents cannot call this operation.",
		Responses:   map[int]string{http.StatusOK: "The rows of the identity, one JSON object per line."},
		ContentType: "application/x-ndjson",
	}, export)
	api.Handle(a, api.Op{
		ID: "delete-me", Method: http.MethodDelete, Path: "/v1/me", Tag: me, HumansOnly: true, Timeout: eraseTimeout,
		Summary: "Erase your identity",
		Description: "Erases the identity permanently. The first request is refused with 423 and requests an approval of the type `identity`. Approve it " +
			"within 15 minutes, with an authentication within the last 5 minutes, and repeat the request. The erasure deletes all rows except the audit trail, threads, their " +
			"events and checkpoints. These rows are kept without their content, so that their order and digests can still be verified. The " +
			"e-mail address can be registered again. Agents cannot call this operation.",
		Responses: map[int]string{http.StatusNoContent: "The identity was erased."},
	}, s.erase)
}

// tables returns the tables of an export: those that belong to identities and that a human may read.
func tables() []policies.Table {
	var list []policies.Table
	for _, t := range policies.Tables {
		if t.Owner != "" && t.Access.Human.Has('S') {
			list = append(list, t)
		}
	}
	return list
}

const (
	// batchRows and batchBytes limit how many rows are in memory at once. A batch has at least one row, even if it is
	// larger than batchBytes.
	batchRows  = 500
	batchBytes = 1 << 20
)

// exportKey returns the columns that identify a row within an identity, in the order of an export: the id, and the
// other columns of the table's key. All are UUIDs.
func exportKey(t policies.Table) []string { return append([]string{"id"}, t.KeyWith...) }

// exportSQL returns the query for the next rows of a table after a key, with their keys. It contains only names from
// the graph and no input.
func exportSQL(t policies.Table) string {
	columns := make([]string, 0, len(t.Columns))
	for _, c := range t.Columns {
		if !c.Rules.Secret {
			columns = append(columns, "t."+c.Name)
		}
	}
	key := exportKey(t)
	behind := make([]string, len(key))
	for i := range key {
		behind[i] = fmt.Sprintf("$%d", i+4)
	}
	names, places := strings.Join(key, ", "), strings.Join(behind, ", ")
	return fmt.Sprintf(`SELECT %[1]s, line FROM (
		SELECT %[1]s, line, sum(octet_length(line)) OVER (ORDER BY %[1]s) - octet_length(line) AS before FROM (
			SELECT %[1]s, to_jsonb(r)::text AS line FROM (
				SELECT %[2]s FROM %[3]s.%[4]s t WHERE t.%[5]s = $1 AND (%[1]s) > (%[6]s) ORDER BY %[1]s LIMIT $2
			) AS r
		) AS lines
	) AS measured WHERE before < $3 ORDER BY %[1]s`, names, strings.Join(columns, ", "), t.Schema, t.Name, t.Owner, places)
}

func export(ctx context.Context, tx *ent.Tx, _ *struct{}) (api.Stream, error) {
	who, err := api.Caller(ctx)
	if err != nil {
		return nil, err
	}
	if err := api.RecordExport(ctx, tx, "identity"); err != nil {
		return nil, err
	}
	return func(ctx context.Context, db api.Transactor, w io.Writer) error {
		for _, t := range tables() {
			if err := exportTable(ctx, db, w, t, who.ID); err != nil {
				return fmt.Errorf("export %s: %w", t.Name, err)
			}
		}
		return nil
	}, nil
}

func exportTable(ctx context.Context, db api.Transactor, w io.Writer, t policies.Table, owner uuid.UUID) error {
	query, name := exportSQL(t), strings.TrimPrefix(t.QualifiedName(), "app.")
	last := make([]uuid.UUID, len(exportKey(t)))
	for {
		var lines []byte
		behind := slices.Clone(last)
		err := db.Do(ctx, session.Options{ReadOnly: true}, func(ctx context.Context, tx *ent.Tx) error {
			lines = lines[:0]
			copy(last, behind)
			args := []any{owner, batchRows, batchBytes}
			for _, id := range behind {
				args = append(args, id)
			}
			return session.Each(ctx, tx, query, args, func(rows *sql.Rows) error {
				var row []byte
				into := make([]any, 0, len(last)+1)
				for i := range last {
					into = append(into, &last[i])
				}
				if err := rows.Scan(append(into, &row)...); err != nil {
					return err
				}
				line, err := json.Marshal(exported{name, row})
				if err != nil {
					return err
				}
				lines = append(append(lines, line...), '\n')
				return nil
			})
		})
		if err != nil {
			return err
		}
		if len(lines) == 0 {
			return nil
		}
		if _, err := w.Write(lines); err != nil {
			return err
		}
	}
}

// exported is a line of an export.
type exported struct {
	Table string          `json:"table"`
	Row   json.RawMessage `json:"row"`
}

// eraseTimeout is enough for millions of rows: about 4000 rows are deleted and audited in a second.
const eraseTimeout = 15 * time.Minute

type eraseInput struct {
	IfMatch api.IfMatch `header:"If-Match"`
}

// eraseTimeoutSQL replaces the statement_timeout of the login for this transaction.
const eraseTimeoutSQL = `SELECT set_config('statement_timeout', $1, true)`

const eraseSQL = `SELECT app.erase_identity()`

func (s *Service) erase(ctx context.Context, tx *ent.Tx, in *eraseInput) (*struct{}, error) {
	who, err := api.Caller(ctx)
	if err != nil {
		return nil, err
	}
	row, err := tx.Identity.Query().Where(identity.ID(who.ID)).Select(identity.FieldID, identity.FieldVersion).Only(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the identity: %w", err)
	}
	if err := in.IfMatch.Check(row.Version); err != nil {
		return nil, err
	}
	api.AfterCommit(tx, func() { s.Authenticator.Forget(who) })
	if _, err := tx.ExecContext(ctx, eraseTimeoutSQL, strconv.FormatInt(eraseTimeout.Milliseconds(), 10)); err != nil {
		return nil, fmt.Errorf("set the time limit of the erasure: %w", err)
	}
	if _, err := tx.ExecContext(ctx, eraseSQL); err != nil {
		return nil, fmt.Errorf("erase the identity: %w", err)
	}
	return api.NoContent()
}

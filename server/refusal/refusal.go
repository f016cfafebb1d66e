// Package refusal records refused units of work, and requests the checkpoint that a refused write needs. It wraps the
// unit of work of server/session. A refusal is recorded in a separate transaction after the refused unit was rolled
// back, so that the rollback does not delete the record.
package refusal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/session"
)

// recordTimeout limits how long recording a refusal can take. Recording does not end with the context of the request.
const recordTimeout = 10 * time.Second

// DB is a [session.DB] that records the refusal of units of work. It is safe for concurrent use.
type DB struct {
	*session.DB

	log *slog.Logger
}

// New returns a DB that records the refusals of db. It logs a warning if a refusal cannot be recorded.
func New(db *session.DB, log *slog.Logger) *DB { return &DB{db, log} }

// Do runs fn like [session.DB.Do]. If the unit is refused, Do records the refusal before it returns. Refusals are
// those of the database, and problems with status 403 that fn returns.
//
// If the unit makes a gated write and has no approval, Do requests a checkpoint for the payload of the refusal, or
// finds the pending checkpoint for the same payload. It returns a *problem.Problem with status 423 and the checkpoint.
// If the checkpoint cannot be requested, the error is not a 423. Other refusals by a gate are a *problem.Problem, too.
//
// If the caller is an agent that is no longer active, the error is a 401 instead of the refusal.
func (d *DB) Do(ctx context.Context, o session.Options, fn func(ctx context.Context, tx *ent.Tx) error) error {
	err := d.DB.Do(ctx, o, fn)
	if !refused(err) {
		return err
	}
	return d.record(ctx, o, err)
}

// refused reports whether err is a refusal.
func refused(err error) bool {
	if err == nil {
		return false
	}
	if _, ok := errors.AsType[*session.Denied](err); ok {
		return true
	}
	if _, ok := errors.AsType[*session.GateRefused](err); ok {
		return true
	}
	return problem.From(err).Status == http.StatusForbidden // refused by fn
}

// record records a refusal in a separate transaction, and requests the checkpoint that the refused unit needs. It
// returns the error for the response. It does not end with ctx, since a unit is refused even if its client has
// disconnected.
func (d *DB) record(ctx context.Context, o session.Options, refusal error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	p := problem.From(refusal)
	r := describe(o, p, refusal)
	err := d.DB.Do(ctx, session.Options{Checkpoint: o.Checkpoint}, func(ctx context.Context, tx *ent.Tx) error {
		if p.Code == problem.CheckpointRequired {
			c, err := request(ctx, tx, r.payload)
			if err != nil {
				return fmt.Errorf("request a checkpoint: %w", err)
			}
			p.Checkpoint = c
			r.details["digest"], r.details["checkpoint_id"] = c.Digest, c.ID
		}
		return r.insert(ctx, tx)
	})
	switch {
	case err == nil && p.Status == http.StatusLocked:
		return p
	case err == nil:
		return refusal
	case ended(ctx, err):
		return err
	case p.Code == problem.CheckpointRequired:
		// The caller must not be told to wait for an approval that was not requested. The refusal is included as text
		// only, because it is a 423.
		return fmt.Errorf("answer the refusal %q: %w", refusal.Error(), err)
	}
	d.log.WarnContext(ctx, "a refusal could not be recorded", "refusal", refusal, "error", err)
	return errors.Join(refusal, fmt.Errorf("record the refusal: %w", err))
}

// ended reports whether a refusal was not recorded because the caller is no longer an active agent.
func ended(ctx context.Context, err error) bool {
	caller, _ := auth.From(ctx)
	return caller.Kind == auth.Agent && problem.From(err).Status == http.StatusUnauthorized
}

// entry is the audit log entry of a refusal.
type entry struct {
	action, resource string
	id               uuid.NullUUID
	sphere           *string
	details          map[string]any
	payload          json.RawMessage // payload of the checkpoint to request
}

// actions maps the methods of requests and the operations in a gate's payload to actions of the audit log.
var actions = map[string]string{
	http.MethodGet: "read", http.MethodPost: "create", http.MethodPatch: "update", http.MethodPut: "update", http.MethodDelete: "delete",
	"INSERT": "create", "UPDATE": "update",
}

func describe(o session.Options, p *problem.Problem, refusal error) *entry {
	method, _, _ := strings.Cut(o.Description, " ")
	r := &entry{action: actions[method], resource: "request", details: map[string]any{"code": p.Code}}
	switch {
	case r.action != "":
		r.details["request"] = o.Description
	case o.ReadOnly:
		r.action = "read"
	default:
		r.action = "update"
	}
	pg, ok := errors.AsType[*pgconn.PgError](refusal)
	if !ok {
		return r
	}
	r.details["sqlstate"] = pg.Code
	for _, t := range policies.Tables {
		if t.Name == pg.TableName {
			r.resource = t.Resource
			if t.Sphere != "" {
				r.sphere = &t.Sphere
			}
		}
	}
	var write struct {
		Resource  string        `json:"resource_type"`
		Sphere    *string       `json:"sphere"`
		Operation string        `json:"operation"`
		ID        uuid.NullUUID `json:"id"`
	}
	if gate, ok := errors.AsType[*session.GateRefused](refusal); ok && json.Unmarshal(gate.Payload, &write) == nil {
		r.payload, r.resource, r.sphere, r.id = gate.Payload, write.Resource, write.Sphere, write.ID
		if action := actions[write.Operation]; action != "" {
			r.action = action
		}
	}
	return r
}

const recordDenialSQL = `SELECT app.record_denial($1, $2, $3, $4, $5)`

func (r *entry) insert(ctx context.Context, tx *ent.Tx) error {
	details, err := json.Marshal(r.details)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, recordDenialSQL, r.action, r.resource, r.id, string(details), r.sphere)
	return err
}

const requestCheckpointSQL = `SELECT id, type, status, encode(digest, 'hex'), expires_at FROM app.request_checkpoint($1)`

// request requests an approval of the refused write, or returns the pending checkpoint for the same payload.
func request(ctx context.Context, tx *ent.Tx, payload json.RawMessage) (*problem.Checkpoint, error) {
	var (
		c  problem.Checkpoint
		at time.Time
	)
	if err := session.One(ctx, tx, requestCheckpointSQL, []any{string(payload)}, &c.ID, &c.Type, &c.Status, &c.Digest, &at); err != nil {
		return nil, err
	}
	c.ExpiresAt, c.Href = at.UTC(), problem.CheckpointPath+c.ID.String()
	return &c, nil
}

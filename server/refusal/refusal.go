// Package refusal records the units of work that were refused, and requests the checkpoint that a refused write needs. It
// wraps the unit of work of server/session: a refusal is recorded after the refused unit is rolled back, in a transaction
// of its own, so that no rollback deletes the record.
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

// recordTimeout bounds how long the record of a refusal can take. It does not end with the request's context.
const recordTimeout = 10 * time.Second

// DB is a [session.DB] whose units of work are recorded if they are refused. Safe for concurrent use.
type DB struct {
	*session.DB

	log *slog.Logger
}

// New returns db with the record of its refusals. The log gets a warning if a refusal could not be recorded.
func New(db *session.DB, log *slog.Logger) *DB { return &DB{db, log} }

// Do runs fn like [session.DB.Do]. If the unit is refused, Do records the refusal before it returns: a refusal by the
// database, and a problem with status 403 that fn returns.
//
// If the unit makes a gated write and names no approval, Do requests a checkpoint for the payload of the refusal, or finds
// the pending checkpoint for the same payload. It returns a *problem.Problem with status 423 and the checkpoint. If the
// checkpoint could not be requested, the error is not a 423. Other refusals by a gate are a *problem.Problem too.
//
// If the caller is an agent that is no longer active, the error says so instead of why the unit was refused.
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
	return problem.From(err).Status == http.StatusForbidden // by the function of the unit
}

// record records a refusal in a transaction of its own, and requests the checkpoint that the refused unit needs. It returns
// the error to answer with. A client that closed its connection has been refused too, so record does not end with ctx.
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
		// The caller must not be told to wait for an approval that was not requested. The refusal is a text here because it is a 423.
		return fmt.Errorf("answer the refusal %q: %w", refusal.Error(), err)
	}
	d.log.WarnContext(ctx, "a refusal could not be recorded", "refusal", refusal, "error", err)
	return errors.Join(refusal, fmt.Errorf("record the refusal: %w", err))
}

// ended reports whether the database did not record a refusal because the caller is no longer an active agent.
func ended(ctx context.Context, err error) bool {
	caller, _ := auth.From(ctx)
	return caller.Kind == auth.Agent && problem.From(err).Status == http.StatusUnauthorized
}

// entry is the entry of a refusal in the audit trail.
type entry struct {
	action, resource string
	id               uuid.NullUUID
	sphere           *string
	details          map[string]any
	payload          json.RawMessage // of the checkpoint to request
}

// actions are the actions of the audit trail, by the method of the request and by the operation of a gate's payload.
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

// request requests the approval of a refused write, or returns the pending checkpoint for the same payload.
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

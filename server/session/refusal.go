package session

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/entpgx"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
)

// stateLocked is the SQLSTATE of a gate. The gate sends what a human must approve ahead of its error, in the detail of a
// notice (app.use_checkpoint).
const stateLocked = "CH423"

// recordTimeout bounds how long the record of a refusal can take. It does not end with the request's context.
const recordTimeout = 10 * time.Second

// refused is the second half of the 423 round, and of every denial. It runs when
// the refused unit is rolled back, in a transaction of its own, so that no rollback
// takes the record away. From the very payload that the gate refused it makes the
// pending checkpoint, or finds the one that waits already.
//
// It does not end with the request: a client that hung up was refused all the same.
func (d *DB) refused(ctx context.Context, o Options, refusal error) error {
	p := problem.From(refusal)
	if p.Status != http.StatusForbidden && p.Status != http.StatusLocked {
		return refusal
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	r := describe(o, p, refusal)
	tx, err := d.client.BeginTx(ctx, nil)
	if err != nil {
		return errors.Join(refusal, fmt.Errorf("record the refusal: %w", err))
	}
	err = finish(tx, func() error {
		if p.Code == problem.CheckpointRequired {
			if p.Checkpoint, err = request(ctx, tx, r.payload); err != nil {
				return fmt.Errorf("ask for an approval: %w", err)
			}
			r.details["digest"], r.details["checkpoint_id"] = p.Checkpoint.Digest, p.Checkpoint.ID
		}
		return r.record(ctx, tx)
	})
	switch {
	case err == nil && p.Status == http.StatusLocked:
		return p
	case err == nil:
		return refusal
	case ended(ctx, err):
		return err
	case p.Code == problem.CheckpointRequired:
		// The caller must not be told to wait for an approval that was not asked for.
		return fmt.Errorf("answer the refusal %q: %w", refusal.Error(), err)
	}
	d.log.WarnContext(ctx, "a refusal could not be recorded", "refusal", refusal, "error", err)
	return errors.Join(refusal, fmt.Errorf("record the refusal: %w", err))
}

// ended reports whether the database refused the record because the caller is no longer an active
// agent. The agent is then told so, and not what it was denied.
func ended(ctx context.Context, err error) bool {
	caller, _ := auth.From(ctx)
	return err != nil && caller.Kind == auth.Agent && problem.From(err).Status == http.StatusUnauthorized
}

// collectedPayloadSQL returns the payload of the checkpoint for the writes that the
// transaction has collected.
const collectedPayloadSQL = `SELECT app.collected_payload()::text`

// errCollected ends a transaction in collecting mode: it never commits.
var errCollected = errors.New("session: the writes were collected")

// collect runs a refused unit again in collecting mode, in which the database refuses no
// gated write and lists every write instead. It returns the refusal with the payload of
// one checkpoint for all of them. When the unit fails in collecting mode, it would also
// fail under an approval: then collect returns that error.
//
// Like the record of a refusal, it does not end with the request.
func (d *DB) collect(ctx context.Context, o Options, fn func(ctx context.Context, tx *ent.Tx) error, refusal error) error {
	gate, ok := errors.AsType[*entpgx.AnnouncedError](refusal)
	if !ok {
		return refusal
	}
	ctx, cancel := context.WithTimeout(context.WithValue(context.WithoutCancel(ctx), collectingKey{}, true), recordTimeout)
	defer cancel()
	tx, err := d.client.BeginTx(ctx, &sql.TxOptions{Isolation: o.Isolation})
	if err != nil {
		return errors.Join(refusal, fmt.Errorf("collect the writes: %w", err))
	}
	var payload *string
	err = finish(tx, func() error {
		if err := fn(context.WithValue(ctx, holdsKey{}, true), tx); err != nil {
			return err
		}
		if err := One(ctx, tx, collectedPayloadSQL, nil, &payload); err != nil {
			return fmt.Errorf("collect the writes: %w", err)
		}
		return errCollected
	})
	if !errors.Is(err, errCollected) {
		return err
	}
	if payload == nil {
		return refusal // What needed an approval changed meanwhile.
	}
	return &entpgx.AnnouncedError{PgError: gate.PgError, Detail: *payload}
}

// refusalRecord is what the audit trail says of a refusal.
type refusalRecord struct {
	action, resource string
	id               uuid.NullUUID
	sphere           *string
	details          map[string]any
	payload          json.RawMessage
}

// actions are the audit trail's words for what was refused.
var actions = map[string]string{
	http.MethodGet: "read", http.MethodPost: "create", http.MethodPatch: "update", http.MethodPut: "update", http.MethodDelete: "delete",
	"INSERT": "create", "UPDATE": "update",
}

func describe(o Options, p *problem.Problem, refusal error) *refusalRecord {
	method, _, _ := strings.Cut(o.Request, " ")
	r := &refusalRecord{action: actions[method], resource: "request", details: map[string]any{"code": p.Code}}
	switch {
	case r.action != "":
		r.details["request"] = o.Request
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
	if gate, ok := errors.AsType[*entpgx.AnnouncedError](refusal); ok && json.Unmarshal([]byte(gate.Detail), &write) == nil {
		r.payload, r.resource, r.sphere, r.id = json.RawMessage(gate.Detail), write.Resource, write.Sphere, write.ID
		if action := actions[write.Operation]; action != "" {
			r.action = action
		}
	}
	return r
}

const recordDenialSQL = `SELECT app.record_denial($1, $2, $3, $4, $5)`

func (r *refusalRecord) record(ctx context.Context, tx *ent.Tx) error {
	details, err := json.Marshal(r.details)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, recordDenialSQL, r.action, r.resource, r.id, string(details), r.sphere)
	return err
}

const requestCheckpointSQL = `SELECT id, type, status, encode(digest, 'hex'), expires_at FROM app.request_checkpoint($1)`

// request asks for the approval of a refused write.
func request(ctx context.Context, tx *ent.Tx, payload json.RawMessage) (*problem.Checkpoint, error) {
	var (
		c  problem.Checkpoint
		at time.Time
	)
	if err := One(ctx, tx, requestCheckpointSQL, []any{string(payload)}, &c.ID, &c.Type, &c.Status, &c.Digest, &at); err != nil {
		return nil, err
	}
	c.ExpiresAt, c.Href = at.UTC(), problem.CheckpointPath+c.ID.String()
	return &c, nil
}

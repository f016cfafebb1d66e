package session

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/postgres/entpgx"
)

// SQLSTATEs of refusals, and the code of a gate's refusal that an approval ends.
const (
	// stateLocked is the SQLSTATE of a gate. The gate sends what a human must approve ahead of its error, in the detail of
	// a notice (app.refuse_write).
	stateLocked        = "CH423"
	stateForbidden     = "CH403" // a function of policies/functions refuses the caller
	stateNoPrivilege   = "42501" // insufficient_privilege, also a row that a policy refuses
	checkpointRequired = "checkpoint_required"
)

// Denied is the error of a unit of work in which the database refused a statement because the caller lacks a right.
type Denied struct {
	// Err is the error of the unit. It wraps the *pgconn.PgError.
	Err error
}

// Error implements error.
func (e *Denied) Error() string { return e.Err.Error() }

// Unwrap returns the error of the unit.
func (e *Denied) Unwrap() error { return e.Err }

// GateRefused is the error of a unit of work in which a gate refused a write, because no approval of a human allows it.
type GateRefused struct {
	// Err is the error of the unit. It wraps the *pgconn.PgError, whose detail says why the approval that the unit names
	// does not allow the write.
	Err error
	// Payload describes the refused write as JSON, or all writes of a unit with [Options.Several]. A checkpoint for it must
	// be requested with exactly this text. It is empty if the gate did not describe the write.
	Payload json.RawMessage
	// Unapproved is true if the unit named no approval, so that a checkpoint for Payload has to be requested.
	Unapproved bool
}

// Error implements error.
func (e *GateRefused) Error() string { return e.Err.Error() }

// Unwrap returns the error of the unit.
func (e *GateRefused) Unwrap() error { return e.Err }

// refusal returns the error of a unit as *Denied or *GateRefused if the database refused the unit. Other errors stay as
// they are.
func refusal(err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	switch pg.Code {
	case stateForbidden, stateNoPrivilege:
		return &Denied{err}
	case stateLocked:
		gate := &GateRefused{Err: err}
		if announced, ok := errors.AsType[*entpgx.AnnouncedError](err); ok {
			gate.Payload = json.RawMessage(announced.Detail)
		}
		var reason struct {
			Code string `json:"code"`
		}
		gate.Unapproved = json.Unmarshal([]byte(pg.Detail), &reason) == nil && reason.Code == checkpointRequired
		return gate
	}
	return err
}

// collectTimeout bounds how long a refused unit can run in collecting mode. It does not end with the request's context.
const collectTimeout = 10 * time.Second

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
// collect does not end with ctx, since a unit is refused even if its client has disconnected.
func (d *DB) collect(ctx context.Context, o Options, fn func(ctx context.Context, tx *ent.Tx) error, gate *GateRefused) error {
	ctx, cancel := context.WithTimeout(context.WithValue(context.WithoutCancel(ctx), collectingKey{}, true), collectTimeout)
	defer cancel()
	tx, err := d.client.BeginTx(ctx, &sql.TxOptions{Isolation: o.Isolation})
	if err != nil {
		return errors.Join(gate, fmt.Errorf("collect the writes: %w", err))
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
		return refusal(err)
	}
	if payload == nil {
		return gate // What needed an approval has changed in the meantime.
	}
	return &GateRefused{Err: gate.Err, Payload: json.RawMessage(*payload), Unapproved: true}
}

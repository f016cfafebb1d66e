package api

import (
	"context"
	"crypto/sha256"
	stdjson "encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/ent/idempotencykey"
	"github.com/chenu/chenu/server/api/openapi"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/session"
)

// Outcome is the response to a POST, stored under the request's Idempotency-Key.
type Outcome struct {
	// Digest is the SHA-256 digest of the request.
	Digest []byte
	Status int
	Header map[string]string
	Body   []byte
}

// Outcomes stores the outcomes of POST requests. All methods run in tx as its caller, and see only the keys of that
// identity and actor: an agent and its human can use the same key independently.
type Outcomes interface {
	// Lock locks the key until the transaction ends. It does not wait: if another transaction holds the lock, it
	// returns false.
	Lock(ctx context.Context, tx *ent.Tx, who auth.Identity, route, key string) (bool, error)
	// Find returns the stored outcome, or nil if there is none or it has expired. digest is the digest of the current
	// request.
	Find(ctx context.Context, tx *ent.Tx, who auth.Identity, route, key string, digest []byte) (*Outcome, error)
	// Keep stores an outcome for 24 hours. The key must not have an unexpired outcome yet.
	Keep(ctx context.Context, tx *ent.Tx, who auth.Identity, route, key string, o Outcome) error
}

// readKey returns the header Idempotency-Key, or "" if the request has none.
func (o *operation) readKey(h http.Header) (string, error) {
	key, _, err := o.keyHeader.Read(h)
	if err != nil {
		return "", err
	}
	for _, b := range []byte(key) {
		if b < ' ' || b > '~' { // The schema limits only the length.
			return "", problem.Invalid(problem.In(openapi.IdempotencyHeader, "invalid_character", "This value must have only printable ASCII characters."))
		}
	}
	return key, nil
}

// onceForKey returns the stored outcome of the key, or runs the operation and stores its outcome. The outcome is
// stored in the transaction of the operation, so an error that rolls back the operation also discards the outcome.
// Only 2xx responses are stored.
func (c *call) onceForKey(ctx context.Context, tx *ent.Tx) (*response, error) {
	outcomes := c.api.outcomes
	free, err := outcomes.Lock(ctx, tx, c.identity, c.ID, c.key)
	if err != nil {
		return nil, fmt.Errorf("lock the idempotency key: %w", err)
	}
	if !free {
		return nil, problem.New(http.StatusConflict, "request_in_progress", "A request with this Idempotency-Key is still running. Repeat the request after Retry-After.").
			WithRetryAfter(time.Second)
	}
	digest, err := c.digest()
	if err != nil {
		return nil, err
	}
	known, err := outcomes.Find(ctx, tx, c.identity, c.ID, c.key, digest)
	if err != nil {
		return nil, fmt.Errorf("look for the idempotency key: %w", err)
	}
	if known != nil {
		r, err := replay(known, digest)
		if err == nil && c.Replayed != nil {
			err = c.Replayed(ctx, tx, known)
		}
		return r, err
	}
	result, err := c.run(ctx, tx, c.in)
	if err != nil {
		return nil, err
	}
	r, err := c.encode(result)
	if err != nil {
		return nil, err
	}
	if r.status/100 != 2 {
		return r, nil
	}
	header := make(map[string]string, len(r.header))
	for name := range r.header {
		header[name] = r.header.Get(name)
	}
	err = outcomes.Keep(ctx, tx, c.identity, c.ID, c.key, Outcome{Digest: digest, Status: r.status, Header: header, Body: r.body})
	if err != nil {
		return nil, fmt.Errorf("keep the outcome: %w", err)
	}
	return r, nil
}

func replay(known *Outcome, digest []byte) (*response, error) {
	if string(known.Digest) != string(digest) {
		return nil, problem.New(http.StatusUnprocessableEntity, "idempotency_key_reused", "This Idempotency-Key was already used with another request.").
			WithErrors(problem.In(openapi.IdempotencyHeader, "idempotency_key_reused", "Use a new key for a new request."))
	}
	r := &response{status: known.Status, header: http.Header{}, body: known.Body, replayed: true}
	for name, value := range known.Header {
		r.header.Set(name, value)
	}
	return r, nil
}

// digest returns a digest of the actor, the path, the query and the JSON body, independent of the order of fields.
// Requests with the same digest are the same request. The header Checkpoint is not included: a request that was
// rejected because it needs approval is repeated with the header.
func (c *call) digest() ([]byte, error) {
	request, err := stdjson.Marshal([]any{c.identity.ActorID, c.path, c.query, c.body}) // Marshal sorts the names.
	if err != nil {
		return nil, fmt.Errorf("digest the request: %w", err)
	}
	sum := sha256.Sum256(request)
	return sum[:], nil
}

// storedOutcomes stores outcomes in the table app.idempotency_keys.
type storedOutcomes struct{}

// lockKeySQL takes an advisory lock until the transaction ends. The lock is identified by a hash of the transaction's
// actor, the operation and the key. If two hashes collide, a client only waits. A second INSERT of the same row would
// block on the unique index instead.
const lockKeySQL = `SELECT app.lock_idempotency_key($1, $2)`

func (storedOutcomes) Lock(ctx context.Context, tx *ent.Tx, _ auth.Identity, route, key string) (free bool, err error) {
	err = session.One(ctx, tx, lockKeySQL, []any{route, key}, &free)
	return free, err
}

func (storedOutcomes) Find(ctx context.Context, tx *ent.Tx, who auth.Identity, route, key string, digest []byte) (*Outcome, error) {
	rows, err := tx.IdempotencyKey.Query().
		Where(idempotencykey.CreatedBy(who.ID), idempotencykey.Route(route), idempotencykey.Key(key), idempotencykey.Or(
			idempotencykey.And(idempotencykey.ActorKindEQ(datatype.ActorKind(who.Kind)), idempotencykey.ActorID(who.ActorID)),
			// Rows stored before keys were scoped by actor, at most 24 hours ago, have no actor. The digest includes
			// the actor, so it identifies the request.
			idempotencykey.And(idempotencykey.ActorIDIsNil(), idempotencykey.RequestDigest(digest)),
		)).All(ctx)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	row := rows[0]
	if !row.ExpiresAt.After(time.Now()) {
		return nil, tx.IdempotencyKey.DeleteOne(row).Exec(ctx)
	}
	o := &Outcome{Digest: row.RequestDigest, Status: row.Status, Header: row.Headers}
	if row.Body != nil {
		o.Body = *row.Body
	}
	return o, nil
}

func (storedOutcomes) Keep(ctx context.Context, tx *ent.Tx, who auth.Identity, route, key string, o Outcome) error {
	create := tx.IdempotencyKey.Create().
		SetCreatedBy(who.ID).
		SetRoute(route).
		SetKey(key).
		SetRequestDigest(o.Digest).
		SetStatus(o.Status).
		SetHeaders(o.Header)
	if o.Body != nil {
		create.SetBody(o.Body)
	}
	return create.Exec(ctx)
}

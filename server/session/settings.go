package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/entpgx"
	"github.com/chenu/chenu/server/auth"
)

// ErrNoIdentity is returned if the context has no identity to run a statement as. Nothing was sent.
var ErrNoIdentity = errors.New("session: no identity in the context: authenticate the caller and pass on its context")

// ErrIdentityChanged is returned if the context of a statement has another identity than its transaction. Nothing was
// sent.
var ErrIdentityChanged = errors.New("session: the context carries another identity than its transaction: start a transaction for each identity")

// roles maps kinds of actors to the database roles of their transactions.
var roles = map[auth.Kind]string{auth.Human: policies.Conventions.Human, auth.Agent: policies.Conventions.Agent}

// Statements that begin every transaction with its settings, which are local to the transaction. They set all
// settings, so that values set by an earlier user of the connection have no effect. The role comes first, so that the
// rest of the statement, including its parsing, runs with the privileges of the role and not of the login. The
// read-only form is a separate statement because transaction_read_only cannot be set to off on a standby.
var (
	settingsSQL         = policies.Conventions.SettingsSQL()
	readOnlySettingsSQL = settingsSQL + `, set_config('transaction_read_only', 'on', true)`
)

// Parameters of settingsSQL: the role, and the settings in the order of policies.Conventions.
const (
	ofRole = iota
	ofIdentity
	ofActor
	ofSession
	ofAuthTime
	ofRequest
	ofTraceparent
	ofCheckpoint
	ofIP
	ofUserAgent
	ofClientRequest
	settingsCount
)

// maxUserAgent is the maximum length of a user agent in the audit log, in characters (the limit of
// audit_logs.user_agent).
const maxUserAgent = 400

// checkpointKey is the context key of the checkpoint that approves the writes of a unit of work.
type checkpointKey struct{}

// collectingKey is the context key of a unit of work in collecting mode.
type collectingKey struct{}

// collectingSQL puts the transaction in collecting mode. Unlike the other settings, it is
// not reset in other transactions: a transaction that collects by mistake cannot commit.
const collectingSQL = `SELECT set_config('app.collecting', 'on', true)`

// holdAgentSQL locks the agent's row before anything else in the transaction, so that the order of locks is that of a
// dismissal. Without it, the database takes the lock at the first write.
const holdAgentSQL = `SELECT app.hold_agent(nullif(current_setting('app.actor_id', true), '')::uuid)`

// values are the values of the parameters of settingsSQL.
type values [settingsCount][]byte

// prelude returns the settings that begin a statement or transaction of the caller in the context.
func prelude(ctx context.Context, transaction bool) (*entpgx.Prelude, error) {
	if err := nested(ctx); err != nil {
		return nil, err
	}
	id, ok := auth.From(ctx)
	if !ok || id.ID == uuid.Nil {
		return nil, ErrNoIdentity
	}
	if id.ActorID == uuid.Nil {
		return nil, fmt.Errorf("%w (identity %s has no actor)", ErrNoIdentity, id.ID)
	}
	role := roles[id.Kind]
	if role == "" {
		return nil, fmt.Errorf("%w (identity %s has the unknown kind of actor %q)", ErrNoIdentity, id.ID, id.Kind)
	}
	var v values
	v[ofRole] = []byte(role)
	v[ofIdentity] = idText(id.ID)
	v[ofActor] = v[ofIdentity]
	if id.ActorID != id.ID {
		v[ofActor] = idText(id.ActorID)
	}
	v[ofSession] = idText(id.SessionID)
	v[ofAuthTime] = timeText(id.AuthTime)
	v[ofCheckpoint] = none
	p := &entpgx.Prelude{Pool: string(id.Kind), Check: sameIdentity(id.ID, id.Kind)}
	if transaction {
		checkpoint, _ := ctx.Value(checkpointKey{}).(uuid.UUID)
		v[ofCheckpoint] = idText(checkpoint)
		if id.Kind == auth.Agent {
			p.Then = append(p.Then, holdAgentSQL)
		}
		if ctx.Value(collectingKey{}) != nil {
			p.Then = append(p.Then, collectingSQL)
		}
	}
	v.request(ctx)
	p.Values = v[:]
	return p, nil
}

// sameIdentity returns a check that rejects a context with another identity or kind of actor.
func sameIdentity(owner uuid.UUID, kind auth.Kind) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		switch id, ok := auth.From(ctx); {
		case !ok:
			return ErrNoIdentity
		case id.ID != owner || id.Kind != kind:
			return ErrIdentityChanged
		}
		return nil
	}
}

// anonymous returns the prelude of a caller without an identity, even if the context has an identity.
func anonymous(ctx context.Context, kind auth.Kind) *entpgx.Prelude {
	var v values
	v[ofRole] = []byte(roles[kind])
	for i := ofIdentity; i < settingsCount; i++ {
		v[i] = none
	}
	v.request(ctx)
	return &entpgx.Prelude{Pool: string(kind), Values: v[:]}
}

func (v *values) request(ctx context.Context) {
	r, _ := auth.RequestFrom(ctx)
	v[ofRequest] = idText(r.ID)
	v[ofTraceparent] = storable(r.Traceparent, len(r.Traceparent))
	v[ofIP] = storable(r.IP, len(r.IP))
	v[ofUserAgent] = storable(r.UserAgent, maxUserAgent)
	v[ofClientRequest] = idText(r.ClientID)
}

// none is an empty string as a parameter. nil would be NULL, for which set_config restores the setting's default
// instead of setting an empty value.
var none = []byte{}

func idText(id uuid.UUID) []byte {
	if id == uuid.Nil {
		return none
	}
	text, _ := id.MarshalText() // never fails
	return text
}

func timeText(t time.Time) []byte {
	if t.IsZero() {
		return none
	}
	return t.UTC().AppendFormat(nil, time.RFC3339Nano)
}

// storable returns a string from a client as a valid Postgres text of at most limit characters. Header values may
// contain bytes that are not UTF-8 (RFC 9110 section 5.5, obs-text), which must not fail the request.
func storable(s string, limit int) []byte {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	if utf8.RuneCountInString(s) > limit {
		s = string([]rune(s)[:limit])
	}
	return append(none, s...)
}

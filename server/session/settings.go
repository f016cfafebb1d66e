package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/chenu/chenu/server/auth"
)

// ErrNoIdentity is returned when a statement has nobody to run as: the context
// carries no identity. Nothing has left the process.
var ErrNoIdentity = errors.New("session: no identity in the context: authenticate the caller and pass on its context")

// ErrIdentityChanged is returned when a statement's context carries another
// identity than the transaction it is sent in. Nothing has left the process.
var ErrIdentityChanged = errors.New("session: the context carries another identity than its transaction: begin a transaction for each identity")

// roles are the database roles a transaction runs as.
var roles = map[auth.Kind]string{auth.Human: "chenu_human", auth.Agent: "chenu_agent"}

// The settings every transaction starts with, local to it. All are always set,
// so that nothing which an earlier user of the connection left behind counts.
// The role comes first: what follows, the parsing of the statement included, is
// done with its rights and not the login's. The read-only form is a second
// statement because the setting cannot be set to off on a standby.
const (
	settingsSQL = `SELECT set_config('role', $1, true), set_config('app.identity_id', $2, true),` +
		` set_config('app.actor_id', $3, true), set_config('app.session_id', $4, true),` +
		` set_config('app.auth_time', $5, true), set_config('app.request_id', $6, true),` +
		` set_config('app.traceparent', $7, true), set_config('app.checkpoint_id', $8, true),` +
		` set_config('app.ip', $9, true), set_config('app.user_agent', $10, true),` +
		` set_config('app.client_request_id', $11, true)`
	readOnlySettingsSQL = settingsSQL + `, set_config('transaction_read_only', 'on', true)`

	settingsCount = 11
)

// maxUserAgent is the longest user agent, in characters, that the audit trail
// keeps (the limit of audit_logs.user_agent).
const maxUserAgent = 400

// settings are the values of one transaction's settings, ready to bind.
type settings struct {
	kind   auth.Kind
	owner  uuid.UUID
	values [settingsCount][]byte
}

// settingsFor reads from the context who a transaction runs as. A checkpoint of
// zero is none.
func settingsFor(ctx context.Context, checkpoint uuid.UUID) (*settings, error) {
	id, ok := auth.From(ctx)
	if !ok || id.ID == uuid.Nil {
		return nil, ErrNoIdentity
	}
	if id.ActorID == uuid.Nil {
		return nil, fmt.Errorf("%w (identity %s has no actor)", ErrNoIdentity, id.ID)
	}
	s := &settings{kind: id.Kind, owner: id.ID}
	role := roles[id.Kind]
	if role == "" {
		return nil, fmt.Errorf("%w (identity %s has the unknown kind of actor %q)", ErrNoIdentity, id.ID, id.Kind)
	}
	s.values[0] = []byte(role)
	s.values[1] = idText(id.ID)
	s.values[2] = s.values[1]
	if id.ActorID != id.ID {
		s.values[2] = idText(id.ActorID)
	}
	s.values[3] = idText(id.SessionID)
	s.values[4] = timeText(id.AuthTime)
	s.values[7] = idText(checkpoint)
	s.request(ctx)
	return s, nil
}

// anonymousSettings are those of a caller who has no identity, whatever the
// context says.
func anonymousSettings(ctx context.Context, kind auth.Kind) *settings {
	s := &settings{kind: kind}
	s.values[0] = []byte(roles[kind])
	for i := 1; i < settingsCount; i++ {
		s.values[i] = none
	}
	s.request(ctx)
	return s
}

func (s *settings) request(ctx context.Context) {
	r, _ := auth.RequestFrom(ctx)
	s.values[5] = idText(r.ID)
	s.values[6] = storable(r.Traceparent, len(r.Traceparent))
	s.values[8] = storable(r.IP, len(r.IP))
	s.values[9] = storable(r.UserAgent, maxUserAgent)
	s.values[10] = idText(r.ClientID)
}

// none is a bound empty string; nil would be NULL, which set_config turns into
// the setting's default rather than into nothing.
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

// storable makes what a client sent acceptable as a Postgres text of at most
// limit characters. Header values may hold bytes that are not UTF-8 (RFC 9110
// section 5.5, obs-text), and one of them must not fail the whole request.
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

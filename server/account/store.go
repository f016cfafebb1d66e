package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/refusal"
	"github.com/chenu/chenu/server/session"
)

// KeyStore stores the signing keys in the database. It implements [auth.KeyStore].
type KeyStore struct{ DB *session.DB }

const signingKeysSQL = `SELECT id, public_key, private_key, status FROM app.signing_keys()`

// SigningKeys implements [auth.KeyStore].
func (s KeyStore) SigningKeys(ctx context.Context) ([]auth.StoredKey, error) {
	var keys []auth.StoredKey
	err := s.DB.Anonymous(ctx, func(q session.Querier) error {
		keys = nil
		return session.Each(ctx, q, signingKeysSQL, nil, func(rows *sql.Rows) error {
			var k auth.StoredKey
			if err := rows.Scan(&k.ID, &k.PublicKey, &k.Sealed, &k.Status); err != nil {
				return err
			}
			keys = append(keys, k)
			return nil
		})
	})
	return keys, err
}

const addFirstSigningKeySQL = `SELECT app.add_first_signing_key($1, $2, $3)`

// AddFirstSigningKey implements [auth.KeyStore].
func (s KeyStore) AddFirstSigningKey(ctx context.Context, k auth.StoredKey) error {
	return s.DB.Anonymous(ctx, func(q session.Querier) error {
		_, err := q.ExecContext(ctx, addFirstSigningKeySQL, k.ID, k.PublicKey, k.Sealed)
		return err
	})
}

// Sessions checks sessions in the database. It implements [auth.Sessions].
type Sessions struct {
	DB *session.DB
	// DevelopmentTokens accepts tokens that were issued without authentication: see [Service.MakeDevelopmentToken].
	DevelopmentTokens bool
}

// aliveSQL runs as the identity, so that row-level security hides the sessions of others. The condition on created_by
// repeats this for the planner.
const aliveSQL = `SELECT true FROM app.sessions s JOIN public.identities i ON i.id = s.created_by
 WHERE s.created_by = $1 AND s.id = $2 AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp()
   AND i.status = 'active' AND ($3 OR NOT 'dev' = ANY (s.amr))`

// agentAliveSQL checks the token of an agent of the identity. The credential of the token must be neither revoked nor
// expired. The agent must be active and have the capabilities in the token, and the token must be issued after the
// agent was last suspended. Where development tokens are accepted ($6), the token may belong to a session instead of a
// credential.
const agentAliveSQL = `SELECT EXISTS (SELECT FROM public.identities i WHERE i.id = $1 AND i.status = 'active')
 AND EXISTS (SELECT FROM public.team_agents a WHERE a.created_by = $1 AND a.id = $3 AND a.status = 'active'
   AND $4::text[] <@ app.implied_capabilities(a.capabilities) AND (a.suspended_at IS NULL OR a.suspended_at < $5))
 AND (EXISTS (SELECT FROM app.agent_credentials c
     WHERE c.created_by = $1 AND c.id = $2 AND c.agent_id = $3 AND c.revoked_at IS NULL AND c.expires_at > clock_timestamp())
   OR $6 AND EXISTS (SELECT FROM app.sessions s WHERE s.created_by = $1 AND s.id = $2 AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp()))`

// Alive implements [auth.Sessions], in one round trip.
func (s Sessions) Alive(ctx context.Context, id auth.Identity) (bool, error) {
	// The service asks on behalf of the owner, because an agent may not see sessions.
	owner := auth.Identity{ID: id.ID, ActorID: id.ID, Kind: auth.Human, SessionID: id.SessionID}
	var alive bool
	if id.Kind == auth.Agent {
		err := session.One(auth.With(ctx, owner), s.DB.Client(), agentAliveSQL,
			[]any{id.ID, id.SessionID, id.ActorID, datatype.Texts(id.Scope), id.AuthTime, s.DevelopmentTokens}, &alive)
		return alive, err
	}
	err := session.One(auth.With(ctx, owner), s.DB.Client(), aliveSQL, []any{id.ID, id.SessionID, s.DevelopmentTokens}, &alive)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return alive, err
}

// found is the result of login_lookup for an e-mail address.
type found struct {
	id       uuid.UUID
	mayLogIn bool
}

const loginLookupSQL = `SELECT identity_id, may_log_in FROM app.login_lookup($1)`

// lookup returns the account with the e-mail address, or the zero value if there is none.
func lookup(ctx context.Context, db *refusal.DB, email string) (found, error) {
	var f found
	err := db.Anonymous(ctx, func(q session.Querier) error {
		return session.One(ctx, q, loginLookupSQL, []any{email}, &f.id, &f.mayLogIn)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return found{}, nil
	}
	if err != nil {
		return found{}, fmt.Errorf("look up an account: %w", err)
	}
	return f, nil
}

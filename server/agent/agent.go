// Package agent is how hired agents get to work by themselves (Rule #4): their human gives
// one a credential, and the agent exchanges it for a short-lived access token that says for
// whom it acts and what it may do. The database sees to it that an agent can't give itself
// either (policies/functions/agents.sql), and that both end with its dismissal.
package agent

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/agentcredential"
	"github.com/chenu/chenu/ent/hiredagent"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/session"
)

// Service are the agents' operations. Safe for concurrent use.
type Service struct {
	DB     *session.DB
	Issuer *auth.Issuer
	// Tokens names the service in the assertions that agents sign.
	Tokens auth.Config
}

const path = "/v1/team/agents/{id}/credentials"

// Mount registers the operations.
func (s *Service) Mount(a *api.API) {
	op := func(id, method, suffix, summary, description string) api.Op {
		return api.Op{ID: id, Method: method, Path: path + suffix, Tag: "team", Summary: summary, Description: description, HumansOnly: true}
	}
	create := op("create-agent-credential", http.MethodPost, "", "Give an agent a credential",
		"Generates a secret, which only this response shows, or stores the agent's public key. The agent gets its access tokens with it: see "+
			"`POST /v1/auth/agent-token`. An agent has at most 20 credentials. A credential expires after 90 days unless `expires_at` says "+
			"otherwise, and after 365 days at most. The request needs a verified e-mail address, else it is 403 `email_unverified`, and an "+
			"authentication within the last 5 minutes, else it is 403 `recent_authentication_required`. The owner is told by mail. The secret "+
			"is not stored, so the Idempotency-Key is ignored and a repeated request creates another credential.")
	create.Status, create.Unkept = http.StatusCreated, true
	api.Handle(a, create, s.create)
	api.Handle(a, op("list-agent-credentials", http.MethodGet, "", "List an agent's credentials",
		"All of them, newest first, also those that were revoked. There are no secrets in it."), list)
	api.Handle(a, op("revoke-agent-credential", http.MethodDelete, "/{credential}", "Revoke a credential",
		"The tokens that were made with it are refused within two seconds. It stays in the list."), revoke)
	api.HandlePublic(a, api.Op{
		ID: "create-agent-token", Method: http.MethodPost, Path: "/v1/auth/agent-token", Tag: "Accounts",
		Summary: "Make an agent's access token",
		Description: "Exchanges an agent's credential for an access token (RFC 6749, section 4.4): its secret, or an assertion that " +
			"it signs with its key (RFC 7523, section 2.2): a JWT with `alg` EdDSA, `iss` and `sub` the credential's `client_id`, `aud` the service's issuer, `jti` " +
			"and an `exp` at most five minutes ahead, which is good once. The token's `sub` is the identity and `act.sub` the agent; its `scope` are the agent's " +
			"capabilities, the tags of the operations that it may call. It lives for ten minutes at most, and ends with the credential, and when the " +
			"agent is suspended or dismissed or loses a capability that it names.",
		Limit:    "agent-token",
		Problems: []int{http.StatusUnauthorized},
	}, s.token)
}

// AgentCredential is what an agent proves itself with, without its secret.
type AgentCredential struct {
	ID         uuid.UUID  `json:"id"           jsonschema_description:"Identifies it."`
	ClientID   string     `json:"client_id"    jsonschema:"pattern=^[0-9a-f-]{36}[.][0-9a-f-]{36}$,example=018f3b1e-5c7a-7d2e-9f00-2b1d7a1c9e4f.018f3b1e-5c7a-7d2e-9f00-2b1d7a1c9e50" jsonschema_description:"What its agent calls itself in requests for tokens."`
	AgentID    uuid.UUID  `json:"agent_id"     jsonschema_description:"Whose it is."`
	Name       *string    `json:"name"         jsonschema_description:"What its human calls it."`
	Type       string     `json:"type"         jsonschema:"enum=secret,enum=public_key" jsonschema_description:"A secret, or a key whose private half the agent keeps."`
	PublicKey  *PublicKey `json:"public_key"   jsonschema_description:"The key; null for a secret."`
	CreatedAt  time.Time  `json:"created_at"   jsonschema_description:"When it was made."`
	ExpiresAt  time.Time  `json:"expires_at"   jsonschema_description:"Expiry time."`
	RevokedAt  *time.Time `json:"revoked_at"   jsonschema_description:"When it was revoked."`
	LastUsedAt *time.Time `json:"last_used_at" jsonschema_description:"When a token was last made with it."`
}

// NewAgentCredential is a credential as it is made.
type NewAgentCredential struct {
	AgentCredential

	Secret *string `json:"secret" jsonschema_description:"The secret, which is shown here and never again; null for a key."`
}

// PublicKey is an Ed25519 key as a JWK (RFC 8037).
type PublicKey struct {
	KTY string `json:"kty" jsonschema:"enum=OKP" jsonschema_description:"OKP."`
	CRV string `json:"crv" jsonschema:"enum=Ed25519" jsonschema_description:"Ed25519."`
	X   string `json:"x"   jsonschema:"pattern=^[A-Za-z0-9_-]{43}$,example=11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" jsonschema_description:"The key's 32 bytes in base64url. Keys of small order and encodings that are not canonical are refused."`
}

// CredentialRequest says what credential is to be made.
type CredentialRequest struct {
	Name      *string    `json:"name,omitempty"       jsonschema:"minLength=1,maxLength=200" jsonschema_description:"What to call it." example:"\"the scheduler's\""`
	PublicKey *PublicKey `json:"public_key,omitempty" jsonschema_description:"The agent's public key; without one a secret is made."`
	ExpiresAt *time.Time `json:"expires_at,omitempty" jsonschema_description:"Expiry time, at most 365 days ahead. The default is 90 days ahead."`
}

type createInput struct {
	ID   uuid.UUID `path:"id" jsonschema_description:"Which agent."`
	Body CredentialRequest
}

type createOutput struct {
	Body NewAgentCredential
}

const addSQL = `SELECT app.add_agent_credential($1, $2, $3, $4, $5, $6)`

func (s *Service) create(ctx context.Context, tx *ent.Tx, in *createInput) (*createOutput, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make a credential's id: %w", err)
	}
	var out createOutput
	var hash, key []byte
	if in.Body.PublicKey != nil {
		key, err = base64.RawURLEncoding.Strict().DecodeString(in.Body.PublicKey.X)
		if err != nil || len(key) != ed25519.PublicKeySize {
			return nil, problem.Invalid(problem.At("/public_key/x", "invalid_format", "This must be the 32 bytes of an Ed25519 public key in base64url."))
		}
	} else {
		secret, sum := newSecret()
		out.Body.Secret, hash = &secret, sum
	}
	if _, err := tx.ExecContext(ctx, addSQL, id, in.ID, in.Body.Name, hash, key, in.Body.ExpiresAt); err != nil {
		return nil, fmt.Errorf("make a credential: %w", err)
	}
	row, err := tx.AgentCredential.Query().Where(agentcredential.ID(id)).Select(columns...).Only(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the credential: %w", err)
	}
	out.Body.AgentCredential = credential(row)
	return &out, nil
}

// secretPrefix makes a secret that leaked to where it should not be easy to find.
const secretPrefix = "chenu_agent_"

// newSecret returns a secret and its hash. It has 256 bits of randomness, so the hash need
// not be slow.
func newSecret() (string, []byte) {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	secret := secretPrefix + base64.RawURLEncoding.EncodeToString(random)
	return secret, hashOf(secret)
}

func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// columns are what a credential is shown by: a serving role may not read its hash.
var columns = []string{
	agentcredential.FieldID, agentcredential.FieldCreatedBy, agentcredential.FieldAgentID, agentcredential.FieldName, agentcredential.FieldPublicKey,
	agentcredential.FieldCreatedAt, agentcredential.FieldExpiresAt, agentcredential.FieldRevokedAt, agentcredential.FieldLastUsedAt,
}

func credential(row *ent.AgentCredential) AgentCredential {
	c := AgentCredential{
		ID: row.ID, ClientID: clientID{row.CreatedBy, row.ID}.String(), AgentID: row.AgentID, Name: row.Name, Type: "secret",
		CreatedAt: row.CreatedAt, RevokedAt: row.RevokedAt, LastUsedAt: row.LastUsedAt,
	}
	if row.ExpiresAt != nil { // The database refuses a credential that has none.
		c.ExpiresAt = *row.ExpiresAt
	}
	if row.PublicKey != nil && len(*row.PublicKey) > 0 { // Ent gives a NULL as an empty one
		c.Type = "public_key"
		c.PublicKey = &PublicKey{KTY: "OKP", CRV: "Ed25519", X: base64.RawURLEncoding.EncodeToString(*row.PublicKey)}
	}
	return c
}

type listInput struct {
	ID uuid.UUID `path:"id" jsonschema_description:"Which agent."`
}

// AgentCredentials are an agent's credentials.
type AgentCredentials struct {
	Items []AgentCredential `json:"items" jsonschema_description:"All of them, newest first."`
}

type listOutput struct {
	Body AgentCredentials
}

func list(ctx context.Context, tx *ent.Tx, in *listInput) (*listOutput, error) {
	if _, err := tx.HiredAgent.Query().Where(hiredagent.ID(in.ID)).OnlyID(ctx); err != nil {
		return nil, fmt.Errorf("read the agent: %w", err)
	}
	rows, err := tx.AgentCredential.Query().Where(agentcredential.AgentID(in.ID)).
		Order(ent.Desc(agentcredential.FieldID)).Select(columns...).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the credentials: %w", err)
	}
	out := &listOutput{Body: AgentCredentials{Items: make([]AgentCredential, len(rows))}}
	for i, row := range rows {
		out.Body.Items[i] = credential(row)
	}
	return out, nil
}

type revokeInput struct {
	ID         uuid.UUID `path:"id"         jsonschema_description:"Which agent."`
	Credential uuid.UUID `path:"credential" jsonschema_description:"Which credential."`
}

const revokeSQL = `SELECT app.revoke_agent_credential($1, $2)`

func revoke(ctx context.Context, tx *ent.Tx, in *revokeInput) (*struct{}, error) {
	if _, err := tx.ExecContext(ctx, revokeSQL, in.ID, in.Credential); err != nil {
		return nil, fmt.Errorf("revoke a credential: %w", err)
	}
	return nil, nil //nolint:nilnil // 204.
}

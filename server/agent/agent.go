// Package agent implements the credentials and access tokens of hired agents (Rule #4). The human creates a credential
// for an agent. The agent exchanges it for a short-lived access token with the identity that it acts for and its
// capabilities. The database ensures that an agent cannot give itself either (policies/functions/agents.sql), and that
// both become invalid when the agent is dismissed.
package agent

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/agentcredential"
	"github.com/chenu/chenu/ent/hiredagent"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/refusal"
)

// Service implements the operations on credentials of agents. It is safe for concurrent use.
type Service struct {
	Log    *slog.Logger
	DB     *refusal.DB
	Issuer *auth.Issuer
	// Tokens contains the issuer that agents use as the audience of their assertions.
	Tokens auth.Config
}

const path = "/v1/team/agents/{id}/credentials"

// Mount registers the operations with the API.
func (s *Service) Mount(a *api.API) {
	mountTeam(a)
	api.Handle(a, api.Op{
		ID: "create-agent-credential", Method: http.MethodPost, Path: path, Tag: "team", HumansOnly: true, Status: http.StatusCreated, Unkept: true,
		Summary: "Create an agent credential",
		Description: "Generates a secret, which only this response contains, or stores the agent's public key. The agent exchanges the credential for access " +
			"tokens: see `POST /v1/auth/agent-token`. An agent has at most 20 credentials. A credential expires at `expires_at`: after 90 days by " +
			"default, and after 365 days at most. Requires a verified e-mail address, otherwise the response is 403 `email_unverified`, and an " +
			"authentication within the last 5 minutes, otherwise it is 403 `recent_authentication_required`. The owner is notified by mail. The secret " +
			"is not stored: Idempotency-Key is ignored, and a repeated request creates another credential. Agents cannot call this operation.",
		Responses: map[int]string{http.StatusCreated: "The credential was created."},
	}, s.create)
	api.Handle(a, api.Op{
		ID: "list-agent-credentials", Method: http.MethodGet, Path: path, Tag: "team", HumansOnly: true,
		Summary:     "List agent credentials",
		Description: "Returns all credentials of the agent, newest first, including revoked credentials. The response contains no secrets. Agents cannot call this operation.",
		Responses:   map[int]string{http.StatusOK: "The credentials of the agent."},
	}, list)
	api.Handle(a, api.Op{
		ID: "revoke-agent-credential", Method: http.MethodDelete, Path: path + "/{credential}", Tag: "team", HumansOnly: true,
		Summary:     "Revoke an agent credential",
		Description: "Revokes the credential. The tokens that were issued for it are rejected within two seconds. The credential stays in the list. Agents cannot call this operation.",
		Responses:   map[int]string{http.StatusNoContent: "The credential was revoked."},
	}, revoke)
	api.HandlePublic(a, api.Op{
		ID: "create-agent-token", Method: http.MethodPost, Path: "/v1/auth/agent-token", Tag: "Accounts",
		Summary: "Create an agent access token",
		Description: "Exchanges an agent's credential for an access token (RFC 6749, section 4.4). The credential is a secret, or an assertion that the " +
			"agent signs with its key (RFC 7523, section 2.2). An assertion is a JWT with `alg` EdDSA, the credential's `client_id` as `iss` and `sub`, the " +
			"service's issuer as `aud`, a `jti`, and an `exp` at most five minutes ahead. It is valid once. In the access token, `sub` is the identity, `act.sub` " +
			"the agent, and `scope` the agent's capabilities: the tags of the operations that it may call, with `:read` for read-only access. The token is valid for at most ten minutes. It " +
			"becomes invalid with the credential, and when the agent is suspended or dismissed or loses a capability in `scope`.",
		Responses: map[int]string{http.StatusOK: "The access token of the agent."},
		Limit:     api.GroupAgentToken,
		Problems:  []int{http.StatusUnauthorized},
	}, s.token)
}

// AgentCredential is a credential with which an agent authenticates, without its secret.
type AgentCredential struct {
	ID         uuid.UUID  `json:"id"           jsonschema_description:"Id of the credential."`
	ClientID   string     `json:"client_id"    jsonschema:"pattern=^[0-9a-f-]{36}[.][0-9a-f-]{36}$,example=018f3b1e-5c7a-7d2e-9f00-2b1d7a1c9e4f.018f3b1e-5c7a-7d2e-9f00-2b1d7a1c9e50" jsonschema_description:"Client id with which the agent requests tokens."`
	AgentID    uuid.UUID  `json:"agent_id"     jsonschema_description:"Id of the agent that uses the credential."`
	Name       *string    `json:"name"         jsonschema_description:"Display name of the credential."`
	Type       string     `json:"type"         jsonschema:"enum=secret,enum=public_key" jsonschema_description:"Type of the credential: a secret, or a public key whose private key only the agent has."`
	PublicKey  *PublicKey `json:"public_key"   jsonschema_description:"Public key of the agent. Null for a secret."`
	CreatedAt  time.Time  `json:"created_at"   jsonschema_description:"Time of creation."`
	ExpiresAt  time.Time  `json:"expires_at"   jsonschema_description:"Time when the credential expires."`
	RevokedAt  *time.Time `json:"revoked_at"   jsonschema_description:"Time when the credential was revoked. Null while it is not."`
	LastUsedAt *time.Time `json:"last_used_at" jsonschema_description:"Time of the last access token that was issued for the credential."`
}

// NewAgentCredential is the response to the creation of a credential.
type NewAgentCredential struct {
	AgentCredential

	Secret *string `json:"secret" jsonschema_description:"The secret. No later response contains it. Null for a public key."`
}

// PublicKey is an Ed25519 key as a JWK (RFC 8037).
type PublicKey struct {
	KTY string `json:"kty" jsonschema:"enum=OKP" jsonschema_description:"Key type, always OKP (RFC 8037)."`
	CRV string `json:"crv" jsonschema:"enum=Ed25519" jsonschema_description:"Curve of the key, always Ed25519."`
	X   string `json:"x"   jsonschema:"pattern=^[A-Za-z0-9_-]{43}$,example=11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" jsonschema_description:"The 32 bytes of the public key in base64url encoding. Keys of small order and non-canonical encodings are rejected."`
}

// CredentialRequest describes a credential to be created.
type CredentialRequest struct {
	Name      *string    `json:"name,omitempty"       jsonschema:"minLength=1,maxLength=200" jsonschema_description:"Display name of the credential." example:"\"the scheduler's\""`
	PublicKey *PublicKey `json:"public_key,omitempty" jsonschema_description:"Public key of the agent. Without it, the service generates a secret."`
	ExpiresAt *time.Time `json:"expires_at,omitempty" jsonschema_description:"Time when the credential expires, at most 365 days ahead. The default is 90 days ahead."`
}

type createInput struct {
	ID   uuid.UUID `path:"id" jsonschema_description:"Id of the agent."`
	Body CredentialRequest
}

type createOutput struct {
	Body NewAgentCredential
}

const addSQL = `SELECT app.add_agent_credential($1, $2, $3, $4, $5, $6)`

func (s *Service) create(ctx context.Context, tx *ent.Tx, in *createInput) (*createOutput, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("create a credential's id: %w", err)
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
		return nil, fmt.Errorf("create a credential: %w", err)
	}
	row, err := tx.AgentCredential.Query().Where(agentcredential.ID(id)).Select(columns...).Only(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the credential: %w", err)
	}
	out.Body.AgentCredential = credential(row)
	return &out, nil
}

// secretPrefix makes leaked secrets easy to find.
const secretPrefix = "chenu_agent_"

// newSecret returns a secret and its hash. The secret has 256 random bits, so a slow hash is not needed.
func newSecret() (string, []byte) {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // Read never fails
	secret := secretPrefix + base64.RawURLEncoding.EncodeToString(random)
	return secret, hashOf(secret)
}

func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// columns lists the columns of a credential in responses. A serving role may not read the hash.
var columns = []string{
	agentcredential.FieldID, agentcredential.FieldCreatedBy, agentcredential.FieldAgentID, agentcredential.FieldName, agentcredential.FieldPublicKey,
	agentcredential.FieldCreatedAt, agentcredential.FieldExpiresAt, agentcredential.FieldRevokedAt, agentcredential.FieldLastUsedAt,
}

func credential(row *ent.AgentCredential) AgentCredential {
	c := AgentCredential{
		ID: row.ID, ClientID: clientID{row.CreatedBy, row.ID}.String(), AgentID: row.AgentID, Name: row.Name, Type: "secret",
		CreatedAt: row.CreatedAt, RevokedAt: row.RevokedAt, LastUsedAt: row.LastUsedAt,
	}
	if row.ExpiresAt != nil { // The database rejects credentials without it.
		c.ExpiresAt = *row.ExpiresAt
	}
	if row.PublicKey != nil && len(*row.PublicKey) > 0 { // Ent returns NULL as an empty value.
		c.Type = "public_key"
		c.PublicKey = &PublicKey{KTY: "OKP", CRV: "Ed25519", X: base64.RawURLEncoding.EncodeToString(*row.PublicKey)}
	}
	return c
}

type listInput struct {
	ID uuid.UUID `path:"id" jsonschema_description:"Id of the agent."`
}

// AgentCredentials is the list of an agent's credentials.
type AgentCredentials struct {
	Items []AgentCredential `json:"items" jsonschema_description:"Credentials of the agent, newest first."`
}

type listOutput struct {
	Body AgentCredentials
}

func list(ctx context.Context, tx *ent.Tx, in *listInput) (*listOutput, error) {
	if err := api.RequireExists(ctx, tx.HiredAgent.Query().Where(hiredagent.ID(in.ID))); err != nil {
		return nil, err
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
	ID         uuid.UUID `path:"id"         jsonschema_description:"Id of the agent."`
	Credential uuid.UUID `path:"credential" jsonschema_description:"Id of the credential."`
}

const revokeSQL = `SELECT app.revoke_agent_credential($1, $2)`

func revoke(ctx context.Context, tx *ent.Tx, in *revokeInput) (*struct{}, error) {
	if _, err := tx.ExecContext(ctx, revokeSQL, in.ID, in.Credential); err != nil {
		return nil, fmt.Errorf("revoke a credential: %w", err)
	}
	return api.NoContent()
}

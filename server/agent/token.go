package agent

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/session"
)

// issuedType is the issued_token_type of RFC 8693, section 2.2.1.
const issuedType = "urn:ietf:params:oauth:token-type:access_token"

// Authentication methods of agents (RFC 8176), for the amr claim of their tokens.
const (
	bySecret = "pwd"
	byKey    = "swk"
)

// AgentTokenRequest is a request for an access token, with a secret or an assertion.
type AgentTokenRequest struct {
	GrantType     string  `json:"grant_type"                      jsonschema:"enum=client_credentials" jsonschema_description:"Grant type, always client_credentials."`
	ClientID      string  `json:"client_id"                       jsonschema:"maxLength=200,example=018f3b1e-5c7a-7d2e-9f00-2b1d7a1c9e4f.018f3b1e-5c7a-7d2e-9f00-2b1d7a1c9e50" jsonschema_description:"Client id of the credential."`
	ClientSecret  *string `json:"client_secret,omitempty"         jsonschema:"minLength=1,maxLength=200,writeOnly=true" jsonschema_description:"Secret of the credential. Required for a credential of type secret." example:"\"chenu_agent_WVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVk\""`
	AssertionType *string `json:"client_assertion_type,omitempty" jsonschema:"enum=urn:ietf:params:oauth:client-assertion-type:jwt-bearer" jsonschema_description:"Type of the assertion. Required with client_assertion."`
	Assertion     *string `json:"client_assertion,omitempty"      jsonschema:"minLength=1,maxLength=4096,writeOnly=true" jsonschema_description:"JWT that the agent signed with its private key. Required for a credential of type public_key."`
	Scope         *string `json:"scope,omitempty"                 jsonschema:"minLength=1,maxLength=4096" jsonschema_description:"Capabilities of the token, separated by spaces. A subset of the agent's; the default is all of them." example:"\"business\""`
}

// AgentToken is an access token of an agent.
type AgentToken struct {
	AccessToken     string `json:"access_token"      jsonschema_description:"Access token. Send it as Authorization: Bearer <token>."`
	IssuedTokenType string `json:"issued_token_type" jsonschema:"enum=urn:ietf:params:oauth:token-type:access_token" jsonschema_description:"Type of the issued token, always an access token (RFC 8693)."`
	TokenType       string `json:"token_type"        jsonschema:"enum=Bearer" jsonschema_description:"Type of the token, always Bearer."`
	ExpiresIn       int    `json:"expires_in"        jsonschema:"minimum=1,example=600" jsonschema_description:"Lifetime of the token in seconds."`
	Scope           string `json:"scope"             jsonschema:"example=business team" jsonschema_description:"Capabilities of the token: tags of operations, separated by spaces."`
}

type tokenInput struct{ Body AgentTokenRequest }

// RateAccount implements [api.AccountInput].
func (in *tokenInput) RateAccount() string { return in.Body.ClientID }

type tokenOutput struct{ Body AgentToken }

const refuseCredentialSQL = `SELECT app.refuse_agent_credential($1, $2)` //nolint:gosec // A statement, no credential.

// refuse returns the error for every invalid credential (RFC 6749, section 5.2), and records the refusal in the audit
// log of the owner, if the credential exists. If recording fails, the error is logged and the response is the same: a
// different response would reveal that the credential exists.
func (s *Service) refuse(ctx context.Context, client clientID, have found, reason string, cause error) error {
	if have.agent != uuid.Nil {
		// No agent has authenticated, so the service records the refusal as the owner.
		owner := auth.Identity{ID: client.owner, ActorID: client.owner, Kind: auth.Human}
		err := s.DB.Do(auth.With(ctx, owner), session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
			_, err := tx.ExecContext(ctx, refuseCredentialSQL, client.credential, reason)
			return err
		})
		if err != nil {
			s.Log.ErrorContext(ctx, "an agent's refused login could not be recorded", "credential_id", client.credential, "error", err)
		}
	}
	return problem.New(http.StatusUnauthorized, "invalid_client", "The credential is unknown, wrong, revoked or over, or its agent may not work.").
		WithHeader("WWW-Authenticate", problem.Challenge).WithCause(cause) // RFC 9110 section 15.5.2 requires this header in every 401.
}

// clientID is the client id of a credential: its owner and its id. The owner in it allows the look-up to run as the
// owner, so that no look-up reads rows of several identities.
type clientID struct{ owner, credential uuid.UUID }

func (c clientID) String() string { return c.owner.String() + "." + c.credential.String() }

// parseClientID parses a client id in its canonical form. It returns the zero value for other texts.
func parseClientID(text string) clientID {
	owner, credential, _ := strings.Cut(text, ".")
	var c clientID
	var err, otherErr error
	c.owner, err = uuid.Parse(owner)
	c.credential, otherErr = uuid.Parse(credential)
	if err != nil || otherErr != nil || c.owner == uuid.Nil || c.String() != text {
		return clientID{}
	}
	return c
}

// found contains the hash or key that a credential is checked against. If there is no such credential, it is the zero
// value, which no secret and no assertion matches.
type found struct {
	agent     uuid.UUID
	hash, key []byte
}

const (
	credentialSQL = `SELECT agent_id, secret_hash, public_key FROM app.agent_credential($1)` //nolint:gosec // A statement, no credential.
	useSQL        = `SELECT app.use_agent_credential($1, $2, $3, $4)`
	// tokenTimeSQL returns the time of issue for a token, by the database's clock. Tokens contain it in whole seconds,
	// and tokens issued in or before the second of a suspension are rejected.
	tokenTimeSQL = `SELECT greatest(clock_timestamp(), date_trunc('second', suspended_at) + interval '1 second')
		FROM team_agents WHERE created_by = $1 AND id = $2`
)

func (s *Service) token(ctx context.Context, in *tokenInput) (*tokenOutput, error) {
	b := in.Body
	if (b.ClientSecret == nil) == (b.Assertion == nil) || (b.Assertion == nil) != (b.AssertionType == nil) {
		return nil, problem.Invalid(problem.At("", "invalid_value", "Give a client_secret, or a client_assertion with its client_assertion_type."))
	}
	client := parseClientID(b.ClientID)
	// The service looks up the credential, and uses it once the agent has authenticated, as the owner.
	owner := auth.Identity{ID: client.owner, ActorID: client.owner, Kind: auth.Human}
	have, err := s.find(auth.With(ctx, owner), client)
	if err != nil {
		return nil, err
	}
	amr, proof := bySecret, assertion{}
	if b.ClientSecret != nil {
		if subtle.ConstantTimeCompare(hashOf(*b.ClientSecret), have.hash) != 1 {
			return nil, s.refuse(ctx, client, have, "wrong_secret", errors.New("wrong secret"))
		}
	} else {
		amr = byKey
		if proof, err = s.verify(*b.Assertion, client, have.key); err != nil {
			return nil, s.refuse(ctx, client, have, "invalid_assertion", err)
		}
	}
	var (
		scope []string
		made  time.Time
	)
	err = s.DB.Do(auth.With(ctx, owner), session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
		var allowed datatype.Texts
		if err := session.One(ctx, tx, useSQL, []any{client.credential, amr, proof.digest, proof.expiresAt}, &allowed); err != nil {
			return err
		}
		if scope, err = narrow(allowed, b.Scope); err != nil {
			return err
		}
		return session.One(ctx, tx, tokenTimeSQL, []any{client.owner, have.agent}, &made)
	})
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "CH401" {
		return nil, s.refuse(ctx, client, have, "not_active", err)
	}
	if err != nil {
		return nil, fmt.Errorf("use a credential: %w", err)
	}
	who := auth.Identity{
		ID: client.owner, ActorID: have.agent, Kind: auth.Agent, SessionID: client.credential, AuthTime: tokenTime(made), Scope: scope,
	}
	text, _, err := s.Issuer.Issue(who, []string{amr})
	if err != nil {
		return nil, err
	}
	return &tokenOutput{Body: AgentToken{
		AccessToken: text, IssuedTokenType: issuedType, TokenType: "Bearer",
		ExpiresIn: int(auth.TokenLifetime.Seconds()), Scope: strings.Join(scope, " "),
	}}, nil
}

// tokenTime limits the time of issue, since the database's clock may be ahead of this machine's clock, and a token
// issued too far in the future is rejected.
func tokenTime(made time.Time) time.Time {
	if latest := time.Now().Add(auth.Leeway - time.Second); made.After(latest) {
		made = latest
	}
	return made.UTC()
}

// find returns the hash or key that the credential is checked against.
func (s *Service) find(ctx context.Context, client clientID) (have found, err error) {
	if client == (clientID{}) {
		return found{}, nil
	}
	err = s.DB.Do(ctx, session.Options{ReadOnly: true}, func(ctx context.Context, tx *ent.Tx) error {
		have = found{}
		if err := session.One(ctx, tx, credentialSQL, []any{client.credential}, &have.agent, &have.hash, &have.key); !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		return nil
	})
	if err != nil {
		return found{}, fmt.Errorf("look up a credential: %w", err)
	}
	return have, nil
}

// narrow returns the scope of a token: the agent's capabilities that are valid in a scope (RFC 6749, section 3.3), or
// only the requested ones. It returns an error rather than an empty scope, since an empty scope does not restrict a
// token.
func narrow(capabilities []string, wanted *string) ([]string, error) {
	scope := slices.DeleteFunc(slices.Clone(capabilities), func(c string) bool {
		return c == "" || strings.ContainsFunc(c, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
	})
	if wanted != nil {
		asked := strings.Fields(*wanted)
		for _, one := range asked {
			if !auth.Covers(scope, one) {
				asked = nil
			}
		}
		scope = asked
	}
	slices.Sort(scope)
	if scope = slices.Compact(scope); len(scope) == 0 {
		return nil, problem.New(http.StatusBadRequest, "invalid_scope", "The agent has no such capability, or none at all.")
	}
	return scope, nil
}

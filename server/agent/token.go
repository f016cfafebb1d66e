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

// How an agent proved itself (RFC 8176): amr of its tokens.
const (
	bySecret = "pwd"
	byKey    = "swk"
)

// AgentTokenRequest asks for a token, by a secret or by an assertion.
type AgentTokenRequest struct {
	GrantType     string    `json:"grant_type"                      jsonschema:"enum=client_credentials" jsonschema_description:"Always client_credentials."`
	ClientID      uuid.UUID `json:"client_id"                       jsonschema_description:"The credential's id."`
	ClientSecret  *string   `json:"client_secret,omitempty"         jsonschema:"minLength=1,maxLength=200,writeOnly=true" jsonschema_description:"The secret of one that has a secret." example:"\"chenu_agent_WVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVk\""`
	AssertionType *string   `json:"client_assertion_type,omitempty" jsonschema:"enum=urn:ietf:params:oauth:client-assertion-type:jwt-bearer" jsonschema_description:"Goes with client_assertion."`
	Assertion     *string   `json:"client_assertion,omitempty"      jsonschema:"minLength=1,maxLength=4096,writeOnly=true" jsonschema_description:"A JWT that the agent signed with the key of one that has a key."`
	Scope         *string   `json:"scope,omitempty"                 jsonschema:"minLength=1,maxLength=4096" jsonschema_description:"Fewer capabilities than the agent has, by spaces." example:"\"business\""`
}

// AgentToken is an access token of an agent.
type AgentToken struct {
	AccessToken     string `json:"access_token"      jsonschema_description:"Send it as Authorization: Bearer <token>."`
	IssuedTokenType string `json:"issued_token_type" jsonschema:"enum=urn:ietf:params:oauth:token-type:access_token" jsonschema_description:"Always that of an access token (RFC 8693)."`
	TokenType       string `json:"token_type"        jsonschema:"enum=Bearer" jsonschema_description:"Always Bearer."`
	ExpiresIn       int    `json:"expires_in"        jsonschema:"minimum=1,example=600" jsonschema_description:"Its lifetime in seconds."`
	Scope           string `json:"scope"             jsonschema:"example=business team" jsonschema_description:"What it allows: tags of operations, by spaces."`
}

type tokenInput struct{ Body AgentTokenRequest }

// RateAccount implements [api.AccountInput].
func (in *tokenInput) RateAccount() string { return in.Body.ClientID.String() }

type tokenOutput struct{ Body AgentToken }

// refusal is the one answer to whatever is wrong with a credential (RFC 6749, section 5.2).
func refusal(cause error) error {
	return problem.New(http.StatusUnauthorized, "invalid_client", "The credential is unknown, wrong, revoked or over, or its agent may not work.").
		WithHeader("WWW-Authenticate", `Bearer realm="chenu"`).WithCause(cause) // RFC 9110 section 15.5.2 wants one with every 401.
}

// found is what a credential is checked against.
type found struct {
	owner, agent uuid.UUID
	hash, key    []byte
}

const (
	credentialSQL = `SELECT identity_id, agent_id, secret_hash, public_key FROM app.agent_credential($1)`
	useSQL        = `SELECT app.use_agent_credential($1, $2, $3, $4)`
)

func (s *Service) token(ctx context.Context, in *tokenInput) (*tokenOutput, error) {
	b := in.Body
	if (b.ClientSecret == nil) == (b.Assertion == nil) || (b.Assertion == nil) != (b.AssertionType == nil) {
		return nil, problem.Invalid(problem.At("", "invalid_value", "Give a client_secret, or a client_assertion with its client_assertion_type."))
	}
	have, err := s.find(ctx, b.ClientID)
	if err != nil {
		return nil, err
	}
	amr, proof := bySecret, assertion{}
	if b.ClientSecret != nil {
		if subtle.ConstantTimeCompare(hashOf(*b.ClientSecret), have.hash) != 1 {
			return nil, refusal(errors.New("wrong secret"))
		}
	} else {
		amr = byKey
		if proof, err = s.verify(*b.Assertion, b.ClientID, have.key); err != nil {
			return nil, refusal(err)
		}
	}
	// From here on the credential is proved. It is the service that uses it, for the owner.
	owner := auth.Identity{ID: have.owner, ActorID: have.owner, Kind: auth.Human}
	var scope []string
	err = s.DB.Do(auth.With(ctx, owner), session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
		rows, err := tx.QueryContext(ctx, useSQL, b.ClientID, amr, proof.digest, proof.expiresAt)
		if err != nil {
			return err
		}
		var allowed datatype.Texts
		if err := one(rows, &allowed); err != nil {
			return err
		}
		scope, err = narrow(allowed, b.Scope)
		return err
	})
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "CH401" {
		return nil, refusal(err)
	}
	if err != nil {
		return nil, fmt.Errorf("use a credential: %w", err)
	}
	who := auth.Identity{
		ID: have.owner, ActorID: have.agent, Kind: auth.Agent, SessionID: b.ClientID, AuthTime: time.Now().UTC(), Scope: scope,
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

// find returns what the credential is checked against; for one that is not there, what no
// proof is right against.
func (s *Service) find(ctx context.Context, id uuid.UUID) (found, error) {
	rows, err := s.DB.AnonymousQuery(ctx, credentialSQL, id)
	if err != nil {
		return found{}, fmt.Errorf("look up a credential: %w", err)
	}
	var have found
	if err := one(rows, &have.owner, &have.agent, &have.hash, &have.key); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return found{}, fmt.Errorf("look up a credential: %w", err)
	}
	return have, nil
}

// narrow returns the scope of a token: the capabilities that can be one (RFC 6749, section
// 3.3), or those of them that were asked for. A token without any would be no narrower than
// a person's, so there is none.
func narrow(capabilities []string, wanted *string) ([]string, error) {
	scope := slices.DeleteFunc(slices.Clone(capabilities), func(c string) bool {
		return c == "" || strings.ContainsFunc(c, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
	})
	if wanted != nil {
		asked := strings.Fields(*wanted)
		for _, one := range asked {
			if !slices.Contains(scope, one) {
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

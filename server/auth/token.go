package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// Properties of access tokens.
const (
	// TokenLifetime is how long an access token is valid.
	TokenLifetime = 10 * time.Minute
	// Leeway is the accepted difference between the clocks of two instances: a token is accepted this much before its
	// start and after its end.
	Leeway = 5 * time.Second
	// MaxTokenBytes is the maximum length of a token that is parsed. Tokens of this service have about 700 bytes.
	MaxTokenBytes = 4096

	// DefaultIssuer and DefaultAudience name this service in its tokens if the configuration does not set other names.
	DefaultIssuer   = "chenu"
	DefaultAudience = "chenu"

	algorithm = "EdDSA"
	// tokenType is the media type of a JWT access token (RFC 9068 section 2.1). It tells access tokens from ID tokens
	// and other JWTs signed with the same key.
	tokenType = "at+jwt"
)

// Config contains the issuer and audience of tokens.
type Config struct {
	// Issuer is the claim iss; empty means [DefaultIssuer].
	Issuer string
	// Audience is the claim aud; empty means [DefaultAudience].
	Audience string
}

func (c Config) withDefaults() Config {
	if c.Issuer == "" {
		c.Issuer = DefaultIssuer
	}
	if c.Audience == "" {
		c.Audience = DefaultAudience
	}
	return c
}

// Token contains the claims of a verified access token.
type Token struct {
	// ID is the id of the token, the claim jti.
	Identity Identity
	// AMR lists the authentication methods of the human or agent (RFC 8176). It is never empty.
	ID string
	// ExpiresAt is the time in UTC when the token expires, without leeway.
	AMR []string
	// ExpiresAt is the end of the token's life, in UTC, without leeway.
	ExpiresAt time.Time
}

// claims is the payload of an access token (RFC 9068 section 2.2).
type claims struct {
	jwt.RegisteredClaims
	SessionID string           `json:"sid"`
	AuthTime  *jwt.NumericDate `json:"auth_time"`
	AMR       []string         `json:"amr"`
	// Act is the agent that acts for sub (RFC 8693 section 4.1).
	Act *actor `json:"act,omitempty"`
	// Scope is a list of capabilities separated by spaces (RFC 8693 section 4.2).
	Scope string `json:"scope,omitempty"`
}

type actor struct {
	Subject string `json:"sub"`
	// Act would be a chain of actors: an agent that directs an agent, which is not allowed. It is decoded only so that
	// such a token can be rejected.
	Act any `json:"act,omitempty"`
}

// Issuer signs access tokens. It is safe for concurrent use.
type Issuer struct {
	keys   *Keys
	config Config
	now    func() time.Time
}

// NewIssuer returns an issuer that signs with the active key of keys.
func NewIssuer(keys *Keys, c Config) *Issuer {
	return &Issuer{keys: keys, config: c.withDefaults(), now: time.Now}
}

// Issue returns an access token for id that is valid for [TokenLifetime] from now. The identity needs a session and an
// authentication time; amr lists the authentication methods.
func (i *Issuer) Issue(id Identity, amr []string) (string, time.Time, error) {
	now := i.now().UTC().Truncate(jwt.TimePrecision)
	end := now.Add(TokenLifetime)
	c := claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    i.config.Issuer,
			Audience:  jwt.ClaimStrings{i.config.Audience},
			Subject:   id.ID.String(),
			ID:        uuid.NewString(),
			IssuedAt:  jwt.NewNumericDate(now),
			NotBefore: jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(end),
		},
		SessionID: id.SessionID.String(),
		AuthTime:  jwt.NewNumericDate(id.AuthTime),
		AMR:       amr,
		Scope:     strings.Join(id.Scope, " "),
	}
	if id.Kind == Agent {
		c.Act = &actor{Subject: id.ActorID.String()}
	}
	// A token that would not verify is not signed.
	if _, err := c.token(); err != nil {
		return "", time.Time{}, fmt.Errorf("issue an access token: %w", err)
	}
	if id.Kind != c.kind() || (id.Kind == Human && id.ActorID != id.ID) {
		return "", time.Time{}, errors.New("issue an access token: the actor does not fit the kind of actor")
	}
	set := i.keys.set.Load()
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, c)
	token.Header["typ"] = tokenType
	token.Header["kid"] = set.signerID
	signed, err := token.SignedString(set.signer)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("sign an access token: %w", err)
	}
	return signed, end, nil
}

func (c *claims) kind() Kind {
	if c.Act != nil {
		return Agent
	}
	return Human
}

// token validates the claims about the caller and returns them. The parser validates the issuer, the audience and the
// times.
func (c *claims) token() (Token, error) {
	sub, err := canonicalUUID("sub", c.Subject)
	if err != nil {
		return Token{}, err
	}
	sid, err := canonicalUUID("sid", c.SessionID)
	if err != nil {
		return Token{}, err
	}
	t := Token{
		Identity: Identity{ID: sub, ActorID: sub, Kind: c.kind(), SessionID: sid},
		ID:       c.ID,
		AMR:      c.AMR,
	}
	switch {
	case c.ID == "":
		return Token{}, invalid("the claim jti is missing")
	case c.IssuedAt == nil:
		return Token{}, invalid("the claim iat is missing")
	case c.ExpiresAt == nil:
		return Token{}, invalid("the claim exp is missing")
	case c.NotBefore == nil:
		return Token{}, invalid("the claim nbf is missing")
	case c.ExpiresAt.Sub(c.IssuedAt.Time) > TokenLifetime:
		return Token{}, invalid("it lives too long")
	case c.AuthTime == nil || c.AuthTime.Unix() <= 0:
		return Token{}, invalid("the claim auth_time is missing")
	case c.AuthTime.After(c.IssuedAt.Add(Leeway)):
		return Token{}, invalid("the claim auth_time is after iat")
	case len(c.AMR) == 0 || slices.Contains(c.AMR, ""):
		return Token{}, invalid("the claim amr is missing")
	case len(c.Audience) != 1:
		return Token{}, invalid("the claim aud is not one audience")
	}
	if c.Act != nil {
		if c.Act.Act != nil {
			return Token{}, invalid("the claim act is a chain")
		}
		if t.Identity.ActorID, err = canonicalUUID("act.sub", c.Act.Subject); err != nil {
			return Token{}, err
		}
	}
	if c.Scope != "" {
		t.Identity.Scope = strings.Split(c.Scope, " ")
	}
	t.Identity.AuthTime = c.AuthTime.UTC()
	t.ExpiresAt = c.ExpiresAt.UTC()
	return t, nil
}

// canonicalUUID parses a UUID in its canonical form only. The parser also accepts braces, "urn:uuid:" and upper case,
// so that different texts would be the same subject.
func canonicalUUID(claim, s string) (uuid.UUID, error) {
	id, err := uuid.Parse(s)
	if err != nil || id == uuid.Nil || id.String() != s {
		return uuid.Nil, invalid("the claim " + claim + " is missing or not a UUID")
	}
	return id, nil
}

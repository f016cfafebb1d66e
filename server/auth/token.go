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

// What an access token is.
const (
	// TokenLifetime is how long an access token is valid.
	TokenLifetime = 10 * time.Minute
	// Leeway is how far the clocks of two instances may be apart: a token is accepted
	// this much before its time and after its end.
	Leeway = 5 * time.Second
	// MaxTokenBytes is the longest token that is looked at. Ours have about 700 bytes.
	MaxTokenBytes = 4096

	// DefaultIssuer and DefaultAudience name this service in its tokens where the
	// configuration does not.
	DefaultIssuer   = "chenu"
	DefaultAudience = "chenu"

	algorithm = "EdDSA"
	// tokenType is the media type of a JWT access token (RFC 9068 section 2.1): an ID
	// token or any other JWT under the same key is not one.
	tokenType = "at+jwt"
)

// Config names the parties of a token.
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

// Token is what a verified access token says.
type Token struct {
	// Identity is the caller.
	Identity Identity
	// ID is the token's own id, the claim jti.
	ID string
	// AMR lists how the person proved who they are (RFC 8176), never empty.
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
	// Act names the agent that acts for sub (RFC 8693 section 4.1).
	Act *actor `json:"act,omitempty"`
	// Scope is a list separated by spaces (RFC 8693 section 4.2).
	Scope string `json:"scope,omitempty"`
}

type actor struct {
	Subject string `json:"sub"`
	// Act would be a chain of actors: an agent directing an agent, which no rule of
	// ours allows. It is read only to be refused.
	Act any `json:"act,omitempty"`
}

// Issuer signs access tokens. Safe for concurrent use.
type Issuer struct {
	keys   *Keys
	config Config
	now    func() time.Time
}

// NewIssuer returns an issuer that signs with the active key of keys.
func NewIssuer(keys *Keys, c Config) *Issuer {
	return &Issuer{keys: keys, config: c.withDefaults(), now: time.Now}
}

// Issue returns an access token for id, valid for [TokenLifetime] from now. It needs a
// session and an authentication time; amr says how the person authenticated.
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
	// Whatever would not verify is not signed.
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

// token checks what the claims say of the caller and returns it. The parser checks the
// parties and times.
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

// canonicalUUID reads a UUID in its one usual form: the parser also takes braces,
// "urn:uuid:" and capitals, and then two texts would be one subject.
func canonicalUUID(claim, s string) (uuid.UUID, error) {
	id, err := uuid.Parse(s)
	if err != nil || id == uuid.Nil || id.String() != s {
		return uuid.Nil, invalid("the claim " + claim + " is missing or not a UUID")
	}
	return id, nil
}

package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

// byDevelopment is the amr of a token that nobody proved anything for.
const byDevelopment = "dev"

// DevelopmentToken says whom a development token is for.
type DevelopmentToken struct {
	// Email names the identity, which is created, without a password and with a verified address,
	// when it is missing.
	Email string
	// Agent makes it the token of an agent that acts for the identity, with the agent's
	// capabilities. An agent that is missing is hired, with every capability; its id must be a
	// UUIDv7 of this hour then. The zero UUID is the person's own token.
	Agent uuid.UUID
	// AuthTime is when the person shall have proved who they are; zero is now.
	AuthTime time.Time
}

// ErrNoDevelopmentTokens is returned where development tokens are neither made nor accepted.
var ErrNoDevelopmentTokens = errors.New("development tokens are for the embedded database only")

// MakeDevelopmentToken opens a session for whoever is asked for, without proof, and
// returns its access token and the end of that. It serves the command `chenu token` on the
// embedded database and is not reachable over HTTP. The error is ErrNoDevelopmentTokens
// unless [Config.DevelopmentTokens] is set; a service without it refuses the token, too.
func (s *Service) MakeDevelopmentToken(ctx context.Context, d DevelopmentToken) (string, time.Time, error) {
	if !s.DevelopmentTokens {
		return "", time.Time{}, ErrNoDevelopmentTokens
	}
	email, err := normalizeEmail(d.Email)
	if err != nil {
		return "", time.Time{}, err
	}
	account, err := lookup(ctx, s.DB, email)
	if err != nil {
		return "", time.Time{}, err
	}
	exists := account != (found{})
	if exists && !account.mayLogIn {
		return "", time.Time{}, fmt.Errorf("the account %s is locked or erased", email)
	}
	if !exists {
		if account.id, err = uuid.NewV7(); err != nil {
			return "", time.Time{}, fmt.Errorf("create an identity's id: %w", err)
		}
	}
	who, err := s.newSession(account.id)
	if err != nil {
		return "", time.Time{}, err
	}
	// Hiring an agent needs a person who has just authenticated.
	if !d.AuthTime.IsZero() && d.Agent == uuid.Nil {
		who.AuthTime = d.AuthTime.UTC()
	}
	if exists {
		err = s.DB.Do(auth.With(ctx, who), session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
			return s.openSession(ctx, tx, who, nil, byDevelopment)
		})
	} else {
		name, _, _ := strings.Cut(email, "@")
		_, err = s.create(ctx, who, newAccount{email: email, name: name, amr: byDevelopment, verified: true})
	}
	if err != nil {
		return "", time.Time{}, err
	}
	if d.Agent != uuid.Nil {
		if who, err = s.asDevelopmentAgent(ctx, who, d); err != nil {
			return "", time.Time{}, err
		}
	}
	return s.Issuer.Issue(who, []string{byDevelopment})
}

// verifyUnasked verifies the address of a new identity with a token that nobody was sent.
func verifyUnasked(ctx context.Context, tx *ent.Tx, owner uuid.UUID) error {
	token, done := newOpaque(owner), false
	if _, err := tx.ExecContext(ctx, issueAccountTokenSQL, verifyEmail, token.hash()); err != nil {
		return fmt.Errorf("issue a token: %w", err)
	}
	if err := session.One(ctx, tx, verifyEmailSQL, []any{token.hash()}, &done); err != nil {
		return fmt.Errorf("verify an e-mail address: %w", err)
	}
	if !done {
		return errors.New("verify an e-mail address: the token was refused")
	}
	return nil
}

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

// byDevelopment is the authentication method in the amr claim of a development token: nothing was authenticated.
const byDevelopment = "dev"

// DevelopmentToken describes the identity or agent that a development token is for.
type DevelopmentToken struct {
	// Email is the address of the identity. If there is no such identity, it is created without a password and with a
	// verified address.
	Email string
	// Agent, if it is not zero, makes the token a token of this agent, which acts for the identity and has the agent's
	// capabilities. If the agent does not exist, it is hired with every capability; its id must then be a UUIDv7 of
	// the last hour. The zero UUID requests a token of the human.
	Agent uuid.UUID
	// AuthTime is the time of authentication in the token; zero means now.
	AuthTime time.Time
}

// ErrNoDevelopmentTokens is returned if development tokens are disabled.
var ErrNoDevelopmentTokens = errors.New("development tokens are for the embedded database only")

// MakeDevelopmentToken opens a session without authentication and returns its access token and the time when the token
// expires. It implements the command `chenu token` on the embedded database and is not reachable over HTTP. It returns
// ErrNoDevelopmentTokens unless [Config.DevelopmentTokens] is set; a service without that setting also rejects the
// token.
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
	// Only a human who has just authenticated can hire an agent.
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

// verifyUnasked verifies the address of a new identity with a token that is not sent by mail.
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

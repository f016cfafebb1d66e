package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/session"
)

func (s *Service) mountStepUp(a *api.API) {
	api.HandleDetached(a, api.Op{
		ID: "step-up", Method: http.MethodPost, Path: "/v1/auth/step-up", Tag: accounts, HumansOnly: true, Limit: api.GroupLogin,
		Summary: "Re-authenticate",
		Description: "Checks the password and returns an access token of the same session whose `auth_time` is now. Operations that need a recent " +
			"authentication, such as the approval of a checkpoint, accept this token for 5 minutes. A wrong password counts as a failed login, " +
			"and the response is 401 `invalid_credentials`. Agents cannot call this operation.",
		Responses: map[int]string{http.StatusOK: "The new access token."},
		Problems:  []int{http.StatusServiceUnavailable},
	}, s.stepUp)
	api.HandleDetached(a, api.Op{
		ID: "change-password", Method: http.MethodPost, Path: "/v1/me/password", Tag: me, HumansOnly: true, Limit: api.GroupLogin,
		Summary: "Change your password",
		Description: "Replaces the password and ends all other sessions. Requires the current password. With `revoke_agents`, the change also revokes all " +
			"credentials of the identity's agents, suspends the agents that were approved before the e-mail address was verified, and expires the " +
			"agents' pending requests for approval, as a password reset does. A wrong password counts as a failed login, and the response is 401 " +
			"`invalid_credentials`. Agents cannot call this operation.",
		Responses: map[int]string{http.StatusNoContent: "The password was replaced."},
		Problems:  []int{http.StatusServiceUnavailable},
	}, s.changePassword)
}

// attempt is the result of one attempt at a password.
type attempt struct {
	// right reports whether the password is correct and the attempt was counted.
	right bool
	// reason is the reason for the audit log if right is false; empty if there is no such account.
	reason string
	// counted reports whether the account was open, so that the attempt was counted.
	counted bool
	// hash is the hash that the password was compared with; weak reports whether it must be replaced.
	hash string
	weak bool
}

const beginAttemptSQL = `SELECT coalesce(hashed_password, ''), allowed FROM app.begin_attempt()`

// try makes one attempt at the password of an identity, which need not exist. The attempt is counted before the
// password is checked, and only once the hasher has a slot: a caller that gives up waiting has not failed.
func (s *Service) try(ctx context.Context, who auth.Identity, password string) (attempt, error) {
	var (
		a     attempt
		known bool
	)
	match, weak, err := s.hasher.checkLater(ctx, askerOf(ctx, who), normalizePassword(password), func() (string, error) {
		err := s.DB.Do(auth.With(ctx, who), session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
			err := session.One(ctx, tx, beginAttemptSQL, nil, &a.hash, &a.counted)
			known = !errors.Is(err, sql.ErrNoRows)
			if !known {
				return nil
			}
			return err
		})
		if err != nil {
			return "", fmt.Errorf("count an attempt at a password: %w", err)
		}
		return a.hash, nil
	})
	if err != nil {
		return attempt{}, err
	}
	a.right, a.weak = match && a.counted, weak
	switch {
	case a.right, !known:
	case match:
		a.reason = "account_locked"
	default:
		a.reason = "wrong_password"
	}
	return a, nil
}

const forgiveSQL = `SELECT app.forgive_attempts()`

// forgive resets the failed attempts of the transaction's identity.
func forgive(ctx context.Context, tx *ent.Tx) error {
	if _, err := tx.ExecContext(ctx, forgiveSQL); err != nil {
		return fmt.Errorf("forgive failed attempts: %w", err)
	}
	return nil
}

// Password contains the current password.
type Password struct {
	Password string `json:"password" jsonschema:"maxLength=1024,writeOnly=true,example=violet lantern quiet harbor" jsonschema_description:"Password of the account."`
}

type stepUpInput struct{ Body Password }

// AccessToken is an access token without a refresh token: the session's refresh token stays valid.
type AccessToken struct {
	AccessToken string `json:"access_token" jsonschema_description:"Access token. Send it as Authorization: Bearer <token>."`
	TokenType   string `json:"token_type"   jsonschema:"enum=Bearer" jsonschema_description:"Type of the token, always Bearer."`
	ExpiresIn   int    `json:"expires_in"   jsonschema:"minimum=1,example=600" jsonschema_description:"Lifetime of the access token in seconds."`
}

type stepUpOutput struct{ Body AccessToken }

const authenticateAgainSQL = `SELECT app.authenticate_again($1, $2, $3)`

// stepUp holds no connection while it waits for the hasher: it counts the attempt and records the step-up in separate
// transactions.
func (s *Service) stepUp(ctx context.Context, in *stepUpInput) (*stepUpOutput, error) {
	began := s.now()
	who, err := human(ctx)
	if err != nil {
		return nil, err
	}
	amr := datatype.Texts{byPassword}
	again, err := s.authenticateAgain(ctx, who, in.Body.Password, amr)
	if isState(err, passwordChanged) {
		// A login may have stored a stronger hash of the same password.
		again, err = s.authenticateAgain(ctx, who, in.Body.Password, amr)
	}
	if isState(err, passwordChanged) || errors.Is(err, errWrongPassword) {
		return nil, s.refuse(ctx, began)
	}
	if err != nil {
		return nil, err
	}
	who.AuthTime = again
	token, err := s.accessToken(who, amr)
	if err != nil {
		return nil, err
	}
	return &stepUpOutput{Body: *token}, nil
}

// authenticateAgain makes one attempt at the caller's password and records the step-up if the password is correct. It
// returns the time of the step-up, or errWrongPassword.
func (s *Service) authenticateAgain(ctx context.Context, who auth.Identity, password string, amr datatype.Texts) (at time.Time, err error) {
	a, err := s.try(ctx, who, password)
	if err != nil {
		return time.Time{}, err
	}
	if !a.right {
		s.recordRefusal(ctx, who, a)
		return time.Time{}, errWrongPassword
	}
	err = s.DB.Do(ctx, session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
		if err := forgive(ctx, tx); err != nil {
			return err
		}
		if err := session.One(ctx, tx, authenticateAgainSQL, []any{who.SessionID, amr, a.hash}, &at); err != nil {
			return fmt.Errorf("record a step-up: %w", err)
		}
		return nil
	})
	return at, err
}

// accessToken returns a new access token of a session. The time of authentication comes from the database, whose clock
// may be ahead of this machine's clock.
func (s *Service) accessToken(who auth.Identity, amr []string) (*AccessToken, error) {
	if now := s.now(); who.AuthTime.After(now) {
		who.AuthTime = now
	}
	token, _, err := s.Issuer.Issue(who, amr)
	if err != nil {
		return nil, err
	}
	return &AccessToken{AccessToken: token, TokenType: "Bearer", ExpiresIn: int(auth.TokenLifetime / time.Second)}, nil
}

// PasswordChange contains the current and the new password.
type PasswordChange struct {
	CurrentPassword string `json:"current_password" jsonschema:"maxLength=1024,writeOnly=true,example=violet lantern quiet harbor" jsonschema_description:"Current password of the account."`
	NewPassword     string `json:"new_password"     jsonschema:"maxLength=1024,writeOnly=true,example=sleepy granite under maple" jsonschema_description:"New password, 15 to 256 characters of any kind. A password that is easy to guess is rejected with password_too_common."`
	RevokeAgents    bool   `json:"revoke_agents,omitempty" jsonschema_description:"Whether to revoke all credentials of the identity's agents, too. The default is false."`
}

type changePasswordInput struct{ Body PasswordChange }

const revokeAgentsSQL = `SELECT app.revoke_agents()`

const changePasswordSQL = `SELECT app.change_password($1, $2, $3)::text[]` //nolint:gosec // A statement, no credential.

// changePassword holds no connection while it waits for the hasher: it reads the identity, counts the attempt and
// changes the password in separate transactions. The change compares the hash, so that it fails if the password was
// changed in the meantime.
func (s *Service) changePassword(ctx context.Context, in *changePasswordInput) (*struct{}, error) {
	began := s.now()
	who, err := human(ctx)
	if err != nil {
		return nil, err
	}
	var me Identity
	err = s.DB.Do(ctx, session.Options{ReadOnly: true}, func(ctx context.Context, tx *ent.Tx) (err error) {
		me, err = read(ctx, tx, who.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	replacement, err := newPassword("/new_password", in.Body.NewPassword, me)
	if err != nil {
		return nil, err
	}
	a, err := s.try(ctx, who, in.Body.CurrentPassword)
	if err != nil {
		return nil, err
	}
	if !a.right {
		s.recordRefusal(ctx, who, a)
		return nil, s.refuse(ctx, began)
	}
	hash, err := s.hasher.hash(ctx, askerOf(ctx, who), replacement)
	if err != nil {
		return nil, err
	}
	var ended []uuid.UUID
	err = s.DB.Do(ctx, session.Options{}, func(ctx context.Context, tx *ent.Tx) (err error) {
		ended, err = endedBy(ctx, tx, changePasswordSQL, a.hash, hash, who.SessionID)
		if err != nil || !in.Body.RevokeAgents {
			return err
		}
		if _, err := tx.ExecContext(ctx, revokeAgentsSQL); err != nil {
			return fmt.Errorf("revoke the agents' credentials: %w", err)
		}
		return nil
	})
	if errors.Is(err, errNone) {
		return nil, s.refuse(ctx, began) // The password was changed since it was compared.
	}
	if err != nil {
		return nil, fmt.Errorf("change a password: %w", err)
	}
	s.forget(who.ID, ended...)
	return api.NoContent()
}

// newPassword returns a password in the form in which it is hashed, or an error if the password is too weak.
func newPassword(pointer, password string, of Identity) (string, error) {
	password = normalizePassword(password)
	if weak, ok := errors.AsType[*errWeakPassword](checkPassword(password, of.Email, of.Name)); ok {
		return "", problem.Invalid(problem.At(pointer, weak.code, weak.detail))
	}
	return password, nil
}

// endedBy runs a function that returns the ids of the sessions that it ended. It returns [errNone] if the function
// returns NULL.
func endedBy(ctx context.Context, tx *ent.Tx, query string, args ...any) ([]uuid.UUID, error) {
	var texts *datatype.Texts
	if err := session.One(ctx, tx, query, args, &texts); err != nil {
		return nil, err
	}
	if texts == nil {
		return nil, errNone
	}
	ids := make([]uuid.UUID, len(*texts))
	for i, text := range *texts {
		var err error
		if ids[i], err = uuid.Parse(text); err != nil {
			return nil, fmt.Errorf("read a session's id: %w", err)
		}
	}
	return ids, nil
}

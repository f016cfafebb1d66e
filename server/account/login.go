package account

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/text/unicode/norm"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/session"
)

// refusalStep is longer than a failed login takes on an idle machine, so that all failed logins are answered after the
// same time.
const refusalStep = 250 * time.Millisecond

// Credentials are the e-mail address and password of a login.
type Credentials struct {
	Email    string `json:"email"    jsonschema:"maxLength=320,example=ada@example.org" jsonschema_description:"E-mail address of the account, in upper or lower case."`
	Password string `json:"password" jsonschema:"maxLength=1024,writeOnly=true,example=violet lantern quiet harbor" jsonschema_description:"Password of the account."`
}

type loginInput struct{ Body Credentials }

func (s *Service) login(ctx context.Context, in *loginInput) (*tokensOutput, error) {
	began := s.now()
	// The address is not validated: no account has an address of an invalid form.
	account, err := lookup(ctx, s.DB, norm.NFC.String(strings.TrimSpace(in.Body.Email)))
	if err != nil {
		return nil, err
	}
	if account == (found{}) {
		account.id = uuid.New() // There is no such account: do the same work as for an account.
	}
	out, err := s.logIn(ctx, account.id, in.Body.Password)
	if isState(err, passwordChanged) {
		// Another login may have stored a stronger hash of the same password.
		out, err = s.logIn(ctx, account.id, in.Body.Password)
	}
	if isState(err, passwordChanged) || isState(err, notActive) || errors.Is(err, errWrongPassword) {
		return nil, s.refuse(ctx, began)
	}
	return out, err
}

const (
	// passwordChanged is the SQLSTATE of a login or step-up whose password was replaced, or hashed
	// again, after it had been compared.
	passwordChanged = "CH409"
	// notActive is the SQLSTATE of a login to an account that was locked or erased since it was
	// looked up.
	notActive = "CH403"
)

// isState reports whether the error is one of the database with that SQLSTATE.
func isState(err error, state string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == state
}

// errWrongPassword is returned when an attempt at a password failed and was recorded.
var errWrongPassword = errors.New("the password is wrong or the account is closed")

// logIn makes one attempt at the password and opens a session if the password is correct; otherwise it returns
// errWrongPassword.
func (s *Service) logIn(ctx context.Context, account uuid.UUID, password string) (*tokensOutput, error) {
	a, err := s.try(ctx, self(account, uuid.Nil), password)
	if err != nil {
		return nil, err
	}
	if !a.right {
		s.recordRefusal(ctx, self(account, uuid.Nil), a)
		return nil, errWrongPassword
	}
	who, err := s.newSession(account)
	if err != nil {
		return nil, err
	}
	stronger := ""
	if a.weak {
		if stronger, err = s.hasher.hash(ctx, askerOf(ctx, self(account, uuid.Nil)), normalizePassword(password)); err != nil {
			return nil, err
		}
	}
	var me Identity
	refresh := newGrant(who)
	err = s.DB.Do(auth.With(ctx, who), session.Options{}, func(ctx context.Context, tx *ent.Tx) (err error) {
		if err := forgive(ctx, tx); err != nil {
			return err
		}
		hash := a.hash
		if stronger != "" {
			// A hash that could not be replaced is no longer the account's hash, and openSession rejects it.
			if _, err := tx.ExecContext(ctx, rehashSQL, a.hash, stronger); err != nil {
				return fmt.Errorf("store a stronger password hash: %w", err)
			}
			hash = stronger
		}
		if err := s.openSession(ctx, tx, who, &hash, byPassword); err != nil {
			return err
		}
		if err := issueRefresh(ctx, tx, who, refresh); err != nil {
			return err
		}
		me, err = read(ctx, tx, who.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	tokens, err := s.issue(who, []string{byPassword}, me, refresh)
	if err != nil {
		return nil, err
	}
	return &tokensOutput{ETag: api.VersionTag(me.Version), Body: *tokens}, nil
}

const rehashSQL = `SELECT app.rehash_password($1, $2)`

const refuseAttemptSQL = `SELECT app.refuse_attempt($1, $2)`

// recordTimeout limits how long recording a failed attempt may take.
const recordTimeout = 5 * time.Second

// recordRefusal records a failed attempt at a password in the audit log of the account, if the account exists. After
// several failed attempts, the database closes the account for a while. The attempt is recorded even if the client has
// disconnected. An error is logged and does not change the response: a different response would reveal that the
// account exists.
func (s *Service) recordRefusal(ctx context.Context, who auth.Identity, a attempt) {
	if a.reason == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	err := s.DB.Do(auth.With(ctx, who), session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
		_, err := tx.ExecContext(ctx, refuseAttemptSQL, a.reason, a.counted)
		return err
	})
	if err != nil {
		s.Log.ErrorContext(ctx, "a refused login could not be recorded", "identity_id", who.ID, "error", err)
	}
}

// refuse waits until a multiple of s.refusals has passed since began and returns the error that all failed logins
// return. A wrong password costs one transaction, a millisecond or two, more than an unknown address; enough
// measurements could tell them apart.
func (s *Service) refuse(ctx context.Context, began time.Time) error {
	taken := s.now().Sub(began)
	wait := time.NewTimer(s.refusals - taken%s.refusals)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
	return problem.New(http.StatusUnauthorized, "invalid_credentials", "The e-mail address or the password is wrong.").
		WithHeader("WWW-Authenticate", problem.Challenge)
}

const closeSessionSQL = `SELECT app.close_session($1)`

func (s *Service) logout(ctx context.Context, tx *ent.Tx, _ *struct{}) (*struct{}, error) {
	who, err := api.Caller(ctx)
	if err != nil {
		return nil, err
	}
	s.forgetAfter(tx, who.ID, who.SessionID)
	if _, err := tx.ExecContext(ctx, closeSessionSQL, who.SessionID); err != nil {
		return nil, fmt.Errorf("close the session: %w", err)
	}
	return api.NoContent()
}

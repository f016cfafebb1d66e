package account

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/session"
)

// Registration contains the fields of a new account.
type Registration struct {
	Email    string `json:"email"    jsonschema:"minLength=3,maxLength=320,example=ada@example.org" jsonschema_description:"E-mail address of the account. Unique, ignoring case."`
	Password string `json:"password" jsonschema:"maxLength=1024,writeOnly=true,example=violet lantern quiet harbor" jsonschema_description:"Password, 15 to 256 characters of any kind. A password that is easy to guess is rejected with password_too_common."`
	Name     string `json:"name"     jsonschema:"minLength=1,maxLength=200,example=Ada Lovelace" jsonschema_description:"Display name of the identity."`
}

type registerInput struct{ Body Registration }

type tokensOutput struct {
	Location string   `header:"Location" jsonschema_description:"Path of the created identity. Only in the response to a registration."`
	ETag     api.ETag `header:"ETag"`
	Body     Tokens
}

// emailIndex is the unique index over email_key, from ent/schema.
const emailIndex = "identities_email_key"

func (s *Service) register(ctx context.Context, in *registerInput) (*tokensOutput, error) {
	email, password, err := in.Body.check()
	if err != nil {
		return nil, err
	}
	// The password is hashed before the address is looked up, so that a known address takes as long as a new one.
	hash, err := s.hasher.hash(ctx, askerOf(ctx, auth.Identity{}), password)
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("create an identity's id: %w", err)
	}
	who, err := s.newSession(id)
	if err != nil {
		return nil, err
	}
	refresh := newGrant(who)
	identity, err := s.create(ctx, who, newAccount{email: email, name: in.Body.Name, hash: &hash, amr: byPassword, refresh: refresh})
	if err != nil {
		return nil, err
	}
	s.post(ctx, mailJob{kind: verifyEmail, owner: id})
	tokens, err := s.issue(who, []string{byPassword}, identity, refresh)
	if err != nil {
		return nil, err
	}
	return &tokensOutput{Location: "/v1/me", ETag: api.VersionTag(identity.Version), Body: *tokens}, nil
}

// check returns the normalized e-mail address and password.
func (r Registration) check() (email, password string, err error) {
	var wrong []problem.FieldError
	email, err = normalizeEmail(r.Email)
	if err != nil {
		wrong = append(wrong, problem.At("/email", "invalid_format", "This must be an e-mail address of the form name@example.org."))
	}
	if strings.TrimSpace(r.Name) == "" {
		wrong = append(wrong, problem.At("/name", "too_short", "This must not be blank."))
	}
	password = normalizePassword(r.Password)
	if weak, ok := errors.AsType[*errWeakPassword](checkPassword(password, email, r.Name)); ok {
		wrong = append(wrong, problem.At("/password", weak.code, weak.detail))
	}
	if len(wrong) > 0 {
		return "", "", problem.Invalid(wrong...)
	}
	return email, password, nil
}

// newAccount describes an account to be created.
type newAccount struct {
	email, name string
	hash        *string // nil: there is no password to log in with
	amr         string
	refresh     *grant // nil: its first session cannot be refreshed
	verified    bool   // whether to verify the address without a mail: for development
}

// create creates an identity and its first session, in a transaction that runs as the new identity. The policy allows
// no insert of another identity's row, so registration needs no additional privilege.
func (s *Service) create(ctx context.Context, who auth.Identity, n newAccount) (Identity, error) {
	var made Identity
	err := s.DB.Do(auth.With(ctx, who), session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
		err := tx.Identity.Create().SetID(who.ID).SetEmail(n.email).SetName(n.name).SetNillableHashedPassword(n.hash).Exec(ctx)
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.ConstraintName == emailIndex {
			return problem.New(http.StatusConflict, "email_taken", "There is an account with this e-mail address already.").
				WithErrors(problem.At("/email", "email_taken", "Log in, or choose another address.")).WithCause(err)
		}
		if err != nil {
			return fmt.Errorf("create an identity: %w", err)
		}
		if err := s.openSession(ctx, tx, who, n.hash, n.amr); err != nil {
			return err
		}
		if n.verified {
			if err := verifyUnasked(ctx, tx, who.ID); err != nil {
				return err
			}
		}
		if n.refresh != nil {
			if err := issueRefresh(ctx, tx, who, n.refresh); err != nil {
				return err
			}
		}
		made, err = read(ctx, tx, who.ID)
		return err
	})
	return made, err
}

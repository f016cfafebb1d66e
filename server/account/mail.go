package account

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/mailer"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/session"
)

func (s *Service) mountMail(a *api.API) {
	api.HandlePublic(a, api.Op{
		ID: "verify-email", Method: http.MethodPost, Path: "/v1/auth/verify-email", Tag: accounts, Limit: api.GroupLogin,
		Summary:     "Verify an e-mail address",
		Description: "Accepts the token that was sent by mail after the registration and records that the e-mail address is verified. The token is valid once and for three days.",
		Responses:   map[int]string{http.StatusNoContent: "The e-mail address is verified."},
	}, s.verifyEmail)
	api.Handle(a, api.Op{
		ID: "request-email-verification", Method: http.MethodPost, Path: "/v1/auth/request-email-verification", Tag: accounts, Status: http.StatusAccepted,
		HumansOnly: true, Limit: api.GroupMail,
		Summary: "Request another verification mail",
		Description: "Sends another verification token by mail, unless the address is already verified or the last token is less than a minute old. " +
			"Earlier tokens stay valid until they expire. Agents cannot call this operation.",
		Responses: map[int]string{http.StatusAccepted: "The request was accepted."},
	}, s.requestVerification)
	api.HandlePublic(a, api.Op{
		ID: "request-password-reset", Method: http.MethodPost, Path: "/v1/auth/request-password-reset", Tag: accounts, Status: http.StatusAccepted,
		Limit:   api.GroupMail,
		Summary: "Request a password reset mail",
		Description: "Sends a reset token to the e-mail address, if an account has it and the last token is at least a minute old. " +
			"Earlier tokens stay valid until they expire or one of them is used. The response is always the same and is sent before the account is looked up.",
		Responses: map[int]string{http.StatusAccepted: "The request was accepted, whether or not the account exists."},
	}, s.requestReset)
	api.HandlePublic(a, api.Op{
		ID: "reset-password", Method: http.MethodPost, Path: "/v1/auth/reset-password", Tag: accounts, Limit: api.GroupLogin,
		Summary: "Reset a password",
		Description: "Accepts the token that was sent by mail, replaces the password and ends all sessions. The token is valid once and for an hour. " +
			"The reset also verifies the e-mail address, revokes all credentials of the identity's agents, suspends the agents that were " +
			"approved before the address was verified, and expires all pending requests for approval. The owner is notified by mail.",
		Responses: map[int]string{http.StatusNoContent: "The password was replaced."},
		Problems:  []int{http.StatusServiceUnavailable},
	}, s.resetPassword)
}

// Kinds of mailed tokens, as the database has them.
const (
	verifyEmail   = "verify_email"
	resetPassword = "reset_password"
)

const (
	// maxLetters is how many mails may wait. More are dropped: whoever wants theirs asks again.
	maxLetters = 256
	// mailWorkers is how many mails are sent at once.
	mailWorkers = 2
	// mailTimeout bounds the sending of one, with its repetitions.
	mailTimeout = time.Minute
	// mailFarewell bounds the sending of what waits when the service stops.
	mailFarewell = 5 * time.Second
)

// mailPauses are waited between the tries to send one mail.
var mailPauses = []time.Duration{time.Second, 10 * time.Second}

// letter is a mail to be written: to an identity or, when that is not known yet, to whoever
// has the address.
type letter struct {
	kind  string
	owner uuid.UUID
	email string
}

// key is the same for letters of which one is enough.
func (l letter) key() letter {
	l.email = rateAccount(l.email)
	return l
}

// post lets a letter be written and sent later. It never waits. A letter like one that is
// still waiting is not added: a flood of requests for one account takes one place.
func (s *Service) post(ctx context.Context, l letter) {
	if s.Mail == nil {
		return
	}
	if _, waiting := s.posted.LoadOrStore(l.key(), true); waiting {
		return
	}
	select {
	case s.letters <- l:
	default:
		s.posted.Delete(l.key())
		s.Log.WarnContext(ctx, "too many mails wait: one is dropped", "kind", l.kind)
	}
}

// RunMail sends what is posted until ctx ends, and then, for a few seconds, what waits.
func (s *Service) RunMail(ctx context.Context) {
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(mailFarewell, cancel) })()
	var wg sync.WaitGroup
	for range mailWorkers {
		wg.Go(func() {
			for {
				select {
				case l := <-s.letters:
					s.deliver(sending, l)
				case <-ctx.Done():
					s.deliverWaiting(sending)
					return
				}
			}
		})
	}
	if s.Mail != nil {
		wg.Go(func() { s.runNotices(ctx, sending) })
	}
	wg.Wait()
}

func (s *Service) deliverWaiting(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case l := <-s.letters:
			s.deliver(ctx, l)
		default:
			return
		}
	}
}

// deliver writes a letter and sends it. What it can't do is logged: nobody waits for it.
func (s *Service) deliver(ctx context.Context, l letter) {
	s.posted.Delete(l.key())
	ctx, cancel := context.WithTimeout(ctx, mailTimeout)
	defer cancel()
	m, err := s.write(ctx, l)
	if err != nil {
		s.Log.ErrorContext(ctx, "a mail could not be written", "kind", l.kind, "error", err)
		return
	}
	if m == nil {
		return
	}
	for try := 0; ; try++ {
		err := s.Mail.Send(ctx, *m)
		if err == nil {
			return
		}
		if try == len(mailPauses) || ctx.Err() != nil {
			s.Log.ErrorContext(ctx, "a mail could not be sent", "kind", l.kind, "tries", try+1, "error", err)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(mailPauses[try]):
		}
	}
}

const issueAccountTokenSQL = `SELECT app.issue_account_token($1, $2)` //nolint:gosec // A statement, no credential.

// write makes the token and the mail that it goes in; nil when there is nothing to be sent.
// The mail goes to the address as the account has it, never to the one that was asked for,
// which may only look the same.
func (s *Service) write(ctx context.Context, l letter) (*mailer.Message, error) {
	if l.owner == uuid.Nil {
		account, err := lookup(ctx, s.DB, l.email)
		if err != nil || account == (found{}) {
			return nil, err
		}
		l.owner = account.id
	}
	token := newOpaque(l.owner)
	var m *mailer.Message
	err := s.DB.Do(auth.With(ctx, self(l.owner, uuid.Nil)), session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
		var issued bool
		if err := session.One(ctx, tx, issueAccountTokenSQL, []any{l.kind, token.hash()}, &issued); err != nil || !issued {
			return err
		}
		me, err := read(ctx, tx, l.owner)
		if err != nil {
			return err
		}
		subject, text := s.letterText(l.kind, token.text(), time.Now())
		m = &mailer.Message{To: me.Email, Subject: subject, Text: text}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("create a token: %w", err)
	}
	return m, nil
}

// mailTime returns the time as mails show it.
func mailTime(at time.Time) string { return at.UTC().Format("2 January 2006, 15:04 UTC") }

// letterText returns the mail with a token of the kind, which was requested at a time. It has no text that a
// client chose when registering: else anybody could let the service mail any text to any address.
func (s *Service) letterText(kind, token string, at time.Time) (subject, text string) {
	if kind == verifyEmail {
		text := "On " + mailTime(at) + ", a verification mail was requested for the account with this e-mail address.\n\n" +
			"If it was you, verify the address with POST /v1/auth/verify-email and this token. The token is valid once and for three days:\n\n" + token + "\n\n"
		if s.BaseURL != "" {
			text += "This command sends the request:\n\ncurl -s " + s.BaseURL + "/v1/auth/verify-email -H 'Content-Type: application/json' -d '{\"token\":\"" + token + "\"}'\n\n"
		}
		return "Verify your e-mail address", text + "If it was not you, do not use the token: without it, the address stays unverified. " +
			"To take control of the account, reset its password: POST /v1/auth/request-password-reset.\n"
	}
	return "Reset your password", "On " + mailTime(at) + ", a password reset was requested for the account with this e-mail address.\n\n" +
		"If it was you, set a new password with POST /v1/auth/reset-password and this token. The token is valid once and for one hour:\n\n" + token +
		"\n\nIf it was not you, ignore this mail: the password does not change. Do not give the token to anybody.\n"
}

// MailedToken is a token from a mail.
type MailedToken struct {
	Token string `json:"token" jsonschema:"minLength=1,maxLength=1024,writeOnly=true,example=AZ2tQXH0cFy8m0lK" jsonschema_description:"Token from the mail."`
}

type verifyEmailInput struct{ Body MailedToken }

const verifyEmailSQL = `SELECT app.verify_email($1)`

func (s *Service) verifyEmail(ctx context.Context, in *verifyEmailInput) (*struct{}, error) {
	token, ok := parseOpaque(in.Body.Token, 1)
	if ok {
		err := s.DB.Do(auth.With(ctx, self(token.ids[0], uuid.Nil)), session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
			return session.One(ctx, tx, verifyEmailSQL, []any{token.hash()}, &ok)
		})
		if err != nil {
			return nil, fmt.Errorf("verify an e-mail address: %w", err)
		}
	}
	if !ok {
		return nil, refusedMailed()
	}
	return api.NoContent()
}

func refusedMailed() error {
	return problem.Invalid(problem.At("/token", "invalid_token", "The token is invalid, has expired or was already used. Request another mail."))
}

func (s *Service) requestVerification(ctx context.Context, _ *ent.Tx, _ *struct{}) (*struct{}, error) {
	who, err := human(ctx)
	if err != nil {
		return nil, err
	}
	s.post(ctx, letter{kind: verifyEmail, owner: who.ID})
	return api.NoContent()
}

// Address is an account's e-mail address.
type Address struct {
	Email string `json:"email" jsonschema:"maxLength=320,example=ada@example.org" jsonschema_description:"E-mail address of the account, in upper or lower case."`
}

type requestResetInput struct{ Body Address }

func (s *Service) requestReset(ctx context.Context, in *requestResetInput) (*struct{}, error) {
	s.post(ctx, letter{kind: resetPassword, email: norm.NFC.String(strings.TrimSpace(in.Body.Email))})
	return api.NoContent()
}

// PasswordReset is a mailed token and the password to be set.
type PasswordReset struct {
	Token    string `json:"token"    jsonschema:"minLength=1,maxLength=1024,writeOnly=true,example=AZ2tQXH0cFy8m0lK" jsonschema_description:"Token from the mail."`
	Password string `json:"password" jsonschema:"maxLength=1024,writeOnly=true,example=sleepy granite under maple" jsonschema_description:"New password, 15 to 256 characters of any kind. A password that is easy to guess is rejected with password_too_common."`
}

type resetPasswordInput struct{ Body PasswordReset }

const (
	accountTokenValidSQL = `SELECT app.account_token_valid($1, $2)`    //nolint:gosec // The same.
	resetPasswordSQL     = `SELECT app.reset_password($1, $2)::text[]` //nolint:gosec // A statement, no credential.
)

func (s *Service) resetPassword(ctx context.Context, in *resetPasswordInput) (*struct{}, error) {
	token, ok := parseOpaque(in.Body.Token, 1)
	if !ok {
		return nil, refusedMailed()
	}
	owner := token.ids[0]
	as := auth.With(ctx, self(owner, uuid.Nil))
	var me Identity
	err := s.DB.Do(as, session.Options{ReadOnly: true}, func(ctx context.Context, tx *ent.Tx) (err error) {
		if err := session.One(ctx, tx, accountTokenValidSQL, []any{resetPassword, token.hash()}, &ok); err != nil || !ok {
			return err
		}
		me, err = read(ctx, tx, owner)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look at a mailed token: %w", err)
	}
	if !ok {
		return nil, refusedMailed()
	}
	replacement, err := newPassword("/password", in.Body.Password, me)
	if err != nil {
		return nil, err
	}
	hash, err := s.hasher.hash(ctx, askerOf(ctx, self(owner, uuid.Nil)), replacement)
	if err != nil {
		return nil, err
	}
	var ended []uuid.UUID
	err = s.DB.Do(as, session.Options{}, func(ctx context.Context, tx *ent.Tx) (err error) {
		ended, err = endedBy(ctx, tx, resetPasswordSQL, token.hash(), hash)
		return err
	})
	if errors.Is(err, errNone) {
		return nil, refusedMailed() // Used since it was looked at.
	}
	if err != nil {
		return nil, fmt.Errorf("reset a password: %w", err)
	}
	s.forget(owner, ended...)
	s.wakeNotices()
	return api.NoContent()
}

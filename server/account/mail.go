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

// Kinds of mailed tokens, as stored in the database.
const (
	verifyEmail   = "verify_email"
	resetPassword = "reset_password"
)

const (
	// maxQueuedMails is the maximum length of the queue. Further mails are dropped; the user can request them again.
	maxQueuedMails = 256
	// mailWorkers is how many mails are sent concurrently.
	mailWorkers = 2
	// mailTimeout limits how long sending a mail may take, including retries.
	mailTimeout = time.Minute
	// mailDrainTimeout limits how long the queued mails may take when the service stops.
	mailDrainTimeout = 5 * time.Second
)

// mailPauses are the pauses between attempts to send a mail.
var mailPauses = []time.Duration{time.Second, 10 * time.Second}

// mailJob is a mail that has not been written yet. Its recipient is the identity owner or, if owner is zero, the
// identity with the e-mail address.
type mailJob struct {
	kind  string
	owner uuid.UUID
	email string
}

// key returns a key that is equal for jobs of which only one should be queued.
func (j mailJob) key() mailJob {
	j.email = rateAccount(j.email)
	return j
}

// post queues a mail, which is written and sent later. It does not block. A job with the same key as a queued job is
// not added, so that a flood of requests for one account takes one place in the queue.
func (s *Service) post(ctx context.Context, job mailJob) {
	if s.Mail == nil {
		return
	}
	if _, waiting := s.posted.LoadOrStore(job.key(), true); waiting {
		return
	}
	select {
	case s.mailJobs <- job:
	default:
		s.posted.Delete(job.key())
		s.Log.WarnContext(ctx, "too many mails wait: one is dropped", "kind", job.kind)
	}
}

// RunMail sends queued mails and notices until ctx is done, and then drains the queue for at most mailDrainTimeout.
func (s *Service) RunMail(ctx context.Context) {
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(mailDrainTimeout, cancel) })()
	var wg sync.WaitGroup
	for range mailWorkers {
		wg.Go(func() {
			for {
				select {
				case job := <-s.mailJobs:
					s.deliver(sending, job)
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
		case job := <-s.mailJobs:
			s.deliver(ctx, job)
		default:
			return
		}
	}
}

// deliver writes the mail of a job and sends it. Errors are logged, since no caller waits for the result.
func (s *Service) deliver(ctx context.Context, job mailJob) {
	s.posted.Delete(job.key())
	ctx, cancel := context.WithTimeout(ctx, mailTimeout)
	defer cancel()
	m, err := s.write(ctx, job)
	if err != nil {
		s.Log.ErrorContext(ctx, "a mail could not be written", "kind", job.kind, "error", err)
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
			s.Log.ErrorContext(ctx, "a mail could not be sent", "kind", job.kind, "tries", try+1, "error", err)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(mailPauses[try]):
		}
	}
}

const issueAccountTokenSQL = `SELECT app.issue_account_token($1, $2)` //nolint:gosec // A statement, no credential.

// write creates a token and returns the mail that contains it, or nil if no mail is to be sent. The mail goes to the
// address stored in the account, never to the requested address, which may only look the same.
func (s *Service) write(ctx context.Context, job mailJob) (*mailer.Message, error) {
	if job.owner == uuid.Nil {
		account, err := lookup(ctx, s.DB, job.email)
		if err != nil || account == (found{}) {
			return nil, err
		}
		job.owner = account.id
	}
	token := newOpaque(job.owner)
	var m *mailer.Message
	err := s.DB.Do(auth.With(ctx, self(job.owner, uuid.Nil)), session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
		var issued bool
		if err := session.One(ctx, tx, issueAccountTokenSQL, []any{job.kind, token.hash()}, &issued); err != nil || !issued {
			return err
		}
		me, err := read(ctx, tx, job.owner)
		if err != nil {
			return err
		}
		subject, text := s.mailText(job.kind, token.text(), time.Now())
		m = &mailer.Message{To: me.Email, Subject: subject, Text: text}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("create a token: %w", err)
	}
	return m, nil
}

// mailTime formats a time for the text of a mail.
func mailTime(at time.Time) string { return at.UTC().Format("2 January 2006, 15:04 UTC") }

// mailText returns the mail with a token of the kind, which was requested at the time. The mail contains no text
// that a client chose when registering: otherwise anyone could have the service mail any text to any address.
func (s *Service) mailText(kind, token string, at time.Time) (subject, text string) {
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
	s.post(ctx, mailJob{kind: verifyEmail, owner: who.ID})
	return api.NoContent()
}

// Address contains the e-mail address of an account.
type Address struct {
	Email string `json:"email" jsonschema:"maxLength=320,example=ada@example.org" jsonschema_description:"E-mail address of the account, in upper or lower case."`
}

type requestResetInput struct{ Body Address }

func (s *Service) requestReset(ctx context.Context, in *requestResetInput) (*struct{}, error) {
	s.post(ctx, mailJob{kind: resetPassword, email: norm.NFC.String(strings.TrimSpace(in.Body.Email))})
	return api.NoContent()
}

// PasswordReset contains a mailed token and the new password.
type PasswordReset struct {
	Token    string `json:"token"    jsonschema:"minLength=1,maxLength=1024,writeOnly=true,example=AZ2tQXH0cFy8m0lK" jsonschema_description:"Token from the mail."`
	Password string `json:"password" jsonschema:"maxLength=1024,writeOnly=true,example=sleepy granite under maple" jsonschema_description:"New password, 15 to 256 characters of any kind. A password that is easy to guess is rejected with password_too_common."`
}

type resetPasswordInput struct{ Body PasswordReset }

const (
	accountTokenValidSQL = `SELECT app.account_token_valid($1, $2)`    //nolint:gosec // A statement, no credential.
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
		return nil, refusedMailed() // The token was used since it was checked.
	}
	if err != nil {
		return nil, fmt.Errorf("reset a password: %w", err)
	}
	s.forget(owner, ended...)
	s.wakeNotices()
	return api.NoContent()
}

package account

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server/mailer"
)

// letterbox is a mail transport that stores the mails of a test.
type letterbox struct {
	mails chan mailer.Message
	mu    sync.Mutex
	fail  int // how many sends fail
}

func (l *letterbox) Send(_ context.Context, m mailer.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail > 0 {
		l.fail--
		return errors.New("no route")
	}
	l.mails <- m
	return nil
}

// token waits for a mail to the address and returns the token in it.
func (l *letterbox) token(t testing.TB, to, subject string) string {
	t.Helper()
	select {
	case m := <-l.mails:
		if m.To != to || m.Subject != subject {
			t.Fatalf("mail to %s, %s; want %s, %s", m.To, m.Subject, to, subject)
		}
		for line := range strings.SplitSeq(m.Text, "\n") {
			if _, ok := parseOpaque(line, 1); ok {
				return line
			}
		}
		t.Fatalf("no token in %q", m.Text)
	case <-time.After(time.Minute):
		t.Fatal("no mail was sent")
	}
	return ""
}

func (l *letterbox) empty(t testing.TB) {
	t.Helper()
	select {
	case m := <-l.mails:
		t.Errorf("a mail to %s: %s", m.To, m.Subject)
	default:
	}
}

const verifySubject, resetSubject = "Verify your e-mail address", "Reset your password"

// withMail returns a bundle whose mails go to a letterbox. flush stops the mail workers after all queued mails have
// been processed.
func withMail(t testing.TB) (b *bundle, box *letterbox, flush func()) {
	t.Helper()
	b = newBundle(t)
	box = &letterbox{mails: make(chan mailer.Message, 100)}
	b.service.Mail = box
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.service.RunMail(ctx)
	}()
	stop := func() { cancel(); <-ended }
	t.Cleanup(stop)
	return b, box, stop
}

func mailed(token string) string { return `{"token":"` + token + `"}` }

func reset(token, password string) string {
	return `{"token":"` + token + `","password":"` + password + `"}`
}

func TestVerifyEmail(t *testing.T) {
	t.Parallel()
	b, box, _ := withMail(t)
	ada := b.register(t, "ada@example.org")
	token := box.token(t, ada.email, verifySubject)
	verify := func(token string) answer {
		return b.send(t, http.MethodPost, "/v1/auth/verify-email", mailed(token))
	}
	me := func() any {
		t.Helper()
		return b.me(t, ada.token).want(http.StatusOK).Object()["email_verified_at"]
	}
	if me() != nil {
		t.Error("the address is verified without a token")
	}
	parsed, _ := parseOpaque(token, 1)
	for name, bad := range map[string]string{
		"not a token": "token", "another secret": newOpaque(parsed.ids...).text(), "of an unknown identity": newOpaque(dbtest.NewID()).text(),
		"of another identity": opaque{ids: []uuid.UUID{uuid.MustParse(b.register(t, "eve@example.org").id)}, secret: parsed.secret}.text(),
		"truncated":           token[1:], "a refresh token": newOpaque(parsed.ids[0], parsed.ids[0]).text(),
	} {
		if at := verify(bad).problem(http.StatusUnprocessableEntity, "validation_failed"); at != "/token" {
			t.Errorf("%s: pointer %q", name, at)
		}
	}
	box.token(t, "eve@example.org", verifySubject)
	// A verification token cannot be used for a reset.
	b.send(t, http.MethodPost, "/v1/auth/reset-password", reset(token, "a longer horse and a staple")).problem(http.StatusUnprocessableEntity, "validation_failed")
	verify(token).want(http.StatusNoContent)
	if me() == nil {
		t.Error("not verified")
	}
	verify(token).want(http.StatusUnprocessableEntity)
}

func TestRequestVerificationAgain(t *testing.T) {
	t.Parallel()
	b, box, flush := withMail(t)
	ada := b.register(t, "ada@example.org")
	first := box.token(t, ada.email, verifySubject)
	ask := func(bearer string) answer {
		return b.send(t, http.MethodPost, "/v1/auth/request-email-verification", "", "Authorization", bearer)
	}
	ask(ada.bearer).want(http.StatusAccepted) // within a minute of the last token: no mail
	ask(b.agentToken(t, ada)).problem(http.StatusForbidden, "forbidden")
	b.exec(t, `UPDATE app.account_tokens SET created_at = created_at - interval '1 minute'`)
	for range 3 { // at most one of the requests sends a mail
		ask(ada.bearer).want(http.StatusAccepted)
	}
	second := box.token(t, ada.email, verifySubject)
	// Both tokens are valid until one of them is used.
	b.send(t, http.MethodPost, "/v1/auth/verify-email", mailed(first)).want(http.StatusNoContent)
	b.send(t, http.MethodPost, "/v1/auth/verify-email", mailed(second)).want(http.StatusUnprocessableEntity)
	ask(ada.bearer).want(http.StatusAccepted) // the address is already verified
	flush()
	box.empty(t)
}

func TestResetPassword(t *testing.T) {
	t.Parallel()
	const replacement = "a longer horse and a staple"
	b, box, flush := withMail(t)
	ada := b.register(t, "ada@example.org")
	verification := box.token(t, ada.email, verifySubject)
	_, refresh := b.login(t, ada.email)
	ask := func(email string) answer {
		return b.send(t, http.MethodPost, "/v1/auth/request-password-reset", `{"email":"`+email+`"}`)
	}
	first := ask(" ADA@example.org ").want(http.StatusAccepted)
	token := box.token(t, "ada@example.org", resetSubject)
	for _, email := range []string{"mallory@example.org", "", "'; --", "ada@example.org"} {
		a := ask(email).want(http.StatusAccepted)
		a.Header.Del("Request-Id")
		first.Header.Del("Request-Id")
		if a.text() != first.text() || fmt.Sprint(a.Header) != fmt.Sprint(first.Header) {
			t.Errorf("%q has a different response: %v, %v", email, a.Header, first.Header)
		}
	}
	flush() // All requests were processed within a minute of the token, so only the first one sent a mail.
	box.empty(t)
	send := func(body string) answer { return b.send(t, http.MethodPost, "/v1/auth/reset-password", body) }
	if at := send(reset(token, "short")).problem(http.StatusUnprocessableEntity, "validation_failed"); at != "/password" {
		t.Errorf("pointer %q", at)
	}
	if at := send(reset(verification, replacement)).problem(http.StatusUnprocessableEntity, "validation_failed"); at != "/token" {
		t.Errorf("pointer %q", at)
	}
	// A reset also unlocks a closed account, since only its owner reads the mail.
	b.exec(t, `UPDATE identities SET failed_logins = 9, locked_until = clock_timestamp() + interval '15 minutes' WHERE id = $1`, ada.id)
	b.me(t, ada.token).want(http.StatusOK)

	statuses := make([]int, 4)
	var wg sync.WaitGroup
	for i := range statuses {
		wg.Go(func() { statuses[i] = send(reset(token, replacement)).Status })
	}
	wg.Wait()
	good := 0
	for _, status := range statuses {
		if status == http.StatusNoContent {
			good++
		} else if status != http.StatusUnprocessableEntity {
			t.Errorf("status %d", status)
		}
	}
	if good != 1 {
		t.Errorf("one token was used %d times", good)
	}
	b.me(t, ada.token).problem(http.StatusUnauthorized, "invalid_token")
	b.refused(t, refresh)
	b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, password)).want(http.StatusUnauthorized)
	v := b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, replacement)).want(http.StatusOK).Object()
	if me, _ := v["identity"].(map[string]any); me["email_verified_at"] == nil {
		t.Error("the address is not verified")
	}
	var details string
	b.scan(t, `SELECT string_agg(details::text, '') FROM audit_logs WHERE created_by = $1 AND action = 'credential_change'`, []any{ada.id}, &details)
	if details != `{"by": "mail", "credential": "password", "ended_sessions": 2, "suspended_agents": 0, "revoked_credentials": 0}` {
		t.Errorf("details %s", details)
	}
	var leaks int
	b.scan(t, `SELECT count(*) FROM audit_logs l WHERE position($1 in l::text) > 0`, []any{token}, &leaks)
	if leaks > 0 {
		t.Error("the audit log contains the token")
	}
}

func TestMailedTokensEnd(t *testing.T) {
	t.Parallel()
	b, box, _ := withMail(t)
	for name, spoil := range map[string]string{
		"too late": `UPDATE app.account_tokens SET expires_at = clock_timestamp() WHERE created_by = $1`,
		"locked":   `UPDATE identities SET status = 'locked' WHERE id = $1`,
		"erased":   `UPDATE identities SET status = 'erased' WHERE id = $1`,
	} {
		p := b.register(t, strings.ReplaceAll(name, " ", ".")+"@example.org")
		verification := box.token(t, p.email, verifySubject)
		b.send(t, http.MethodPost, "/v1/auth/request-password-reset", `{"email":"`+p.email+`"}`).want(http.StatusAccepted)
		token := box.token(t, p.email, resetSubject)
		b.exec(t, spoil, p.id)
		b.send(t, http.MethodPost, "/v1/auth/verify-email", mailed(verification)).want(http.StatusUnprocessableEntity)
		b.send(t, http.MethodPost, "/v1/auth/reset-password", reset(token, "a longer horse and a staple")).want(http.StatusUnprocessableEntity)
	}
	var n, left int
	b.scan(t, `SELECT app.expire_tokens()`, nil, &n)
	b.scan(t, `SELECT count(*) FROM app.account_tokens`, nil, &left)
	if n != 2 || left != 4 {
		t.Errorf("%d tokens were deleted, %d are left; want 2 and 4", n, left)
	}
	// An account that may not log in gets no mail.
	b.send(t, http.MethodPost, "/v1/auth/request-password-reset", `{"email":"locked@example.org"}`).want(http.StatusAccepted)
	b.register(t, "last@example.org")
	box.token(t, "last@example.org", verifySubject)
	box.empty(t)
}

// TestMailWaits checks that requests do not wait for a mail server that is down, that a failed mail is retried, and
// that mails are dropped when the queue is full.
func TestMailWaits(t *testing.T) {
	t.Parallel()
	b, box, flush := withMail(t)
	box.fail = 1
	b.register(t, "ada@example.org")
	box.token(t, "ada@example.org", verifySubject)
	flush()                    // No worker processes the queue any more.
	for range maxQueuedMails { // Only one mail per account is queued.
		b.send(t, http.MethodPost, "/v1/auth/request-password-reset", `{"email":"ada@example.org"}`).want(http.StatusAccepted)
	}
	if n := len(b.service.mailJobs); n != 1 {
		t.Errorf("%d mails to one account are queued", n)
	}
	for i := range maxQueuedMails + 10 {
		b.send(t, http.MethodPost, "/v1/auth/request-password-reset", fmt.Sprintf(`{"email":"a%d@example.org"}`, i)).want(http.StatusAccepted)
	}
	if n := len(b.service.mailJobs); n != maxQueuedMails {
		t.Errorf("%d mails are queued", n)
	}
}

// Hardening item 14: requests for reset mails by others do not affect the owner of the account. Requests within a
// minute send one mail, and each mailed token stays valid until one of them is used.
func TestStrangersCannotBlockAReset(t *testing.T) {
	t.Parallel()
	const replacement = "a longer horse and a staple"
	b, box, _ := withMail(t)
	ada := b.register(t, "ada@example.org")
	box.token(t, ada.email, verifySubject)
	ask := func() {
		t.Helper()
		b.send(t, http.MethodPost, "/v1/auth/request-password-reset", `{"email":"ada@example.org"}`).want(http.StatusAccepted)
	}
	ask() // Ada's own request
	token := box.token(t, ada.email, resetSubject)
	for range 10 { // Others keep requesting, once a minute.
		b.exec(t, `UPDATE app.account_tokens SET created_at = created_at - interval '1 minute' WHERE created_by = $1`, ada.id)
		ask()
		box.token(t, ada.email, resetSubject)
	}
	b.send(t, http.MethodPost, "/v1/auth/reset-password", reset(token, replacement)).want(http.StatusNoContent)
	b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, replacement)).want(http.StatusOK)
	var left int
	b.scan(t, `SELECT count(*) FROM app.account_tokens WHERE created_by = $1 AND kind = 'reset_password'`, []any{ada.id}, &left)
	if left != 0 {
		t.Errorf("%d reset tokens are left after a reset", left)
	}
}

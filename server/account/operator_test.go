package account

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/postgres/pgtest"
)

// Hardening item 40: an operator locks an account with the functions that `chenu accounts` calls. The account's
// sessions end, every instance rejects its tokens, the database rejects its writes, and the audit log records the
// operator's role.
func TestOperatorLocksAnAccount(t *testing.T) {
	t.Parallel()
	b, box, _ := withMail(t)
	other := b.instance(t)
	ada := b.register(t, "Ada@example.org")
	verification := box.token(t, ada.email, verifySubject)
	eve := b.register(t, "eve@example.org")
	box.token(t, eve.email, verifySubject)
	_, refresh := b.login(t, ada.email)
	agent := b.agentToken(t, ada)
	other.me(t, ada.token).want(http.StatusOK)
	b.send(t, http.MethodPost, "/v1/auth/request-password-reset", `{"email":"ada@example.org"}`).want(http.StatusAccepted)
	resetToken := box.token(t, ada.email, resetSubject)

	operate := func(query, email string) []string {
		t.Helper()
		got, err := b.as(t, b.db.MigrateURL, "chenu_owner", "", query, email)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	const (
		lock   = `SELECT concat_ws(' ', identity_id, changed, ended_sessions) FROM app.lock_account($1)`
		unlock = `SELECT concat_ws(' ', identity_id, changed) FROM app.unlock_account($1)`
	)
	if got := operate(lock, "nobody@example.org"); len(got) != 0 {
		t.Errorf("an unknown address: %q", got)
	}
	if got := operate(unlock, "ada@example.org"); !slices.Equal(got, []string{ada.id + " f"}) {
		t.Errorf("an account that is not locked is unlocked: %q", got)
	}
	if got := operate(lock, "ada@example.org"); !slices.Equal(got, []string{ada.id + " t 2"}) {
		t.Fatalf("the lock returns %q", got)
	}
	if got := operate(lock, "ada@example.org"); !slices.Equal(got, []string{ada.id + " f 0"}) {
		t.Errorf("the second lock returns %q", got)
	}

	// The database rejects writes immediately, even if the service still accepts the token.
	for _, test := range []struct{ role, statement string }{
		{"chenu_human", `INSERT INTO personal_notes (id, created_by, title) VALUES (app.uuid_v7(), '` + ada.id + `', 'x')`},
		{"chenu_agent", `INSERT INTO personal_notes (id, created_by, title) VALUES (app.uuid_v7(), '` + ada.id + `', 'x')`},
		{"chenu_human", `UPDATE identities SET name = 'x'`},
	} {
		if _, err := b.as(t, b.db.ServiceURL, test.role, ada.id, test.statement); pgtest.SQLState(err) != "CH401" {
			t.Errorf("%s, as %s: %v", test.statement, test.role, err)
		}
	}
	// Both instances reject the tokens once their cache entries of the session, which last two seconds, have expired.
	for _, instance := range []*bundle{b, other} {
		for _, bearer := range []string{ada.bearer, agent} {
			deadline := time.Now().Add(time.Minute)
			for instance.send(t, http.MethodGet, "/v1/me", "", "Authorization", bearer).Status != http.StatusUnauthorized {
				if time.Now().After(deadline) {
					t.Fatal("an instance still accepts a token")
				}
				<-time.After(20 * time.Millisecond)
			}
		}
	}
	b.refused(t, refresh)
	b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, password)).problem(http.StatusUnauthorized, "invalid_credentials")
	b.send(t, http.MethodPost, "/v1/auth/verify-email", mailed(verification)).want(http.StatusUnprocessableEntity)
	b.send(t, http.MethodPost, "/v1/auth/reset-password", reset(resetToken, "a longer horse and a staple")).want(http.StatusUnprocessableEntity)
	b.me(t, eve.token).want(http.StatusOK)

	// Serving roles can neither lock nor unlock an account.
	for _, role := range []string{"chenu_human", "chenu_agent"} {
		for _, statement := range []string{
			`SELECT app.lock_account('eve@example.org')`, `SELECT app.unlock_account('ada@example.org')`, `UPDATE identities SET status = 'locked'`,
		} {
			if _, err := b.as(t, b.db.ServiceURL, role, eve.id, statement); pgtest.SQLState(err) != "42501" {
				t.Errorf("%s, as %s: %v", statement, role, err)
			}
		}
	}

	if got := operate(unlock, "ADA@example.org"); !slices.Equal(got, []string{ada.id + " t"}) {
		t.Errorf("the unlock returns %q", got)
	}
	b.me(t, ada.token).problem(http.StatusUnauthorized, "invalid_token")
	b.refused(t, refresh)
	access, _ := b.login(t, ada.email)
	b.me(t, access).want(http.StatusOK)
	var steps []string
	b.scan(t, `SELECT array_agg(concat_ws(' ', before ->> 'status', after ->> 'status', actor_kind, db_role) ORDER BY id)
		FROM audit_logs WHERE created_by = $1 AND resource_type = 'identity' AND after ? 'status' AND action = 'update'`, []any{ada.id}, &steps)
	if want := []string{"active locked system chenu_owner", "locked active system chenu_owner"}; !slices.Equal(steps, want) {
		t.Errorf("the audit log contains %q, want %q", steps, want)
	}
}

// Hardening item 40: if a transaction of the account stays open, the lock fails after five seconds with an error that
// says what to do, and changes nothing.
func TestOperatorDoesNotWaitForOpenTransactions(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	tx, err := b.admin.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), `SELECT FROM identities WHERE id = $1 FOR KEY SHARE`, ada.id); err != nil {
		t.Fatal(err)
	}
	_, err = b.as(t, b.db.MigrateURL, "chenu_owner", "", `SELECT app.lock_account('ada@example.org')`)
	if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "CH409" || !strings.Contains(pg.Hint, "pg_terminate_backend") {
		t.Errorf("the lock returns %v", err)
	}
	var state string
	b.scan(t, `SELECT status || ' ' || (SELECT count(*) FROM app.sessions s WHERE s.created_by = i.id AND s.revoked_at IS NULL) FROM identities i WHERE id = $1`, []any{ada.id}, &state)
	if state != "active 1" {
		t.Errorf("after the failed lock: %s", state)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.as(t, b.db.MigrateURL, "chenu_owner", "", `SELECT app.lock_account('ada@example.org')`); err != nil {
		t.Errorf("the lock after the transaction has ended: %v", err)
	}
}

// Hardening item 21: a change of the password deletes the reset tokens that were mailed before. Otherwise such a token
// could undo the change.
func TestPasswordChangeEndsResetTokens(t *testing.T) {
	t.Parallel()
	const replacement = "a longer horse and a staple"
	b, box, _ := withMail(t)
	ada := b.register(t, "ada@example.org")
	box.token(t, ada.email, verifySubject)
	eve := b.register(t, "eve@example.org")
	box.token(t, eve.email, verifySubject)
	request := func(p person) string {
		t.Helper()
		b.send(t, http.MethodPost, "/v1/auth/request-password-reset", `{"email":"`+p.email+`"}`).want(http.StatusAccepted)
		return box.token(t, p.email, resetSubject)
	}
	token, other := request(ada), request(eve)
	b.send(t, http.MethodPost, "/v1/me/password", change(password, replacement), "Authorization", ada.bearer).want(http.StatusNoContent)
	if at := b.send(t, http.MethodPost, "/v1/auth/reset-password", reset(token, "an attacker's horse and staple")).problem(http.StatusUnprocessableEntity, "validation_failed"); at != "/token" {
		t.Errorf("pointer %q", at)
	}
	b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, replacement)).want(http.StatusOK)
	// The function itself deletes the tokens of the identity, whoever calls it, and no tokens of other identities.
	b.send(t, http.MethodPost, "/v1/auth/reset-password", reset(other, replacement)).want(http.StatusNoContent)
	var kinds []string
	b.scan(t, `SELECT coalesce(array_agg(kind ORDER BY kind), '{}') FROM app.account_tokens WHERE created_by = $1`, []any{ada.id}, &kinds)
	if !slices.Equal(kinds, []string{"verify_email"}) {
		t.Errorf("tokens left: %q", kinds)
	}
}

// Hardening item 17: addresses of the domain that erased identities get cannot be registered.
func TestReservedAddressCannotBeRegistered(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	for _, email := range []string{"erased-" + ada.id + "@erased.invalid", "x@ERASED.invalid"} {
		if at := b.send(t, http.MethodPost, "/v1/auth/register", registration(email, password, "Eve")).problem(http.StatusUnprocessableEntity, "validation_failed"); at != "/email" {
			t.Errorf("%s: pointer %q", email, at)
		}
		id := dbtest.NewID().String()
		if _, err := b.as(t, b.db.ServiceURL, "chenu_human", id, `INSERT INTO identities (id, email, name) VALUES ($1, $2, 'Eve')`, id, email); pgtest.SQLState(err) != "23514" {
			t.Errorf("%s as SQL: %v", email, err)
		}
	}
}

// Hardening item 40: locking an account used to lock the identity before its sessions and mailed tokens, while a
// refresh, a logout and the verification of an address locked them in the opposite order.
func TestOperatorsLockDoesNotDeadlock(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ctx := t.Context()
	// running starts the call and returns once the call waits for a lock.
	running := func(t *testing.T, others int, call func() error) <-chan error {
		t.Helper()
		ended := make(chan error, 1)
		go func() { ended <- call() }()
		if err := pgtest.AwaitLocks(t.Context(), b.admin, others+1, ended); err != nil {
			t.Fatal(err)
		}
		return ended
	}
	for name, test := range map[string]struct {
		// hold locks the rows that the call needs after its first lock.
		hold, call string
	}{
		"refresh": {
			`SELECT FROM app.refresh_tokens WHERE created_by = $1 FOR UPDATE`,
			`SELECT app.rotate_refresh_token(s.id, sha256('1'), sha256('3'), '1 day') FROM app.sessions s WHERE s.created_by = $1`,
		},
		"verified address": {
			`SELECT FROM app.account_tokens WHERE created_by = $1 AND token_hash = sha256('2') FOR UPDATE`,
			`SELECT app.verify_email(sha256('1')) FROM identities WHERE id = $1`,
		},
	} {
		email := strings.ReplaceAll(name, " ", "-") + "@example.org"
		p := b.register(t, email)
		b.exec(t, `DELETE FROM app.account_tokens WHERE created_by = $1`, p.id)
		b.exec(t, `INSERT INTO app.account_tokens (id, created_by, kind, token_hash, expires_at)
			SELECT app.uuid_v7(), $1, 'verify_email', hash, now() + interval '1 day' FROM (VALUES (sha256('1')), (sha256('2'))) AS v(hash)`, p.id)
		b.exec(t, `UPDATE app.refresh_tokens SET token_hash = sha256('1') WHERE created_by = $1`, p.id)
		tx, err := b.admin.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
		if _, err := tx.Exec(ctx, test.hold, p.id); err != nil {
			t.Fatal(err)
		}
		called := running(t, 0, func() error {
			_, err := b.as(t, b.db.ServiceURL, "chenu_human", p.id, test.call, p.id)
			return err
		})
		locked := running(t, 1, func() error {
			_, err := b.as(t, b.db.MigrateURL, "chenu_owner", "", `SELECT app.lock_account($1)`, email)
			return err
		})
		if err := tx.Rollback(ctx); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(<-called, <-locked); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A logout has no second row to wait for, so it runs concurrently with the lock.
	p := b.register(t, "logout@example.org")
	for round := range 40 {
		b.exec(t, `UPDATE identities SET status = 'active' WHERE id = $1`, p.id)
		b.exec(t, `UPDATE app.sessions SET revoked_at = NULL WHERE created_by = $1`, p.id)
		ended := make(chan error, 1)
		go func() {
			_, err := b.as(t, b.db.ServiceURL, "chenu_human", p.id, `SELECT app.close_session(s.id) FROM app.sessions s WHERE s.created_by = $1`, p.id)
			ended <- err
		}()
		_, err := b.as(t, b.db.MigrateURL, "chenu_owner", "", `SELECT app.lock_account('logout@example.org')`)
		for _, err := range []error{err, <-ended} {
			// If the logout comes second, it may fail because the session has ended or the account is locked.
			if pg, ok := errors.AsType[*pgconn.PgError](err); err != nil && (!ok || pg.Code == "40P01") {
				t.Fatalf("round %d: %v", round, err)
			}
		}
	}
}

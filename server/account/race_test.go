package account

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/postgres/pgtest"
)

// newPasswordText is the new password in these tests.
const newPasswordText = "granite lamp otter violin"

func (b *bundle) hash(t testing.TB, id string) (hash string) {
	t.Helper()
	b.scan(t, `SELECT hashed_password FROM identities WHERE id = $1`, []any{id}, &hash)
	return hash
}

// Hardening item 5: a password that was compared before it changed neither opens nor renews a session afterwards,
// whoever calls the functions.
func TestNoSessionOpensWithTheOldHash(t *testing.T) {
	t.Parallel()
	for name, replace := range map[string]func(t *testing.T, b *bundle, box *letterbox, p person, expected string){
		"change": func(t *testing.T, b *bundle, _ *letterbox, p person, expected string) {
			t.Helper()
			var kept string
			b.scan(t, `SELECT id FROM app.sessions WHERE created_by = $1`, []any{p.id}, &kept)
			if got, err := b.as(t, b.db.ServiceURL, "chenu_human", p.id, `SELECT app.change_password($1, $2, $3)::text`, expected, `$argon2id$new`, kept); err != nil || got[0] == "<nil>" {
				t.Fatalf("change the password: %v %v", got, err)
			}
		},
		"reset": func(t *testing.T, b *bundle, box *letterbox, p person, _ string) {
			t.Helper()
			b.send(t, http.MethodPost, "/v1/auth/request-password-reset", `{"email":"`+p.email+`"}`).want(http.StatusAccepted)
			b.send(t, http.MethodPost, "/v1/auth/reset-password", reset(box.token(t, p.email, resetSubject), newPasswordText)).want(http.StatusNoContent)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, box, _ := withMail(t)
			ada := b.register(t, name+"@example.org")
			box.token(t, ada.email, verifySubject)
			old := b.hash(t, ada.id)
			replace(t, b, box, ada, old)
			const (
				open  = `SELECT app.open_session($1, now(), now() + interval '1 hour', '{pwd}', $2)`
				again = `SELECT app.authenticate_again($1, '{pwd}', $2)`
			)
			try := func(query string, args ...any) string {
				t.Helper()
				if _, err := b.as(t, b.db.ServiceURL, "chenu_human", ada.id, query, args...); err != nil {
					return pgtest.SQLState(err)
				}
				return ""
			}
			var session string
			b.scan(t, `SELECT id FROM app.sessions WHERE created_by = $1`, []any{ada.id}, &session)
			if got := try(open, dbtest.NewID(), old); got != passwordChanged {
				t.Errorf("opening a session with the old hash: %q", got)
			}
			if got := try(again, session, old); got != passwordChanged {
				t.Errorf("stepping up with the old hash: %q", got)
			}
			// An instance of a version without this check sends no hash.
			if got := try(`SELECT app.open_session($1, now(), now() + interval '1 hour', '{pwd}')`, dbtest.NewID()); got != passwordChanged {
				t.Errorf("opening a session without a hash right after the change: %q", got)
			}
			if got := try(open, dbtest.NewID(), b.hash(t, ada.id)); got != "" {
				t.Errorf("opening a session with the current hash: %q", got)
			}
		})
	}
}

// Hardening item 5: a login or step-up is rejected if its password was compared before a change commits and its
// session is opened after it.
func TestLoginInFlightEndsWithThePassword(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"login": "/v1/auth/login", "step-up": "/v1/auth/step-up"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			ada := b.register(t, "ada@example.org")
			b.login(t, ada.email) // After this login, attempts do not lock the identity before they compare the password.
			// The password changes to eve's; the change is not committed yet while the request compares.
			b.send(t, http.MethodPost, "/v1/auth/register", registration("eve@example.org", newPasswordText, "Eve")).want(http.StatusCreated)
			tx, err := b.admin.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
			if _, err := tx.Exec(t.Context(), `UPDATE identities SET hashed_password = (SELECT e.hashed_password FROM identities e WHERE e.email = 'eve@example.org'),
				password_changed_at = clock_timestamp() WHERE id = $1`, ada.id); err != nil {
				t.Fatal(err)
			}
			answered := make(chan int, 1)
			go func() {
				body := credentials(ada.email, password)
				if name == "step-up" {
					body = `{"password":"` + password + `"}`
				}
				answered <- b.send(t, http.MethodPost, path, body, "Authorization", ada.bearer).Status
			}()
			b.awaitWaiting(t, answered)
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if status := <-answered; status != http.StatusUnauthorized {
				t.Errorf("status %d", status)
			}
			b.none(t, `SELECT count(*) FROM app.sessions WHERE created_by = $1 AND created_at > (SELECT password_changed_at FROM identities WHERE id = $1)`, ada.id)
		})
	}
}

// awaitWaiting waits until a session of the database waits for a lock. It fails the test if the request is answered
// instead.
func (b *bundle) awaitWaiting(t testing.TB, answered <-chan int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(10 * time.Millisecond) {
		var waiting bool
		b.scan(t, `SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.datname = current_database())`, nil, &waiting)
		if waiting {
			return
		}
		select {
		case status := <-answered:
			t.Fatalf("the request was answered with %d and did not wait for the transaction", status)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("no session waits for a lock")
		}
	}
}

// none fails the test if the query counts any rows.
func (b *bundle) none(t testing.TB, query string, args ...any) {
	t.Helper()
	var n int
	if b.scan(t, query, args, &n); n != 0 {
		t.Errorf("%d rows: %s", n, query)
	}
}

// Hardening item 5: no session of the old password survives a change that runs concurrently with many logins, and none
// of the requests deadlock.
func TestParallelLoginsEndWithThePassword(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	b.login(t, ada.email)
	others := []*bundle{b.instance(t), b.instance(t), b.instance(t), b.instance(t)}
	var (
		wg   sync.WaitGroup
		once sync.Once
	)
	in := make(chan struct{})
	for _, other := range others {
		wg.Go(func() {
			for {
				status := other.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, password)).Status
				once.Do(func() { close(in) })
				if status != http.StatusOK {
					if status != http.StatusUnauthorized && status != http.StatusTooManyRequests {
						t.Errorf("a login: %d", status)
					}
					return
				}
			}
		})
	}
	<-in
	b.send(t, http.MethodPost, "/v1/me/password", change(password, newPasswordText), "Authorization", ada.bearer).want(http.StatusNoContent)
	wg.Wait()
	var open int
	b.scan(t, `SELECT count(*) FROM app.sessions WHERE created_by = $1 AND revoked_at IS NULL`, []any{ada.id}, &open)
	if open != 1 {
		t.Errorf("%d sessions are open after the change, want only the session that changed the password", open)
	}
	b.none(t, `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`)
}

// Hardening item 5: concurrent logins that all store a stronger hash all succeed, although only one of them replaces
// the hash that they compared.
func TestParallelLoginsRehash(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	before := b.hash(t, ada.id)
	stronger := quick
	stronger.Iterations = 2
	instances := []*bundle{b, b.instance(t), b.instance(t), b.instance(t)}
	for _, i := range instances {
		i.service.hasher = newHasher(stronger, 4)
	}
	var wg sync.WaitGroup
	for _, i := range instances {
		wg.Go(func() { i.login(t, ada.email) })
	}
	wg.Wait()
	if b.hash(t, ada.id) == before {
		t.Error("no login stored a stronger hash")
	}
}

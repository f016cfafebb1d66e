package account

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/postgres/pgtest"
	"github.com/chenu/chenu/server/auth"
)

const wrong = "coral meadow distant violin"

// agentToken returns a token of a new agent that acts for p, in p's session.
func (b *bundle) agentToken(t testing.TB, p person) string {
	t.Helper()
	var sid uuid.UUID
	b.scan(t, `SELECT id FROM app.sessions WHERE created_by = $1 ORDER BY id LIMIT 1`, []any{p.id}, &sid)
	identity, agent := uuid.MustParse(p.id), dbtest.NewID()
	b.db.Hire(t, identity, agent)
	token, _, err := b.service.Issuer.Issue(auth.Identity{
		ID: identity, ActorID: agent, Kind: auth.Agent, SessionID: sid, AuthTime: time.Now(),
	}, []string{"pwd"})
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + token
}

func TestSessions(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	other := b.instance(t)
	ada, eve := b.register(t, "ada@example.org"), b.register(t, "eve@example.org")
	a := b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, password), "User-Agent", "phone/2").want(http.StatusOK)
	phone, refresh := tokensOf(a)
	list := func(bearer string) []map[string]any {
		t.Helper()
		var all []map[string]any
		for _, item := range b.send(t, http.MethodGet, "/v1/me/sessions", "", "Authorization", bearer).want(http.StatusOK).Object()["items"].([]any) {
			all = append(all, item.(map[string]any))
		}
		return all
	}
	all := list("Bearer " + phone)
	if len(all) != 2 || all[0]["current"] != true || all[1]["current"] != false || all[0]["user_agent"] != "phone/2" || all[0]["refreshed_at"] != nil {
		t.Fatalf("sessions %v", all)
	}
	phone, _ = b.refreshed(t, refresh)
	if all = list(ada.bearer); all[1]["current"] != true || all[0]["refreshed_at"] == nil {
		t.Errorf("sessions %v", all)
	}
	first := b.send(t, http.MethodGet, "/v1/me/sessions?page_size=1", "", "Authorization", ada.bearer).want(http.StatusOK).Object()
	next := b.send(t, http.MethodGet, "/v1/me/sessions?page_size=1&page_token="+fmt.Sprint(first["next_page_token"]), "", "Authorization", ada.bearer).want(http.StatusOK).Object()
	if items := next["items"].([]any); len(items) != 1 || items[0].(map[string]any)["id"] != all[1]["id"] {
		t.Errorf("second page %v", next)
	}

	path := "/v1/me/sessions/" + fmt.Sprint(all[0]["id"])
	revoke := func(bearer string) answer { return b.send(t, http.MethodDelete, path, "", "Authorization", bearer) }
	revoke(eve.bearer).problem(http.StatusNotFound, "not_found")
	revoke(b.agentToken(t, ada)).problem(http.StatusForbidden, "forbidden")
	b.send(t, http.MethodGet, "/v1/me/sessions", "", "Authorization", b.agentToken(t, ada)).problem(http.StatusForbidden, "forbidden")
	other.me(t, phone).want(http.StatusOK)
	revoke(ada.bearer).want(http.StatusNoContent)
	at := time.Now()
	b.me(t, phone).problem(http.StatusUnauthorized, "invalid_token")
	for deadline := at.Add(time.Minute); other.me(t, phone).Status != http.StatusUnauthorized; {
		if time.Now().After(deadline) {
			t.Fatal("the other instance still accepts the token")
		}
		<-time.After(20 * time.Millisecond)
	}
	revoke(ada.bearer).problem(http.StatusNotFound, "not_found")
	if all = list(ada.bearer); len(all) != 1 {
		t.Errorf("sessions %v", all)
	}
	if len(list(eve.bearer)) != 1 {
		t.Error("the session of another identity ended, too")
	}
	// The current session can be revoked, too.
	b.send(t, http.MethodDelete, "/v1/me/sessions/"+fmt.Sprint(all[0]["id"]), "", "Authorization", ada.bearer).want(http.StatusNoContent)
	b.me(t, ada.token).want(http.StatusUnauthorized)
}

func TestStepUp(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	_, refresh := b.login(t, ada.email)
	b.exec(t, `UPDATE app.sessions SET authenticated_at = authenticated_at - interval '1 hour' WHERE created_by = $1`, ada.id)
	access, refresh := b.refreshed(t, refresh)
	verifier := auth.NewVerifier(b.keys, auth.Config{})
	before, err := verifier.Verify(t.Context(), access)
	if err != nil {
		t.Fatal(err)
	}
	v := b.send(t, http.MethodPost, "/v1/auth/step-up", `{"password":"`+password+`"}`, "Authorization", "Bearer "+access).want(http.StatusOK).Object()
	after, err := verifier.Verify(t.Context(), fmt.Sprint(v["access_token"]))
	if err != nil || len(v) != 3 {
		t.Fatalf("%v, %v", v, err)
	}
	if after.Identity.SessionID != before.Identity.SessionID || time.Since(before.Identity.AuthTime) < time.Hour || time.Since(after.Identity.AuthTime) > time.Minute {
		t.Errorf("before %+v, after %+v", before.Identity, after.Identity)
	}
	// The next refresh keeps the time of authentication, and the refresh token is unchanged.
	access, _ = b.refreshed(t, refresh)
	if again, err := verifier.Verify(t.Context(), access); err != nil || !again.Identity.AuthTime.Equal(after.Identity.AuthTime) {
		t.Errorf("%+v, %v", again.Identity, err)
	}
	b.send(t, http.MethodPost, "/v1/auth/step-up", `{"password":"`+wrong+`"}`, "Authorization", "Bearer "+access).problem(http.StatusUnauthorized, "invalid_credentials")
	b.send(t, http.MethodPost, "/v1/auth/step-up", `{"password":"`+password+`"}`, "Authorization", b.agentToken(t, ada)).problem(http.StatusForbidden, "forbidden")
	b.send(t, http.MethodPost, "/v1/auth/step-up", `{"password":"`+password+`"}`).problem(http.StatusUnauthorized, "unauthenticated")
	want := []string{
		"login success session chenu_human", "login success session chenu_human", "login success session chenu_human",
		"login denied identity chenu_human", "create denied request chenu_agent",
	}
	var got []string
	for _, line := range b.trailOf(t, ada.id) {
		if !strings.HasPrefix(line, "create success") && !strings.HasPrefix(line, "update") && !strings.HasPrefix(line, "agent_hired") {
			got = append(got, line)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("trail %q, want %q", got, want)
	}
}

// trailOf returns all audit entries of an identity, oldest first.
func (b *bundle) trailOf(t testing.TB, id string) []string {
	t.Helper()
	rows, err := b.admin.Query(t.Context(), `SELECT concat_ws(' ', action, outcome, resource_type, db_role) FROM audit_logs WHERE created_by = $1 ORDER BY id`, id)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		all = append(all, line)
	}
	return all
}

func change(current, replacement string) string {
	return `{"current_password":"` + current + `","new_password":"` + replacement + `"}`
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	const replacement = "a longer horse and a staple"
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	other, otherRefresh := b.login(t, ada.email)
	access, refresh := b.login(t, ada.email)
	b.me(t, other).want(http.StatusOK)
	send := func(body string) answer {
		return b.send(t, http.MethodPost, "/v1/me/password", body, "Authorization", "Bearer "+access)
	}
	for body, at := range map[string]string{
		change(password, "short"):                  "/new_password",
		change(password, "ada@example.org"):        "/new_password",
		change(password, strings.Repeat("ab", 10)): "/new_password",
		`{"new_password":"` + replacement + `"}`:   "/current_password",
	} {
		if got := send(body).problem(http.StatusUnprocessableEntity, "validation_failed"); got != at {
			t.Errorf("%s: pointer %q", body, got)
		}
	}
	send(change(wrong, replacement)).problem(http.StatusUnauthorized, "invalid_credentials")
	b.send(t, http.MethodPost, "/v1/me/password", change(password, replacement), "Authorization", b.agentToken(t, ada)).problem(http.StatusForbidden, "forbidden")
	b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, password)).want(http.StatusOK)

	send(change(password, replacement)).want(http.StatusNoContent)
	b.me(t, access).want(http.StatusOK)
	b.refreshed(t, refresh)
	for _, token := range []string{other, ada.token} {
		b.me(t, token).problem(http.StatusUnauthorized, "invalid_token")
	}
	b.refused(t, otherRefresh)
	b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, password)).want(http.StatusUnauthorized)
	b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, replacement)).want(http.StatusOK)
	var changed bool
	var details string
	b.scan(t, `SELECT password_changed_at IS NOT NULL, (SELECT details::text FROM audit_logs WHERE created_by = $1 AND action = 'credential_change') FROM identities WHERE id = $1`,
		[]any{ada.id}, &changed, &details)
	if !changed || details != `{"credential": "password", "ended_sessions": 3}` {
		t.Errorf("changed %v, details %s", changed, details)
	}
}

// TestDelay checks that consecutive failures close an account for their network for longer and longer, that a closed
// account returns the same response as a wrong password, and that the correct password works again once the time is
// over.
func TestDelay(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	version := b.send(t, http.MethodGet, "/v1/me", "", "Authorization", ada.bearer).want(http.StatusOK).Header.Get("ETag")
	try := func(password string) int {
		t.Helper()
		return b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, password)).Status
	}
	delay := func() (failed, seconds int) {
		t.Helper()
		// The duration is measured from the last attempt, not from now, since the machine may be slow.
		b.scan(t, `SELECT failed, coalesce(round(extract(epoch FROM locked_until - used_at)), 0)::int FROM app.login_attempts WHERE created_by = $1 AND origin = '192.0.2.0/24'`,
			[]any{ada.id}, &failed, &seconds)
		return failed, seconds
	}
	reopen := func() {
		t.Helper()
		b.exec(t, `UPDATE app.login_attempts SET locked_until = clock_timestamp() WHERE created_by = $1`, ada.id)
	}
	for i, want := range []int{0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900} {
		reopen()
		if status := try(wrong); status != http.StatusUnauthorized {
			t.Fatalf("status %d", status)
		}
		if failed, seconds := delay(); failed != i+1 || seconds != want {
			t.Errorf("after %d failures (%d counted), the account is closed for %d s, want %d", i+1, failed, seconds, want)
		}
	}
	for range 3 { // While the account is closed, neither a correct nor a wrong password counts.
		if try(password) != http.StatusUnauthorized || try(wrong) != http.StatusUnauthorized {
			t.Error("a login to a closed account succeeded")
		}
	}
	if failed, _ := delay(); failed != 16 {
		t.Errorf("%d failures are counted, want 16", failed)
	}
	reopen()
	if status := try(password); status != http.StatusOK {
		t.Errorf("status %d after the account was opened again", status)
	}
	if failed, seconds := delay(); failed != 0 || seconds != 0 {
		t.Errorf("%d failures, %d s after a success", failed, seconds)
	}
	after := b.send(t, http.MethodGet, "/v1/me", "", "Authorization", ada.bearer).want(http.StatusOK).Header.Get("ETag")
	if after != version {
		t.Errorf("failed logins changed the version of the identity to %s, it was %s", after, version)
	}
}

// from sends a login request from an address and returns the status.
func (b *bundle) from(t testing.TB, address, body string, headers ...string) int {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/auth/login", strings.NewReader(body))
	r.RemoteAddr = address
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return b.client.For(t).Serve(r).Status
}

// TestBruteForce checks that concurrent guesses, through many addresses of a network and several instances, get hardly
// more attempts than sequential guesses.
func TestBruteForce(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	instances := []*bundle{b, b.instance(t), b.instance(t)}
	const guesses = 60
	var wg sync.WaitGroup
	for i := range guesses {
		wg.Go(func() {
			status := instances[i%3].from(t, fmt.Sprintf("192.0.2.%d:1234", i), credentials(ada.email, fmt.Sprintf("%s %d", wrong, i)))
			if status != http.StatusUnauthorized {
				t.Errorf("status %d", status)
			}
		})
	}
	wg.Wait()
	var failed, all, recorded int
	var closed bool
	b.scan(t, `SELECT failed, locked_until > clock_timestamp(), unrecorded,
		(SELECT count(*) FROM audit_logs WHERE created_by = $1 AND outcome = 'denied') FROM app.login_attempts WHERE created_by = $1`, []any{ada.id}, &failed, &closed, &all, &recorded)
	if failed < 5 || failed > 20 || !closed || all+recorded < guesses {
		t.Errorf("%d of %d guesses were allowed; %d were counted and %d recorded; closed %v", failed, guesses, all, recorded, closed)
	}
	if status := b.from(t, "192.0.2.200:1", credentials(ada.email, password)); status != http.StatusUnauthorized {
		t.Errorf("status %d", status)
	}
	// Other accounts and open sessions are not affected.
	b.me(t, ada.token).want(http.StatusOK)
	b.register(t, "eve@example.org")
	b.login(t, "eve@example.org")

	// An X-Forwarded-For that does not come from a trusted proxy is ignored.
	b.from(t, "203.0.113.9:1", credentials("eve@example.org", wrong), "X-Forwarded-For", "198.51.100.7")
	var ip string
	b.scan(t, `SELECT ip FROM audit_logs WHERE outcome = 'denied' ORDER BY id DESC LIMIT 1`, nil, &ip)
	if ip != "203.0.113.9" {
		t.Errorf("the audit log contains the address %s", ip)
	}
}

// asFrom runs a query that returns one value, as the service does for a request from ip. The session is empty if the
// human is not logged in.
func (b *bundle) asFrom(t testing.TB, identity, ip, session, query string) (value string) {
	t.Helper()
	conn := pgtest.Connect(t, b.db.ServiceURL)
	defer func() { _ = conn.Close(t.Context()) }() // Close the connection now: a test may call asFrom many times.
	err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `SELECT set_config('role', 'chenu_human', true), set_config('app.identity_id', $1, true),
			set_config('app.actor_id', $1, true), set_config('app.ip', $2, true), set_config('app.session_id', $3, true)`, identity, ip, session); err != nil {
			return err
		}
		return tx.QueryRow(t.Context(), query).Scan(&value)
	})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// attemptFrom counts an attempt at a password and reports whether it is allowed.
func (b *bundle) attemptFrom(t testing.TB, identity, ip, session string) bool {
	t.Helper()
	return b.asFrom(t, identity, ip, session, `SELECT allowed::text FROM app.begin_attempt()`) == "true"
}

// TestClosingUnderWay checks the limit of concurrent guesses: attempts that have been counted, but have not failed
// yet.
func TestClosingUnderWay(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	allowed := 0
	for range 30 {
		if b.attemptFrom(t, ada.id, "192.0.2.1", "") {
			allowed++
		}
	}
	if allowed != 20 {
		t.Errorf("%d concurrent attempts are allowed, want 20", allowed)
	}
}

// Hardening item 14: wrong guesses of an attacker close the account for the attacker's network only. During the
// attack, the owner can log in from another network, and can step up and change the password in an open session.
func TestStrangersCannotLockOutAUser(t *testing.T) {
	t.Parallel()
	const replacement = "a longer horse and a staple"
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	stranger := func() {
		t.Helper()
		if status := b.from(t, "203.0.113.66:1", credentials(ada.email, wrong)); status != http.StatusUnauthorized {
			t.Fatalf("status %d", status)
		}
	}
	for range 40 {
		stranger()
		b.exec(t, `UPDATE app.login_attempts SET locked_until = NULL WHERE created_by = $1`, ada.id)
	}
	stranger()
	stranger()
	var counted int
	b.scan(t, `SELECT failed_logins FROM identities WHERE id = $1`, []any{ada.id}, &counted)
	if counted != 5 {
		t.Errorf("one network adds %d failures to the account, want 5", counted)
	}
	if status := b.from(t, "203.0.113.67:1", credentials(ada.email, password)); status != http.StatusUnauthorized {
		t.Errorf("a login from the attacker's network: %d", status)
	}
	if status := b.from(t, "198.51.100.1:1", credentials(ada.email, password)); status != http.StatusOK {
		t.Errorf("the owner's login from another network: %d", status)
	}
	stranger()
	b.send(t, http.MethodPost, "/v1/auth/step-up", `{"password":"`+password+`"}`, "Authorization", ada.bearer).want(http.StatusOK)
	b.send(t, http.MethodPost, "/v1/me/password", change(password, replacement), "Authorization", ada.bearer).want(http.StatusNoContent)
	// Wrong guesses in a session close that session only.
	for range 7 {
		b.send(t, http.MethodPost, "/v1/auth/step-up", `{"password":"`+wrong+`"}`, "Authorization", ada.bearer).problem(http.StatusUnauthorized, "invalid_credentials")
	}
	b.exec(t, `UPDATE app.login_attempts SET locked_until = locked_until + interval '1 minute' WHERE created_by = $1 AND origin LIKE 'session:%'`, ada.id)
	b.send(t, http.MethodPost, "/v1/auth/step-up", `{"password":"`+replacement+`"}`, "Authorization", ada.bearer).problem(http.StatusUnauthorized, "invalid_credentials")
	b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, replacement)).want(http.StatusOK)
}

// Hardening item 14: guesses from many networks are slowed down, but only from networks that the owner of the account
// never logged in from. Known networks and open sessions are not affected.
func TestDistributedGuessesAreSlowed(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	if status := b.from(t, "198.51.100.1:1", credentials(ada.email, password)); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	var session string
	b.scan(t, `SELECT id::text FROM app.sessions WHERE created_by = $1 ORDER BY id LIMIT 1`, []any{ada.id}, &session)
	fail := func(ip string) {
		t.Helper()
		b.asFrom(t, ada.id, ip, "", `SELECT app.refuse_attempt('wrong_password', true)::text`)
	}
	guesses := 0
	for n := range 40 {
		ip := fmt.Sprintf("10.0.%d.1", n)
		for range 3 {
			if !b.attemptFrom(t, ada.id, ip, "") {
				continue
			}
			guesses++
			fail(ip)
		}
	}
	if guesses < 40 || guesses > 60 {
		t.Errorf("%d of 120 guesses from 40 networks were allowed, want about 50", guesses)
	}
	b.exec(t, `UPDATE identities SET locked_until = locked_until + interval '1 minute' WHERE id = $1`, ada.id)
	if b.attemptFrom(t, ada.id, "10.9.9.1", "") {
		t.Error("an attempt from a new network is allowed immediately")
	}
	if !b.attemptFrom(t, ada.id, "198.51.100.77", "") {
		t.Error("an attempt from a network that the owner logged in from is rejected")
	}
	if !b.attemptFrom(t, ada.id, "10.9.9.1", session) {
		t.Error("an attempt in an open session is rejected")
	}
	// A session of another identity, or one that has ended, does not lift the limit.
	if b.attemptFrom(t, ada.id, "10.9.9.1", uuid.NewString()) {
		t.Error("an attempt that names an unknown session is allowed")
	}
	// The delay grows to 15 minutes and no further.
	b.exec(t, `UPDATE identities SET failed_logins = 90, locked_until = NULL WHERE id = $1`, ada.id)
	if !b.attemptFrom(t, ada.id, "10.8.8.1", "") {
		t.Fatal("the account stays closed for unknown networks")
	}
	fail("10.8.8.1")
	var seconds int
	b.scan(t, `SELECT round(extract(epoch FROM locked_until - clock_timestamp()))::int FROM identities WHERE id = $1`, []any{ada.id}, &seconds)
	if seconds < 800 || seconds > 900 {
		t.Errorf("closed for %d s", seconds)
	}
}

// Hardening item 28: the first failure of an hour is recorded immediately, the others as one row for each account,
// network and hour. No serving role can read or write the counters.
func TestFailedLoginsDoNotFillTheTrail(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	fail := func(address string, times int) {
		t.Helper()
		for range times {
			if status := b.from(t, address, credentials(ada.email, wrong)); status != http.StatusUnauthorized {
				t.Fatalf("status %d", status)
			}
		}
	}
	denied := func() (all []string) {
		t.Helper()
		b.scan(t, `SELECT coalesce(array_agg(concat_ws(' ', details ->> 'reason', details ->> 'count', details ->> 'origin', ip) ORDER BY id), '{}')
			FROM audit_logs WHERE created_by = $1 AND action = 'login' AND outcome = 'denied'`, []any{ada.id}, &all)
		return all
	}
	flush := func() (n int) {
		t.Helper()
		got, err := b.as(t, b.db.ServiceURL, "chenu_human", "", `SELECT app.record_failures()`)
		if err != nil {
			t.Fatal(err)
		}
		n, _ = strconv.Atoi(got[0])
		return n
	}
	fail("203.0.113.1:1", 1)
	fail("203.0.113.2:1", 29)
	fail("198.51.100.1:1", 1)
	want := []string{"wrong_password 203.0.113.1", "wrong_password 198.51.100.1"}
	if got := denied(); !slices.Equal(got, want) {
		t.Fatalf("the audit log contains %q, want %q", got, want)
	}
	if n := flush(); n != 0 {
		t.Errorf("%d hours were recorded before they were over", n)
	}
	b.exec(t, `UPDATE app.login_attempts SET recorded_at = recorded_at - interval '1 hour' WHERE created_by = $1`, ada.id)
	if n := flush(); n != 1 {
		t.Errorf("%d hours were recorded, want 1", n)
	}
	if n := flush(); n != 0 {
		t.Errorf("%d hours were recorded again", n)
	}
	want = append(want, "repeated 29 203.0.113.0/24")
	if got := denied(); !slices.Equal(got, want) {
		t.Fatalf("the audit log contains %q, want %q", got, want)
	}
	// The next hour starts with its own row, even if the last hour was not recorded before.
	fail("203.0.113.1:1", 3)
	b.exec(t, `UPDATE app.login_attempts SET recorded_at = recorded_at - interval '1 hour' WHERE created_by = $1`, ada.id)
	fail("203.0.113.1:1", 2)
	want = append(want, "wrong_password 203.0.113.1", "repeated 2 203.0.113.0/24 203.0.113.1", "wrong_password 203.0.113.1")
	if got := denied(); !slices.Equal(got, want) {
		t.Fatalf("the audit log contains %q, want %q", got, want)
	}
	for _, role := range []string{"chenu_human", "chenu_agent"} {
		for _, statement := range []string{`SELECT origin FROM app.login_attempts`, `DELETE FROM app.login_attempts`, `UPDATE app.login_attempts SET failed = 0`} {
			if _, err := b.as(t, b.db.ServiceURL, role, ada.id, statement); pgtest.SQLState(err) != "42501" {
				t.Errorf("%s, as %s: %v", statement, role, err)
			}
		}
	}
	// Counters are deleted a week after their last use.
	b.exec(t, `UPDATE app.login_attempts SET used_at = used_at - interval '8 days', unrecorded = 0 WHERE created_by = $1 AND origin = '203.0.113.0/24'`, ada.id)
	if got, err := b.as(t, b.db.ServiceURL, "chenu_human", "", `SELECT app.expire_attempts()`); err != nil || !slices.Equal(got, []string{"1"}) {
		t.Errorf("%q counters were deleted, %v", got, err)
	}
}

// Hardening item 28: ended sessions lose their IP address and user agent after 30 days and are deleted after 90. The
// maintenance does not copy them to the audit log.
func TestEndedSessionsAreForgotten(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	for range 4 {
		b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, password), "User-Agent", "phone/2").want(http.StatusOK)
	}
	var ids []string
	b.scan(t, `SELECT array_agg(id::text ORDER BY id) FROM app.sessions WHERE created_by = $1`, []any{ada.id}, &ids)
	b.exec(t, `UPDATE app.sessions SET revoked_at = clock_timestamp() - interval '29 days' WHERE id = $1`, ids[1])
	b.exec(t, `UPDATE app.sessions SET revoked_at = clock_timestamp() - interval '31 days' WHERE id = $1`, ids[2])
	b.exec(t, `UPDATE app.sessions SET idle_expires_at = clock_timestamp() - interval '31 days' WHERE id = $1`, ids[3])
	b.exec(t, `UPDATE app.sessions SET expires_at = clock_timestamp() - interval '91 days' WHERE id = $1`, ids[4])
	var before string
	b.scan(t, `SELECT max(id::text) FROM audit_logs`, nil, &before)
	for _, want := range []string{"3", "0"} {
		if got, err := b.as(t, b.db.ServiceURL, "chenu_human", "", `SELECT app.expire_sessions()`); err != nil || !slices.Equal(got, []string{want}) {
			t.Errorf("%q sessions were changed or deleted, %v; want %s", got, err, want)
		}
	}
	var left, named []string
	b.scan(t, `SELECT array_agg(id::text ORDER BY id), array_agg(id::text ORDER BY id) FILTER (WHERE ip IS NOT NULL AND user_agent IS NOT NULL)
		FROM app.sessions WHERE created_by = $1`, []any{ada.id}, &left, &named)
	if !slices.Equal(left, ids[:4]) || !slices.Equal(named, ids[1:2]) {
		t.Errorf("sessions %q are left and %q have an address, of %q", left, named, ids)
	}
	var trail []string
	b.scan(t, `SELECT array_agg(concat_ws(' ', action, actor_kind, resource_id, ip, user_agent, before ->> 'ip', before ->> 'user_agent')) FROM audit_logs WHERE id::text > $1`, []any{before}, &trail)
	if !slices.Equal(trail, []string{"delete system " + ids[4]}) {
		t.Errorf("the audit log contains %q", trail)
	}
}

// TestLoginAtOnce checks that concurrent logins of one identity with the correct password all succeed.
func TestLoginAtOnce(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	other := b.instance(t)
	ada := b.register(t, "ada@example.org")
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() { []*bundle{b, other}[i%2].login(t, ada.email) })
	}
	wg.Wait()
	// Logins do not wait for other transactions of the identity, either.
	tx, err := b.admin.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), `SELECT FROM identities WHERE id = $1 FOR KEY SHARE`, ada.id); err != nil {
		t.Fatal(err)
	}
	b.login(t, ada.email)
}

// TestHangingUp checks that an attempt counts even if the client disconnects before the response.
func TestHangingUp(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	for range 8 {
		b.attemptFrom(t, ada.id, "", "")
	}
	ctx, hangUp := context.WithCancel(t.Context())
	who := self(uuid.MustParse(ada.id), uuid.Nil)
	a, err := b.service.try(ctx, who, wrong)
	if err != nil || a.right || !a.counted {
		t.Fatalf("%+v, %v", a, err)
	}
	hangUp()
	b.service.recordRefusal(ctx, who, a)
	var closed bool
	b.scan(t, `SELECT locked_until > clock_timestamp() + interval '10 seconds' FROM app.login_attempts WHERE created_by = $1`, []any{ada.id}, &closed)
	if trail := b.trail(t, ada.id); !closed || trail[len(trail)-1] != "login denied identity chenu_human" {
		t.Errorf("closed %v, trail %v", closed, trail)
	}
}

// TestSessionFixation checks that a login never uses a session that somebody else has chosen.
func TestSessionFixation(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada, eve := b.register(t, "ada@example.org"), b.register(t, "eve@example.org")
	verifier := auth.NewVerifier(b.keys, auth.Config{})
	planted, err := verifier.Verify(t.Context(), eve.token)
	if err != nil {
		t.Fatal(err)
	}
	sid := planted.Identity.SessionID.String()
	a := b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, password),
		"Authorization", eve.bearer, "Cookie", "sid="+sid, "Session-Id", sid).want(http.StatusOK)
	if a.Header.Get("Set-Cookie") != "" {
		t.Error("a login sets a cookie")
	}
	access, _ := tokensOf(a)
	got, err := verifier.Verify(t.Context(), access)
	if err != nil || got.Identity.SessionID == planted.Identity.SessionID || got.Identity.ID.String() != ada.id {
		t.Errorf("logged in as %+v, %v", got.Identity, err)
	}
	for _, field := range []string{"sid", "session_id", "id"} {
		body := strings.TrimSuffix(credentials(ada.email, password), "}") + `,"` + field + `":"` + sid + `"}`
		if a := b.send(t, http.MethodPost, "/v1/auth/login", body); a.Status != http.StatusUnprocessableEntity {
			t.Errorf("a login that chooses its session by %s: %d", field, a.Status)
		}
	}
	// A step-up does not reopen a session that has ended.
	b.send(t, http.MethodPost, "/v1/auth/logout", "", "Authorization", ada.bearer).want(http.StatusNoContent)
	b.send(t, http.MethodPost, "/v1/auth/step-up", `{"password":"`+password+`"}`, "Authorization", ada.bearer).want(http.StatusUnauthorized)
}

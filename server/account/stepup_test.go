package account

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/server/auth"
)

const wrong = "incorrect horse battery staple"

// agentToken is a token of an agent that acts for a person, in the person's session.
func (b *bundle) agentToken(t testing.TB, p person) string {
	t.Helper()
	var sid uuid.UUID
	b.scan(t, `SELECT id FROM app.sessions WHERE created_by = $1 ORDER BY id LIMIT 1`, []any{p.id}, &sid)
	token, _, err := b.service.Issuer.Issue(auth.Identity{
		ID: uuid.MustParse(p.id), ActorID: uuid.Must(uuid.NewV7()), Kind: auth.Agent, SessionID: sid, AuthTime: time.Now(),
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
			t.Fatal("the other instance still takes the token")
		}
		<-time.After(20 * time.Millisecond)
	}
	revoke(ada.bearer).problem(http.StatusNotFound, "not_found")
	if all = list(ada.bearer); len(all) != 1 {
		t.Errorf("sessions %v", all)
	}
	if len(list(eve.bearer)) != 1 {
		t.Error("another's session went with it")
	}
	// The own one, too.
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
	// It lasts: the next refresh says so, too, and the refresh token is still the same.
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
		if !strings.HasPrefix(line, "create success") && !strings.HasPrefix(line, "update") {
			got = append(got, line)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("trail %q, want %q", got, want)
	}
}

// trailOf is the whole trail of an identity.
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

// TestDelay is that failures in a row close an account for longer and longer, that closed it
// answers as ever, and that the right password opens it when the time is over.
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
		// From the refusal, which stands in the trail, not from now: this machine may be slow.
		b.scan(t, `SELECT failed_logins, coalesce(round(extract(epoch FROM locked_until -
			(SELECT max(created_at) FROM audit_logs WHERE created_by = i.id AND outcome = 'denied'))), 0)::int FROM identities i WHERE id = $1`, []any{ada.id}, &failed, &seconds)
		return failed, seconds
	}
	reopen := func() {
		t.Helper()
		b.exec(t, `UPDATE identities SET locked_until = clock_timestamp() WHERE id = $1`, ada.id)
	}
	for i, want := range []int{0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900} {
		reopen()
		if status := try(wrong); status != http.StatusUnauthorized {
			t.Fatalf("status %d", status)
		}
		if failed, seconds := delay(); failed != i+1 || seconds != want {
			t.Errorf("after %d failures (%d counted) it is closed for %d s, want %d", i+1, failed, seconds, want)
		}
	}
	for range 3 { // Closed: the right one does not count, and neither does a wrong one.
		if try(password) != http.StatusUnauthorized || try(wrong) != http.StatusUnauthorized {
			t.Error("a closed account lets somebody in")
		}
	}
	if failed, _ := delay(); failed != 16 {
		t.Errorf("%d failures are counted, want 16", failed)
	}
	// Steps up and changes of password are closed as well.
	for path, body := range map[string]string{
		"/v1/auth/step-up": `{"password":"` + password + `"}`, "/v1/me/password": change(password, "a longer horse and a staple"),
	} {
		b.send(t, http.MethodPost, path, body, "Authorization", ada.bearer).problem(http.StatusUnauthorized, "invalid_credentials")
	}
	reopen()
	if status := try(password); status != http.StatusOK {
		t.Errorf("status %d when the time is over", status)
	}
	if failed, seconds := delay(); failed != 0 || seconds != 0 {
		t.Errorf("%d failures, %d s after a success", failed, seconds)
	}
	after := b.send(t, http.MethodGet, "/v1/me", "", "Authorization", ada.bearer).want(http.StatusOK).Header.Get("ETag")
	if after != version {
		t.Errorf("failed logins made version %s of the identity, it was %s", after, version)
	}
}

// from sends a login from an address.
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

// TestBruteForce is that guesses at once, through many addresses and instances, are hardly
// more than guesses one after another.
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
	var failed, addresses int
	var closed bool
	b.scan(t, `SELECT failed_logins, locked_until > clock_timestamp(),
		(SELECT count(DISTINCT ip) FROM audit_logs WHERE created_by = $1 AND outcome = 'denied') FROM identities WHERE id = $1`, []any{ada.id}, &failed, &closed, &addresses)
	if failed < 5 || failed > 20 || !closed || addresses != guesses {
		t.Errorf("%d guesses counted of %d, from %d addresses; closed %v", failed, guesses, addresses, closed)
	}
	if status := b.from(t, "198.51.100.1:1", credentials(ada.email, password)); status != http.StatusUnauthorized {
		t.Errorf("status %d", status)
	}
	// The others are not concerned, nor are open sessions.
	b.me(t, ada.token).want(http.StatusOK)
	b.register(t, "eve@example.org")
	b.login(t, "eve@example.org")

	// An X-Forwarded-For that nobody vouches for is no address.
	b.from(t, "203.0.113.9:1", credentials("eve@example.org", wrong), "X-Forwarded-For", "198.51.100.7")
	var ip string
	b.scan(t, `SELECT ip FROM audit_logs WHERE outcome = 'denied' ORDER BY id DESC LIMIT 1`, nil, &ip)
	if ip != "203.0.113.9" {
		t.Errorf("the trail has the address %s", ip)
	}
}

// TestClosingUnderWay is the limit by which guesses are closed off that are all under way,
// none of them refused yet.
func TestClosingUnderWay(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	allowed := 0
	for range 30 {
		got, err := b.as(t, b.db.ServiceURL, "chenu_human", ada.id, `SELECT allowed FROM app.begin_attempt()`)
		if err != nil {
			t.Fatal(err)
		}
		if got[0] == "true" {
			allowed++
		}
	}
	if allowed != 20 {
		t.Errorf("%d attempts at once count, want 20", allowed)
	}
}

// TestLoginAtOnce is that a person's programs that all log in at once, rightly, get in.
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
	// Nor do they wait for what the person is just writing.
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

// TestHangingUp is a guesser who does not wait for the answer: the attempt counts.
func TestHangingUp(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	b.exec(t, `UPDATE identities SET failed_logins = 8 WHERE id = $1`, ada.id)
	ctx, hangUp := context.WithCancel(t.Context())
	who := self(uuid.MustParse(ada.id), uuid.Nil)
	a, err := b.service.try(ctx, who, wrong)
	if err != nil || a.right || !a.counted {
		t.Fatalf("%+v, %v", a, err)
	}
	hangUp()
	b.service.recordRefusal(ctx, who, a)
	var closed bool
	b.scan(t, `SELECT locked_until > clock_timestamp() + interval '10 seconds' FROM identities WHERE id = $1`, []any{ada.id}, &closed)
	if trail := b.trail(t, ada.id); !closed || trail[len(trail)-1] != "login denied identity chenu_human" {
		t.Errorf("closed %v, trail %v", closed, trail)
	}
}

// TestSessionFixation is that nobody logs in to a session that another has chosen.
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
	// A session that has ended is not entered again by proving oneself.
	b.send(t, http.MethodPost, "/v1/auth/logout", "", "Authorization", ada.bearer).want(http.StatusNoContent)
	b.send(t, http.MethodPost, "/v1/auth/step-up", `{"password":"`+password+`"}`, "Authorization", ada.bearer).want(http.StatusUnauthorized)
}

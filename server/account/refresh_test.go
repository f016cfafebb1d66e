package account

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server/auth"
)

// login opens another session of the identity and returns its tokens.
func (b *bundle) login(t testing.TB, email string) (access, refresh string) {
	t.Helper()
	return tokensOf(b.send(t, http.MethodPost, "/v1/auth/login", credentials(email, password)).want(http.StatusOK))
}

func tokensOf(a answer) (access, refresh string) {
	v := a.Object()
	return fmt.Sprint(v["access_token"]), fmt.Sprint(v["refresh_token"])
}

func (b *bundle) refresh(t testing.TB, token string) answer {
	t.Helper()
	return b.send(t, http.MethodPost, "/v1/auth/refresh", `{"refresh_token":"`+token+`"}`)
}

func (b *bundle) refreshed(t testing.TB, token string) (access, refresh string) {
	t.Helper()
	return tokensOf(b.refresh(t, token).want(http.StatusOK))
}

func (b *bundle) refused(t testing.TB, token string) {
	t.Helper()
	b.refresh(t, token).problem(http.StatusUnauthorized, "invalid_refresh_token")
}

func (b *bundle) me(t testing.TB, access string) answer {
	t.Helper()
	return b.send(t, http.MethodGet, "/v1/me", "", "Authorization", "Bearer "+access)
}

func (b *bundle) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	if _, err := b.admin.Exec(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

// scan reads one row as an administrator.
func (b *bundle) scan(t testing.TB, query string, args []any, into ...any) {
	t.Helper()
	if err := b.admin.QueryRow(t.Context(), query, args...).Scan(into...); err != nil {
		t.Fatal(err)
	}
}

// pass moves all timestamps that a refresh checks into the past by d.
func (b *bundle) pass(t testing.TB, owner string, d time.Duration) {
	t.Helper()
	b.exec(t, `UPDATE app.sessions SET expires_at = expires_at - $2::interval, idle_expires_at = idle_expires_at - $2::interval WHERE created_by = $1`, owner, d)
	b.exec(t, `UPDATE app.refresh_tokens SET expires_at = expires_at - $2::interval, used_at = used_at - $2::interval,
		created_at = created_at - $2::interval, voided_at = voided_at - $2::interval WHERE created_by = $1`, owner, d)
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	a := b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, password)).want(http.StatusOK)
	_, first := tokensOf(a)
	if ttl := a.Object()["refresh_expires_in"]; ttl != IdleLifetime.Seconds() {
		t.Errorf("refresh_expires_in is %v, want %v", ttl, IdleLifetime.Seconds())
	}
	before := b.send(t, http.MethodGet, "/v1/me", "", "Authorization", ada.bearer).want(http.StatusOK)

	a = b.refresh(t, first).want(http.StatusOK)
	access, second := tokensOf(a)
	if a.Header.Get("Cache-Control") != "no-store" || second == first {
		t.Errorf("header %v, the token is the same: %v", a.Header, second == first)
	}
	me := b.me(t, access).want(http.StatusOK)
	if me.text() != before.text() {
		t.Errorf("me is %s, was %s", me.Body, before.Body)
	}
	_, third := b.refreshed(t, second)
	b.refreshed(t, third)

	// The token alone determines the session: the other session and its times are unchanged.
	var sessions, refreshed int
	b.scan(t, `SELECT count(*), count(refreshed_at) FROM app.sessions WHERE created_by = $1`, []any{ada.id}, &sessions, &refreshed)
	if sessions != 2 || refreshed != 1 {
		t.Errorf("%d sessions, %d refreshed; want 2 and 1", sessions, refreshed)
	}
	if trail := b.trail(t, ada.id); len(trail) != 2 {
		t.Errorf("trail %v: a refresh was recorded as a login", trail)
	}
}

// TestRefreshKeepsAuthTime checks that a refresh does not change the time of authentication.
func TestRefreshKeepsAuthTime(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	_, refresh := b.login(t, ada.email)
	b.exec(t, `UPDATE app.sessions SET authenticated_at = '2026-01-02T03:04:05Z' WHERE created_by = $1`, ada.id)
	access, _ := b.refreshed(t, refresh)
	token, err := auth.NewVerifier(b.keys, auth.Config{}).Verify(t.Context(), access)
	if err != nil || !token.Identity.AuthTime.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) || !slices.Equal(token.AMR, []string{"pwd"}) {
		t.Errorf("auth_time %v, amr %v, %v", token.Identity.AuthTime, token.AMR, err)
	}
}

// TestRefreshWithClockSkew checks a refresh when the clock of the database is ahead of the clock of the service.
func TestRefreshWithClockSkew(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	_, refresh := b.login(t, ada.email)
	b.exec(t, `UPDATE app.sessions SET authenticated_at = clock_timestamp() + interval '1 minute' WHERE created_by = $1`, ada.id)
	access, _ := b.refreshed(t, refresh)
	b.me(t, access).want(http.StatusOK)
}

func TestRefreshReuse(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	other := b.instance(t)
	ada := b.register(t, "ada@example.org")
	untouched, _ := b.login(t, ada.email)
	_, first := b.login(t, ada.email)
	access, second := b.refreshed(t, first)
	other.me(t, access).want(http.StatusOK)
	access, third := b.refreshed(t, second)
	b.me(t, access).want(http.StatusOK)

	b.refresh(t, first).problem(http.StatusConflict, "refresh_in_progress")
	b.pass(t, ada.id, 10*time.Second)
	b.refused(t, first) // an old token was used again
	at := time.Now()
	b.me(t, access).problem(http.StatusUnauthorized, "invalid_token")
	for _, token := range []string{first, second, third} {
		b.refused(t, token)
	}
	for deadline := at.Add(time.Minute); other.me(t, access).Status != http.StatusUnauthorized; {
		if time.Now().After(deadline) {
			t.Fatal("the other instance still accepts an access token of the session")
		}
		<-time.After(20 * time.Millisecond)
	}
	b.me(t, untouched).want(http.StatusOK)
	trail := slices.DeleteFunc(b.trail(t, ada.id), func(s string) bool { return s != "login denied session chenu_human" })
	if len(trail) != 1 {
		t.Errorf("the reuse is recorded %d times, want once", len(trail))
	}
	var reason string
	b.scan(t, `SELECT details ->> 'reason' FROM audit_logs WHERE outcome = 'denied'`, nil, &reason)
	if reason != "refresh_token_reused" {
		t.Errorf("reason %q", reason)
	}
}

// inProgress checks that a refresh with the token is answered with 409, since another request was faster.
func (b *bundle) inProgress(t testing.TB, token string) {
	t.Helper()
	a := b.refresh(t, token)
	a.problem(http.StatusConflict, "refresh_in_progress")
	if after := a.Header.Get("Retry-After"); after != "1" {
		t.Errorf("Retry-After: %q", after)
	}
}

// Hardening item 29: after a lost response, the same token is accepted from 10 to 60 seconds after its first use,
// unless its successor was used.
func TestRefreshForgivesALostAnswer(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	// walker logs in a new identity and returns the first refresh token and a function that moves its timestamps into
	// the past.
	walker := func(t *testing.T, name string) (first string, wait func(time.Duration)) {
		t.Helper()
		p := b.register(t, name+"@example.org")
		_, first = b.login(t, p.email)
		return first, func(d time.Duration) { b.pass(t, p.id, d) }
	}
	t.Run("more than once", func(t *testing.T) {
		t.Parallel()
		first, wait := walker(t, "ada")
		b.refreshed(t, first) // This response and the next one are lost.
		b.inProgress(t, first)
		wait(10 * time.Second)
		b.refreshed(t, first)
		b.inProgress(t, first)
		wait(10 * time.Second)
		_, second := b.refreshed(t, first)
		_, third := b.refreshed(t, second)
		b.refreshed(t, third)
	})
	t.Run("a replaced successor is rejected", func(t *testing.T) {
		t.Parallel()
		first, wait := walker(t, "bob")
		_, stolen := b.refreshed(t, first)
		wait(10 * time.Second)
		_, second := b.refreshed(t, first)
		b.inProgress(t, stolen)
		wait(10 * time.Second)
		b.refused(t, stolen)
		b.refused(t, second)
	})
	t.Run("rejected once the successor was used", func(t *testing.T) {
		t.Parallel()
		first, wait := walker(t, "cy")
		_, second := b.refreshed(t, first)
		_, third := b.refreshed(t, second)
		wait(10 * time.Second)
		b.refused(t, first)
		b.refused(t, third)
	})
	t.Run("rejected after a minute", func(t *testing.T) {
		t.Parallel()
		first, wait := walker(t, "di")
		_, second := b.refreshed(t, first)
		wait(time.Minute)
		b.refused(t, first)
		b.refused(t, second)
	})
}

// Hardening item 29: exactly one of several concurrent refreshes with one token succeeds. The others get 409, and the
// session continues with the one successor.
func TestOneOfParallelRefreshesSucceeds(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	other := b.instance(t)
	ada := b.register(t, "ada@example.org")
	access, first := b.login(t, ada.email)
	answers := make([]answer, 3)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = []*bundle{b, other}[i%2].refresh(t, first) })
	}
	wg.Wait()
	var second string
	for _, a := range answers {
		switch a.Status {
		case http.StatusOK:
			if second != "" {
				t.Error("two parallel refreshes succeed")
			}
			_, second = tokensOf(a)
		case http.StatusConflict:
			a.problem(http.StatusConflict, "refresh_in_progress")
		default:
			t.Errorf("status %d: %s", a.Status, a.Body)
		}
	}
	if second == "" {
		t.Fatal("no refresh succeeds")
	}
	b.me(t, access).want(http.StatusOK)
	_, third := b.refreshed(t, second)
	b.refreshed(t, third)
}

// Hardening item 29: two browser tabs share their storage. The tab that gets 409 finds the other tab's refresh token
// there and continues with it. Neither is logged out, even if the other tab has refreshed once more in the meantime.
func TestTwoTabsDoNotLogEachOtherOut(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	_, first := b.login(t, ada.email)
	winner, stored := b.refreshed(t, first)
	b.inProgress(t, first)
	loser, stored := b.refreshed(t, stored)
	b.inProgress(t, first)
	for _, access := range []string{winner, loser} {
		b.me(t, access).want(http.StatusOK)
	}
	b.refreshed(t, stored)
	if trail := b.trail(t, ada.id); slices.ContainsFunc(trail, func(s string) bool { return strings.Contains(s, "denied") }) {
		t.Errorf("trail %q", trail)
	}
}

func TestRefreshLimits(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, p person)
	}{
		{"idle", func(t *testing.T, p person) { b.pass(t, p.id, IdleLifetime) }},
		{"absolute", func(t *testing.T, p person) {
			b.exec(t, `UPDATE app.sessions SET expires_at = clock_timestamp() WHERE created_by = $1`, p.id)
		}},
		{"revoked", func(t *testing.T, p person) {
			b.exec(t, `UPDATE app.sessions SET revoked_at = clock_timestamp() WHERE created_by = $1`, p.id)
		}},
		{"locked", func(t *testing.T, p person) { b.exec(t, `UPDATE identities SET status = 'locked' WHERE id = $1`, p.id) }},
		{"erased", func(t *testing.T, p person) { b.exec(t, `UPDATE identities SET status = 'erased' WHERE id = $1`, p.id) }},
		{"session deleted", func(t *testing.T, p person) { b.exec(t, `DELETE FROM app.sessions WHERE created_by = $1`, p.id) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := b.register(t, strings.ReplaceAll(test.name, " ", ".")+"@example.org")
			_, refresh := b.login(t, p.email)
			test.spoil(t, p)
			b.refused(t, refresh)
		})
	}
	t.Run("the idle limit does not exceed the absolute limit", func(t *testing.T) {
		t.Parallel()
		p := b.register(t, "short@example.org")
		_, refresh := b.login(t, p.email)
		b.exec(t, `UPDATE app.sessions SET expires_at = clock_timestamp() + interval '1 hour' WHERE created_by = $1`, p.id)
		if ttl, _ := b.refresh(t, refresh).want(http.StatusOK).Object()["refresh_expires_in"].(float64); ttl < 3500 || ttl > 3600 {
			t.Errorf("refresh_expires_in is %v, want an hour", ttl)
		}
	})
}

// TestRefreshForgeries checks that strings that are not refresh tokens, and tokens with ids or secrets of others, are
// rejected.
func TestRefreshForgeries(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada, eve := b.register(t, "ada@example.org"), b.register(t, "eve@example.org")
	access, mine := b.login(t, ada.email)
	_, theirs := b.login(t, eve.email)
	parsed, ok := parseOpaque(mine, refreshTokenIDs)
	if !ok {
		t.Fatal("the refresh token cannot be parsed")
	}
	hers, _ := parseOpaque(theirs, refreshTokenIDs)
	otherSecret, otherSession, otherOwner := newOpaque(parsed.ids...), parsed, parsed
	otherSession.ids = []uuid.UUID{parsed.ids[0], hers.ids[1]}
	otherOwner.ids = []uuid.UUID{hers.ids[0], parsed.ids[1]}
	both := opaque{ids: hers.ids, secret: parsed.secret}
	for name, token := range map[string]string{
		"an access token":           access,
		"not a token":               "refresh",
		"truncated":                 mine[:len(mine)-1],
		"longer":                    mine + "A",
		"padded":                    mine + "==",
		"with a line break":         mine[:10] + `\n` + mine[10:],
		"different unused bits":     mine[:len(mine)-1] + nonCanonical(mine[len(mine)-1]),
		"another secret":            otherSecret.text(),
		"session of another":        otherSession.text(),
		"another owner":             otherOwner.text(),
		"own secret, their session": both.text(),
		"unknown ids":               newOpaque(dbtest.NewID(), dbtest.NewID()).text(),
		"nil ids":                   newOpaque(uuid.Nil, uuid.Nil).text(),
		"token with one id":         newOpaque(parsed.ids[0]).text(),
	} {
		if a := b.refresh(t, token); a.Status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	for body, status := range map[string]int{
		`{}`:                     http.StatusUnprocessableEntity,
		`{"refresh_token":""}`:   http.StatusUnprocessableEntity,
		`{"refresh_token":1}`:    http.StatusUnprocessableEntity,
		`{"refresh_token":null}`: http.StatusUnprocessableEntity,
	} {
		if a := b.send(t, http.MethodPost, "/v1/auth/refresh", body); a.Status != status {
			t.Errorf("%s: %d", body, a.Status)
		}
	}
	// No forgery has changed a session.
	b.refreshed(t, mine)
	b.refreshed(t, theirs)
}

// nonCanonical returns a last character that a lenient decoder decodes to the same bytes.
func nonCanonical(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)|1])
}

// TestNoTokenIsKept checks that no table of the database, including the audit log, contains a refresh token, and that
// no response with tokens is stored for an idempotency key.
func TestNoTokenIsKept(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	access, first := b.login(t, ada.email)
	_, second := b.refreshed(t, first)
	key := []string{"Idempotency-Key", "1", "Authorization", "Bearer " + access}
	stepped := b.send(t, http.MethodPost, "/v1/auth/step-up", `{"password":"`+password+`"}`, key...).want(http.StatusOK)
	again := b.send(t, http.MethodPost, "/v1/auth/step-up", `{"password":"`+password+`"}`, key...).want(http.StatusOK)
	if stepped.text() == again.text() || again.Header.Get("Idempotent-Replayed") != "" {
		t.Error("the response to a step-up was stored")
	}
	b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, password), "Idempotency-Key", "2").want(http.StatusOK)
	b.send(t, http.MethodPost, "/v1/me/password", `{"current_password":"`+password+`","new_password":"a longer horse and a staple"}`, key...).want(http.StatusNoContent)
	var kept int
	b.scan(t, `SELECT count(*) FROM app.idempotency_keys`, nil, &kept)
	if kept != 0 {
		t.Errorf("%d responses are stored", kept)
	}
	for _, token := range []string{first, second} {
		parsed, _ := parseOpaque(token, refreshTokenIDs)
		for _, table := range []string{"audit_logs", "app.sessions", "app.refresh_tokens", "app.idempotency_keys", "identities"} {
			var leaks int
			b.scan(t, `SELECT count(*) FROM `+table+` x WHERE position($1 in x::text) > 0 OR position(encode($2, 'hex') in x::text) > 0`,
				[]any{token, parsed.secret[:]}, &leaks)
			if leaks > 0 {
				t.Errorf("%s contains a refresh token", table)
			}
		}
		if text := fmt.Sprintf("%v %+v %#v", parsed, parsed, parsed); strings.Contains(text, token) || strings.Contains(text, fmt.Sprint(parsed.secret)) {
			t.Errorf("a token prints as %s", text)
		}
	}
}

// walk is a model of one session: it computes what is expected independently of the database.
type walk struct {
	now, idle, end time.Duration // since the login
	revoked        bool
	tokens         []modelToken
}

type modelToken struct {
	text                   string
	generation             int
	used, void             bool
	madeAt, usedAt, voidAt time.Duration
}

// refresh returns the status that a refresh with the i-th token must return, and updates the model.
func (w *walk) refresh(i int) int {
	const race, lost = 10 * time.Second, time.Minute
	if w.revoked || w.now >= w.idle || w.now >= w.end {
		return http.StatusUnauthorized
	}
	token := &w.tokens[i]
	successor := slices.IndexFunc(w.tokens, func(s modelToken) bool { return s.generation == token.generation+1 && !s.void })
	switch {
	case token.void && w.now-token.voidAt < race,
		token.used && w.now-w.tokens[successor].madeAt < race:
		return http.StatusConflict
	case token.used && w.now-token.usedAt < lost && !w.tokens[successor].used:
		w.tokens[successor].void, w.tokens[successor].voidAt = true, w.now
	case !token.used && !token.void:
		token.used, token.usedAt = true, w.now
	default:
		w.revoked = true
		return http.StatusUnauthorized
	}
	w.idle = w.now + IdleLifetime
	return http.StatusOK
}

// TestRefreshModel performs random refreshes with any token issued before, with random pauses, and compares the
// results with the model.
func TestRefreshModel(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		p := b.register(t, fmt.Sprintf("walker%d@example.org", n))
		b.exec(t, `DELETE FROM app.sessions WHERE created_by = $1`, p.id)
		_, first := b.login(t, p.email)
		w := &walk{idle: IdleLifetime, end: SessionLifetime, tokens: []modelToken{{text: first, generation: 1}}}
		r.Repeat(map[string]func(*rapid.T){
			"": func(r *rapid.T) {
				var revoked bool
				var live int
				b.scan(t, `SELECT revoked_at IS NOT NULL, (SELECT count(*) FROM app.refresh_tokens t WHERE t.session_id = s.id AND used_at IS NULL AND voided_at IS NULL)
					FROM app.sessions s WHERE created_by = $1`, []any{p.id}, &revoked, &live)
				if revoked != w.revoked || live != 1 {
					r.Fatalf("revoked %v, want %v; %d tokens can be used, want 1", revoked, w.revoked, live)
				}
			},
			"refresh": func(r *rapid.T) {
				// Prefer the latest tokens, since a refresh with an old one usually revokes the session.
				back := rapid.SampledFrom([]int{0, 0, 0, 0, 0, 0, 1, 1, 2, 5}).Draw(r, "back")
				i := max(0, len(w.tokens)-1-back)
				generation := w.tokens[i].generation
				want := w.refresh(i)
				a := b.refresh(t, w.tokens[i].text)
				if a.Status != want {
					r.Fatalf("token %d: %d, want %d", i, a.Status, want)
				}
				if want == http.StatusOK {
					_, next := tokensOf(a)
					w.tokens = append(w.tokens, modelToken{text: next, generation: generation + 1, madeAt: w.now})
				}
			},
			"wait": func(r *rapid.T) {
				const day = 24 * time.Hour
				d := rapid.SampledFrom([]time.Duration{10 * time.Second, 10 * time.Second, 10 * time.Second, time.Hour, 6 * day, 13 * day}).Draw(r, "for")
				w.now += d
				b.pass(t, p.id, d)
			},
		})
	})
}

func FuzzParseOpaque(f *testing.F) {
	f.Add(newOpaque(uuid.New(), uuid.New()).text())
	f.Add("")
	f.Add(strings.Repeat("A", 86))
	f.Fuzz(func(t *testing.T, text string) {
		for ids := 1; ids <= refreshTokenIDs; ids++ {
			if token, ok := parseOpaque(text, ids); ok && token.text() != text {
				t.Fatalf("%q and %q decode to the same token", text, token.text())
			}
		}
	})
}

package account

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/server/auth"
)

// Hardening item 2: the instances of these tests have one connection (see instance), so an operation that needs a
// second one never ends. In this test the hasher has no free slot either: six wrong changes of one account's password
// wait for a slot and must hold no connection meanwhile.
func TestOneAccountCannotStallOthers(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	if n := b.session.MaxConns(auth.Human); n != 1 {
		t.Fatalf("the pool has %d connections: this test needs one", n)
	}
	ada, eve := b.register(t, "ada@example.org"), b.register(t, "eve@example.org")
	for path, body := range map[string]string{
		"/v1/me/password":  change(wrong, "a longer horse and a staple"),
		"/v1/auth/step-up": `{"password":"` + wrong + `"}`,
	} {
		b.service.hasher.timeout = time.Minute
		if err := b.service.hasher.slots.Acquire(t.Context(), testHashers); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				b.send(t, http.MethodPost, path, body, "Authorization", ada.bearer).problem(http.StatusUnauthorized, "invalid_credentials")
			})
		}
		b.waitForHashers(t, 6)
		b.me(t, eve.token).want(http.StatusOK)
		b.me(t, ada.token).want(http.StatusOK)
		b.send(t, http.MethodPatch, "/v1/me", `{"name":"Eve"}`, "Authorization", eve.bearer, "If-Match", "*").want(http.StatusOK)
		b.service.hasher.slots.Release(testHashers)
		wg.Wait()
		b.exec(t, `UPDATE app.login_attempts SET failed = 0, locked_until = NULL`)
	}
}

// waitForHashers waits until n requests from the address of the tests wait for a hash.
func (b *bundle) waitForHashers(t testing.TB, n int) {
	t.Helper()
	address := askerOf(auth.WithRequest(t.Context(), auth.Request{IP: "192.0.2.1"}), auth.Identity{}).address
	for deadline := time.Now().Add(time.Minute); b.service.hasher.addresses.Callers(address) < n; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d requests wait for a hash, want %d", b.service.hasher.addresses.Callers(address), n)
		}
	}
}

// Hardening item 2: at most two callers of an account and eight of a network wait for a slot of the hasher; the others
// wait before that. So a login from another network does not wait for all of them.
func TestHashersQueueIsShared(t *testing.T) {
	t.Parallel()
	h := newHasher(quick, 1)
	h.timeout = time.Minute
	if err := h.slots.Acquire(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	stranger := asker{address: "203.0.113.0/24", origin: "ada 203.0.113.0/24"}
	var wg sync.WaitGroup
	order := make(chan string, 7)
	enter := func(who asker, name string) {
		wg.Go(func() {
			release, err := h.acquire(t.Context(), who)
			if err != nil {
				t.Error(err)
				return
			}
			order <- name
			release()
		})
	}
	until := func(n int) {
		for deadline := time.Now().Add(time.Minute); h.origins.Callers(stranger.origin) != n; <-time.After(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the callers do not start to wait")
			}
		}
	}
	for i := range 6 {
		enter(stranger, "stranger")
		until(i + 1)
	}
	owner := asker{address: "198.51.100.0/24", origin: "ada 198.51.100.0/24"}
	enter(owner, "owner")
	for h.origins.Callers(owner.origin) != 1 {
		<-time.After(time.Millisecond)
	}
	<-time.After(10 * time.Millisecond) // The owner gets a place among the origins, then waits for the slot.
	h.slots.Release(1)
	wg.Wait()
	place := 0
	for range 7 {
		place++
		if <-order == "owner" {
			break
		}
	}
	if place > 3 {
		t.Errorf("the owner is admitted as number %d, after guesses for the account", place)
	}
	for _, q := range []int{h.origins.Callers(stranger.origin), h.origins.Callers(owner.origin), h.addresses.Callers(owner.address)} {
		if q != 0 {
			t.Errorf("%d callers still wait", q)
		}
	}
}

// Hardening item 2: a caller that waits too long for a hash gets an error, and its place is released. The origin of a
// caller is its session, or its network if there is no session.
func TestHashersQueueIsBounded(t *testing.T) {
	t.Parallel()
	who := auth.Identity{ID: uuid.New(), SessionID: uuid.New()}
	a := askerOf(auth.WithRequest(t.Context(), auth.Request{IP: "2001:db8::1:2:3:4"}), who)
	if a.address != "2001:db8::/64" || a.origin != who.ID.String()+" "+who.SessionID.String() {
		t.Errorf("asker %+v", a)
	}
	who.SessionID = uuid.Nil
	if a = askerOf(auth.WithRequest(t.Context(), auth.Request{IP: "203.0.113.9"}), who); a.origin != who.ID.String()+" 203.0.113.0/24" {
		t.Errorf("asker %+v", a)
	}
	h := newHasher(quick, 1)
	h.timeout = 10 * time.Millisecond
	release, err := h.acquire(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := h.acquire(t.Context(), a); err == nil {
			t.Error("two hashes run with one slot")
		}
	}
	release()
	if release, err = h.acquire(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	release()
	if n := h.addresses.Callers(a.address); n != 0 {
		t.Errorf("%d callers still wait", n)
	}
}

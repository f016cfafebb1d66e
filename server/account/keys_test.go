package account

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chenu/chenu/postgres/pgtest"
	"github.com/chenu/chenu/server/auth"
)

// published returns the key ids in the key set of an instance.
func (b *bundle) published(t testing.TB) []string {
	t.Helper()
	var kids []string
	for _, key := range b.send(t, http.MethodGet, auth.JWKSPath, "").want(http.StatusOK).Object()["keys"].([]any) {
		kids = append(kids, fmt.Sprint(key.(map[string]any)["kid"]))
	}
	return kids
}

// statuses returns the statuses of the stored keys, in alphabetical order.
func (b *bundle) statuses(t testing.TB) string {
	t.Helper()
	var all string
	b.scan(t, `SELECT string_agg(status, ' ' ORDER BY status) FROM app.signing_keys`, nil, &all)
	return all
}

func (b *bundle) advance(t testing.TB, maxAge time.Duration) auth.KeyStep {
	t.Helper()
	step, err := b.keys.Advance(t.Context(), maxAge)
	if err != nil {
		t.Fatal(err)
	}
	return step
}

// TestKeyRotation takes a key through all statuses, with two instances, one of which loads the keys late.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	late := b.instance(t)
	ada := b.register(t, "ada@example.org")
	first := b.published(t)
	if step := b.advance(t, auth.KeyMaxAge); step.Changed() {
		t.Errorf("a new key was rotated: %+v", step)
	}

	began := time.Now()
	step := b.advance(t, 0)
	if !step.Made || step.Promoted || step.Removed != 0 || b.statuses(t) != "active next" {
		t.Fatalf("%+v, %s", step, b.statuses(t))
	}
	// By then, every client that caches the key set for its maximum age, and every instance, has the key.
	if wait := step.NextSignsAt.Sub(began); wait < auth.JWKSMaxAge+auth.KeyRefreshEvery {
		t.Errorf("a key signs as early as %v after it is published", wait)
	}
	if now := b.published(t); !slices.Contains(now, step.NextID.String()) || !slices.Contains(now, first[0]) {
		t.Errorf("published %v, want %v and %v", now, first, step.NextID)
	}
	if again := b.advance(t, 0); again.Changed() || again.NextID != step.NextID {
		t.Errorf("%+v: another key was created while there is a next key", again)
	}
	eve := b.register(t, "eve@example.org") // signed with the first key

	b.exec(t, `UPDATE app.signing_keys SET created_at = created_at - interval '10 minutes' WHERE status = 'next'`)
	if step := b.advance(t, auth.KeyMaxAge); !step.Promoted || step.Made || b.statuses(t) != "active retiring" {
		t.Fatalf("%+v, %s", step, b.statuses(t))
	}
	grace := b.register(t, "grace@example.org") // signed with the second key
	old := late.register(t, "old@example.org")  // signed with the first key: the late instance has not loaded the second one
	for _, instance := range []*bundle{b, late} {
		for _, p := range []person{ada, eve, grace, old} {
			instance.me(t, p.token).want(http.StatusOK)
		}
	}
	if now := b.published(t); len(now) != 2 {
		t.Errorf("published %v", now)
	}

	// The first key stays as long as a token signed with it can be valid.
	b.exec(t, `UPDATE app.signing_keys SET retired_at = retired_at - $1::interval WHERE status = 'retiring'`, auth.TokenLifetime+auth.Leeway+auth.KeyRefreshEvery)
	if step := b.advance(t, auth.KeyMaxAge); step.Changed() {
		t.Errorf("%+v: the key was removed too early", step)
	}
	b.exec(t, `UPDATE app.signing_keys SET retired_at = retired_at - interval '1 hour' WHERE status = 'retiring'`)
	if step := b.advance(t, auth.KeyMaxAge); step.Removed != 1 || b.statuses(t) != "active" {
		t.Errorf("%+v, %s", step, b.statuses(t))
	}
	if now := b.published(t); !slices.Equal(now, []string{step.NextID.String()}) {
		t.Errorf("published %v", now)
	}
	b.me(t, ada.token).problem(http.StatusUnauthorized, "invalid_token")
	b.me(t, grace.token).want(http.StatusOK)

	// A key is also rotated when it reaches its maximum age.
	b.exec(t, `UPDATE app.signing_keys SET activated_at = activated_at - $1::interval`, auth.KeyMaxAge)
	if step := b.advance(t, auth.KeyMaxAge); !step.Made {
		t.Errorf("%+v", step)
	}
}

// TestKeyRotationAtOnce checks that instances which advance the keys concurrently perform each step once.
func TestKeyRotationAtOnce(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	instances := []*bundle{b, b.instance(t), b.instance(t)}
	all := func() (made, promoted, removed int) {
		t.Helper()
		steps := make([]auth.KeyStep, 12)
		var wg sync.WaitGroup
		for i := range steps {
			wg.Go(func() { steps[i] = instances[i%len(instances)].advance(t, 0) })
		}
		wg.Wait()
		for _, s := range steps {
			removed += s.Removed
			if s.Made {
				made++
			}
			if s.Promoted {
				promoted++
			}
		}
		return made, promoted, removed
	}
	if made, promoted, _ := all(); made != 1 || promoted != 0 || b.statuses(t) != "active next" {
		t.Errorf("%d keys created, %d promoted: %s", made, promoted, b.statuses(t))
	}
	b.exec(t, `UPDATE app.signing_keys SET created_at = created_at - interval '10 minutes' WHERE status = 'next'`)
	// With a maximum age of zero, the next key is created immediately.
	if made, promoted, _ := all(); made != 1 || promoted != 1 || b.statuses(t) != "active next retiring" {
		t.Errorf("%d keys created, %d promoted: %s", made, promoted, b.statuses(t))
	}
	b.exec(t, `UPDATE app.signing_keys SET retired_at = retired_at - interval '1 hour' WHERE status = 'retiring'`)
	if _, _, removed := all(); removed != 1 {
		t.Errorf("%d removed", removed)
	}
}

// Hardening item 39: only an operator can replace the encrypted private keys. The operator replaces all of them in one
// call, and nothing else of the keys.
func TestSigningKeysAreResealedByAnOperatorOnly(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.advance(t, 0) // the active key, and the next one
	stored := func() (all string) {
		t.Helper()
		b.scan(t, `SELECT string_agg(concat_ws(' ', id, encode(public_key, 'hex'), encode(private_key, 'hex'), status), ', ' ORDER BY id) FROM app.signing_keys`, nil, &all)
		return all
	}
	before := stored()
	all := `(SELECT array_agg(k.id ORDER BY k.id) FROM app.signing_keys k), (SELECT array_agg(sha256(k.private_key) || sha256(k.public_key) ORDER BY k.id) FROM app.signing_keys k)`
	var call string // with constants, since no serving role may read the table
	b.scan(t, `SELECT format('SELECT app.reseal_signing_keys(%L::uuid[], %L::bytea[])', i, p) FROM (SELECT `+all+`) AS k(i, p)`, nil, &call)
	for login, roles := range map[string][]string{
		b.db.ServiceURL: {"chenu_human"}, b.db.AgentURL: {"chenu_agent"}, b.db.AdminURL: {"chenu_human", "chenu_agent", "chenu_gate", "chenu_maintain", "chenu_auditor"},
	} {
		for _, role := range roles {
			if _, err := b.as(t, login, role, "", call); pgtest.SQLState(err) != "42501" {
				t.Errorf("as %s: %v", role, err)
			}
		}
	}
	one := `(SELECT k.id FROM app.signing_keys k WHERE k.status = 'active')`
	for name, test := range map[string]struct{ args, code string }{
		"one of two keys":    {`ARRAY[` + one + `], ARRAY['\x01'::bytea]`, "CH409"},
		"no keys":            {`'{}', '{}'`, "CH409"},
		"NULL":               {`NULL, NULL`, "CH409"},
		"the same key twice": {`ARRAY[` + one + `, ` + one + `], ARRAY['\x01'::bytea, '\x02']`, "CH409"},
		"an unknown key":     {`ARRAY[` + one + `, gen_random_uuid()], ARRAY['\x01'::bytea, '\x02']`, "CH409"},
		"a key too many":     {`(SELECT array_agg(k.id) FROM app.signing_keys k) || gen_random_uuid(), ARRAY['\x01'::bytea, '\x02', '\x03']`, "CH409"},
		"no private keys":    {`(SELECT array_agg(k.id) FROM app.signing_keys k), '{}'`, "23502"},
		"one of NULL values": {`(SELECT array_agg(k.id) FROM app.signing_keys k), ARRAY['\x01'::bytea, NULL]`, "23502"},
	} {
		if _, err := b.admin.Exec(t.Context(), `SELECT app.reseal_signing_keys(`+test.args+`)`); pgtest.SQLState(err) != test.code {
			t.Errorf("%s: %v, want %s", name, err, test.code)
		}
	}
	if stored() != before {
		t.Error("a rejected call changed a key")
	}
	got, err := b.as(t, b.db.MigrateURL, "chenu_owner", "", call)
	if err != nil || got[0] != "2" {
		t.Fatalf("as the operator: %v, %v", got, err)
	}
	var same int
	b.scan(t, `SELECT count(*) FROM app.signing_keys k WHERE octet_length(k.private_key) = 64`, nil, &same)
	if same != 2 || stored() == before {
		t.Errorf("%d keys have the private key that the operator stored", same)
	}
}

package account

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/postgres/pgtest"
)

// as runs one statement in its own transaction around the service: with the given login, role and identity. It returns
// the first column of each row as text.
func (b *bundle) as(t testing.TB, login, role, identity, query string, args ...any) ([]string, error) {
	t.Helper()
	conn := pgtest.Connect(t, login)
	defer func() { _ = conn.Close(t.Context()) }() // Close the connection now: a test may call as many times.
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	actor := identity
	if role == "chenu_agent" {
		// An active agent of the identity, if it has one.
		b.scan(t, `SELECT coalesce(max(id::text), '') FROM team_agents WHERE created_by::text = $1`, []any{identity}, &actor)
	}
	if _, err := tx.Exec(t.Context(), `SELECT set_config('role', $1, true), set_config('app.identity_id', $2, true), set_config('app.actor_id', $3, true)`, role, identity, actor); err != nil {
		return nil, err
	}
	rows, err := tx.Query(t.Context(), query, args...)
	if err != nil {
		return nil, err
	}
	var got []string
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return nil, err
		}
		got = append(got, fmt.Sprint(values[0]))
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return got, tx.Commit(t.Context())
}

// TestRoundTheService runs raw SQL statements that the service never sends.
func TestRoundTheService(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada, eve := b.register(t, "ada@example.org"), b.register(t, "eve@example.org")
	var adaSession, eveSession string
	if err := b.admin.QueryRow(t.Context(), `SELECT (SELECT id::text FROM app.sessions WHERE created_by = $1), (SELECT id::text FROM app.sessions WHERE created_by = $2)`,
		ada.id, eve.id).Scan(&adaSession, &eveSession); err != nil {
		t.Fatal(err)
	}
	b.db.Hire(t, uuid.MustParse(ada.id), dbtest.NewID())
	const (
		human, agent = "chenu_human", "chenu_agent"
		denied       = "42501" // insufficient_privilege
	)
	fresh := func() string { return dbtest.NewID().String() }
	soon := time.Now().Add(time.Hour)
	for _, test := range []struct {
		name, role, identity, query string
		args                        []any
		state, want                 string // SQLSTATE, or the rows
	}{
		{"own identity", human, ada.id, `SELECT email FROM identities`, nil, "", "ada@example.org"},
		{"own identity, as an agent that was never hired", agent, eve.id, `SELECT email FROM identities`, nil, "", ""},
		{"own identity, as its agent", agent, ada.id, `SELECT email FROM identities`, nil, "", "ada@example.org"},
		{"identity of another", human, eve.id, `SELECT email FROM identities WHERE id = $1`, []any{ada.id}, "", ""},
		{"identities without an identity", human, "", `SELECT email FROM identities`, nil, "", ""},
		{"own password hash", human, ada.id, `SELECT hashed_password FROM identities`, nil, denied, ""},
		{"own password hash, as its agent", agent, ada.id, `SELECT hashed_password FROM identities`, nil, denied, ""},
		{"password hash in a condition", human, ada.id, `SELECT id FROM identities WHERE hashed_password LIKE '$argon2id$%'`, nil, denied, ""},
		{"password hash with the row", human, ada.id, `SELECT i::text FROM identities i`, nil, denied, ""},
		{"password hash by RETURNING", human, ada.id, `UPDATE identities SET name = 'x' RETURNING hashed_password`, nil, denied, ""},
		{"set a password", human, ada.id, `UPDATE identities SET hashed_password = '$argon2id$x'`, nil, denied, ""},
		{"set the e-mail", human, ada.id, `UPDATE identities SET email = 'x@y.z'`, nil, denied, ""},
		{"set the status", human, ada.id, `UPDATE identities SET status = 'active'`, nil, denied, ""},
		{"name of another", human, eve.id, `UPDATE identities SET name = 'x' WHERE id = $1 RETURNING id`, []any{ada.id}, "", ""},
		{"own name, as its agent", agent, ada.id, `UPDATE identities SET name = 'x'`, nil, denied, ""},
		{"delete own identity", human, ada.id, `DELETE FROM identities`, nil, denied, ""},
		{"create an identity for another", human, eve.id, `INSERT INTO identities (id, email, name) VALUES ($1, 'm@y.z', 'M')`, []any{fresh()}, denied, ""},
		{"create an identity without an identity", human, "", `INSERT INTO identities (id, email, name) VALUES ($1, 'm@y.z', 'M')`, []any{fresh()}, denied, ""},
		{"take over by upsert", human, eve.id, `INSERT INTO identities (id, email, name) VALUES ($1, 'm@y.z', 'M') ON CONFLICT (id) DO UPDATE SET name = 'M'`, []any{ada.id}, denied, ""},

		{"own session", human, ada.id, `SELECT id::text FROM app.sessions`, nil, "", adaSession},
		{"sessions, as an agent", agent, ada.id, `SELECT id FROM app.sessions`, nil, denied, ""},
		{"session of another", human, eve.id, `SELECT id FROM app.sessions WHERE id = $1`, []any{adaSession}, "", ""},
		{"sessions without an identity", human, "", `SELECT id FROM app.sessions`, nil, "", ""},
		{"insert a session", human, ada.id, `INSERT INTO app.sessions (id, created_by, expires_at, authenticated_at, amr) VALUES ($1, $2, 'infinity', now(), '{}')`, []any{fresh(), ada.id}, denied, ""},
		{"prolong a session", human, ada.id, `UPDATE app.sessions SET expires_at = 'infinity'`, nil, denied, ""},
		{"revive a session", human, ada.id, `UPDATE app.sessions SET revoked_at = NULL`, nil, denied, ""},
		{"delete a session", human, ada.id, `DELETE FROM app.sessions`, nil, denied, ""},

		{"read signing keys", human, ada.id, `SELECT id FROM app.signing_keys`, nil, denied, ""},
		{"insert a signing key", human, ada.id, `INSERT INTO app.signing_keys (id, public_key, private_key) VALUES ($1, '', '')`, []any{fresh()}, denied, ""},
		{"add a first signing key", human, ada.id, `SELECT app.add_first_signing_key($1, '', '')`, []any{fresh()}, "", "false"},

		{"look up a login, as an agent", agent, ada.id, `SELECT identity_id FROM app.login_lookup('eve@example.org')`, nil, denied, ""},
		{"refuse an attempt, as an agent", agent, ada.id, `SELECT app.refuse_attempt('wrong_password', true)`, nil, denied, ""},
		{"refuse an attempt, without an identity", human, "", `SELECT app.refuse_attempt('wrong_password', true)`, nil, "CH401", ""},
		{"open a session, as an agent", agent, ada.id, `SELECT app.open_session($1, now(), $2, '{pwd}')`, []any{fresh(), soon}, denied, ""},
		{"close a session, as an agent", agent, ada.id, `SELECT app.close_session($1)`, []any{adaSession}, denied, ""},
		{"re-hash, as an agent", agent, ada.id, `SELECT app.rehash_password('a', 'b')`, nil, denied, ""},
		{"signing keys, as an agent", agent, ada.id, `SELECT id FROM app.signing_keys()`, nil, denied, ""},
		{"first signing key, as an agent", agent, ada.id, `SELECT app.add_first_signing_key($1, '', '')`, []any{fresh()}, denied, ""},

		{"open a session without an identity", human, "", `SELECT app.open_session($1, now(), $2, '{pwd}')`, []any{fresh(), soon}, "CH401", ""},
		{"open a session of an unknown identity", human, fresh(), `SELECT app.open_session($1, now(), $2, '{pwd}')`, []any{fresh(), soon}, "CH403", ""},
		{"open a session without an end", human, ada.id, `SELECT app.open_session($1, now(), 'infinity', '{pwd}')`, []any{fresh()}, "CH422", ""},
		{"open a session for a year", human, ada.id, `SELECT app.open_session($1, now(), now() + interval '1 year', '{pwd}')`, []any{fresh()}, "CH422", ""},
		{"open a session that has ended", human, ada.id, `SELECT app.open_session($1, now(), now() - interval '1 second', '{pwd}')`, []any{fresh()}, "CH422", ""},
		{"open a session with a NULL end", human, ada.id, `SELECT app.open_session($1, now(), NULL, '{pwd}')`, []any{fresh()}, "CH422", ""},
		{"open a session again", human, ada.id, `SELECT app.open_session($1, now(), $2, '{pwd}')`, []any{adaSession, soon}, "23505", ""},
		{"close without an identity", human, "", `SELECT app.close_session($1)`, []any{adaSession}, "CH401", ""},
		{"close the session of another", human, eve.id, `SELECT app.close_session($1)`, []any{adaSession}, "", "false"},
		{"re-hash without an identity", human, "", `SELECT app.rehash_password('a', 'b')`, nil, "CH401", ""},
		{"re-hash without the hash", human, ada.id, `SELECT app.rehash_password('a', '$argon2id$b')`, nil, "", "false"},
		{"re-hash with NULL", human, ada.id, `SELECT app.rehash_password(NULL, '$argon2id$b')`, nil, "", "false"},

		{"read refresh tokens", human, ada.id, `SELECT id FROM app.refresh_tokens`, nil, denied, ""},
		{"insert a refresh token", human, ada.id, `INSERT INTO app.refresh_tokens (id, created_by, session_id, generation, token_hash, expires_at) VALUES ($1, $2, $3, 9, sha256(''), 'infinity')`, []any{fresh(), ada.id, adaSession}, denied, ""},
		{"use a refresh token again", human, ada.id, `UPDATE app.refresh_tokens SET used_at = NULL`, nil, denied, ""},
		{"delete refresh tokens", human, ada.id, `DELETE FROM app.refresh_tokens`, nil, denied, ""},
		{"read mailed tokens", human, ada.id, `SELECT id FROM app.account_tokens`, nil, denied, ""},
		{"insert a mailed token", human, ada.id, `INSERT INTO app.account_tokens (id, created_by, kind, token_hash, expires_at) VALUES ($1, $2, 'reset_password', sha256(''), 'infinity')`, []any{fresh(), ada.id}, denied, ""},
		{"change the time of authentication", human, ada.id, `UPDATE app.sessions SET authenticated_at = now()`, nil, denied, ""},
		{"reset the failed logins", human, ada.id, `UPDATE identities SET failed_logins = 0, locked_until = NULL`, nil, denied, ""},
		{"verify own address", human, ada.id, `UPDATE identities SET email_verified_at = now()`, nil, denied, ""},

		{"issue a first refresh token again", human, ada.id, `SELECT app.issue_refresh_token($1, sha256('x'), '1 day')`, []any{adaSession}, "CH403", ""},
		{"refresh token for another's session", human, eve.id, `SELECT app.issue_refresh_token($1, sha256('x'), '1 day')`, []any{adaSession}, "CH403", ""},
		{"refresh token without an identity", human, "", `SELECT app.issue_refresh_token($1, sha256('x'), '1 day')`, []any{adaSession}, "CH401", ""},
		{"refresh token as an agent", agent, ada.id, `SELECT app.issue_refresh_token($1, sha256('x'), '1 day')`, []any{adaSession}, denied, ""},
		{"rotate another's session", human, eve.id, `SELECT outcome FROM app.rotate_refresh_token($1, sha256('x'), sha256('y'), '1 day')`, []any{adaSession}, "", "unknown"},
		{"rotate with a guessed token", human, ada.id, `SELECT outcome FROM app.rotate_refresh_token($1, sha256('x'), sha256('y'), '1 day')`, []any{adaSession}, "", "unknown"},
		{"rotate with NULL", human, ada.id, `SELECT outcome FROM app.rotate_refresh_token($1, NULL, NULL, NULL)`, []any{adaSession}, "", "unknown"},
		{"rotate without an identity", human, "", `SELECT outcome FROM app.rotate_refresh_token($1, sha256('x'), sha256('y'), '1 day')`, []any{adaSession}, "CH401", ""},
		{"rotate as an agent", agent, ada.id, `SELECT outcome FROM app.rotate_refresh_token($1, sha256('x'), sha256('y'), '1 day')`, []any{adaSession}, denied, ""},
		{"step up another's session", human, eve.id, `SELECT app.authenticate_again($1, '{pwd}')`, []any{adaSession}, "CH403", ""},
		{"step up as an agent", agent, ada.id, `SELECT app.authenticate_again($1, '{pwd}')`, []any{adaSession}, denied, ""},
		{"attempt without an identity", human, "", `SELECT allowed FROM app.begin_attempt()`, nil, "CH401", ""},
		{"attempt as an unknown identity", human, fresh(), `SELECT allowed FROM app.begin_attempt()`, nil, "", ""},
		{"attempt as an agent", agent, ada.id, `SELECT allowed FROM app.begin_attempt()`, nil, denied, ""},
		{"forgive attempts as an agent", agent, ada.id, `SELECT app.forgive_attempts()`, nil, denied, ""},
		{"change a password without the hash", human, ada.id, `SELECT app.change_password('$argon2id$a', '$argon2id$b', NULL) IS NULL`, nil, "", "true"},
		{"change a password with NULL", human, ada.id, `SELECT app.change_password(NULL, '$argon2id$b', NULL) IS NULL`, nil, "", "true"},
		{"change a password as an agent", agent, ada.id, `SELECT app.change_password('a', 'b', NULL)`, nil, denied, ""},
		{"close all sessions", human, ada.id, `SELECT app.close_sessions(NULL)`, nil, denied, ""},
		{"use a mailed token", human, ada.id, `SELECT app.use_account_token('reset_password', sha256(''))`, nil, denied, ""},
		{"verify an address with a guessed token", human, ada.id, `SELECT app.verify_email(sha256('x'))`, nil, "", "false"},
		{"reset a password with a guessed token", human, ada.id, `SELECT app.reset_password(sha256('x'), '$argon2id$b') IS NULL`, nil, "", "true"},
		{"reset a password with NULL", human, ada.id, `SELECT app.reset_password(NULL, '$argon2id$b') IS NULL`, nil, "", "true"},
		{"a mailed token as an agent", agent, ada.id, `SELECT app.issue_account_token('reset_password', sha256('x'))`, nil, denied, ""},
		{"a mailed token of an unknown kind", human, ada.id, `SELECT app.issue_account_token('become_admin', sha256('x'))`, nil, "23514", ""},
		{"a mailed token without an identity", human, "", `SELECT app.issue_account_token('reset_password', sha256('x'))`, nil, "CH401", ""},
		{"advance the keys, as an agent", agent, ada.id, `SELECT made FROM app.advance_signing_keys($1, '', '', '0')`, []any{fresh()}, denied, ""},

		{"become the login role", human, ada.id, `SELECT set_config('role', 'chenu_login', true)`, nil, denied, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := b.as(t, b.db.ServiceURL, test.role, test.identity, test.query, test.args...)
			if err != nil || test.state != "" {
				if state := pgtest.SQLState(err); state != test.state {
					t.Fatalf("err = %v (%s), want %s", err, state, test.state)
				}
				return
			}
			if rows := strings.Join(got, ","); rows != test.want {
				t.Errorf("rows %q, want %q", rows, test.want)
			}
		})
	}
	t.Run("the login role of agents", func(t *testing.T) {
		t.Parallel()
		for _, query := range []string{
			`SELECT * FROM app.login_lookup('ada@example.org')`, `SELECT * FROM app.signing_keys()`, `SELECT * FROM app.sessions`,
			`SELECT hashed_password FROM identities`, `SELECT set_config('role', 'chenu_human', true)`,
		} {
			if _, err := b.as(t, b.db.AgentURL, agent, ada.id, query); pgtest.SQLState(err) != denied {
				t.Errorf("%s: %v", query, err)
			}
		}
	})
	t.Run("without a role", func(t *testing.T) {
		t.Parallel()
		for _, query := range []string{
			`SELECT * FROM app.login_lookup('ada@example.org')`, `SELECT * FROM app.signing_keys()`, `SELECT id FROM app.sessions`, `SELECT id FROM identities`,
		} {
			if _, err := b.as(t, b.db.ServiceURL, "none", ada.id, query); pgtest.SQLState(err) != denied {
				t.Errorf("%s: %v", query, err)
			}
		}
	})
}

// TestOpenedSession checks the values that the database sets for a new session.
func TestOpenedSession(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	id := dbtest.NewID()
	if _, err := b.as(t, b.db.ServiceURL, "chenu_human", ada.id, `SELECT app.open_session($1, now() + interval '1 day', now() + interval '1 hour', '{pwd,otp}')`, id); err != nil {
		t.Fatal(err)
	}
	var future bool
	var details string
	if err := b.admin.QueryRow(t.Context(), `SELECT s.authenticated_at > clock_timestamp(), l.details::text
		FROM app.sessions s JOIN audit_logs l ON l.resource_id = s.id AND l.action = 'login' WHERE s.id = $1`, id).Scan(&future, &details); err != nil {
		t.Fatal(err)
	}
	if future || details != `{"amr": ["pwd", "otp"]}` {
		t.Errorf("authenticated in the future: %v; details %s", future, details)
	}
	for _, want := range []string{"true", "false"} { // Closing twice records one logout.
		got, err := b.as(t, b.db.ServiceURL, "chenu_human", ada.id, `SELECT app.close_session($1)`, id)
		if err != nil || got[0] != want {
			t.Errorf("close: %v %v, want %s", got, err, want)
		}
	}
	if trail := b.trail(t, ada.id); len(trail) != 3 || trail[2] != "logout success session chenu_human" {
		t.Errorf("trail %v", trail)
	}
}

// TestFunctions checks the owner, the search path and the grants of the SECURITY DEFINER functions.
func TestFunctions(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	rows, err := b.admin.Query(t.Context(), `SELECT p.proname, pg_get_userbyid(p.proowner), p.prosecdef, coalesce(p.proconfig::text, ''),
			coalesce((SELECT string_agg(coalesce(r.rolname, 'PUBLIC'), ',' ORDER BY r.rolname) FROM aclexplode(p.proacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
				WHERE a.privilege_type = 'EXECUTE' AND a.grantee <> p.proowner), '')
		FROM pg_proc p WHERE p.pronamespace = 'app'::regnamespace
		AND p.proname IN ('login_lookup', 'open_session', 'close_session', 'rehash_password', 'signing_keys', 'add_first_signing_key',
			'issue_refresh_token', 'rotate_refresh_token', 'begin_attempt', 'refuse_attempt', 'forgive_attempts', 'authenticate_again', 'change_password',
			'issue_account_token', 'account_token_valid', 'verify_email', 'reset_password', 'advance_signing_keys')`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var name, owner, config, grantees string
		var definer bool
		if err := rows.Scan(&name, &owner, &definer, &config, &grantees); err != nil {
			t.Fatal(err)
		}
		if owner != "chenu_login" || !definer || config != `{"search_path=pg_catalog, pg_temp"}` || grantees != "chenu_human" {
			t.Errorf("%s: owner %s, definer %v, %s, executed by %s", name, owner, definer, config, grantees)
		}
	}
	if n != 18 {
		t.Errorf("%d functions, want 18", n)
	}
}

// TestLoginLookupUsesTheIndex checks that a login does not read all identities.
func TestLoginLookupUsesTheIndex(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	if _, err := b.admin.Exec(t.Context(), `INSERT INTO identities (id, email, name)
		SELECT gen_random_uuid(), 'user' || n || '@example.org', 'N' FROM generate_series(1, 5000) n`); err != nil {
		t.Fatal(err)
	}
	if _, err := b.admin.Exec(t.Context(), `ANALYZE identities`); err != nil {
		t.Fatal(err)
	}
	tx, err := b.admin.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), `SET LOCAL ROLE chenu_login`); err != nil {
		t.Fatal(err)
	}
	rows, err := tx.Query(t.Context(), `EXPLAIN SELECT i.id, i.hashed_password FROM public.identities i WHERE i.email_key = lower('User77@example.org')`)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(plan, "\n"), "identities_email_key") {
		t.Errorf("the plan does not use the index:\n%s", strings.Join(plan, "\n"))
	}
}

// TestDatabaseGone checks that requests fail with a server error if the database is unreachable, not with an error
// about the credentials.
func TestDatabaseGone(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	b.session.Close()
	for path, body := range map[string]string{
		"/v1/auth/login":    credentials(ada.email, password),
		"/v1/auth/register": registration("eve@example.org", password, "Eve"),
	} {
		a := b.send(t, http.MethodPost, path, body)
		if a.Status < 500 {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	if a := b.send(t, http.MethodGet, "/v1/me", "", "Authorization", ada.bearer); a.Status < 500 {
		t.Errorf("me: %d %s", a.Status, a.Body)
	}
}

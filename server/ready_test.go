package server_test

import (
	"net/http"
	"testing"
	"time"
)

// The service is not ready if database functions fail.
func TestNotReadyWithoutTheFunctions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, breaks, repairs, check string }{
		{
			"a person's function revoked",
			"REVOKE EXECUTE ON FUNCTION app.login_lookup(text) FROM chenu_human",
			"GRANT EXECUTE ON FUNCTION app.login_lookup(text) TO chenu_human", "database_human",
		},
		{
			"an agent's function revoked",
			"REVOKE EXECUTE ON FUNCTION app.append_events(uuid, bigint, jsonb) FROM chenu_agent",
			"GRANT EXECUTE ON FUNCTION app.append_events(uuid, bigint, jsonb) TO chenu_agent", "database_agent",
		},
		{
			"a function missing",
			"ALTER FUNCTION app.login_lookup(text) RENAME TO login_lookup_gone",
			"ALTER FUNCTION app.login_lookup_gone(text) RENAME TO login_lookup", "database_human",
		},
		{
			"a role of functions lost the schema app",
			"REVOKE USAGE ON SCHEMA app FROM chenu_login",
			"GRANT USAGE ON SCHEMA app TO chenu_login", "database_agent",
		},
		{
			"a role of functions lost the schema public",
			"REVOKE USAGE ON SCHEMA public FROM PUBLIC, chenu_gate",
			"GRANT USAGE ON SCHEMA public TO PUBLIC, chenu_gate", "database_human",
		},
		{
			"every function",
			"REVOKE USAGE ON SCHEMA app FROM chenu_human, chenu_agent",
			"GRANT USAGE ON SCHEMA app TO chenu_human, chenu_agent", "database_agent",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			admin := s.db.Pool(t, s.db.AdminURL)
			await := func(status int) map[string]any {
				for deadline := time.Now().Add(20 * time.Second); ; <-time.After(50 * time.Millisecond) {
					r := s.client.For(t).Get("/readyz")
					if r.Status == status {
						return r.Object()["checks"].(map[string]any)
					}
					if time.Now().After(deadline) {
						t.Fatalf("/readyz is %d %s, want %d", r.Status, r.Body, status)
					}
				}
			}
			await(http.StatusOK)
			if _, err := admin.Exec(t.Context(), test.breaks); err != nil {
				t.Fatal(err)
			}
			if checks := await(http.StatusServiceUnavailable); checks[test.check] != "failed" {
				t.Errorf("the checks are %v, want %s to have failed", checks, test.check)
			}
			s.client.For(t).Get("/healthz").Want(http.StatusOK)
			if _, err := admin.Exec(t.Context(), test.repairs); err != nil {
				t.Fatal(err)
			}
			await(http.StatusOK)
		})
	}
}

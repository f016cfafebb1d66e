// Package functions holds the SQL functions of the database, and the privileges that their owners need. A SECURITY
// DEFINER function is owned by a narrow role, which has no other rights than those in Privileges.
package functions

// Identity is the SQL expression for the identity for which a session acts. It is NULL without an identity: after a
// transaction-local setting has ended, current_setting returns an empty string and not NULL. The expression is flat and
// STABLE, so that it can be an index condition and distributed engines accept it.
const Identity = "nullif(current_setting('app.identity_id', true), '')::uuid"

// Privilege is what one narrow role may do with one table.
type Privilege struct {
	Role string
	// Rows is the SQL condition of the rows; empty means all rows.
	Rows string
	// Grants are privileges with their columns, such as "UPDATE (status)".
	Grants []string
}

// Privileges are the privileges of the narrow roles, by table. It is the complete list of accesses across identities,
// except those for erasing an identity, which follow from the table itself.
var Privileges = map[string][]Privilege{
	"audit_logs": {
		{Role: "chenu_audit", Grants: []string{"INSERT"}},
		// Counts the writes of a transaction that uses an approval.
		{Role: "chenu_gate", Rows: "created_by = " + Identity, Grants: []string{"SELECT"}},
	},
	"collected_writes": {{Role: "chenu_gate", Rows: "created_by = " + Identity, Grants: []string{
		"SELECT", "INSERT (id, created_by, checkpoint_id, place, table_name, operation, row_id, audited, payload, element)",
		"UPDATE (audited)", "DELETE",
	}}},
	"checkpoints": {
		{Role: "chenu_gate", Rows: "created_by = " + Identity, Grants: []string{
			"SELECT",
			"INSERT (id, created_by, sphere, type, origin, action, resource_type, resource_id, resource_version, payload, digest, requested_by, requested_by_kind, expires_at, thread_id)",
			"UPDATE (status, reason, decided_by, decided_at, use_before, consumed_at)",
		}},
		{Role: "chenu_maintain", Rows: "expires_at <= clock_timestamp()", Grants: []string{
			"SELECT (id, created_by, status, expires_at, thread_id)", "UPDATE (status)",
		}},
	},
	"team_agents": {
		{Role: "chenu_gate", Rows: "created_by = " + Identity, Grants: []string{
			"SELECT (id, created_by, status, hired_at, hire_checkpoint_id)", "UPDATE (status, dismiss_reason, suspend_reason)",
		}},
		{Role: "chenu_maintain", Rows: "status = 'active'", Grants: []string{"SELECT (id, created_by, status)"}},
		{Role: "chenu_login", Rows: "created_by = " + Identity, Grants: []string{"SELECT (id, created_by, status, capabilities, suspended_at)"}},
	},
	"agent_credentials": {
		{Role: "chenu_login", Rows: "created_by = " + Identity, Grants: []string{
			"SELECT (id, created_by, agent_id, secret_hash, public_key, expires_at, revoked_at)",
			"INSERT (id, created_by, agent_id, name, secret_hash, public_key, expires_at)", "UPDATE (revoked_at, last_used_at)",
		}},
		{Role: "chenu_gate", Rows: "created_by = " + Identity, Grants: []string{
			"SELECT (created_by, agent_id, revoked_at)", "UPDATE (revoked_at)",
		}},
	},
	"used_assertions": {
		{Role: "chenu_login", Rows: "created_by = " + Identity, Grants: []string{
			"INSERT (id, created_by, credential_id, jti_digest, expires_at)",
		}},
		{Role: "chenu_maintain", Rows: "expires_at < clock_timestamp()", Grants: []string{
			"SELECT (id, created_by, expires_at)", "DELETE",
		}},
	},
	"rate_buckets": {
		{Role: "chenu_login", Grants: []string{"SELECT", "INSERT (id, key, full_at)", "UPDATE (full_at, taken)"}},
		{Role: "chenu_maintain", Rows: "full_at < clock_timestamp()", Grants: []string{
			// UPDATE (full_at) is only for locking rows: the policy refuses a change after which the bucket is not
			// full.
			"SELECT (id, full_at)", "UPDATE (full_at)", "DELETE",
		}},
	},
	"team_tasks": {{Role: "chenu_gate", Rows: "created_by = " + Identity, Grants: []string{
		"SELECT (created_by, agent_id, status)", "UPDATE (status)",
	}}},
	"idempotency_keys": {{Role: "chenu_maintain", Rows: "expires_at < clock_timestamp()", Grants: []string{
		"SELECT (id, created_by, expires_at)", "DELETE",
	}}},
	"identities": {
		{Role: "chenu_login", Grants: []string{"SELECT (id, email_key, hashed_password, status, locked_until, failed_logins, email_verified_at, password_changed_at)"}},
		{Role: "chenu_login", Rows: "id = " + Identity, Grants: []string{
			"UPDATE (hashed_password, status, failed_logins, locked_until, password_changed_at, email_verified_at)",
		}},
		{Role: "chenu_maintain", Rows: "email_verified_at IS NULL", Grants: []string{"SELECT (id, email_verified_at)"}},
	},
	"login_attempts": {
		{Role: "chenu_login", Rows: "created_by = " + Identity, Grants: []string{
			"SELECT", "INSERT (id, created_by, origin)",
			"UPDATE (failed, locked_until, succeeded_at, used_at, recorded_at, unrecorded)",
		}},
		// Rows whose hour is over, and rows that were not used for a week.
		{Role: "chenu_maintain", Rows: "(recorded_at <= clock_timestamp() - interval '1 hour' OR used_at < clock_timestamp() - interval '7 days')", Grants: []string{
			"SELECT (id, created_by, origin, succeeded_at, used_at, recorded_at, unrecorded)", "UPDATE (unrecorded)", "DELETE",
		}},
	},
	"sessions": {{Role: "chenu_maintain", Rows: "least(revoked_at, expires_at, idle_expires_at) < clock_timestamp() - interval '30 days'", Grants: []string{
		"SELECT (id, created_by, revoked_at, expires_at, idle_expires_at, ip, user_agent)", "UPDATE (ip, user_agent)", "DELETE",
	}}, {Role: "chenu_login", Rows: "created_by = " + Identity, Grants: []string{
		"SELECT", "INSERT (id, created_by, expires_at, authenticated_at, amr, ip, user_agent)", "UPDATE (revoked_at, authenticated_at, amr, refreshed_at, idle_expires_at)",
	}}},
	"refresh_tokens": {
		{Role: "chenu_login", Rows: "created_by = " + Identity, Grants: []string{
			"SELECT", "INSERT (id, created_by, session_id, generation, token_hash, expires_at)", "UPDATE (used_at, voided_at)",
		}},
		{Role: "chenu_maintain", Rows: "expires_at < clock_timestamp()", Grants: []string{
			"SELECT (id, created_by, expires_at)", "DELETE",
		}},
	},
	"account_notices": {
		{Role: "chenu_login", Rows: "created_by = " + Identity, Grants: []string{
			"SELECT (id, created_by, sent_at)", "INSERT (id, created_by, kind, details)", "UPDATE (sent_at)",
		}},
		{Role: "chenu_maintain", Rows: "(sent_at IS NULL OR created_at < clock_timestamp() - interval '30 days')", Grants: []string{
			"SELECT (id, created_by, created_at, attempts, due_at, sent_at)", "UPDATE (attempts, due_at)", "DELETE",
		}},
	},
	"account_tokens": {
		{Role: "chenu_login", Rows: "created_by = " + Identity, Grants: []string{
			"SELECT", "INSERT (id, created_by, kind, token_hash, expires_at)", "DELETE",
		}},
		{Role: "chenu_maintain", Rows: "expires_at < clock_timestamp()", Grants: []string{
			"SELECT (id, created_by, expires_at)", "DELETE",
		}},
	},
	"personal_habits": {{Role: "chenu_derive", Grants: []string{
		"SELECT (id, created_by, cadence, target_per_period)",
		"UPDATE (current_streak, best_streak, last_completed_period, last_checked_in_on)",
	}}},
	"habit_check_ins": {{Role: "chenu_derive", Grants: []string{"SELECT (created_by, habit_id, checked_in_on)"}}},
	"community_events": {
		{Role: "chenu_derive", Grants: []string{
			"SELECT (id, created_by, group_id, capacity, going_count, maybe_count, declined_count)",
			"UPDATE (going_count, maybe_count, declined_count)",
		}},
		{Role: "chenu_gate", Rows: "created_by = " + Identity, Grants: []string{
			"SELECT (id, created_by, version, group_id, title, description, starts_at, ends_at, time_zone, location, online_url, capacity, status)",
		}},
	},
	"community_groups": {
		{Role: "chenu_derive", Grants: []string{
			"SELECT (id, created_by, member_count)", "UPDATE (member_count)",
		}},
		// UPDATE (id) is only for locking rows: app.gated_through() changes no row.
		{Role: "chenu_gate", Rows: "created_by = " + Identity, Grants: []string{
			"SELECT (id, created_by, version, name, visibility)", "UPDATE (id)",
		}},
	},
	"business_contacts": {{Role: "chenu_gate", Rows: "created_by = " + Identity, Grants: []string{
		"SELECT (id, created_by, version, name, email, phone, company)",
	}}},
	"social_posts": {{Role: "chenu_gate", Rows: "created_by = " + Identity, Grants: []string{
		"SELECT (id, created_by, version, body, media, visibility, reply_to_id, published_at)", "UPDATE (id)",
	}}},
	"social_schedules": {{Role: "chenu_gate", Rows: "created_by = " + Identity, Grants: []string{
		"SELECT (id, created_by, post_id, status)",
	}}},
	"event_rsvps": {{Role: "chenu_derive", Grants: []string{"SELECT (created_by, event_id, contact_id, status)"}}},
	"threads": {{Role: "chenu_gate", Rows: "created_by = " + Identity, Grants: []string{"SELECT (id, created_by, sphere)"}}, {Role: "chenu_threads", Rows: "created_by = " + Identity, Grants: []string{
		"SELECT",
		"INSERT (id, created_by, founding_intent, sphere, type, status, visibility, title, parent_thread_id, tags, last_sequence, event_count, last_event_at)",
		"UPDATE (type, status, visibility, title, parent_thread_id, tags, last_sequence, event_count, last_event_at)",
	}}, {Role: "chenu_maintain", Grants: []string{
		"SELECT (id, created_by, visibility, last_sequence, event_count, step_count)", "UPDATE (last_sequence, event_count, last_event_at, step_count)",
	}}},
	"thread_events": {{Role: "chenu_threads", Rows: "created_by = " + Identity, Grants: []string{
		"SELECT",
		"INSERT (id, created_by, thread_id, sequence, type, schema_version, payload, actor_id, actor_kind, causation_id, correlation_id, request_id)",
	}}, {Role: "chenu_maintain", Rows: "checkpoint_id IS NOT NULL", Grants: []string{
		"SELECT (created_by, created_at, checkpoint_id)",
		"INSERT (id, created_by, thread_id, sequence, type, schema_version, payload, actor_id, actor_kind, request_id, checkpoint_id)",
	}}},
	"signing_keys": {{Role: "chenu_login", Grants: []string{
		"SELECT", "INSERT (id, public_key, private_key, status)", "UPDATE (private_key, status, activated_at, retired_at)", "DELETE",
	}}},
}

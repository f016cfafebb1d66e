package policies

import (
	"fmt"
	"slices"
	"strings"
)

// definer is what one narrow role, owner of SECURITY DEFINER functions, may do
// with one table. It is the closed list of what works across identities.
type definer struct {
	role string
	// rows limits the rows; empty is all of them.
	rows string
	// grants are privileges with their columns.
	grants []string
}

// definersOf are the narrow roles' privileges with the table: the written ones,
// and what erases an identity, which follows from the table itself.
func definersOf(t Table) []definer {
	if t.Owner == "" {
		return definers[t.Name]
	}
	erase := definer{role: "chenu_erase", rows: t.Owner + " = " + identity}
	if t.KeptWhy == "" {
		erase.grants = []string{fmt.Sprintf("SELECT (%s)", t.Owner), "DELETE"}
	} else {
		changed := t.erased()
		seen := append([]string{t.Owner}, changed...)
		erase.grants = []string{
			fmt.Sprintf("SELECT (%s)", strings.Join(seen, ", ")), fmt.Sprintf("UPDATE (%s)", strings.Join(changed, ", ")),
		}
	}
	return append(slices.Clone(definers[t.Name]), erase)
}

// definers are the narrow roles' privileges by table.
var definers = map[string][]definer{
	"audit_logs": {
		{role: "chenu_audit", grants: []string{"INSERT"}},
		// It counts the writes of a transaction that uses an approval.
		{role: "chenu_gate", rows: "created_by = " + identity, grants: []string{"SELECT"}},
	},
	"collected_writes": {{role: "chenu_gate", rows: "created_by = " + identity, grants: []string{
		"SELECT", "INSERT (id, created_by, checkpoint_id, place, table_name, operation, row_id, audited, payload, element)",
		"UPDATE (audited)", "DELETE",
	}}},
	"checkpoints": {
		{role: "chenu_gate", rows: "created_by = " + identity, grants: []string{
			"SELECT",
			"INSERT (id, created_by, sphere, type, origin, action, resource_type, resource_id, resource_version, payload, digest, requested_by, requested_by_kind, expires_at, thread_id)",
			"UPDATE (status, reason, decided_by, decided_at, use_before, consumed_at)",
		}},
		{role: "chenu_maintain", rows: "expires_at <= clock_timestamp()", grants: []string{
			"SELECT (id, created_by, status, expires_at, thread_id)", "UPDATE (status)",
		}},
	},
	"team_agents": {
		{role: "chenu_gate", rows: "created_by = " + identity, grants: []string{
			"SELECT (id, created_by, status, hired_at, hire_checkpoint_id)", "UPDATE (status, dismiss_reason, suspend_reason)",
		}},
		{role: "chenu_maintain", rows: "status = 'active'", grants: []string{"SELECT (id, created_by, status)"}},
		{role: "chenu_login", rows: "created_by = " + identity, grants: []string{"SELECT (id, created_by, status, capabilities, suspended_at)"}},
	},
	"agent_credentials": {
		{role: "chenu_login", rows: "created_by = " + identity, grants: []string{
			"SELECT (id, created_by, agent_id, secret_hash, public_key, expires_at, revoked_at)",
			"INSERT (id, created_by, agent_id, name, secret_hash, public_key, expires_at)", "UPDATE (revoked_at, last_used_at)",
		}},
		{role: "chenu_gate", rows: "created_by = " + identity, grants: []string{
			"SELECT (created_by, agent_id, revoked_at)", "UPDATE (revoked_at)",
		}},
	},
	"used_assertions": {
		{role: "chenu_login", rows: "created_by = " + identity, grants: []string{
			"INSERT (id, created_by, credential_id, jti_digest, expires_at)",
		}},
		{role: "chenu_maintain", rows: "expires_at < clock_timestamp()", grants: []string{
			"SELECT (id, created_by, expires_at)", "DELETE",
		}},
	},
	"rate_buckets": {
		{role: "chenu_login", grants: []string{"SELECT", "INSERT (id, key, full_at)", "UPDATE (full_at, taken)"}},
		{role: "chenu_maintain", rows: "full_at < clock_timestamp()", grants: []string{
			// A column to lock rows by; the policy lets none be changed into one that is not full.
			"SELECT (id, full_at)", "UPDATE (full_at)", "DELETE",
		}},
	},
	"team_tasks": {{role: "chenu_gate", rows: "created_by = " + identity, grants: []string{
		"SELECT (created_by, agent_id, status)", "UPDATE (status)",
	}}},
	"idempotency_keys": {{role: "chenu_maintain", rows: "expires_at < clock_timestamp()", grants: []string{
		"SELECT (id, created_by, expires_at)", "DELETE",
	}}},
	"identities": {
		{role: "chenu_login", grants: []string{"SELECT (id, email_key, hashed_password, status, locked_until, failed_logins, email_verified_at, password_changed_at)"}},
		{role: "chenu_login", rows: "id = " + identity, grants: []string{
			"UPDATE (hashed_password, status, failed_logins, locked_until, password_changed_at, email_verified_at)",
		}},
		{role: "chenu_maintain", rows: "email_verified_at IS NULL", grants: []string{"SELECT (id, email_verified_at)"}},
	},
	"login_attempts": {
		{role: "chenu_login", rows: "created_by = " + identity, grants: []string{
			"SELECT", "INSERT (id, created_by, origin)",
			"UPDATE (failed, locked_until, succeeded_at, used_at, recorded_at, unrecorded)",
		}},
		// Rows of hours that are over, and rows that nobody used for a week.
		{role: "chenu_maintain", rows: "(recorded_at <= clock_timestamp() - interval '1 hour' OR used_at < clock_timestamp() - interval '7 days')", grants: []string{
			"SELECT (id, created_by, origin, succeeded_at, used_at, recorded_at, unrecorded)", "UPDATE (unrecorded)", "DELETE",
		}},
	},
	"sessions": {{role: "chenu_maintain", rows: "least(revoked_at, expires_at, idle_expires_at) < clock_timestamp() - interval '30 days'", grants: []string{
		"SELECT (id, created_by, revoked_at, expires_at, idle_expires_at, ip, user_agent)", "UPDATE (ip, user_agent)", "DELETE",
	}}, {role: "chenu_login", rows: "created_by = " + identity, grants: []string{
		"SELECT", "INSERT (id, created_by, expires_at, authenticated_at, amr, ip, user_agent)", "UPDATE (revoked_at, authenticated_at, amr, refreshed_at, idle_expires_at)",
	}}},
	"refresh_tokens": {
		{role: "chenu_login", rows: "created_by = " + identity, grants: []string{
			"SELECT", "INSERT (id, created_by, session_id, generation, token_hash, expires_at)", "UPDATE (used_at, voided_at)",
		}},
		{role: "chenu_maintain", rows: "expires_at < clock_timestamp()", grants: []string{
			"SELECT (id, created_by, expires_at)", "DELETE",
		}},
	},
	"account_notices": {
		{role: "chenu_login", rows: "created_by = " + identity, grants: []string{
			"SELECT (id, created_by, sent_at)", "INSERT (id, created_by, kind, details)", "UPDATE (sent_at)",
		}},
		{role: "chenu_maintain", rows: "(sent_at IS NULL OR created_at < clock_timestamp() - interval '30 days')", grants: []string{
			"SELECT (id, created_by, created_at, attempts, due_at, sent_at)", "UPDATE (attempts, due_at)", "DELETE",
		}},
	},
	"account_tokens": {
		{role: "chenu_login", rows: "created_by = " + identity, grants: []string{
			"SELECT", "INSERT (id, created_by, kind, token_hash, expires_at)", "DELETE",
		}},
		{role: "chenu_maintain", rows: "expires_at < clock_timestamp()", grants: []string{
			"SELECT (id, created_by, expires_at)", "DELETE",
		}},
	},
	"personal_habits": {{role: "chenu_derive", grants: []string{
		"SELECT (id, created_by, cadence, target_per_period)",
		"UPDATE (current_streak, best_streak, last_completed_period, last_checked_in_on)",
	}}},
	"habit_check_ins": {{role: "chenu_derive", grants: []string{"SELECT (created_by, habit_id, checked_in_on)"}}},
	"community_events": {
		{role: "chenu_derive", grants: []string{
			"SELECT (id, created_by, group_id, capacity, going_count, maybe_count, declined_count)",
			"UPDATE (going_count, maybe_count, declined_count)",
		}},
		{role: "chenu_gate", rows: "created_by = " + identity, grants: []string{
			"SELECT (id, created_by, version, group_id, title, description, starts_at, ends_at, time_zone, location, online_url, capacity, status)",
		}},
	},
	"community_groups": {
		{role: "chenu_derive", grants: []string{
			"SELECT (id, created_by, member_count)", "UPDATE (member_count)",
		}},
		// The columns to update are for locks; app.gated_through() changes no row.
		{role: "chenu_gate", rows: "created_by = " + identity, grants: []string{
			"SELECT (id, created_by, version, name, visibility)", "UPDATE (id)",
		}},
	},
	"business_contacts": {{role: "chenu_gate", rows: "created_by = " + identity, grants: []string{
		"SELECT (id, created_by, version, name, email, phone, company)",
	}}},
	"social_posts": {{role: "chenu_gate", rows: "created_by = " + identity, grants: []string{
		"SELECT (id, created_by, version, body, media, visibility, reply_to_id, published_at)", "UPDATE (id)",
	}}},
	"social_schedules": {{role: "chenu_gate", rows: "created_by = " + identity, grants: []string{
		"SELECT (id, created_by, post_id, status)",
	}}},
	"event_rsvps": {{role: "chenu_derive", grants: []string{"SELECT (created_by, event_id, contact_id, status)"}}},
	"threads": {{role: "chenu_gate", rows: "created_by = " + identity, grants: []string{"SELECT (id, created_by, sphere)"}}, {role: "chenu_threads", rows: "created_by = " + identity, grants: []string{
		"SELECT",
		"INSERT (id, created_by, founding_intent, sphere, type, status, visibility, title, parent_thread_id, tags, last_sequence, event_count, last_event_at)",
		"UPDATE (type, status, visibility, title, parent_thread_id, tags, last_sequence, event_count, last_event_at)",
	}}, {role: "chenu_maintain", grants: []string{
		"SELECT (id, created_by, visibility, last_sequence, event_count, step_count)", "UPDATE (last_sequence, event_count, last_event_at, step_count)",
	}}},
	"thread_events": {{role: "chenu_threads", rows: "created_by = " + identity, grants: []string{
		"SELECT",
		"INSERT (id, created_by, thread_id, sequence, type, schema_version, payload, actor_id, actor_kind, causation_id, correlation_id, request_id)",
	}}, {role: "chenu_maintain", rows: "checkpoint_id IS NOT NULL", grants: []string{
		"SELECT (created_by, created_at, checkpoint_id)",
		"INSERT (id, created_by, thread_id, sequence, type, schema_version, payload, actor_id, actor_kind, request_id, checkpoint_id)",
	}}},
	"signing_keys": {{role: "chenu_login", grants: []string{
		"SELECT", "INSERT (id, public_key, private_key, status)", "UPDATE (private_key, status, activated_at, retired_at)", "DELETE",
	}}},
}

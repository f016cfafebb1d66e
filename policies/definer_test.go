package policies_test

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/postgres/pgtest"
)

// definers is the complete list of the functions that work across identities or with more rights than the caller has,
// with their owners and the roles that may call them.
var definers = map[string]struct {
	owner   string
	callers []string
}{
	"audit":             {owner: "chenu_audit"},
	"record_event":      {owner: "chenu_audit", callers: []string{"chenu_login", "chenu_maintain"}},
	"record_read":       {owner: "chenu_audit", callers: []string{"chenu_agent", "chenu_human"}},
	"record_denial":     {owner: "chenu_audit", callers: []string{"chenu_agent", "chenu_human"}},
	"ensure_partitions": {owner: "chenu_owner", callers: []string{"chenu_human"}},
	"schema_version":    {owner: "chenu_maintain", callers: []string{"chenu_agent", "chenu_human"}},

	"derive_streak":        {owner: "chenu_derive"},
	"rederive_streak":      {owner: "chenu_derive"},
	"derive_rsvp_counts":   {owner: "chenu_derive"},
	"derive_members":       {owner: "chenu_derive"},
	"lock_answered_events": {owner: "chenu_derive"},

	"create_thread": {owner: "chenu_threads", callers: []string{"chenu_agent", "chenu_human"}},
	"append_events": {owner: "chenu_threads", callers: []string{"chenu_agent", "chenu_human"}},
	"record_step":   {owner: "chenu_maintain"},

	"gate":                {owner: "chenu_gate"},
	"use_checkpoint":      {owner: "chenu_gate", callers: []string{"chenu_erase"}},
	"request_checkpoint":  {owner: "chenu_gate", callers: []string{"chenu_agent", "chenu_human"}},
	"decide_checkpoint":   {owner: "chenu_gate", callers: []string{"chenu_human"}},
	"withdraw_checkpoint": {owner: "chenu_gate", callers: []string{"chenu_agent", "chenu_human"}},
	"consume_checkpoint":  {owner: "chenu_gate", callers: []string{"chenu_agent", "chenu_human"}},
	"approval_of":         {owner: "chenu_gate", callers: []string{"chenu_audit"}},
	"end_agent":           {owner: "chenu_gate"},
	"expire_requests":     {owner: "chenu_gate", callers: []string{"chenu_login"}},
	"dismiss_agent":       {owner: "chenu_gate", callers: []string{"chenu_human"}},
	"take_write":          {owner: "chenu_gate"},
	"account_write":       {owner: "chenu_gate", callers: []string{"chenu_audit"}},
	"gate_event":          {owner: "chenu_gate", callers: []string{"chenu_threads"}},
	"check_collected":     {owner: "chenu_gate"},
	"lock_deletions":      {owner: "chenu_gate", callers: []string{"chenu_agent", "chenu_erase", "chenu_human"}},
	"collected_payload":   {owner: "chenu_gate", callers: []string{"chenu_agent", "chenu_human"}},

	"expire_checkpoints":      {owner: "chenu_maintain", callers: []string{"chenu_human"}},
	"expire_idempotency_keys": {owner: "chenu_maintain", callers: []string{"chenu_human"}},

	"login_lookup":          {owner: "chenu_login", callers: []string{"chenu_human"}},
	"open_session":          {owner: "chenu_login", callers: []string{"chenu_human"}},
	"close_session":         {owner: "chenu_login", callers: []string{"chenu_human"}},
	"rehash_password":       {owner: "chenu_login", callers: []string{"chenu_human"}},
	"signing_keys":          {owner: "chenu_login", callers: []string{"chenu_human"}},
	"add_first_signing_key": {owner: "chenu_login", callers: []string{"chenu_human"}},
	"advance_signing_keys":  {owner: "chenu_login", callers: []string{"chenu_human"}},
	"reseal_signing_keys":   {owner: "chenu_login", callers: []string{"chenu_owner"}},
	"issue_refresh_token":   {owner: "chenu_login", callers: []string{"chenu_human"}},
	"rotate_refresh_token":  {owner: "chenu_login", callers: []string{"chenu_human"}},
	"begin_attempt":         {owner: "chenu_login", callers: []string{"chenu_human"}},
	"refuse_attempt":        {owner: "chenu_login", callers: []string{"chenu_human"}},
	"forgive_attempts":      {owner: "chenu_login", callers: []string{"chenu_human"}},
	"authenticate_again":    {owner: "chenu_login", callers: []string{"chenu_human"}},
	"change_password":       {owner: "chenu_login", callers: []string{"chenu_human"}},
	"close_sessions":        {owner: "chenu_login"},
	"issue_account_token":   {owner: "chenu_login", callers: []string{"chenu_human"}},
	"account_token_valid":   {owner: "chenu_login", callers: []string{"chenu_human"}},
	"use_account_token":     {owner: "chenu_login"},
	"verify_email":          {owner: "chenu_login", callers: []string{"chenu_human"}},
	"reset_password":        {owner: "chenu_login", callers: []string{"chenu_human"}},
	"expire_tokens":         {owner: "chenu_maintain", callers: []string{"chenu_human"}},

	"add_agent_credential":          {owner: "chenu_login", callers: []string{"chenu_human"}},
	"revoke_agent_credential":       {owner: "chenu_login", callers: []string{"chenu_human"}},
	"agent_credential":              {owner: "chenu_login", callers: []string{"chenu_human"}},
	"use_agent_credential":          {owner: "chenu_login", callers: []string{"chenu_human"}},
	"agent_capabilities":            {owner: "chenu_login", callers: []string{"chenu_agent"}},
	"has_capabilities":              {owner: "chenu_login", callers: []string{"chenu_gate", "chenu_threads"}},
	"require_capabilities":          {owner: "chenu_login", callers: []string{"chenu_gate", "chenu_threads"}},
	"refuse_inactive_agent":         {owner: "chenu_login", callers: []string{"chenu_audit", "chenu_threads"}},
	"hold_agent":                    {owner: "chenu_gate", callers: []string{"chenu_agent", "chenu_login"}},
	"refuse_agent_credential":       {owner: "chenu_login", callers: []string{"chenu_human"}},
	"require_compared_password":     {owner: "chenu_login"},
	"lock_idempotency_key":          {owner: "chenu_gate", callers: []string{"chenu_agent", "chenu_human"}},
	"require_recent_authentication": {owner: "chenu_login", callers: []string{"chenu_audit", "chenu_gate"}},
	"record_export":                 {owner: "chenu_audit", callers: []string{"chenu_human"}},

	"require_verified_email": {owner: "chenu_login", callers: []string{"chenu_gate", "chenu_human"}},
	"revoke_agents":          {owner: "chenu_login", callers: []string{"chenu_human"}},
	"suspend_agents":         {owner: "chenu_gate", callers: []string{"chenu_login"}},
	"suspend_all_agents":     {owner: "chenu_gate", callers: []string{"chenu_human"}},
	"agents_of_unverified":   {owner: "chenu_maintain", callers: []string{"chenu_owner"}},
	"unverified_agents":      {owner: "chenu_maintain", callers: []string{"chenu_human"}},
	"owe_notice":             {owner: "chenu_login"},
	"tell_hired":             {owner: "chenu_login"},
	"take_notices":           {owner: "chenu_maintain", callers: []string{"chenu_human"}},
	"mark_notice_sent":       {owner: "chenu_login", callers: []string{"chenu_human"}},
	"expire_notices":         {owner: "chenu_maintain", callers: []string{"chenu_human"}},

	"expire_used_assertions": {owner: "chenu_maintain", callers: []string{"chenu_human"}},
	"take_tokens":            {owner: "chenu_login", callers: []string{"chenu_human"}},
	"forget_rate_buckets":    {owner: "chenu_maintain", callers: []string{"chenu_human"}},

	"erase_identity": {owner: "chenu_erase", callers: []string{"chenu_human"}},
	"erase_rows":     {owner: "chenu_erase"},
	"refuse_erased":  {owner: "chenu_erase", callers: []string{"chenu_audit"}},

	"record_failures":       {owner: "chenu_maintain", callers: []string{"chenu_human"}},
	"expire_attempts":       {owner: "chenu_maintain", callers: []string{"chenu_human"}},
	"expire_sessions":       {owner: "chenu_maintain", callers: []string{"chenu_human"}},
	"identity_stays_active": {owner: "chenu_erase", callers: []string{"chenu_audit"}},
	"lock_account":          {owner: "chenu_login", callers: []string{"chenu_owner"}},
	"unlock_account":        {owner: "chenu_login", callers: []string{"chenu_owner"}},
	"verify_account":        {owner: "chenu_login", callers: []string{"chenu_owner"}},
	"account_email":         {owner: "chenu_login", callers: []string{"chenu_owner"}},
}

// TestDefiners compares the SECURITY DEFINER functions of the database with the list definers.
func TestDefiners(t *testing.T) {
	t.Parallel()
	admin := pgtest.Connect(t, dbtest.New(t).AdminURL)
	rows, _ := admin.Query(t.Context(), `
		SELECT p.proname, p.proowner::regrole::text, array(
			SELECT a.grantee::regrole::text FROM aclexplode(p.proacl) a WHERE a.grantee <> p.proowner ORDER BY 1)
		FROM pg_proc p WHERE p.prosecdef AND p.pronamespace = 'app'::regnamespace`)
	type function struct {
		Name, Owner string
		Callers     []string
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[function])
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		want, ok := definers[f.Name]
		if !ok {
			t.Errorf("app.%s is a definer function that is missing in definers", f.Name)
			continue
		}
		if f.Owner != want.owner || !slices.Equal(f.Callers, want.callers) {
			t.Errorf("app.%s: owner %s, callers %v; want %s, %v", f.Name, f.Owner, f.Callers, want.owner, want.callers)
		}
	}
	if len(found) != len(definers) {
		t.Errorf("found %d definer functions, definers has %d", len(found), len(definers))
	}
}

package policies_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/pgtest"
)

// violations has arguments that violate each rule of the tables whose rules a function checks. The other arguments are
// NULL, which violates no rule.
var violations = map[string]string{
	"audit_logs_actor_kind_check":         "actor_kind => 'cat'",
	"audit_logs_action_check":             "action => 'purr'",
	"audit_logs_outcome_check":            "outcome => 'maybe'",
	"audit_logs_resource_type_check":      "resource_type => ''",
	"audit_logs_sphere_check":             "sphere => 'kitchen'",
	"audit_logs_user_agent_check":         "user_agent => repeat('x', 401)",
	"checkpoints_version_check":           "version => 0",
	"checkpoints_updated_by_kind_check":   "updated_by_kind => 'cat'",
	"checkpoints_sphere_check":            "sphere => 'kitchen'",
	"checkpoints_type_check":              "type => 'whim'",
	"checkpoints_origin_check":            "origin => 'nowhere'",
	"checkpoints_status_check":            "status => 'maybe'",
	"checkpoints_action_check":            "action => repeat('x', 121)",
	"checkpoints_resource_type_check":     "resource_type => ''",
	"checkpoints_reason_check":            "reason => ''",
	"checkpoints_requested_by_kind_check": "requested_by_kind => 'cat'",
	"checkpoints_consumed":                "consumed_at => now(), status => 'pending'",
	"checkpoints_decided":                 "decided_at => now(), status => 'pending'",
	"checkpoints_digest":                  "digest => 'short'",
	"checkpoints_expiry":                  "created_at => now(), expires_at => now() + interval '8 days'",
	"checkpoints_payload_check":           "payload => to_jsonb(repeat('x', 1048577))",
	"checkpoints_reason":                  "status => 'rejected', decided_at => now()",
	"collected_writes_place_check":        "place => 0",
	"collected_writes_payload_size":       "payload => to_jsonb(repeat('x', 4194304))",
	"collected_writes_element_size":       "element => to_jsonb(repeat('x', 4194304))",
	"thread_events_sequence_check":        "sequence => 0",
	"thread_events_type_check":            "type => 'thread.vanished'",
	"thread_events_schema_version_check":  "schema_version => 0",
	"thread_events_actor_kind_check":      "actor_kind => 'cat'",
	"thread_events_payload_check":         "payload => jsonb_build_object('text', repeat('x', 262144))",
	"thread_events_payload_object":        "payload => '[]'",
	"threads_version_check":               "version => 0",
	"threads_updated_by_kind_check":       "updated_by_kind => 'cat'",
	"threads_founding_intent_check":       "founding_intent => ''",
	"threads_sphere_check":                "sphere => 'kitchen'",
	"threads_type_check":                  "type => 'cat'",
	"threads_status_check":                "status => 'lost'",
	"threads_visibility_check":            "visibility => 'hidden'",
	"threads_title_check":                 "title => repeat('x', 201)",
	"threads_tags_check":                  "tags => ARRAY['']",
	"threads_last_sequence_check":         "last_sequence => -1",
	"threads_event_count_check":           "event_count => -1",
	"threads_step_count_check":            "step_count => -1",
}

// TestRowsAreCheckedByFunctions checks that the functions that check rows refuse a violation of each rule and name it,
// that they accept a row that violates none, and that a validated constraint calls them.
func TestRowsAreCheckedByFunctions(t *testing.T) {
	t.Parallel()
	conn := pgtest.Connect(t, dbtest.New(t).AdminURL)
	rules := 0
	for _, table := range policies.Tables {
		if table.RowCheck == nil {
			continue
		}
		call := func(given string) error {
			arguments := []string{"rules => ''"}
			for _, p := range table.RowCheck {
				if !slices.ContainsFunc(strings.Split(given, ", "), func(one string) bool { return strings.HasPrefix(one, p.Column+" =>") }) {
					arguments = append(arguments, p.Column+" => NULL")
				}
			}
			if given != "" {
				arguments = append(arguments, given)
			}
			_, err := conn.Exec(t.Context(), fmt.Sprintf("SELECT app.check_%s(%s)", table.Name, strings.Join(arguments, ", ")))
			return err
		}
		if err := call(""); err != nil {
			t.Errorf("%s: a row of NULLs: %v", table.Name, err)
		}
		for _, rule := range table.Checks {
			rules++
			given, ok := violations[rule.Name]
			if !ok {
				t.Errorf("violations has no arguments that violate %s: add them", rule.Name)
				continue
			}
			pg, ok := errors.AsType[*pgconn.PgError](call(given))
			if !ok || pg.Code != "23514" || pg.SchemaName != table.Schema || pg.TableName != table.Name || pg.ConstraintName != rule.Name {
				t.Errorf("%s with %s: got %+v", rule.Name, given, pg)
			}
		}
		var valid bool
		var definition string
		constraint := table.RowConstraint()
		if err := conn.QueryRow(t.Context(), "SELECT convalidated, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c' AND conrelid = $1::regclass",
			table.QualifiedName()).Scan(&valid, &definition); err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(constraint.Expression, ",")
		if !valid || !strings.Contains(definition, first) {
			t.Errorf("%s: valid: %v, %s", table.Name, valid, definition)
		}
	}
	if rules != len(violations) {
		t.Errorf("%d rules, but %d violations", rules, len(violations))
	}
}

// TestChangedRulesAreAnotherConstraint checks that a migration that changes a rule changes the constraint too, so that
// existing rows are checked.
func TestChangedRulesAreAnotherConstraint(t *testing.T) {
	t.Parallel()
	for _, table := range policies.Tables {
		if table.RowCheck == nil {
			continue
		}
		before := table.RowConstraint()
		table.Checks = slices.Clone(table.Checks)
		table.Checks[0].Expression += " AND true"
		if after := table.RowConstraint(); after.Name != before.Name || after.Expression == before.Expression {
			t.Errorf("%s: %v became %v", table.Name, before, after)
		}
	}
}

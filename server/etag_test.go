package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/server/api/apitest"
)

// Fields that are computed when a row is read are part of its ETag, so that a conditional GET never returns an
// outdated state. A change compares only the version in the ETag.
func TestETagsTellComputedFields(t *testing.T) {
	t.Parallel()
	s := newService(t)
	c := s.person(t, "ada")
	self := func(r *apitest.Response) string { return r.Want(http.StatusCreated).Header.Get("Location") }
	habit := self(c.Post("/v1/personal/habits", object{"name": "Read"}))
	c.Post(habit+"/check-ins", object{}).Want(http.StatusCreated)
	covered := map[string]bool{}
	for _, test := range []struct {
		entity, path, field string
		before, after       any
		prepare, passes     string
	}{
		{"Invoice", self(c.Post("/v1/business/invoices", object{
			"number": "1", "currency": "EUR", "due_on": "2090-01-01",
			"line_items": []object{{"description": "x", "quantity": "1", "unit_price": "2", "tax_rate": "0"}},
		})), "status", "sent", "overdue", "UPDATE business_invoices SET status = 'sent' WHERE id = $1", "UPDATE business_invoices SET due_on = '2001-01-01' WHERE id = $1"},
		{"ComplianceItem", self(c.Post("/v1/government/compliance-items", object{
			"name": "Licence", "regulation": "Act", "authority": "City", "status": "active", "expires_on": "2090-01-01",
		})), "status", "active", "expiring", "", "UPDATE government_compliance SET expires_on = current_date + 7 WHERE id = $1"},
		{"Habit", habit, "current_streak", 1.0, 0.0, "", "UPDATE personal_habits SET last_completed_period = last_completed_period - 30 WHERE id = $1"},
		{"Checkpoint", self(c.Post("/v1/checkpoints", object{"type": "sensitive", "resource_type": "report", "action": "send"})),
			"status", "pending", "expired", "", "UPDATE checkpoints SET expires_at = clock_timestamp() - interval '1 second' WHERE id = $1"},
	} {
		covered[test.entity] = true
		id := test.path[len(test.path)-36:]
		if test.prepare != "" {
			s.behind(t, test.prepare, id)
		}
		first := c.Get(test.path).Want(http.StatusOK)
		version := first.Object()["version"]
		if got := first.Object()[test.field]; got != test.before {
			t.Errorf("%s: %s is %v, want %v", test.entity, test.field, got, test.before)
		}
		if !strings.HasPrefix(first.ETag(), fmt.Sprintf(`"v%v-`, version)) {
			t.Errorf("%s: the ETag %s does not start with the version %v", test.entity, first.ETag(), version)
		}
		c.Get(test.path, "If-None-Match", first.ETag()).Want(http.StatusNotModified)
		s.behind(t, test.passes, id)
		second := c.Get(test.path, "If-None-Match", first.ETag()).Want(http.StatusOK)
		if got := second.Object(); got[test.field] != test.after || got["version"] != version || second.ETag() == first.ETag() {
			t.Errorf("%s: %s is %v in version %v with the ETag %s, after %s", test.entity, test.field, got[test.field], got["version"], second.ETag(), first.ETag())
		}
		c.Get(test.path, "If-None-Match", fmt.Sprintf(`"v%v"`, version)).Want(http.StatusOK)
		if test.entity == "Checkpoint" {
			continue
		}
		// The response to an empty patch is that of a GET. If-Match accepts the old tag, the new tag, and the version
		// alone.
		for _, tag := range []string{first.ETag(), second.ETag(), fmt.Sprintf(`"v%v"`, version)} {
			if got := c.Patch(test.path, tag, object{}).Want(http.StatusOK); got.ETag() != second.ETag() || got.Object()[test.field] != test.after {
				t.Errorf("%s: an empty patch with %s returned %s %v, want %s %v", test.entity, tag, got.ETag(), got.Object()[test.field], second.ETag(), test.after)
			}
		}
		c.Patch(test.path, `"v0-`+strings.SplitN(second.ETag(), "-", 2)[1], object{}).WantProblem(http.StatusPreconditionFailed, "stale_version")
	}
	for _, table := range policies.Tables {
		for _, column := range table.Columns {
			if column.Rules.Read != "" && !covered[table.Entity] {
				t.Errorf("%s.%s is computed when it is read, but no test case checks its ETag", table.Entity, column.Name)
			}
		}
	}
}

// The ETag of a checkpoint includes whether it is stale.
func TestETagOfACheckpointTellsThatItIsStale(t *testing.T) {
	t.Parallel()
	s := newService(t)
	c := s.person(t, "ada")
	trial := c.Post("/v1/government/clinical-trials", object{
		"registry_id": "T-1", "title": "Trial", "ethics_reference": "E1", "ethics_approved_on": "2026-01-01",
	}).Want(http.StatusCreated)
	path := trial.Header.Get("Location")
	asked := c.Patch(path, trial.ETag(), object{"status": "recruiting"}).WantProblem(http.StatusLocked, "checkpoint_required")
	checkpoint := "/v1/checkpoints/" + asked.Checkpoint.ID.String()
	first := c.Get(checkpoint).Want(http.StatusOK)
	c.Get(checkpoint, "If-None-Match", first.ETag()).Want(http.StatusNotModified)
	s.behind(t, "UPDATE government_clinical_trials SET version = version + 1 WHERE id = $1", path[len(path)-36:])
	second := c.Get(checkpoint, "If-None-Match", first.ETag()).Want(http.StatusOK).Object()
	if stale := second["difference"].(map[string]any)["stale"]; stale != true || second["version"] != first.Object()["version"] {
		t.Errorf("the checkpoint is stale: %v, in version %v", stale, second["version"])
	}
}

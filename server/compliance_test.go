package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestWhatTheClockDecides checks statuses that depend on the date and are never stored, and that filters use them.
func TestWhatTheClockDecides(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ada := s.person(t, "ada")
	day := func(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
	for _, test := range []struct {
		path    string
		body    object
		want    string
		storage string
	}{
		{"/v1/government/compliance-items", object{"status": "active", "expires_on": day(-2)}, "expired", "active"},
		{"/v1/government/compliance-items", object{"status": "active", "expires_on": day(10)}, "expiring", "active"},
		{"/v1/government/compliance-items", object{"status": "active", "expires_on": day(60)}, "active", "active"},
		{"/v1/government/compliance-items", object{"status": "waived", "expires_on": day(-2)}, "waived", "waived"},
		{"/v1/government/compliance-items", object{"status": "active"}, "active", "active"},
	} {
		test.body["name"], test.body["regulation"], test.body["authority"] = "Licence", "Act", "City"
		row := ada.Post(test.path, test.body).Want(http.StatusCreated)
		id := row.Object()["id"].(string)
		if got := row.Object()["status"]; got != test.want {
			t.Errorf("%v has the status %v, want %s", test.body, got, test.want)
		}
		if ids := listed(ada, test.path+"?status="+test.want); !strings.Contains(strings.Join(ids, " "), id) {
			t.Errorf("status=%s does not find %v", test.want, test.body)
		}
		if test.want != test.storage {
			if ids := listed(ada, test.path+"?status="+test.storage); strings.Contains(strings.Join(ids, " "), id) {
				t.Errorf("status=%s finds %v, which has the status %s", test.storage, test.body, test.want)
			}
		}
		// A change of another field does not change the stored status.
		changed := ada.Patch(test.path+"/"+id, row.ETag(), object{"identifier": "4711"}).Want(http.StatusOK)
		if got := changed.Object()["status"]; got != test.want {
			t.Errorf("after a patch %v has the status %v, want %s", test.body, got, test.want)
		}
	}
	ada.Post("/v1/government/compliance-items", object{"name": "L", "regulation": "A", "authority": "C", "status": "expired"}).
		WantProblem(http.StatusUnprocessableEntity, "validation_failed")
}

package account

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/policies"
)

// Hardening items 11 and 37: every kind of notice that the database stores has a text, those that
// migrations store included.
func TestEveryNoticeHasAText(t *testing.T) {
	t.Parallel()
	var code strings.Builder
	for _, f := range policies.SQL() {
		code.WriteString(f.SQL)
	}
	dir, err := migrations.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	files, err := dir.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		code.Write(f.Bytes())
	}
	kinds := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?:owe_notice\(|SELECT app\.uuid_v7\(\), [a-z.]*created_by, )'([a-z_]+)'`).FindAllStringSubmatch(code.String(), -1) {
		kinds[match[1]] = true
	}
	for _, kind := range []string{"password_reset", "credential_created", "agent_hired", "credentials_expire", "requests_expired", "future_ethics_approvals"} {
		if !kinds[kind] {
			t.Errorf("nothing stores a notice of the kind %s", kind)
		}
	}
	for kind := range kinds {
		if subject, text, ok := noticeText(kind, noticeFacts{}, time.Now()); !ok || subject == "" || text == "" {
			t.Errorf("a notice of the kind %s has no text", kind)
		}
	}
	if _, _, ok := noticeText("other", noticeFacts{}, time.Now()); ok {
		t.Error("an unknown kind has a text")
	}
	_, text, _ := noticeText("requests_expired", noticeFacts{Requests: 3, Approvals: 2}, time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC))
	if !strings.Contains(text, "on 2 January 2026, 03:04 UTC") || !strings.Contains(text, " 3 requests ") || !strings.Contains(text, " 2 approvals ") {
		t.Error(text)
	}
	trial := uuid.New()
	if _, text, _ := noticeText("future_ethics_approvals", noticeFacts{Trials: 3, TrialID: trial}, time.Now()); !strings.HasPrefix(text, "3 of your clinical trials") || !strings.Contains(text, "/clinical-trials/"+trial.String()) {
		t.Error(text)
	}
}

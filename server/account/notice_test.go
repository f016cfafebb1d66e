package account

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/internal/language"
	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/policies"
)

// Hardening items 11 and 37: every kind of notice that the database stores has a text, including the kinds that
// migrations store.
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
	for kind := range noticeParts {
		if !kinds[kind] {
			t.Errorf("nothing stores a notice of the kind %s", kind)
		}
	}
	for kind := range kinds {
		if subject, text, ok := noticeText(kind, noticeFacts{}, time.Now()); !ok || subject == "" || text == "" {
			t.Errorf("a notice of the kind %s has no text", kind)
		}
		if _, checked := noticeParts[kind]; !checked {
			t.Errorf("TestLanguageOfTheMails does not check the notice %s", kind)
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
	if _, text, _ := noticeText("future_ethics_approvals", noticeFacts{Trials: 3, TrialID: trial}, time.Now()); !strings.Contains(text, " 3 clinical trials in your account ") || !strings.Contains(text, "/clinical-trials/"+trial.String()) {
		t.Error(text)
	}
	if _, text, _ := noticeText("unapproved_schedules", noticeFacts{Schedules: 2, ScheduleID: trial}, time.Now()); !strings.Contains(text, " 2 schedules in your account ") || !strings.Contains(text, "/schedules/"+trial.String()) {
		t.Error(text)
	}
}

const notYou = "If it was not you, "

// noticeParts maps each kind of notice to the parts that its text must contain, in addition to the time.
var noticeParts = map[string][]string{
	"password_reset": {notYou}, "agent_hired": {notYou}, "credential_created": {notYou, "valid until 2 April 2026, 03:04 UTC"},
	"credentials_expire": {"expires on 2 April 2026, 03:04 UTC"}, "requests_expired": nil, "future_ethics_approvals": nil, "unapproved_schedules": nil,
}

// sentences matches the paragraphs of a mail that are text, not a token or a command.
var sentences = regexp.MustCompile(`(?m)^[A-Z].*[.:]$`)

// TestLanguageOfTheMails checks the text of every mail. Each mail says when something happened and what to do about
// it. A mail that a third party could have caused also says what to do in that case. A mail with a token says how long
// the token is valid.
func TestLanguageOfTheMails(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	check := func(name, subject, text string, parts ...string) {
		t.Helper()
		for _, finding := range language.Summary(subject) {
			t.Errorf("%s: the subject %q %s", name, subject, finding)
		}
		paragraphs := sentences.FindAllString(text, -1)
		if len(paragraphs) < 2 || !strings.HasSuffix(text, ".\n") {
			t.Errorf("%s: %q has %d paragraphs", name, text, len(paragraphs))
		}
		for _, paragraph := range paragraphs {
			for _, finding := range language.Description(strings.TrimSuffix(paragraph, ":") + ".") {
				t.Errorf("%s: %q %s", name, paragraph, finding)
			}
		}
		for _, part := range append(parts, "2 January 2026, 03:04 UTC", "POST /|GET /|PATCH /|DELETE /") {
			if !regexp.MustCompile(part).MatchString(text) {
				t.Errorf("%s: %q does not say %q", name, text, part)
			}
		}
		if regexp.MustCompile(`(?i)hopefully|somebody, |\b1 \w+s\b`).MatchString(text) {
			t.Errorf("%s: %q is not plain English", name, text)
		}
	}
	for _, base := range []string{"", "https://chenu.example.org"} {
		s := &Service{Config: Config{BaseURL: base}}
		subject, text := s.mailText(verifyEmail, "TOKEN", at)
		check(verifyEmail, subject, text, notYou, "valid once and for three days", "(?m)^TOKEN$")
		subject, text = s.mailText(resetPassword, "TOKEN", at)
		check(resetPassword, subject, text, notYou, "valid once and for one hour", "(?m)^TOKEN$")
	}
	for _, n := range []int{0, 1, 2} {
		facts := noticeFacts{Credentials: n, RevokedCredentials: n, SuspendedAgents: n, Requests: n, Approvals: n, Trials: n, Schedules: n, ExpiresAt: at.AddDate(0, 0, 90)}
		for kind, parts := range noticeParts {
			subject, text, ok := noticeText(kind, facts, at)
			if !ok {
				t.Errorf("unknown kind %s", kind)
			}
			check(kind, subject, text, parts...)
		}
	}
}

package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chenu/chenu/migrations/dbtest"
)

// document runs a command and returns its standard output, which must be one JSON object, and its
// standard error.
func document(t *testing.T, code int, variables map[string]string, args ...string) (report map[string]any, stderr string) {
	t.Helper()
	env, _ := testEnvironment(t, variables)
	var out, errs bytes.Buffer
	env.Stdout, env.Stderr = &out, &errs
	if got := run(t.Context(), args, env); got != code {
		t.Fatalf("%v: exits with %d, want %d, and prints\n%s%s", args, got, code, &out, &errs)
	}
	d := json.NewDecoder(bytes.NewReader(out.Bytes()))
	if err := d.Decode(&report); err != nil {
		t.Fatalf("%v: %v in\n%s", args, err, &out)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		t.Fatalf("%v: text follows the document: %v\n%s", args, err, &out)
	}
	if !strings.HasPrefix(out.String(), "{\n  \"") {
		t.Errorf("%v: the document is not indented:\n%s", args, &out)
	}
	checkNames(t, report)
	return report, errs.String()
}

var fieldName = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)

// checkNames checks that the names of all fields are in snake case.
func checkNames(t *testing.T, value any) {
	t.Helper()
	switch value := value.(type) {
	case map[string]any:
		for name, v := range value {
			if !fieldName.MatchString(name) {
				t.Errorf("the name %q is not of snake case", name)
			}
			if name != "sizes" { // The names in sizes are names of tables.
				checkNames(t, v)
			}
		}
	case []any:
		for _, v := range value {
			checkNames(t, v)
		}
	}
}

// wantJSON compares a part of a document with the expected JSON.
func wantJSON(t *testing.T, what string, got any, want string) {
	t.Helper()
	text, err := json.Marshal(got)
	if err != nil || string(text) != want {
		t.Errorf("%s: got %s, %v\nwant %s", what, text, err, want)
	}
}

const (
	jsonNotes = `CREATE TABLE notes (created_by uuid NOT NULL, id uuid NOT NULL, title text, PRIMARY KEY (created_by, id));
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
CREATE POLICY human_select ON notes FOR SELECT TO chenu_human USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
GRANT USAGE ON SCHEMA public TO chenu_human;
GRANT SELECT (id, title) ON notes TO chenu_human;`
	jsonDue = "ALTER TABLE notes ADD COLUMN due date;"
)

// TestJSONOfMigrations applies two files and checks the report of each step.
func TestJSONOfMigrations(t *testing.T) {
	t.Parallel()
	db := dbtest.Empty(t)
	dir := dbtest.WriteDir(t, map[string]string{"1_notes.sql": jsonNotes, "2_due.sql": jsonDue})
	vars := map[string]string{"CHENU_MIGRATE_DATABASE_URL": db.MigrateURL}
	at := func(args ...string) []string { return append(args, "--dir", dir, "--json") }
	onServer := func(args ...string) []string { return at(append(args, "--dev-url", dbtest.ServerURL(t))...) }

	status, _ := document(t, exitFound, vars, at("migrate", "status", "--check")...)
	wantJSON(t, "status before", status, `{"applied":[],"head":"2","pending":["1_notes.sql","2_due.sql"],"state":"behind","version":""}`)

	dry, stderr := document(t, exitOK, vars, at("migrate", "apply", "--dry-run", "--to", "1")...)
	if len(dry["files"].([]any)) != 1 || strings.Contains(stderr, "applied") {
		t.Fatalf("dry run: %v, %q", dry, stderr)
	}
	file := dry["files"].([]any)[0].(map[string]any)
	wantJSON(t, "dry run", []any{dry["dry_run"], dry["from"], dry["to"], file["name"], file["version"], file["transaction"], file["took_ns"]}, `[true,"","1","1_notes.sql","1",true,0]`)
	wantJSON(t, "a statement", file["statements"].([]any)[1], `{"line":2,"sql":"ALTER TABLE notes ENABLE ROW LEVEL SECURITY;"}`)

	applied, stderr := document(t, exitOK, vars, at("migrate", "apply", "--to", "1")...)
	wantJSON(t, "apply", []any{applied["dry_run"], applied["from"], applied["to"], len(applied["files"].([]any))}, `[false,"","1",1]`)
	if applied["took_ns"].(float64) <= 0 || !strings.Contains(stderr, "1_notes.sql: 6 statements in ") {
		t.Errorf("apply: %v, %q", applied, stderr)
	}

	plan, _ := document(t, exitOK, vars, onServer("migrate", "plan")...)
	wantJSON(t, "plan", []any{plan["totals"].(map[string]any)["statements"], plan["files"].([]any)[0].(map[string]any)["name"]}, `[1,"2_due.sql"]`)

	linted, _ := document(t, exitOK, vars, onServer("migrate", "lint")...)
	wantJSON(t, "lint", linted, `{"files":["2_due.sql"],"findings":[]}`)

	if applied, _ = document(t, exitOK, vars, at("migrate", "apply")...); applied["from"] != "1" || applied["to"] != "2" {
		t.Errorf("apply: %v", applied)
	}

	// Nothing is left to do: the reports exist, but are empty.
	applied, _ = document(t, exitOK, vars, at("migrate", "apply")...)
	delete(applied, "took_ns")
	wantJSON(t, "apply nothing", applied, `{"dry_run":false,"files":[],"from":"2","to":"2"}`)
	plan, stderr = document(t, exitOK, vars, onServer("migrate", "plan", "--check")...)
	totals := plan["totals"]
	delete(plan, "totals")
	wantJSON(t, "plan nothing", plan, `{"access":[],"files":[],"server_version":0}`)
	for name, n := range totals.(map[string]any) {
		if n != 0.0 {
			t.Errorf("the total %s of no files is %v", name, n)
		}
	}
	if stderr != "nothing to review: the pending files\n" {
		t.Errorf("plan nothing: %q", stderr)
	}
	plan, _ = document(t, exitOK, vars, "migrate", "plan", "--dir", dir, "--dev-url", dbtest.ServerURL(t), "--format", "json")
	wantJSON(t, "plan --format json nothing", plan["files"], `[]`)
	linted, _ = document(t, exitOK, vars, onServer("migrate", "lint")...)
	wantJSON(t, "lint nothing", linted, `{"files":[],"findings":[]}`)
	status, _ = document(t, exitOK, vars, at("migrate", "status", "--check")...)
	wantJSON(t, "status after", []any{status["state"], status["pending"], len(status["applied"].([]any))}, `["current",[],2]`)

	// If a file fails, the document has the files before it, and the error is on standard error.
	failing := dbtest.WriteDir(t, map[string]string{"1_notes.sql": jsonNotes, "2_due.sql": jsonDue, "3_a.sql": "SELECT 1;", "4_b.sql": "SELECT 1/0;"})
	applied, stderr = document(t, exitFailed, vars, "migrate", "apply", "--dir", failing, "--json")
	wantJSON(t, "apply and fail", []any{applied["from"], applied["to"], len(applied["files"].([]any))}, `["2","3",1]`)
	if !strings.Contains(stderr, "division by zero") {
		t.Errorf("apply and fail: %q", stderr)
	}
}

// TestJSONOfDiff removes the last migration of this project and plans it again.
func TestJSONOfDiff(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files, err := filepath.Glob("../../migrations/*.sql")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d migrations: %v", len(files), err)
	}
	for _, file := range files[:len(files)-1] {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		dbtest.WriteFile(t, dir, filepath.Base(file), string(text))
	}
	dbtest.Hash(t, dbtest.OpenDir(t, dir))
	diff := func(code int, args ...string) map[string]any {
		t.Helper()
		plan, _ := document(t, code, nil, append([]string{"migrate", "diff", "--dir", dir, "--dev-url", dbtest.ServerURL(t), "--json"}, args...)...)
		return plan
	}
	plan := diff(exitFound, "--check")
	first := plan["files"].([]any)[0].(map[string]any)
	if plan["written"] != false || len(plan["summary"].([]any)) == 0 || !strings.HasSuffix(first["name"].(string), "_check.sql") || first["sql"] == "" {
		t.Errorf("diff --check: %v", plan)
	}
	plan = diff(exitOK, "again")
	first = plan["files"].([]any)[0].(map[string]any)
	written, err := os.ReadFile(filepath.Join(dir, first["name"].(string)))
	if err != nil || plan["written"] != true || string(written) != first["sql"] {
		t.Errorf("diff: %v, %v", plan["written"], err)
	}
	wantJSON(t, "no changes", diff(exitOK, "--check"), `{"files":[],"summary":[],"written":false}`)
}

func TestJSONOfValidate(t *testing.T) {
	t.Parallel()
	dir := dbtest.WriteDir(t, map[string]string{"1_a.sql": "SELECT 1;", "2_b.sql": "SELECT 2;"})
	result, _ := document(t, exitOK, nil, "migrate", "validate", "--json", "--dir", dir)
	wantJSON(t, "valid", result, `{"files":2,"valid":true,"version":"2"}`)

	dbtest.WriteFile(t, dir, "2_b.sql", "SELECT 3;")
	result, stderr := document(t, exitFailed, nil, "migrate", "validate", "--json", "--dir", dir)
	problem, _ := result["problem"].(string)
	if result["valid"] != false || problem == "" || !strings.Contains(words(stderr), "chenu migrate validate: "+strings.Split(problem, ";")[0]) {
		t.Errorf("not valid: %v, %q", result, stderr)
	}

	result, _ = document(t, exitOK, nil, "migrate", "validate", "--json", "--dir", dbtest.WriteDir(t, nil))
	wantJSON(t, "empty", result, `{"files":0,"valid":true,"version":""}`)
}

func TestJSONOfPolicies(t *testing.T) {
	t.Parallel()
	dir := dbtest.WriteDir(t, map[string]string{"1_notes.sql": jsonNotes})
	show := func(args ...string) map[string]any {
		t.Helper()
		matrix, _ := document(t, exitOK, nil, append([]string{"policies", "show", "--dir", dir, "--dev-url", dbtest.ServerURL(t)}, args...)...)
		return matrix
	}
	const want = `{"access":[{"columns":["id","title"],"command":"SELECT","policies":["human_select"],"role":"chenu_human","rows":"own rows",` +
		`"table":"public.notes","using":"(created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)"}]}`
	wantJSON(t, "--json", show("--json", "--table", "notes", "--role", "chenu_human"), want)
	wantJSON(t, "--format json", show("--format", "json", "--role", "chenu_human"), want)
	wantJSON(t, "no access", show("--json", "--role", "nobody"), `{"access":[]}`)
}

// TestJSONOfHealth queries a service that is ready, one that is not ready, and one that does not exist.
func TestJSONOfHealth(t *testing.T) {
	t.Parallel()
	status, body := http.StatusOK, `{"status":"ok","checks":{"database_human":"ok"}}`
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			t.Errorf("a request for %s", r.URL.Path)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	defer service.Close()
	url := service.URL + "/readyz"
	vars := map[string]string{"CHENU_LISTEN_ADDR": strings.TrimPrefix(service.URL, "http://")}
	health, _ := document(t, exitOK, vars, "health", "--json")
	wantJSON(t, "ready", health, `{"checks":{"database_human":"ok"},"ready":true,"url":"`+url+`"}`)
	env, out := testEnvironment(t, vars)
	if code := run(t.Context(), []string{"health"}, env); code != exitOK || out.String() != body+"\n" {
		t.Errorf("without --json: exits with %d and prints %q", code, out)
	}

	status, body = http.StatusServiceUnavailable, `{"status":"failed","checks":{"database_human":"failed"}}`
	health, stderr := document(t, exitFailed, vars, "health", "--json")
	wantJSON(t, "not ready", health, `{"checks":{"database_human":"failed"},"problem":"the service is not ready: 503 Service Unavailable","ready":false,"url":"`+url+`"}`)
	if stderr != "chenu health: the service is not ready: 503 Service Unavailable\n" {
		t.Errorf("not ready: %q", stderr)
	}
	env, out = testEnvironment(t, vars)
	if code := run(t.Context(), []string{"health"}, env); code != exitFailed || out.String() != body+"\n"+stderr {
		t.Errorf("without --json: exits with %d and prints %q", code, out)
	}

	status, body = http.StatusNotFound, "no such page"
	health, _ = document(t, exitFailed, vars, "health", "--json")
	wantJSON(t, "another program", []any{health["ready"], health["checks"], health["problem"]}, `[false,{},"the service is not ready: 404 Not Found"]`)

	service.Close()
	health, stderr = document(t, exitFailed, vars, "health", "--json")
	problem, _ := health["problem"].(string)
	if health["ready"] != false || !strings.HasPrefix(problem, "no service responds at "+url+": ") || stderr != "chenu health: "+problem+"\n" {
		t.Errorf("no service: %v, %q", health, stderr)
	}
}

// TestJSONOfBootstrap prepares a server twice. A given password is not printed, and generated passwords are printed
// once.
func TestJSONOfBootstrap(t *testing.T) {
	t.Parallel()
	prefix := "chenu_test_" + strings.ToLower(rand.Text()[:10])
	t.Cleanup(func() { dropBootstrapped(t, prefix) })
	vars := map[string]string{"CHENU_ADMIN_DATABASE_URL": dbtest.ServerURL(t), "CHENU_BOOTSTRAP_SERVICE_PASSWORD": "sesame"}
	bootstrap := func() (report map[string]any, urls string) {
		t.Helper()
		report, stderr := document(t, exitOK, vars, "bootstrap", "--json", "--database", prefix, "--service-login", prefix+"_service",
			"--agent-login", prefix+"_agent", "--migrate-login", prefix+"_migrate", "--audit-login", prefix+"_audit")
		if text := fmt.Sprint(report, stderr); strings.Contains(text, "sesame") {
			t.Errorf("the given password is printed: %s", text)
		}
		for _, login := range report["logins"].([]any) {
			l := login.(map[string]any)
			u, err := url.Parse(l["url"].(string))
			if err != nil || u.User.Username() != l["name"] || u.Path != "/"+prefix || l["purpose"] == "" {
				t.Errorf("login %v: %v", l, err)
			}
			password, _ := u.User.Password()
			urls += fmt.Sprintf("%s %s %v %d\n", strings.TrimPrefix(l["name"].(string), prefix), l["variable"], l["generated"], len(password))
		}
		return report, urls
	}
	report, urls := bootstrap()
	if report["database"] != prefix || !strings.Contains(fmt.Sprint(report["changes"]), "created database "+prefix) {
		t.Errorf("the first run: %v", report)
	}
	if want := "_service CHENU_DATABASE_URL false 0\n_agent CHENU_AGENT_DATABASE_URL true 26\n_migrate CHENU_MIGRATE_DATABASE_URL true 26\n_audit CHENU_AUDIT_DATABASE_URL true 26\n"; urls != want {
		t.Errorf("the first run: got\n%swant\n%s", urls, want)
	}
	report, urls = bootstrap()
	wantJSON(t, "the second run", report["changes"], `[]`)
	if strings.Contains(urls, "true") || strings.Contains(urls, "26") {
		t.Errorf("the second run: %s", urls)
	}
}

// TestJSONUsage passes flags that contradict each other.
func TestJSONUsage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, want string }{
		{"migrate plan --json --format markdown", "--json and --format markdown exclude each other: use one of them"},
		{"migrate lint --format text --json", "--json and --format text exclude each other: use one of them"},
		{"policies show --json --format html", "--json and --format html exclude each other: use one of them"},
		{"policies show --format xml", `--format: unknown format "xml": use text, markdown, html or json`},
		{"migrate lint --explain CN101 --json", "--explain and --json exclude each other: use one of them"},
		{"bootstrap --print --json", "--print and --json exclude each other: use one of them"},
		{"migrate drift --sql --json", "--sql and --json exclude each other: use one of them"},
	} {
		env, out := testEnvironment(t, nil)
		if code := run(t.Context(), strings.Fields(test.args), env); code != exitUsage || !strings.Contains(out.String(), test.want) {
			t.Errorf("%s: exits with %d and prints\n%s", test.args, code, out)
		}
	}
}

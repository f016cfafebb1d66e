package problem_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/server/problem"
)

// secret is part of all texts of the server and the driver in these tests.
const secret = "internal-word"

func pg(code string, change ...func(*pgconn.PgError)) error {
	e := &pgconn.PgError{
		Code: code, Message: secret, Detail: "Key (" + secret + ") is not present", Hint: secret, TableName: secret, ConstraintName: secret,
		SchemaName: secret, Where: secret, InternalQuery: secret, Routine: secret,
	}
	for _, f := range change {
		f(e)
	}
	return fmt.Errorf("ent: %s: %w", secret, e)
}

// on returns a change that sets the constraint that guards the column.
func on(t *testing.T, table, column string) func(*pgconn.PgError) {
	t.Helper()
	for _, tb := range policies.Tables {
		if tb.Name != table {
			continue
		}
		var name string
		for _, r := range tb.References {
			if r.Column == column {
				name = r.Name
			}
		}
		for _, u := range tb.Uniques {
			if u.Columns[len(u.Columns)-1] == column {
				name = u.Name
			}
		}
		for _, c := range tb.Checks {
			if c.Column == column {
				name = c.Name
			}
		}
		if name != "" {
			return func(e *pgconn.PgError) { e.TableName, e.ConstraintName = table, name }
		}
	}
	t.Fatalf("no constraint of the table %s guards %s", table, column)
	return nil
}

func detail(text string) func(*pgconn.PgError) { return func(e *pgconn.PgError) { e.Detail = text } }

func TestFrom(t *testing.T) {
	t.Parallel()
	notNull := func(e *pgconn.PgError) { e.ColumnName = "name" }
	for name, test := range map[string]struct {
		err    error
		status int
		code   string
		errors string // pointer and code
		retry  string
	}{
		"a problem":           {problem.NotFound(), 404, "not_found", "", ""},
		"a problem inside":    {fmt.Errorf("get: %w", problem.New(418, "teapot", "No.")), 418, "teapot", "", ""},
		"unknown":             {errors.New(secret), 500, "internal_error", "", ""},
		"ent not found":       {fmt.Errorf("get: %w", &ent.NotFoundError{}), 404, "not_found", "", ""},
		"ent validation":      {&ent.ValidationError{Name: "name"}, 422, "validation_failed", "/name invalid_value", ""},
		"ent not singular":    {&ent.NotSingularError{}, 500, "internal_error", "", ""},
		"unique":              {pg("23505", on(t, "business_invoices", "number")), 409, "already_exists", "/number already_exists", ""},
		"unique expression":   {pg("23505", on(t, "identities", "email")), 409, "already_exists", "/email already_exists", ""},
		"unique, unknown":     {pg("23505"), 409, "already_exists", "", ""},
		"reference":           {pg("23503", on(t, "business_invoices", "contact_id")), 422, "reference_not_found", "/contact_id reference_not_found", ""},
		"reference, unknown":  {pg("23503"), 422, "reference_not_found", "", ""},
		"delete":              {problem.OnDelete(pg("23503", on(t, "business_invoices", "contact_id"))), 409, "in_use", "", ""},
		"delete, another":     {problem.OnDelete(&ent.NotFoundError{}), 404, "not_found", "", ""},
		"check":               {pg("23514", on(t, "business_contacts", "lead_score")), 422, "validation_failed", "/lead_score invalid_value", ""},
		"check of several":    {pg("23514"), 422, "validation_failed", "", ""},
		"not null":            {pg("23502", notNull), 422, "validation_failed", "/name required", ""},
		"not null, nameless":  {pg("23502"), 422, "validation_failed", "", ""},
		"exclusion":           {pg("23P01"), 409, "conflict", "", ""},
		"too long":            {pg("22001"), 422, "invalid_value", "", ""},
		"out of range":        {pg("22003"), 422, "invalid_value", "", ""},
		"untranslatable":      {pg("22P05"), 422, "invalid_value", "", ""},
		"division by zero":    {pg("22012"), 500, "internal_error", "", ""},
		"policy":              {pg("42501"), 403, "forbidden", "", ""},
		"syntax":              {pg("42601"), 500, "internal_error", "", ""},
		"read only":           {pg("25006"), 500, "internal_error", "", ""},
		"serialization":       {pg("40001"), 409, "write_conflict", "", "1"},
		"deadlock":            {pg("40P01"), 409, "write_conflict", "", "1"},
		"statement timeout":   {pg("57014"), 504, "timeout", "", ""},
		"lock timeout":        {pg("55P03"), 503, "busy", "", "1"},
		"shutdown":            {pg("57P01"), 503, "unavailable", "", "5"},
		"starting":            {pg("57P03"), 503, "unavailable", "", "5"},
		"too many":            {pg("53300"), 503, "unavailable", "", "5"},
		"password":            {pg("28P01"), 503, "unavailable", "", "5"},
		"connection":          {pg("08006"), 503, "unavailable", "", "5"},
		"short code":          {pg(""), 500, "internal_error", "", ""},
		"no identity":         {pg("CH401"), 401, "unauthenticated", "", ""},
		"rule":                {pg("CH403"), 403, "forbidden", "", ""},
		"rule with a code":    {pg("CH403", detail(`{"code":"humans_only","detail":"Only a human decides."}`)), 403, "humans_only", "", ""},
		"state":               {pg("CH409", detail(`{"pointer":"/status","code":"event_full"}`)), 409, "conflict", "/status event_full", ""},
		"value":               {pg("CH422", detail(`{"pointer":"/due_on","code":"out_of_range"}`)), 422, "validation_failed", "/due_on out_of_range", ""},
		"value without code":  {pg("CH422", detail(`{"pointer":""}`)), 422, "validation_failed", " invalid_value", ""},
		"value, bad detail":   {pg("CH422", detail(`{`)), 422, "validation_failed", "", ""},
		"gate":                {pg("CH423", detail(`{"payload":"`+secret+`"}`)), 423, "checkpoint_required", "", ""},
		"deadline":            {fmt.Errorf("query: %w", context.DeadlineExceeded), 504, "timeout", "", ""},
		"client gone":         {fmt.Errorf("query: %w", context.Canceled), 499, "client_gone", "", ""},
		"dial":                {&net.OpError{Op: "dial", Err: errors.New(secret)}, 503, "unavailable", "", "5"},
		"connection broke":    {fmt.Errorf("read: %w", io.ErrUnexpectedEOF), 503, "unavailable", "", "5"},
		"closed":              {fmt.Errorf("write: %w", net.ErrClosed), 503, "unavailable", "", "5"},
		"timeout on the wire": {fmt.Errorf("read: %w", os.ErrDeadlineExceeded), 500, "internal_error", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := problem.From(test.err)
			var fields []string
			for _, e := range p.Errors {
				fields = append(fields, *e.Pointer+" "+e.Code)
			}
			if p.Status != test.status || p.Code != test.code || strings.Join(fields, ", ") != test.errors || p.Header.Get("Retry-After") != test.retry {
				t.Errorf("%d %s %v %v", p.Status, p.Code, fields, p.Header)
			}
			if p.Title == "" || p.Type != "urn:chenu:problem:"+p.Code || p.Detail == "" {
				t.Errorf("%+v", p)
			}
			if test.status == http.StatusUnauthorized && p.Header.Get("WWW-Authenticate") == "" {
				t.Error("no WWW-Authenticate")
			}
			text, err := json.Marshal(p)
			if err != nil || bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s contains internals: %v", text, err)
			}
			if !errors.Is(p, test.err) && !errors.As(test.err, new(*problem.Problem)) {
				t.Error("the cause is missing")
			}
		})
	}
}

func TestInUseNamesTheKinds(t *testing.T) {
	t.Parallel()
	p := problem.From(problem.OnDelete(pg("23503", on(t, "business_invoices", "contact_id"))))
	if len(p.Kinds) != 1 || p.Kinds[0] != "invoice" {
		t.Errorf("kinds %v", p.Kinds)
	}
	if problem.OnDelete(nil) != nil {
		t.Error("OnDelete(nil) is not nil")
	}
}

func TestRetryable(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{"40001": true, "40P01": true, "23505": false, "57014": false} {
		if got := problem.Retryable(pg(code)); got != want {
			t.Errorf("%s: %v", code, got)
		}
	}
	if problem.Retryable(nil) || problem.Retryable(io.EOF) {
		t.Error("an error that is not from the database is retryable")
	}
}

func TestPointer(t *testing.T) {
	t.Parallel()
	for want, tokens := range map[string][]string{
		"": {}, "/": {""}, "/a/0": {"a", "0"}, "/a~1b/m~0n": {"a/b", "m~n"}, "/~01": {"~1"},
	} {
		if got := problem.Pointer(tokens...); got != want {
			t.Errorf("the pointer of %q is %q, want %q", tokens, got, want)
		}
	}
}

func TestRetryAfterIsWholeSeconds(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]string{0: "1", time.Millisecond: "1", time.Second: "1", 1001 * time.Millisecond: "2", time.Minute: "60"} {
		if got := problem.RateLimited(after).Header.Get("Retry-After"); got != want {
			t.Errorf("%v: %s, want %s", after, got, want)
		}
	}
}

func TestCheckpoint(t *testing.T) {
	t.Parallel()
	p := problem.New(http.StatusLocked, "checkpoint_required", "Wait.")
	p.Checkpoint = &problem.Checkpoint{Type: "cost", Status: "pending", ExpiresAt: time.Date(2026, 1, 31, 10, 0, 0, 0, time.FixedZone("", 3600))}
	const want = `"checkpoint":{"id":"00000000-0000-0000-0000-000000000000","type":"cost","status":"pending","digest":"","href":"","expires_at":"2026-01-31T09:00:00.000000Z"}`
	if body := write(t, p).Body.String(); !strings.Contains(body, want) {
		t.Errorf("body %s", body)
	}
}

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	os.Exit(m.Run())
}

// write has a handler write the error.
func write(t *testing.T, err error, log ...*slog.Logger) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(w)
	c.Request = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	c.Header(problem.RequestIDHeader, "019a0b1c-2d3e-7f40-8a5b-6c7d8e9f0a1b")
	problem.SetLog(c, slog.New(slog.DiscardHandler))
	for _, l := range log {
		problem.SetLog(c, l)
	}
	problem.Write(c, err)
	if !c.IsAborted() {
		t.Error("other handlers would run")
	}
	return w
}

func TestWrite(t *testing.T) {
	t.Parallel()
	shared := problem.New(http.StatusConflict, "email_taken", "There is an account already.").WithHeader("Retry-After", "3").
		WithErrors(problem.At("/email", "email_taken", "Taken."), problem.In("page_size", "out_of_range", "Too large."))
	w := write(t, fmt.Errorf("register: %w", shared))
	const want = `{"type":"urn:chenu:problem:email_taken","title":"Email taken","status":409,"detail":"There is an account already.","code":"email_taken",` +
		`"request_id":"019a0b1c-2d3e-7f40-8a5b-6c7d8e9f0a1b","errors":[{"pointer":"/email","code":"email_taken","detail":"Taken."},` +
		`{"parameter":"page_size","code":"out_of_range","detail":"Too large."}]}`
	if w.Body.String() != want {
		t.Errorf("body %s", w.Body)
	}
	h := w.Header()
	if w.Code != 409 || h.Get("Content-Type") != "application/problem+json" || h.Get("Cache-Control") != "no-store" || h.Get("Retry-After") != "3" {
		t.Errorf("status %d, headers %v", w.Code, h)
	}
	if shared.RequestID != "" {
		t.Error("the shared problem was changed")
	}
}

func TestWritePointsAtTheBodyItself(t *testing.T) {
	t.Parallel()
	if body := write(t, problem.Invalid(problem.At("", "wrong_type", "No."))).Body.String(); !strings.Contains(body, `"pointer":""`) {
		t.Errorf("body %s", body)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want string
	}{
		{errors.New(secret), "level=ERROR"},
		{pg("42501"), "level=INFO"},
		{pg("08006"), "level=ERROR"},
		{problem.NotFound(), ""},
		{context.Canceled, ""},
	} {
		var log bytes.Buffer
		write(t, test.err, slog.New(slog.NewTextHandler(&log, nil)))
		got := log.String()
		if (got != "") != (test.want != "") || !strings.Contains(got, test.want) {
			t.Errorf("%v: logged %q, want %q", test.err, got, test.want)
		}
		if test.want != "" && (!strings.Contains(got, secret) || !strings.Contains(got, "request_id=019a0b1c-2d3e-7f40-8a5b-6c7d8e9f0a1b")) {
			t.Errorf("%v: logged %q", test.err, got)
		}
	}
}

func TestLongPointersAreCut(t *testing.T) {
	t.Parallel()
	if got := *problem.At("/"+strings.Repeat("é", 1000), "x", "X.").Pointer; len(got) > 510 || !strings.HasSuffix(got, "é…") {
		t.Errorf("pointer %q", got)
	}
}

func TestIs(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("x: %w", problem.NotFound())
	if !problem.Is(err, "not_found") || problem.Is(err, "forbidden") || problem.Is(io.EOF, "not_found") || problem.Is(nil, "not_found") {
		t.Error("Is returned the wrong result")
	}
}

// TestTitlesSpellAbbreviations lists the titles of codes that have an abbreviation or the name of a header.
func TestTitlesSpellAbbreviations(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"invalid_json": "Invalid JSON", "event_id_reused": "Event ID reused", "if_match_required": "If-Match required",
	}
	abbreviations := regexp.MustCompile(`(?i)\b(?:api|etag|http|id|if|ip|json|jwt|sql|uri|url|utf|uuid)\b`)
	for _, d := range problem.Definitions {
		title := problem.New(d.Statuses[0], d.Code, "").Title
		switch spelled := want[d.Code]; {
		case spelled != "" && title != spelled:
			t.Errorf("the title of %s is %q, want %q", d.Code, title, spelled)
		case spelled == "" && abbreviations.MatchString(title):
			t.Errorf("the title of %s, %q, has an abbreviation: add its spelling", d.Code, title)
		}
		delete(want, d.Code)
	}
	if len(want) > 0 {
		t.Errorf("there are no codes %v", want)
	}
}

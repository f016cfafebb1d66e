package problem_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chenu/chenu/internal/golden"
	"github.com/chenu/chenu/internal/language"
	"github.com/chenu/chenu/server/problem"
)

// TestPage compares docs/problems.md with the definitions. With -update it writes the file.
func TestPage(t *testing.T) {
	t.Parallel()
	const path = "../../docs/problems.md"
	var b strings.Builder
	b.WriteString(`# Problems

An error of the API is a problem document (RFC 9457). Programs can branch on ` + "`code`" + `: codes do not change. ` + "`type`" + ` is
` + "`urn:chenu:problem:`" + ` followed by the code. ` + "`detail`" + ` is a sentence for people, and ` + "`request_id`" + ` finds the request in the logs and in
the audit trail. ` + "`errors`" + ` lists the errors of single parts of the request. Each has a JSON Pointer into the body or the name of a
parameter, and a [field code](#codes-of-fields).

More about some of them: [approvals](agents.md#what-needs-an-approval), [recent authentication](security.md#recent-authentication),
[failed logins](accounts.md#failed-logins), [mail](accounts.md#mail), [versions](api.md#versions), [repeated requests](api.md#repeated-requests)
and [rate limits](api.md#rate-limits). A running service has the same lists at ` + "`/docs#problems`" + `.

This page is generated: ` + "`go test ./server/problem -run TestPage -update`" + `.

## Codes of problems

| code | status | cause | remedy |
|---|---|---|---|
`)
	for _, d := range problem.Definitions {
		status := strings.Trim(strings.ReplaceAll(fmt.Sprint(d.Statuses), " ", ", "), "[]")
		fmt.Fprintf(&b, "| <a id=\"%s\"></a>`%[1]s` | %s | %s | %s |\n", d.Code, status, d.Cause, d.Remedy)
	}
	b.WriteString("\n## Codes of fields\n\n| code | cause | remedy |\n|---|---|---|\n")
	for _, d := range problem.FieldDefinitions {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", d.Code, d.Cause, d.Remedy)
	}
	golden.File(t, path, b.String())
}

// TestEveryCodeIsDefined searches the Go code of the service and the functions of the database for codes. Each must
// be in Definitions or FieldDefinitions, with its status, and each definition must be used.
func TestEveryCodeIsDefined(t *testing.T) {
	t.Parallel()
	u := usage{problems: map[string][]use{}, fields: map[string][]use{}}
	u.readGo(t, "..")
	u.readSQL(t, "../../policies/functions")
	if len(u.problems) < 40 || len(u.fields) < 25 {
		t.Fatalf("only %d codes of problems and %d of fields were found", len(u.problems), len(u.fields))
	}
	for code, uses := range u.problems {
		i := slices.IndexFunc(problem.Definitions, func(d problem.Definition) bool { return d.Code == code })
		if i < 0 {
			t.Errorf("%s: the code %q has no definition: add it to Definitions in server/problem/codes.go", uses[0].at, code)
			continue
		}
		for _, use := range uses {
			if statuses := problem.Definitions[i].Statuses; use.status != 0 && !slices.Contains(statuses, use.status) {
				t.Errorf("%s: the code %q has the status %d, and its definition %v", use.at, code, use.status, statuses)
			}
		}
	}
	for code, uses := range u.fields {
		if !slices.ContainsFunc(problem.FieldDefinitions, func(d problem.FieldDefinition) bool { return d.Code == code }) {
			t.Errorf("%s: the code %q of a field has no definition: add it to FieldDefinitions in server/problem/codes.go", uses[0].at, code)
		}
	}
	for _, d := range problem.Definitions {
		if len(u.problems[d.Code]) == 0 {
			t.Errorf("nothing uses the code %q: remove its definition", d.Code)
		}
	}
	for _, d := range problem.FieldDefinitions {
		if len(u.fields[d.Code]) == 0 {
			t.Errorf("nothing uses the code %q of a field: remove its definition", d.Code)
		}
	}
}

// TestDefinitionsAreComplete checks the form of the definitions.
func TestDefinitionsAreComplete(t *testing.T) {
	t.Parallel()
	code := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	check := func(name, cause, remedy string) {
		if !code.MatchString(name) {
			t.Errorf("%q is not a code", name)
		}
		for _, sentence := range []string{cause, remedy} {
			if !strings.HasSuffix(sentence, ".") || strings.ContainsAny(sentence, "|\n") {
				t.Errorf("%s: %q is not a sentence that fits in a table", name, sentence)
			}
			for _, finding := range language.Retired(sentence) {
				t.Errorf("%s: %q %s", name, sentence, finding)
			}
		}
	}
	for _, d := range problem.Definitions {
		check(d.Code, d.Cause, d.Remedy)
	}
	for _, d := range problem.FieldDefinitions {
		check(d.Code, d.Cause, d.Remedy)
	}
	if !slices.IsSortedFunc(problem.Definitions, func(a, b problem.Definition) int { return strings.Compare(a.Code, b.Code) }) {
		t.Error("Definitions are not in the order of their codes")
	}
	if !slices.IsSortedFunc(problem.FieldDefinitions, func(a, b problem.FieldDefinition) int { return strings.Compare(a.Code, b.Code) }) {
		t.Error("FieldDefinitions are not in the order of their codes")
	}
}

// use is a place that uses a code. The status is 0 if it is not known.
type use struct {
	at     string
	status int
}

type usage struct{ problems, fields map[string][]use }

// problemCodes and fieldCodes map functions to the index of the argument that is the code of a problem or of a field
// error.
var (
	problemCodes = map[string]int{"New": 1, "ruled": 2, "Is": 1}
	fieldCodes   = map[string]int{"At": 1, "In": 1, "at": 0, "under": 1, "wrong": 0, "refuse": 0, "malformedJSON": 1, "guarded": 1}
)

var statuses = map[string]int{
	"StatusBadRequest": http.StatusBadRequest, "StatusUnauthorized": http.StatusUnauthorized, "StatusForbidden": http.StatusForbidden,
	"StatusNotFound": http.StatusNotFound, "StatusMethodNotAllowed": http.StatusMethodNotAllowed, "StatusConflict": http.StatusConflict,
	"StatusPreconditionFailed": http.StatusPreconditionFailed, "StatusRequestEntityTooLarge": http.StatusRequestEntityTooLarge,
	"StatusUnsupportedMediaType": http.StatusUnsupportedMediaType, "StatusUnprocessableEntity": http.StatusUnprocessableEntity,
	"StatusLocked": http.StatusLocked, "StatusPreconditionRequired": http.StatusPreconditionRequired,
	"StatusTooManyRequests": http.StatusTooManyRequests, "StatusInternalServerError": http.StatusInternalServerError,
	"StatusServiceUnavailable": http.StatusServiceUnavailable, "StatusGatewayTimeout": http.StatusGatewayTimeout,
}

var codeText = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// readGo collects the codes in the packages below dir, without their tests.
func (u *usage) readGo(t *testing.T, dir string) {
	t.Helper()
	constants := map[string]string{}
	var files []*ast.File
	set := token.NewFileSet()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(set, path, nil, 0)
		files = append(files, file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok {
				for i, name := range spec.Names {
					if i < len(spec.Values) {
						if text, ok := literal(spec.Values[i]); ok {
							constants[name.Name] = text
						}
					}
				}
			}
			return true
		})
	}
	text := func(e ast.Expr) (string, bool) {
		switch e := e.(type) {
		case *ast.Ident:
			value, ok := constants[e.Name]
			return value, ok
		case *ast.SelectorExpr:
			value, ok := constants[e.Sel.Name]
			return value, ok
		}
		return literal(e)
	}
	add := func(into map[string][]use, n ast.Node, e ast.Expr, status int) {
		if code, ok := text(e); ok && codeText.MatchString(code) {
			into[code] = append(into[code], use{set.Position(n.Pos()).String(), status})
		}
	}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				name := called(n)
				if i, ok := problemCodes[name]; ok && len(n.Args) > i {
					status := 0
					if i > 0 {
						if s, ok := n.Args[i-1].(*ast.SelectorExpr); ok {
							status = statuses[s.Sel.Name]
						}
					}
					add(u.problems, n, n.Args[i], status)
				}
				if i, ok := fieldCodes[name]; ok && len(n.Args) > i {
					add(u.fields, n, n.Args[i], 0)
				}
			case *ast.CompositeLit:
				if id, ok := n.Type.(*ast.Ident); ok && id.Name == "errWeakPassword" && len(n.Elts) > 0 {
					add(u.fields, n, n.Elts[0], 0)
				}
			case *ast.ValueSpec:
				if n.Names[0].Name == "lockedDetails" {
					for _, e := range n.Values[0].(*ast.CompositeLit).Elts {
						add(u.problems, e, e.(*ast.KeyValueExpr).Key, http.StatusLocked)
					}
				}
			}
			return true
		})
	}
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

// called returns the name of the called function, without its package.
func called(n *ast.CallExpr) string {
	switch f := n.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

var (
	raise   = regexp.MustCompile(`(?s)RAISE EXCEPTION .*?;\n`)
	errcode = regexp.MustCompile(`ERRCODE = 'CH(\d{3})'`)
	sqlCode = regexp.MustCompile(`"code": "([a-z_]+)"|'code', '([a-z_]+)'`)
)

// readSQL collects the codes that functions of the database raise.
func (u *usage) readSQL(t *testing.T, dir string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range raise.FindAllString(string(text), -1) {
			class := errcode.FindStringSubmatch(statement)
			if class == nil {
				continue
			}
			status, _ := strconv.Atoi(class[1])
			for _, code := range sqlCode.FindAllStringSubmatch(statement, -1) {
				name := code[1] + code[2]
				if strings.Contains(statement, "pointer") {
					u.fields[name] = append(u.fields[name], use{path, 0})
				} else {
					u.problems[name] = append(u.problems[name], use{path, status})
				}
			}
		}
	}
}

package generator

import (
	"os"
	"strings"
	"testing"

	"github.com/chenu/chenu/policies"
)

// TestTablesSource checks that the committed tables match the output of the generator, so that the literal loses
// nothing.
func TestTablesSource(t *testing.T) {
	t.Parallel()
	source, err := tablesSource(policies.Tables)
	if err != nil {
		t.Fatal(err)
	}
	committed, err := os.ReadFile("../../policies/tables.go")
	if err != nil {
		t.Fatal(err)
	}
	if string(source) != string(committed) {
		t.Error("policies/tables.go differs from the output of the generator: run make generate")
	}
}

func TestLiteral(t *testing.T) {
	t.Parallel()
	least := 1.5
	source, err := tablesSource([]policies.Table{{
		Name: "a\"b", Gates: []policies.Gate{{Through: &policies.Through{Lock: true}}}, Retired: policies.Retired{{Name: "x"}},
		Columns: []policies.Column{{Name: "c", Enum: []string{"d", "e"}, Rules: policies.Rules{MaxLength: 3, Minimum: &least}}, {}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(source)), " ")
	for _, want := range []string{
		`Name: "a\"b"`, "Gates: []Gate{ { Through: &Through{ Lock: true, }, }, }", `Retired: Retired{ { Name: "x", }, }`,
		`Enum: []string{"d", "e"}`, "MaxLength: 3", "Minimum: new(float64(1.5))", "}, {}, },",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the source has no %s:\n%s", want, source)
		}
	}
}

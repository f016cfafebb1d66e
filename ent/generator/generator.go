// Package generator generates the graph from ent/schema, and from the annotations the typed inputs and stores,
// policies/tables.go and policies/tables/*.sql. It refuses a schema that leaves a gap in the access rules.
package generator

import (
	"os"
	"path/filepath"
	"text/template"

	"entgo.io/ent/entc"
	"entgo.io/ent/entc/gen"

	"github.com/chenu/chenu/policies"
)

// Run generates the graph from the package in schemaDir with the templates in templateDir, and the table descriptions
// and rendered policies in policiesDir. If the schema is refused, it does not write the policies.
func Run(schemaDir, templateDir, policiesDir string) error {
	g := &graph{tables: map[string]policies.Table{}}
	templates, err := gen.NewTemplate("chenu").Funcs(g.functions()).ParseGlob(filepath.Join(templateDir, "*.tmpl"))
	if err != nil {
		return err
	}
	var tables []policies.Table
	err = entc.Generate(schemaDir, &gen.Config{
		Features: []gen.Feature{
			gen.FeatureExecQuery, gen.FeatureIntercept, gen.FeatureLock,
			gen.FeatureModifier, gen.FeatureSchemaConfig,
		},
		Templates: []*gen.Template{templates},
		Hooks: []gen.Hook{func(next gen.Generator) gen.Generator {
			return gen.GenerateFunc(func(nodes *gen.Graph) (err error) {
				if tables, err = g.describe(nodes); err != nil {
					return err
				}
				return next.Generate(nodes)
			})
		}},
	})
	if err != nil {
		return err
	}
	return writePolicies(policiesDir, tables)
}

// graph holds the table of each type for the templates.
type graph struct {
	tables map[string]policies.Table
}

func (g *graph) functions() template.FuncMap {
	return template.FuncMap{
		"describe": func(t *gen.Type) policies.Table { return g.tables[t.Name] },
		"listed":   func(t policies.Table) bool { return !t.Supporting() && t.Entity != "Identity" },
		"written":  func(t policies.Table) bool { return !t.Supporting() && t.Sphere != "" && t.Access.Human.Has('I') },
		"updated":  func(t policies.Table) bool { return !t.Supporting() && t.Sphere != "" && t.Access.Human.Has('U') },
		"pascal":   gen.Funcs["pascal"],
		"inputs":   inputs,
		"filters":  filters,
		"inLists":  inLists,
		"computed": computed,
		"hasTags": func(t policies.Table) bool {
			_, ok := t.Column("tags")
			return ok
		},
	}
}

func writePolicies(dir string, tables []policies.Table) error {
	source, err := tablesSource(tables)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "tables.go"), source, 0o644); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(dir, "tables", "*.sql"))
	if err != nil {
		return err
	}
	for _, file := range old {
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	for _, t := range tables {
		if err := os.WriteFile(filepath.Join(dir, "tables", t.Name+".sql"), []byte(policies.Render(t)), 0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "rows.sql"), []byte(policies.RenderRowFunctions(tables)), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "erasure.sql"), []byte(policies.RenderErasure(tables)), 0o644)
}

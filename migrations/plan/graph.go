package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	entschema "entgo.io/ent/dialect/sql/schema"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/dev"
)

// Graph returns the desired state of the project's graph: the tables of Ent, changed by their
// descriptions in policies, and then the written and rendered SQL.
func Graph(entTables []*entschema.Table, described []policies.Table, files []policies.File) Desired {
	return &graph{entTables, described, files}
}

type graph struct {
	entTables []*entschema.Table
	described []policies.Table
	files     []policies.File
}

// Build implements Desired. Functions are created first, because generated columns and checks call
// them. Functions that need a table are created after it.
func (g *graph) Build(ctx context.Context, s *dev.Session) (*Declaration, error) {
	realm, err := g.realm(ctx, s)
	if err != nil {
		return nil, err
	}
	d := &Declaration{Tables: realm, Backfills: g.backfills()}
	for _, t := range g.described {
		if t.AppendOnly != nil {
			d.AppendOnly = append(d.AppendOnly, t.Schema+"."+t.Name)
		}
	}
	var before, after []*Statement
	for _, file := range g.files {
		statements, err := Parse(File(file))
		if err != nil {
			return nil, err
		}
		for _, statement := range statements {
			if statement.Kind == OtherStatement {
				return nil, fmt.Errorf("%s: %s: this kind of statement cannot be part of the desired state: "+
					"declare tables, columns, indexes and checks in ent/schema", statement.Position, firstLine(statement.Text))
			}
		}
		d.Statements = append(d.Statements, statements...)
		if strings.HasPrefix(file.Name, "tables/") {
			after = append(after, statements...)
		} else {
			before = append(before, statements...)
		}
	}
	var putOff []*Statement
	for _, statement := range before {
		err := s.Savepoint(ctx, func() error { return declare(ctx, s, statement) })
		switch {
		case undefined(err):
			putOff = append(putOff, statement)
		case err != nil:
			return nil, err
		}
	}
	if err := createTables(ctx, s, realm); err != nil {
		return nil, err
	}
	if err := declare(ctx, s, putOff...); err != nil {
		return nil, err
	}
	if err := declare(ctx, s, after...); err != nil {
		return nil, err
	}
	return d, nil
}

// undefined reports whether a statement failed because a table, type or function does not exist.
func undefined(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && slices.Contains([]string{"42P01", "42704", "42883"}, pg.Code)
}

func createTables(ctx context.Context, s *dev.Session, realm *schema.Realm) error {
	var changes []schema.Change
	for _, space := range realm.Schemas {
		for _, t := range space.Tables {
			changes = append(changes, &schema.AddTable{T: t})
		}
	}
	planned, err := s.Driver().PlanChanges(ctx, "desired", changes)
	if err != nil {
		return fmt.Errorf("tables of ent/schema: %w", err)
	}
	for _, change := range planned.Changes {
		if err := s.Exec(ctx, change.Cmd); err != nil {
			return fmt.Errorf("tables of ent/schema: %s: %w", firstLine(change.Cmd), dev.Describe(err))
		}
	}
	return nil
}

func (g *graph) backfills() Expressions {
	all := Expressions{}
	for _, t := range g.described {
		for _, c := range t.Columns {
			if c.Rules.Backfill != "" {
				all[t.Schema+"."+t.Name+"."+c.Name] = c.Rules.Backfill
			}
		}
	}
	return all
}

// realm returns the tables of Ent as Atlas represents them, changed by their descriptions.
func (g *graph) realm(ctx context.Context, s *dev.Session) (*schema.Realm, error) {
	driver := entsql.NewDriver(dialect.Postgres, entsql.Conn{ExecQuerier: s.SQL()})
	atlas, err := entschema.NewMigrate(driver)
	if err != nil {
		return nil, fmt.Errorf("tables of ent/schema: %w", err)
	}
	var read migrate.StateReader = atlas.StateReader(g.entTables...)
	raw, err := read.ReadState(ctx)
	if err != nil {
		return nil, fmt.Errorf("tables of ent/schema: %w", err)
	}
	b := &graphBuilder{realm: schema.NewRealm(), tables: map[string]*schema.Table{}, described: map[string]policies.Table{}}
	for _, t := range g.described {
		b.described[t.Name] = t
	}
	for _, space := range raw.Schemas {
		for _, t := range space.Tables {
			if err := b.place(t); err != nil {
				return nil, err
			}
		}
	}
	for _, t := range g.described {
		table, ok := b.tables[t.Name]
		if !ok {
			return nil, fmt.Errorf("table %s is described in policies but ent/migrate does not have it: run `make generate`", t.QualifiedName())
		}
		if err := b.alter(table, t); err != nil {
			return nil, fmt.Errorf("table %s: %w", t.QualifiedName(), err)
		}
	}
	return b.realm, nil
}

type graphBuilder struct {
	realm     *schema.Realm
	tables    map[string]*schema.Table
	described map[string]policies.Table
}

// place moves a table to the schema that its description names. Ent does not set schemas.
func (b *graphBuilder) place(t *schema.Table) error {
	d, ok := b.described[t.Name]
	if !ok {
		return fmt.Errorf("table %s is not described in policies: run `make generate`", t.Name)
	}
	space, ok := b.realm.Schema(d.Schema)
	if !ok {
		space = schema.New(d.Schema)
		b.realm.AddSchemas(space)
	}
	space.AddTables(t)
	b.tables[t.Name] = t
	return nil
}

// alter changes a table of Ent as described.
func (b *graphBuilder) alter(t *schema.Table, d policies.Table) error {
	for _, c := range t.Columns {
		if err := alterColumn(c, d); err != nil {
			return err
		}
	}
	b.addSearch(t, d)
	if err := addRetired(t, d); err != nil {
		return err
	}
	id, ok := t.Column("id")
	if !ok {
		return errors.New("has no column id")
	}
	var key []*schema.Column
	for _, name := range d.Key() {
		c, ok := t.Column(name)
		if !ok {
			return fmt.Errorf("has no column %s", name)
		}
		key = append(key, c)
	}
	t.SetPrimaryKey(schema.NewPrimaryKey(key...))
	if err := b.addReferences(t, d); err != nil {
		return err
	}
	if err := addUniqueExpressions(t, d); err != nil {
		return err
	}
	if d.Partitioned {
		t.AddAttrs(&postgres.Partition{T: postgres.PartitionTypeRange, Parts: []*postgres.PartitionPart{{C: id}}})
	}
	return nil
}

func alterColumn(c *schema.Column, d policies.Table) error {
	described, ok := d.Column(c.Name)
	if !ok {
		return fmt.Errorf("column %s is not described in policies: run `make generate`", c.Name)
	}
	rules := described.Rules
	// Strings and enums of Ent are varchar. Here their limits are checks.
	if s, ok := c.Type.Type.(*schema.StringType); ok && s.T == postgres.TypeVarChar {
		c.Type.Type = &schema.StringType{T: postgres.TypeText}
	}
	if rules.Derived {
		// In Ent these columns are optional, because the database fills them.
		c.Type.Null = rules.Nullable
	}
	if rules.Default != "" {
		c.Default = &schema.RawExpr{X: rules.Default}
	}
	if rules.Generated != "" {
		c.Default = nil
		c.AddAttrs(&schema.GeneratedExpr{Expr: rules.Generated})
	}
	return nil
}

// addSearch adds the column for full-text search. It uses words unchanged, because texts can be in
// any language.
func (b *graphBuilder) addSearch(t *schema.Table, d policies.Table) {
	if d.Search == nil {
		return
	}
	parts := make([]string, len(d.Search.Columns))
	for i, name := range d.Search.Columns {
		parts[i] = "coalesce(" + name + ", '')"
	}
	c := schema.NewColumn("search").SetType(&postgres.TextSearchType{T: postgres.TypeTSVector})
	c.AddAttrs(&schema.GeneratedExpr{Expr: "to_tsvector('simple', " + strings.Join(parts, " || ' ' || ") + ")"})
	c.SetComment("Words of " + strings.Join(d.Search.Columns, " and ") + ", for full-text search.")
	t.AddColumns(c)
}

// addRetired adds the columns that a later release drops.
func addRetired(t *schema.Table, d policies.Table) error {
	for _, r := range d.Retired {
		parsed, err := postgres.ParseType(r.Type)
		if err != nil {
			return fmt.Errorf("type of the retired column %s.%s: %w", d.Name, r.Name, err)
		}
		c := schema.NewNullColumn(r.Name).SetType(parsed)
		c.SetComment("No longer used, and dropped by a later release. " + r.Why)
		t.AddColumns(c)
	}
	return nil
}

// addReferences replaces the foreign keys of Ent with composite keys, so that no row can refer to a
// row of another identity, and adds a reference from each row to its owner, unless no row outlives
// its transaction. The keys are NO ACTION or CASCADE: SET NULL would clear the owner.
func (b *graphBuilder) addReferences(t *schema.Table, d policies.Table) error {
	t.ForeignKeys = nil
	owner, owned := t.Column(d.Owner)
	if owned && d.Owner != "id" && !d.Transient {
		identities, ok := b.tables["identities"]
		if !ok {
			return errors.New("there is no table identities")
		}
		if err := reference(t, t.Name+"_"+d.Owner+"_fkey", identities, []*schema.Column{owner}, []string{"id"}, schema.NoAction); err != nil {
			return err
		}
	}
	for _, r := range d.References {
		column, ok := t.Column(r.Column)
		if !ok {
			return fmt.Errorf("has no column %s", r.Column)
		}
		target, ok := b.tables[r.Table]
		if !ok {
			return fmt.Errorf("refers to %s, which does not exist", r.Table)
		}
		columns, to := []*schema.Column{column}, []string{"id"}
		if its := b.described[r.Table].Owner; owned && its != "" && its != "id" {
			columns, to = []*schema.Column{owner, column}, []string{its, "id"}
		}
		action := schema.NoAction
		if r.Cascade {
			action = schema.Cascade
		}
		if err := reference(t, r.Name, target, columns, to, action); err != nil {
			return err
		}
	}
	return nil
}

func reference(t *schema.Table, name string, target *schema.Table, columns []*schema.Column, to []string, onDelete schema.ReferenceOption) error {
	fk := schema.NewForeignKey(name).SetTable(t).SetRefTable(target).AddColumns(columns...).SetOnDelete(onDelete)
	for _, column := range to {
		c, ok := target.Column(column)
		if !ok {
			return fmt.Errorf("refers to %s.%s, which does not exist", target.Name, column)
		}
		fk.AddRefColumns(c)
	}
	t.AddForeignKeys(fk)
	return nil
}

// addUniqueExpressions adds the unique indexes that Ent does not support. All start with the owner,
// except those of identities, which own themselves.
func addUniqueExpressions(t *schema.Table, d policies.Table) error {
	for _, u := range d.Uniques {
		if u.Expression == "" {
			continue
		}
		index := schema.NewUniqueIndex(u.Name)
		if d.Owner != "" && d.Owner != "id" {
			owner, ok := t.Column(d.Owner)
			if !ok {
				return fmt.Errorf("has no column %s", d.Owner)
			}
			index.AddParts(schema.NewColumnPart(owner))
		}
		index.AddParts(schema.NewExprPart(&schema.RawExpr{X: u.Expression}))
		t.AddIndexes(index)
	}
	return nil
}

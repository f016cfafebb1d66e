package replay

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// name is a name without a schema in a statement.
type name struct {
	kind    kind
	text    string
	qualify func(schema string) // writes the schema into the statement
}

// kind is the way in which Postgres finds the schema of a name.
type kind string

const (
	aRelation kind = "relation" // also an index, a sequence and a composite type
	aType     kind = "type"
	aFunction kind = "function"
	aNew      kind = "new" // an object that the statement creates in the first schema of the search path
	temporary kind = "temporary"
)

// temporarySchema is the alias of the session's schema of temporary tables.
const temporarySchema = "pg_temp"

const (
	settingsQuery = `
		SELECT pg_catalog.current_setting('lock_timeout')::pg_catalog.interval, pg_catalog.current_setting('statement_timeout')::pg_catalog.interval,
			pg_catalog.current_schemas(true)::text[] <> '{pg_catalog,public}'`
	// schemasQuery returns the schemas of names as the server resolves them: in the current search path, and with
	// temporary tables. A name that does not exist gets the first schema of the path.
	schemasQuery = `
		SELECT CASE u.kind WHEN 'temporary' THEN 'pg_temp' ELSE coalesce((
			SELECT CASE n.oid WHEN pg_catalog.pg_my_temp_schema() THEN 'pg_temp' ELSE n.nspname::text END
			FROM pg_catalog.pg_namespace n WHERE n.oid = CASE u.kind
				WHEN 'relation' THEN (SELECT c.relnamespace FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass(pg_catalog.quote_ident(u.name)))
				WHEN 'type' THEN (SELECT t.typnamespace FROM pg_catalog.pg_type t WHERE t.oid = pg_catalog.to_regtype(pg_catalog.quote_ident(u.name)))
				WHEN 'function' THEN (
					SELECT p.pronamespace FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace of ON of.oid = p.pronamespace
					WHERE p.proname = u.name AND of.nspname = ANY (pg_catalog.current_schemas(true))
					ORDER BY pg_catalog.array_position(pg_catalog.current_schemas(true), of.nspname) LIMIT 1)
			END
		), pg_catalog.current_schema()::text, 'pg_catalog') END
		FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) WITH ORDINALITY u(name, kind, i) ORDER BY u.i`
)

// settings reads the timeouts of the statement. Unless the search path is public, it also qualifies the names of the
// statement; with public, Name knows their schema without another query.
func (r *run) settings(ctx context.Context, s *Statement) error {
	var resolve bool
	if err := r.session.Conn().QueryRow(ctx, settingsQuery).Scan(&s.LockTimeout, &s.StatementTimeout, &resolve); err != nil {
		return err
	}
	if s.NoLockTimeout {
		s.LockTimeout = 0
	}
	names := unqualified(s.Node)
	if resolve && len(names) > 0 {
		return r.qualify(ctx, names)
	}
	for _, n := range names {
		if n.kind == temporary {
			n.qualify(temporarySchema)
		}
	}
	return nil
}

func (r *run) qualify(ctx context.Context, names []name) error {
	texts, kinds := make([]string, len(names)), make([]string, len(names))
	for i, n := range names {
		texts[i], kinds[i] = n.text, string(n.kind)
	}
	rows, err := r.session.Conn().Query(ctx, schemasQuery, texts, kinds)
	if err != nil {
		return err
	}
	schemas, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for i, n := range names {
		if schemas[i] != DefaultSchema { // keep the statement as it was written
			n.qualify(schemas[i])
		}
	}
	return nil
}

// unqualified returns the names without a schema of the tables and other relations in a statement, and of the types and
// functions that it creates, changes or drops.
func unqualified(n *pg.Node) []name {
	if n == nil {
		return nil
	}
	c := collector{created: created(n)}
	c.objects(n)
	c.relations(n.ProtoReflect(), nil)
	return c.names
}

// created returns the relation that a statement creates; nil if there is none.
func created(n *pg.Node) *pg.RangeVar {
	switch {
	case n.GetCreateStmt() != nil:
		return n.GetCreateStmt().GetRelation()
	case n.GetCreateForeignTableStmt() != nil:
		return n.GetCreateForeignTableStmt().GetBaseStmt().GetRelation()
	case n.GetCreateTableAsStmt() != nil:
		return n.GetCreateTableAsStmt().GetInto().GetRel()
	case n.GetSelectStmt() != nil:
		return n.GetSelectStmt().GetIntoClause().GetRel()
	case n.GetViewStmt() != nil:
		return n.GetViewStmt().GetView()
	case n.GetCreateSeqStmt() != nil:
		return n.GetCreateSeqStmt().GetSequence()
	}
	return n.GetCompositeTypeStmt().GetTypevar()
}

// Relations returns the tables and other relations that a statement names, except for the one that it creates. Common
// table expressions are not relations.
func Relations(n *pg.Node) []*pg.RangeVar {
	if n == nil {
		return nil
	}
	c := collector{created: created(n)}
	c.relations(n.ProtoReflect(), nil)
	return c.named
}

type collector struct {
	names   []name
	named   []*pg.RangeVar
	created *pg.RangeVar
}

// relations collects the relations below a message, except for names in scope: common table expressions.
func (c *collector) relations(m protoreflect.Message, scope []string) {
	switch v := m.Interface().(type) {
	case *pg.RangeVar:
		c.relation(v, scope)
		return
	case *pg.LockingClause: // FOR UPDATE OF names aliases
		return
	case *pg.CreateSchemaStmt: // its elements are in the new schema
		return
	case *pg.Constraint:
		// The table exists when Postgres looks for the table to which its foreign key refers.
		if to := v.GetPktable(); to != nil && to.GetSchemaname() == "" && c.created.GetSchemaname() == "" && to.GetRelname() == c.created.GetRelname() {
			c.add(c.kindOfCreated(), to.GetRelname(), func(schema string) { to.Schemaname = schema })
			return
		}
	}
	fields := m.Descriptor().Fields()
	if with := fields.ByName("with_clause"); with != nil && m.Has(with) {
		clause := m.Get(with).Message().Interface().(*pg.WithClause)
		all := slices.Clone(scope)
		if clause.GetRecursive() {
			for _, e := range clause.GetCtes() {
				all = append(all, e.GetCommonTableExpr().GetCtename())
			}
		}
		for _, e := range clause.GetCtes() {
			c.relations(e.ProtoReflect(), all)
			all = append(all, e.GetCommonTableExpr().GetCtename())
		}
		scope = all
	}
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.Kind() != protoreflect.MessageKind || field.Name() == "with_clause":
		case field.IsList():
			for i := range v.List().Len() {
				c.relations(v.List().Get(i).Message(), scope)
			}
		case field.Name() == "relation": // a statement cannot write to a common table expression
			c.relations(v.Message(), nil)
		default:
			c.relations(v.Message(), scope)
		}
		return true
	})
}

func (c *collector) relation(r *pg.RangeVar, scope []string) {
	if r.GetSchemaname() == "" && slices.Contains(scope, r.GetRelname()) {
		return
	}
	kind := aRelation
	if r == c.created {
		kind = c.kindOfCreated()
	} else {
		c.named = append(c.named, r)
	}
	if r.GetSchemaname() != "" {
		return
	}
	c.add(kind, r.GetRelname(), func(schema string) { r.Schemaname = schema })
}

func (c *collector) kindOfCreated() kind {
	if c.created.GetRelpersistence() == "t" {
		return temporary
	}
	return aNew
}

func (c *collector) add(kind kind, text string, qualify func(string)) {
	if text != "" {
		c.names = append(c.names, name{kind, text, qualify})
	}
}

// list collects a name that is a list of its parts. The last parts name something within the object, such as a policy.
func (c *collector) list(kind kind, names *[]*pg.Node, within int) {
	if len(*names) != 1+within {
		return
	}
	c.add(kind, (*names)[0].GetString_().GetSval(), func(schema string) {
		*names = slices.Insert(*names, 0, pg.MakeStrNode(schema))
	})
}

// function collects the function, but not the operator, that has these arguments.
func (c *collector) function(o *pg.ObjectWithArgs) {
	if len(o.GetObjname()) == 1 && !strings.ContainsAny(o.GetObjname()[0].GetString_().GetSval(), "+-*/<>=~!@#%^&|`?") {
		c.list(aFunction, &o.Objname, 0)
	}
}

// objects collects the names of objects that are not a RangeVar.
func (c *collector) objects(n *pg.Node) {
	switch {
	case n.GetDropStmt() != nil:
		for _, o := range n.GetDropStmt().GetObjects() {
			c.object(n.GetDropStmt().GetRemoveType(), o)
		}
	case n.GetGrantStmt() != nil:
		for _, o := range n.GetGrantStmt().GetObjects() {
			c.object(n.GetGrantStmt().GetObjtype(), o)
		}
	case n.GetRenameStmt() != nil:
		c.object(n.GetRenameStmt().GetRenameType(), n.GetRenameStmt().GetObject())
	case n.GetAlterOwnerStmt() != nil:
		c.object(n.GetAlterOwnerStmt().GetObjectType(), n.GetAlterOwnerStmt().GetObject())
	case n.GetAlterObjectSchemaStmt() != nil:
		c.object(n.GetAlterObjectSchemaStmt().GetObjectType(), n.GetAlterObjectSchemaStmt().GetObject())
	case n.GetCreateFunctionStmt() != nil:
		c.list(aNew, &n.GetCreateFunctionStmt().Funcname, 0)
	case n.GetAlterFunctionStmt() != nil:
		c.function(n.GetAlterFunctionStmt().GetFunc())
	case n.GetCreateEnumStmt() != nil:
		c.list(aNew, &n.GetCreateEnumStmt().TypeName, 0)
	case n.GetAlterEnumStmt() != nil:
		c.list(aType, &n.GetAlterEnumStmt().TypeName, 0)
	case n.GetCreateDomainStmt() != nil:
		c.list(aNew, &n.GetCreateDomainStmt().Domainname, 0)
	case n.GetAlterDomainStmt() != nil:
		c.list(aType, &n.GetAlterDomainStmt().TypeName, 0)
	}
}

func (c *collector) object(of pg.ObjectType, o *pg.Node) {
	switch {
	case o.GetObjectWithArgs() != nil:
		c.function(o.GetObjectWithArgs())
	case o.GetTypeName() != nil:
		c.list(aType, &o.GetTypeName().Names, 0)
	case o.GetList() != nil:
		switch of {
		case pg.ObjectType_OBJECT_TABLE, pg.ObjectType_OBJECT_FOREIGN_TABLE, pg.ObjectType_OBJECT_VIEW, pg.ObjectType_OBJECT_MATVIEW,
			pg.ObjectType_OBJECT_INDEX, pg.ObjectType_OBJECT_SEQUENCE:
			c.list(aRelation, &o.GetList().Items, 0)
		case pg.ObjectType_OBJECT_TYPE, pg.ObjectType_OBJECT_DOMAIN, pg.ObjectType_OBJECT_DOMCONSTRAINT:
			c.list(aType, &o.GetList().Items, 0)
		case pg.ObjectType_OBJECT_POLICY, pg.ObjectType_OBJECT_TRIGGER, pg.ObjectType_OBJECT_RULE:
			c.list(aRelation, &o.GetList().Items, 1)
		default:
		}
	}
}

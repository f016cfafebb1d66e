package session

import (
	"context"
	"fmt"
	"slices"

	entgo "entgo.io/ent"
	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/intercept"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/entpgx"
	"github.com/chenu/chenu/server/auth"
)

// newClient makes the graph's client, whose queries, updates and deletes say
// themselves whose rows they mean, and whose creations say whose they are. The
// policies decide without it; it is for the planner, to which created_by = $1 is
// a constant and the policy's expression is not, and for code that need not
// repeat it.
func newClient(driver *entpgx.Driver) *ent.Client {
	client := ent.NewClient(ent.Driver(driver))
	client.Intercept(intercept.TraverseFunc(func(ctx context.Context, q intercept.Query) error {
		column, id, err := owner(ctx, q.Type())
		if err != nil || column == "" {
			return err
		}
		q.WhereP(owned(column, id))
		return nil
	}))
	client.AuditLog.Intercept(intercept.TraverseAuditLog(func(ctx context.Context, q *ent.AuditLogQuery) error {
		// Agents have no privilege to read the columns that describe the human's session.
		if caller, _ := auth.From(ctx); caller.Kind == auth.Agent && entgo.QueryFromContext(ctx).Op != entgo.OpQueryCount {
			q.Select(auditColumnsOfAgents...)
		}
		return nil
	}))
	client.Use(func(next ent.Mutator) ent.Mutator {
		return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
			column, id, err := owner(ctx, m.Type())
			if err == nil && column != "" {
				err = restrict(m, column, id)
			}
			if err != nil {
				return nil, err
			}
			return next.Mutate(ctx, m)
		})
	})
	return client
}

// ownerColumns are the columns that hold the owner, by entity. A table without
// one has no row for any identity.
var ownerColumns = func() map[string]string {
	columns := map[string]string{}
	for _, t := range policies.Tables {
		columns[t.Entity] = t.Owner
	}
	return columns
}()

// auditColumnsOfAgents are the columns of the audit trail that agents may read.
var auditColumnsOfAgents = func() (names []string) {
	table, _ := policies.ByEntity("AuditLog")
	for _, c := range table.Columns {
		if !slices.Contains(table.HiddenFromAgents, c.Name) {
			names = append(names, c.Name)
		}
	}
	return names
}()

// owner returns the entity's owner column, empty when it has none, and who owns
// what the context asks for.
func owner(ctx context.Context, entity string) (column string, id uuid.UUID, err error) {
	column, ok := ownerColumns[entity]
	if !ok {
		return "", uuid.Nil, fmt.Errorf("session: entity %s is not in policies.Tables: run make generate", entity)
	}
	caller, ok := auth.From(ctx)
	if !ok || caller.ID == uuid.Nil {
		return "", uuid.Nil, ErrNoIdentity
	}
	return column, caller.ID, nil
}

func owned(column string, id uuid.UUID) func(*sql.Selector) {
	return func(s *sql.Selector) { s.Where(sql.EQ(s.C(column), id)) }
}

// restrict adds the owner to a mutation. A creation that names another owner
// keeps it: Postgres refuses it, and says so.
func restrict(m ent.Mutation, column string, id uuid.UUID) error {
	if !m.Op().Is(ent.OpCreate) {
		w, ok := m.(interface{ WhereP(...func(*sql.Selector)) })
		if !ok {
			return fmt.Errorf("session: a mutation of %s takes no predicates", m.Type())
		}
		w.WhereP(owned(column, id))
		return nil
	}
	if column == "id" { // an identity is its own owner
		s, ok := m.(interface{ SetID(uuid.UUID) })
		if !ok {
			return fmt.Errorf("session: the id of %s cannot be set", m.Type())
		}
		s.SetID(id)
		return nil
	}
	if _, ok := m.Field(column); ok {
		return nil
	}
	return m.SetField(column, id)
}

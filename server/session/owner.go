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

// newClient returns the graph's client. It adds a condition on the owner to queries, updates and deletions, and sets
// the owner of creations. The policies do not depend on this. It helps the planner, for which created_by = $1 compares
// with a constant and the policy's expression does not, and it saves repetition in the code.
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

// ownerColumns maps entities to the columns that contain the owner. A table without such a column has no rows for any
// identity.
var ownerColumns = func() map[string]string {
	columns := map[string]string{}
	for _, t := range policies.Tables {
		columns[t.Entity] = t.Owner
	}
	return columns
}()

// auditColumnsOfAgents are the columns of the audit log that agents may read.
var auditColumnsOfAgents = func() (names []string) {
	table, _ := policies.ByEntity("AuditLog")
	for _, c := range table.Columns {
		if !slices.Contains(table.HiddenFromAgents, c.Name) {
			names = append(names, c.Name)
		}
	}
	return names
}()

// owner returns the entity's owner column, or "" if it has none, and the identity in the context.
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

// restrict adds the owner to a mutation. If a creation sets another owner, restrict does not change it: Postgres
// rejects the row with an error.
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

package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/session"
)

// release checks, before a row is deleted, that no other rows refer to it. With detach it clears the optional
// references first. If references are left, it returns a problem with the kinds of the rows that refer to the row.
// The foreign keys would reject the deletion as well, but with a less useful error.
func release(ctx context.Context, tx *ent.Tx, table policies.Table, id uuid.UUID, detach bool) error {
	var kinds []string
	for _, other := range policies.Tables {
		for _, reference := range other.References {
			if reference.Table != table.Name || reference.Cascade {
				continue
			}
			column, _ := other.Column(reference.Column)
			if detach && column.Optional && !column.Immutable {
				if err := detachFrom(ctx, tx, other, reference, id); err != nil {
					return err
				}
			}
			named, err := names(ctx, tx, other, reference, id)
			if err != nil {
				return err
			}
			if named && !slices.Contains(kinds, other.Resource) {
				kinds = append(kinds, other.Resource)
			}
		}
	}
	if len(kinds) > 0 {
		inUse := problem.New(http.StatusConflict, "in_use", "Other resources refer to this resource. Delete them or remove their references first.")
		inUse.Kinds = kinds
		return inUse
	}
	return nil
}

// The statements below contain only names from the graph, never input.

// lockReferences locks the rows whose references to a row release will clear, ordered by id. Call it before the row
// itself is locked: a request that changes one of these rows locks it first and the row second, as for an event and
// its group. The opposite order would deadlock. Of two rows that refer to each other, such as a project and its cover,
// no order is right, so that requests of one identity wait for each other here.
func lockReferences(ctx context.Context, tx *ent.Tx, table policies.Table, id uuid.UUID) error {
	if _, err := tx.ExecContext(ctx, "SELECT app.lock_deletions()"); err != nil {
		return err
	}
	for _, other := range policies.Tables {
		for _, reference := range other.References {
			if column, _ := other.Column(reference.Column); reference.Table != table.Name || reference.Cascade || !column.Optional || column.Immutable {
				continue
			}
			query := fmt.Sprintf("SELECT FROM %s WHERE %s = $1 ORDER BY id FOR NO KEY UPDATE", other.QualifiedName(), reference.Column)
			if other.Name == table.Name { // Two rows that refer to each other may be deleted at once.
				query = fmt.Sprintf("SELECT FROM %s WHERE %s = $1 OR id = $1 ORDER BY id FOR UPDATE", other.QualifiedName(), reference.Column)
			}
			if _, err := tx.ExecContext(ctx, query, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// detachFrom clears the references of one column. It skips rows that began to refer to the row after lockReferences
// and are locked by another transaction, because waiting for them would deadlock. Their references are left, and the
// row is not deleted.
//
// If the writes of the transaction are accounted for, it clears the references in the order of the rows' ids: the
// order of a single UPDATE depends on the plan, and can be different when the request is repeated with its approval.
func detachFrom(ctx context.Context, tx *ent.Tx, t policies.Table, r policies.Reference, id uuid.UUID) error {
	if session.Accounted(ctx) {
		return detachInOrder(ctx, tx, t, r, id)
	}
	_, err := tx.ExecContext(ctx, fmt.Sprintf(`WITH free AS MATERIALIZED (
    SELECT id FROM %[1]s WHERE %[2]s = $1 FOR NO KEY UPDATE SKIP LOCKED
) UPDATE %[1]s SET %[2]s = NULL WHERE %[2]s = $1 AND id IN (SELECT id FROM free)`, t.QualifiedName(), r.Column), id)
	return err
}

func detachInOrder(ctx context.Context, tx *ent.Tx, t policies.Table, r policies.Reference, id uuid.UUID) error {
	var list string
	query := fmt.Sprintf(`WITH free AS MATERIALIZED (
    SELECT id FROM %s WHERE %s = $1 FOR NO KEY UPDATE SKIP LOCKED
) SELECT coalesce(json_agg(id ORDER BY id), '[]')::text FROM free`, t.QualifiedName(), r.Column)
	if err := session.One(ctx, tx, query, []any{id}, &list); err != nil {
		return err
	}
	var ids []uuid.UUID
	if err := json.Unmarshal([]byte(list), &ids); err != nil {
		return fmt.Errorf("read the ids of the rows to detach: %w", err)
	}
	for _, row := range ids {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf("UPDATE %s SET %s = NULL WHERE id = $1", t.QualifiedName(), r.Column), row); err != nil {
			return err
		}
	}
	return nil
}

func names(ctx context.Context, tx *ent.Tx, t policies.Table, r policies.Reference, id uuid.UUID) (named bool, err error) {
	query := fmt.Sprintf("SELECT EXISTS (SELECT FROM %s WHERE %s = $1)", t.QualifiedName(), r.Column)
	err = session.One(ctx, tx, query, []any{id}, &named)
	return named, err
}

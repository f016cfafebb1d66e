package api

import (
	"context"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
)

// ReadPage reads the requested page. read returns at most limit rows, newest first; if behind is not nil, only the
// rows after that key. key returns the key of a row in the list's order.
func ReadPage[E any](page *Page, key func(row *E) Key, read func(behind *Key, limit int) ([]*E, error)) (List[*E], error) {
	var behind *Key
	if keyset, ok := page.Keyset(); ok {
		place, err := ParseKey(keyset)
		if err != nil {
			return List[*E]{}, err
		}
		behind = &place
	}
	rows, err := read(behind, page.Limit())
	if err != nil {
		return List[*E]{}, err
	}
	return NewList(page, rows, func(row *E) []byte { return key(row).Bytes() }), nil
}

// A Lister is a generated store whose rows can be listed. E is the row, F its filter.
type Lister[E, F any] interface {
	// List returns at most limit rows, newest first; if before is not nil, only the rows older than that position.
	List(ctx context.Context, filter *F, before *ent.Position, limit int) ([]*E, error)
	Position(row *E) ent.Position
}

// ListStore reads a page of the rows of a store that match the filter, newest first.
func ListStore[E, F any](ctx context.Context, store Lister[E, F], page *Page, filter *F) (List[*E], error) {
	key := func(row *E) Key { return Key(store.Position(row)) }
	return ReadPage(page, key, func(behind *Key, limit int) ([]*E, error) {
		return store.List(ctx, filter, (*ent.Position)(behind), limit)
	})
}

// rowQuery is the type constraint of Ent's query builders Q for rows of the type E.
type rowQuery[Q, E any, P, O ~func(*sql.Selector)] interface {
	Where(conditions ...P) Q
	Order(by ...O) Q
	Limit(limit int) Q
	All(ctx context.Context) ([]*E, error)
}

// ListQuery reads a page of the rows of an Ent query, newest first: in descending order of id, which is a UUIDv7. id
// returns the id of a row.
func ListQuery[Q rowQuery[Q, E, P, O], E any, P, O ~func(*sql.Selector)](ctx context.Context, query Q, page *Page, id func(row *E) uuid.UUID) (List[*E], error) {
	const column = "id"
	key := func(row *E) Key { return Key{ID: id(row)} }
	return ReadPage(page, key, func(behind *Key, limit int) ([]*E, error) {
		if behind != nil {
			query = query.Where(P(sql.FieldLT(column, behind.ID)))
		}
		return query.Order(O(sql.OrderByField(column, sql.OrderDesc()).ToFunc())).Limit(limit).All(ctx)
	})
}

// MapList returns the list with form applied to each item.
func MapList[From, To any](list List[From], form func(item From) To) List[To] {
	mapped := List[To]{Items: make([]To, len(list.Items)), NextPageToken: list.NextPageToken}
	for i, item := range list.Items {
		mapped.Items[i] = form(item)
	}
	return mapped
}

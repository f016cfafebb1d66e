// Package resource implements the operations that all collections have in common: list, count, create, get, update
// and delete. Each is implemented once, for the stores that the generator creates from the graph, so a collection is
// one line in the route table. Behavior of a single entity belongs in its own package or in the database, never here.
package resource

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/api/bind"
)

// Reader is a store of rows that clients can only read. E is the row, F its filter.
type Reader[E, F any] interface {
	Get(ctx context.Context, id uuid.UUID) (*E, error)
	// List returns at most limit rows, newest first; if before is not nil, only rows older than that position.
	List(ctx context.Context, filter *F, before *ent.Position, limit int) ([]*E, error)
	Count(ctx context.Context, filter *F) (int, error)
	Position(row *E) ent.Position
}

// Appender is a store of rows that clients can read and create. C is the input of create.
type Appender[E, C, F any] interface {
	Reader[E, F]
	Create(ctx context.Context, in *C) (*E, error)
}

// Store is a store of rows that clients can read, create, update and delete. U has all fields that clients can
// change.
type Store[E, C, U, F any] interface {
	Appender[E, C, F]
	Lock(ctx context.Context, id uuid.UUID) (*E, error)
	// LockToDelete also prevents new references to the row.
	LockToDelete(ctx context.Context, id uuid.UUID) (*E, error)
	Version(row *E) int64
	Input(row *E) *U
	Update(ctx context.Context, id uuid.UUID, in *U) (*E, error)
	Delete(ctx context.Context, id uuid.UUID) error
}

// Mount registers all operations of a collection at path, whose last segment is the plural name:
// /v1/business/contacts.
func Mount[S Store[E, C, U, F], E, C, U, F any](a *api.API, path string, store func(*ent.Tx) S) {
	MountAppendOnly[S, E, C, F](a, path, store)
	c := newCollection[E](path)
	api.Handle(a, c.op("update", http.MethodPatch, "/{id}"),
		func(ctx context.Context, tx *ent.Tx, in *updateInput[U]) (*itemOutput[E], error) {
			s := store(tx)
			row, err := s.Lock(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			if err := in.IfMatch.Check(s.Version(row)); err != nil {
				return nil, err
			}
			present := s.Input(row)
			wanted, err := in.Body.Apply(*present)
			if err != nil {
				return nil, err
			}
			if reflect.DeepEqual(wanted, *present) {
				row, err = s.Get(ctx, in.ID) // the locked row lacks the computed fields
			} else {
				row, err = s.Update(ctx, in.ID, &wanted)
			}
			if err != nil {
				return nil, err
			}
			// The response has the whole row, including fields that the patch does not contain.
			if err := c.recordRead(ctx, tx, uuid.NullUUID{UUID: in.ID, Valid: true}, map[string]any{"in": "update"}); err != nil {
				return nil, err
			}
			tag, err := tagOf(s, row)
			if err != nil {
				return nil, err
			}
			return &itemOutput[E]{ETag: tag, Body: row}, nil
		})
	remove := c.op("delete", http.MethodDelete, "/{id}")
	remove.Several = true // detach clears references in other rows
	api.Handle(a, remove,
		func(ctx context.Context, tx *ent.Tx, in *deleteInput) (*struct{}, error) {
			s := store(tx)
			if in.Detach {
				if err := lockReferences(ctx, tx, c.table, in.ID); err != nil {
					return nil, err
				}
			}
			row, err := s.LockToDelete(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			if err := in.IfMatch.Check(s.Version(row)); err != nil {
				return nil, err
			}
			if err := release(ctx, tx, c.table, in.ID, in.Detach); err != nil {
				return nil, err
			}
			return nil, s.Delete(ctx, in.ID)
		})
}

// MountAppendOnly registers the operations of a collection whose rows clients can create and read, but not change.
func MountAppendOnly[S Appender[E, C, F], E, C, F any](a *api.API, path string, store func(*ent.Tx) S) {
	MountReadOnly[S, E, F](a, path, store)
	c := newCollection[E](path)
	c.required = requiredFields(reflect.TypeFor[C]())
	op := c.op("create", http.MethodPost, "")
	if c.table.AuditReads {
		op.Replayed = func(ctx context.Context, tx *ent.Tx, kept *api.Outcome) error {
			location := kept.Header["Location"]
			id, err := uuid.Parse(location[strings.LastIndexByte(location, '/')+1:])
			return c.recordRead(ctx, tx, uuid.NullUUID{UUID: id, Valid: err == nil}, map[string]any{"in": "replay"})
		}
	}
	api.Handle(a, op,
		func(ctx context.Context, tx *ent.Tx, in *createInput[C]) (*createOutput[E], error) {
			s := store(tx)
			row, err := s.Create(ctx, &in.Body)
			if err != nil {
				return nil, err
			}
			id := s.Position(row).ID
			if err := c.recordRead(ctx, tx, uuid.NullUUID{UUID: id, Valid: true}, map[string]any{"in": "create"}); err != nil {
				return nil, err
			}
			tag, err := tagOf(s, row)
			if err != nil {
				return nil, err
			}
			return &createOutput[E]{Location: path + "/" + id.String(), ETag: tag, Body: row}, nil
		})
}

// Discloses returns the resource, and the id of its row, whose content a row contains. The name is empty if there is
// none. If reads of that resource are recorded, reading the row is recorded as a read of it.
type Discloses[E any] func(row *E) (resource string, id *uuid.UUID)

// MountReadOnly registers the operations of a collection whose rows clients can only read.
func MountReadOnly[S Reader[E, F], E, F any](a *api.API, path string, store func(*ent.Tx) S, discloses ...Discloses[E]) {
	c := newCollection[E](path)
	c.discloses = len(discloses) > 0
	record := func(ctx context.Context, tx *ent.Tx, rows ...*E) error {
		for _, d := range discloses {
			if err := recordDisclosed(ctx, tx, c.table.Resource, d, rows); err != nil {
				return err
			}
		}
		return nil
	}
	api.Handle(a, c.op("list", http.MethodGet, ""),
		func(ctx context.Context, tx *ent.Tx, in *listInput[F]) (*listOutput[E], error) {
			s := store(tx)
			list, err := api.ListStore(ctx, s, &in.Page, &in.Filter)
			if err != nil {
				return nil, err
			}
			ids := make([]uuid.UUID, len(list.Items))
			for i, row := range list.Items {
				ids[i] = s.Position(row).ID
			}
			if err := c.recordRead(ctx, tx, uuid.NullUUID{}, map[string]any{"ids": ids}); err != nil {
				return nil, err
			}
			if err := record(ctx, tx, list.Items...); err != nil {
				return nil, err
			}
			return &listOutput[E]{Body: list}, nil
		})
	count := api.Counter(store, func(n int) Count { return Count{n} })
	api.Handle(a, c.op("count", http.MethodGet, "/count"),
		func(ctx context.Context, tx *ent.Tx, in *api.CountInput[F]) (*api.CountOutput[Count], error) {
			out, err := count(ctx, tx, in)
			if err != nil {
				return nil, err
			}
			if err := c.recordRead(ctx, tx, uuid.NullUUID{}, map[string]any{"count": out.Body.Count}); err != nil {
				return nil, err
			}
			return out, nil
		})
	api.Handle(a, c.op("get", http.MethodGet, "/{id}"),
		func(ctx context.Context, tx *ent.Tx, in *getInput) (*itemOutput[E], error) {
			s := store(tx)
			row, err := s.Get(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			if err := c.recordRead(ctx, tx, uuid.NullUUID{UUID: in.ID, Valid: true}, nil); err != nil {
				return nil, err
			}
			if err := record(ctx, tx, row); err != nil {
				return nil, err
			}
			tag, err := tagOf(s, row)
			if err != nil {
				return nil, err
			}
			return &itemOutput[E]{ETag: tag, Body: row}, nil
		})
}

// tagOf returns the row's entity tag: its version, and a hash of its computed fields. A row without a version never
// changes, so its version is always 1.
func tagOf[E any](store any, row *E) (api.ETag, error) {
	tag := api.VersionTag(1)
	if s, ok := store.(interface{ Version(*E) int64 }); ok {
		tag = api.VersionTag(s.Version(row))
	}
	if s, ok := store.(interface{ Computed(*E) []any }); ok {
		return tag.With(s.Computed(row)...)
	}
	return tag, nil
}

// collection describes a mounted collection.
type collection struct {
	path   string
	plural string
	table  policies.Table
	// discloses is set if the rows contain content of other resources.
	discloses bool
	// required lists the fields that clients must set to create a row.
	required []string
}

func newCollection[E any](path string) collection {
	table, ok := policies.ByEntity(reflect.TypeFor[E]().Name())
	if !ok {
		panic("resource: " + reflect.TypeFor[E]().Name() + " is no entity of the graph")
	}
	return collection{path: path, plural: path[strings.LastIndexByte(path, '/')+1:], table: table}
}

// op returns the description of an operation of the collection.
func (c collection) op(verb, method, suffix string) api.Op {
	segments := strings.Split(strings.Trim(c.path, "/"), "/")
	name := strings.ReplaceAll(c.table.Resource, "_", "-")
	if verb == "list" || verb == "count" {
		name = c.pluralName(name)
	}
	text := c.text(verb)
	status := statuses[verb]
	return api.Op{
		ID: verb + "-" + name, Method: method, Path: c.path + suffix, Tag: segments[1], Status: status,
		Summary: text.summary, Description: text.description, Responses: map[int]string{status: text.response},
		AuditedRead: (c.table.AuditReads || c.discloses) && method == http.MethodGet,
		HumansOnly:  c.humansOnly(verb),
	}
}

// statuses are the statuses of the successful responses, by verb.
var statuses = map[string]int{
	"list": http.StatusOK, "count": http.StatusOK, "get": http.StatusOK,
	"create": http.StatusCreated, "update": http.StatusOK, "delete": http.StatusNoContent,
}

// privileges are the letters in policies.Verbs of the privileges that the operations need.
var privileges = map[string]byte{"list": 'S', "count": 'S', "get": 'S', "create": 'I', "update": 'U', "delete": 'D'}

// humansOnly reports whether the table's Access forbids the operation to agents.
func (c collection) humansOnly(verb string) bool { return !c.table.Access.Agent.Has(privileges[verb]) }

// recordRead records a read, if the reads of the collection are audited, in the transaction of the read, so that
// neither can happen without the other.
func (c collection) recordRead(ctx context.Context, tx *ent.Tx, id uuid.NullUUID, details map[string]any) error {
	if !c.table.AuditReads {
		return nil
	}
	return api.RecordRead(ctx, tx, c.table, id, details)
}

// recordDisclosed records the reads of the resources whose content the rows contain, one read per kind of resource.
func recordDisclosed[E any](ctx context.Context, tx *ent.Tx, in string, discloses Discloses[E], rows []*E) error {
	for _, t := range policies.Tables {
		if !t.AuditReads {
			continue
		}
		ids, found := []uuid.UUID{}, false
		for _, row := range rows {
			name, id := discloses(row)
			if name != t.Resource {
				continue
			}
			found = true
			if id != nil && !slices.Contains(ids, *id) {
				ids = append(ids, *id)
			}
		}
		if !found {
			continue
		}
		read, details := uuid.NullUUID{}, map[string]any{"in": in}
		if len(ids) == 1 {
			read = uuid.NullUUID{UUID: ids[0], Valid: true}
		} else {
			details["ids"] = ids
		}
		if err := api.RecordRead(ctx, tx, t, read, details); err != nil {
			return err
		}
	}
	return nil
}

// pluralName returns the plural of the resource's name. If the name ends like the path, as hired-agent does for
// agents, the end is replaced (hired-agents); otherwise it is the last segment of the path.
func (c collection) pluralName(name string) string {
	if stem := strings.TrimSuffix(c.plural, "s"); strings.HasSuffix(name, stem) {
		return strings.TrimSuffix(name, stem) + c.plural
	}
	return c.plural
}

type getInput struct {
	ID uuid.UUID `path:"id" jsonschema_description:"Id of the resource."`
}

type listInput[F any] struct {
	Page   api.Page
	Filter F
}

type createInput[C any] struct {
	Body C
}

type updateInput[U any] struct {
	ID      uuid.UUID   `path:"id" jsonschema_description:"Id of the resource."`
	IfMatch api.IfMatch `header:"If-Match"`
	Body    bind.Patch[U]
}

type deleteInput struct {
	ID      uuid.UUID   `path:"id" jsonschema_description:"Id of the resource."`
	IfMatch api.IfMatch `header:"If-Match"`
	Detach  bool        `query:"detach" jsonschema_description:"Whether to clear the optional references to the resource first. If several of these changes need an approval, one approval covers all of them."`
}

type listOutput[E any] struct {
	Body api.List[*E]
}

// Count is the response body of count operations.
type Count struct {
	Count int `json:"count" jsonschema:"minimum=0" jsonschema_description:"Number of matching resources."`
}

type createOutput[E any] struct {
	Location string   `header:"Location" jsonschema_description:"Path of the created resource."`
	ETag     api.ETag `header:"ETag" jsonschema_description:"Entity tag: the version of the resource, and a hash of its computed fields if it has any. If-None-Match compares the whole tag, If-Match only the version."`
	Body     *E
}

type itemOutput[E any] struct {
	ETag api.ETag `header:"ETag" jsonschema_description:"Entity tag: the version of the resource, and a hash of its computed fields if it has any. If-None-Match compares the whole tag, If-Match only the version."`
	Body *E
}

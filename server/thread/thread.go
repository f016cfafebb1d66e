// Package thread is the API of threads: lines of thought or work whose state is the result of their events. Every
// change is an event and is made by app.create_thread or app.append_events. These functions assign the sequence
// numbers, enforce the state machine and update the thread's row. This package defines the schemas of the events, and
// reads threads and events.
package thread

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/invopop/jsonschema"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/ent/thread"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/api/bind"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/session"
)

// includedEvents is the maximum number of latest events that are included in a thread.
const includedEvents = 50

// Mount registers the operations of threads.
func Mount(a *api.API) {
	api.Handle(a, api.Op{
		ID: "create-thread", Method: http.MethodPost, Path: "/v1/threads", Tag: "threads", Status: http.StatusCreated,
		Summary: "Create a thread",
		Description: "Creates a thread with its first event, `thread.created`, and returns the thread. The `Location` header contains its path. The founding intent never " +
			"changes; events of the type `intent.refined` state it more precisely. A public thread needs an approval (423).",
		Responses: map[int]string{http.StatusCreated: "The thread was created."},
	}, create)
	api.Handle(a, api.Op{
		ID: "list-threads", Method: http.MethodGet, Path: "/v1/threads", Tag: "threads",
		Summary:     "List threads",
		Description: "Returns threads, newest first, in pages of 50 items unless `page_size` is given. Filters are combined with AND.",
		Responses:   map[int]string{http.StatusOK: "A page of threads."},
	}, list)
	api.Handle(a, api.Op{
		ID: "count-threads", Method: http.MethodGet, Path: "/v1/threads/count", Tag: "threads",
		Summary:     "Count threads",
		Description: "Returns the number of threads that match all given filters.",
		Responses:   map[int]string{http.StatusOK: "The number of matching threads."},
	}, api.Counter((*ent.Tx).ThreadStore, func(n int) ThreadCount { return ThreadCount{n} }))
	api.Handle(a, api.Op{
		ID: "get-thread", Method: http.MethodGet, Path: "/v1/threads/{id}", Tag: "threads",
		Summary:     "Get a thread",
		Description: "Returns the current state of a thread, or with `as_of` an earlier state. With `include=events`, the response contains the latest events.",
		Responses:   map[int]string{http.StatusOK: "The requested thread."},
	}, get)
	api.Handle(a, api.Op{
		ID: "update-thread", Method: http.MethodPatch, Path: "/v1/threads/{id}", Tag: "threads",
		Summary: "Update a thread",
		Description: "Appends a `thread.updated` event with the fields that the merge patch (RFC 7396) changes and returns the updated thread. Requires `If-Match` with the " +
			"current ETag. If the thread has changed since, the response is 412. To change the status, append an event such as `thread.paused`. " +
			"A change of a public thread needs an approval (423).",
		Responses: map[int]string{http.StatusOK: "The updated thread."},
	}, update)
	api.Handle(a, api.Op{
		ID: "append-thread-events", Method: http.MethodPost, Path: "/v1/threads/{id}/events", Tag: "threads",
		Several: true, Status: http.StatusCreated, OtherStatuses: []int{http.StatusOK}, Problems: []int{http.StatusPreconditionFailed},
		Summary: "Append events",
		Description: "Appends 1 to 100 events to the thread: all of them or none, with sequence numbers without gaps. If the same events with the same ids were " +
			"appended before, the response is 200 with the original result. " +
			"An active thread can be paused, completed or archived, a paused thread resumed, completed or archived, and a completed thread resumed or archived. " +
			"An archived thread is closed. If the status of the thread forbids an event, the response is 409 with the current status. " +
			"Events of a public thread are published. Therefore an append that changes the visibility of a thread to public, and every append to a public thread, " +
			"needs an approval (423), from humans and agents alike. The approval covers exactly these events in this order, with their payloads. " + systemTypes,
		Responses: map[int]string{http.StatusCreated: "The events were appended.", http.StatusOK: "The events had already been appended."},
	}, appendEvents)
	api.Handle(a, api.Op{
		ID: "list-thread-events", Method: http.MethodGet, Path: "/v1/threads/{id}/events", Tag: "threads",
		Summary: "List thread events",
		Description: "Returns the events of a thread in the order of their sequence numbers, oldest first. Each payload has the schema of the event's `type` and " +
			"`schema_version`. It is null after erasure.",
		Responses: map[int]string{http.StatusOK: "A page of events."},
	}, listEvents)
}

// CreateThread is the request body of create-thread.
type CreateThread struct {
	FoundingIntent string               `json:"founding_intent"`
	Sphere         datatype.SphereType  `json:"sphere"`
	Type           *datatype.ThreadType `json:"type,omitempty"`
	Visibility     *datatype.Visibility `json:"visibility,omitempty"`
	Title          *string              `json:"title,omitempty"`
	ParentThreadID *uuid.UUID           `json:"parent_thread_id,omitempty"`
	Tags           datatype.Texts       `json:"tags,omitempty"`
}

// JSONSchemaExtend adds the limits and descriptions of the columns.
func (CreateThread) JSONSchemaExtend(s *jsonschema.Schema) { ent.Thread{}.JSONSchemaExtend(s) }

// UpdateThread has the fields that a client can change with a patch. The status is changed only by events.
type UpdateThread struct {
	Type           datatype.ThreadType `json:"type"`
	Visibility     datatype.Visibility `json:"visibility"`
	Title          *string             `json:"title,omitempty"`
	ParentThreadID *uuid.UUID          `json:"parent_thread_id,omitempty"`
	Tags           datatype.Texts      `json:"tags"`
}

// JSONSchemaExtend adds the limits and descriptions of the columns.
func (UpdateThread) JSONSchemaExtend(s *jsonschema.Schema) { ent.Thread{}.JSONSchemaExtend(s) }

type createInput struct {
	Body CreateThread
}

type createOutput struct {
	Location string   `header:"Location"`
	ETag     api.ETag `header:"ETag"`
	Body     *ent.Thread
}

const createThreadSQL = `SELECT app.create_thread($1, $2, $3, $4)`

func create(ctx context.Context, tx *ent.Tx, in *createInput) (*createOutput, error) {
	content := ThreadCreated{
		FoundingIntent: in.Body.FoundingIntent, Sphere: in.Body.Sphere, Type: thread.DefaultType, Visibility: thread.DefaultVisibility,
		Title: in.Body.Title, ParentThreadID: in.Body.ParentThreadID, Tags: in.Body.Tags,
	}
	if in.Body.Type != nil {
		content.Type = *in.Body.Type
	}
	if in.Body.Visibility != nil {
		content.Visibility = *in.Body.Visibility
	}
	payload, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("marshal the thread: %w", err)
	}
	ids := [2]uuid.UUID{}
	for i := range ids {
		if ids[i], err = uuid.NewV7(); err != nil {
			return nil, fmt.Errorf("create an id: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx, createThreadSQL, ids[0], ids[1], versionOf("thread.created"), string(payload)); err != nil {
		return nil, fmt.Errorf("create a thread: %w", err)
	}
	row, err := tx.ThreadStore().Get(ctx, ids[0])
	if err != nil {
		return nil, err
	}
	return &createOutput{Location: "/v1/threads/" + row.ID.String(), ETag: tag(row), Body: row}, nil
}

type listInput struct {
	Page   api.Page
	Filter ent.ThreadFilter
}

type listOutput struct {
	Body api.List[*ent.Thread]
}

func list(ctx context.Context, tx *ent.Tx, in *listInput) (*listOutput, error) {
	page, err := api.ListStore(ctx, tx.ThreadStore(), &in.Page, &in.Filter)
	return &listOutput{Body: page}, err
}

// ThreadCount is the response body of count-threads.
type ThreadCount struct {
	Count int `json:"count" jsonschema:"minimum=0" jsonschema_description:"Number of matching threads."`
}

// ThreadDetail is the current or an earlier state of a thread.
type ThreadDetail struct {
	ent.Thread
	// Version replaces the field of the row. It is omitted for an earlier state, which has no version.
	Version int64              `json:"version,omitzero"`
	Events  []*ent.ThreadEvent `json:"events,omitempty" jsonschema_description:"Latest events of the thread, oldest first: at most 50 events and about 4 MiB. Only with include=events."`
}

// JSONSchemaExtend adds the schema of a thread, and makes the version optional.
func (d ThreadDetail) JSONSchemaExtend(s *jsonschema.Schema) {
	d.Thread.JSONSchemaExtend(s)
	if p, ok := s.Properties.Get("version"); ok {
		p.Description += " Missing if `as_of` is given."
	}
	s.Required = slices.DeleteFunc(s.Required, func(name string) bool { return name == "version" })
}

type getInput struct {
	ID      uuid.UUID `path:"id"       jsonschema_description:"Id of the thread."`
	Include *Include  `query:"include" jsonschema_description:"Related data to include in the response."`
	AsOf    *int64    `query:"as_of"   jsonschema:"minimum=1" jsonschema_description:"Sequence number of an event. The response is the state of the thread after that event, computed from its events."`
}

// Include names the data that can be included in a thread.
type Include string

// JSONSchema returns the schema with the possible values.
func (Include) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Enum: []any{"events"}}
}

type getOutput struct {
	ETag api.ETag `header:"ETag"`
	Body ThreadDetail
}

func get(ctx context.Context, tx *ent.Tx, in *getInput) (*getOutput, error) {
	row, err := tx.ThreadStore().Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &getOutput{}
	if in.AsOf == nil {
		out.Body = ThreadDetail{Thread: *row, Version: row.Version}
		out.ETag = tag(row)
	} else {
		if *in.AsOf > row.LastSequence {
			return nil, problem.Invalid(problem.In("as_of", "out_of_range", fmt.Sprintf("The thread has got to sequence %d.", row.LastSequence)))
		}
		if err := asOf(ctx, tx, row, *in.AsOf); err != nil {
			return nil, err
		}
		out.Body = ThreadDetail{Thread: *row}
		out.ETag = api.ETag(fmt.Sprintf(`"s%d"`, *in.AsOf))
	}
	if in.Include != nil {
		// Only events up to the row's last sequence number: the row was read before, and later events are not part of
		// it.
		events, err := latest(ctx, tx, in.ID, row.LastSequence)
		if err != nil {
			return nil, err
		}
		out.Body.Events = events
		// The ETag must differ from that of the thread without its events.
		out.ETag = out.ETag[:len(out.ETag)-1] + `+events"`
	}
	return out, nil
}

const threadAsOfSQL = `SELECT to_jsonb(jsonb_populate_record(t, r || jsonb_build_object(
		'updated_at', r -> 'last_event_at', 'updated_by', r -> 'actor_id', 'updated_by_kind', r -> 'actor_kind')))
	FROM public.threads t, app.rebuild_thread(t.created_by, t.id, $3) AS r
	WHERE t.created_by = $1 AND t.id = $2`

// asOf replaces the row by its state after the event with the sequence number.
func asOf(ctx context.Context, tx *ent.Tx, row *ent.Thread, sequence int64) error {
	var data []byte
	if err := session.One(ctx, tx, threadAsOfSQL, []any{row.CreatedBy, row.ID, sequence}, &data); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return problem.NotFound()
		}
		return fmt.Errorf("rebuild the thread: %w", err)
	}
	was := &ent.Thread{}
	if err := json.Unmarshal(data, was); err != nil {
		return fmt.Errorf("read the rebuilt thread: %w", err)
	}
	*row = *was
	return nil
}

type updateInput struct {
	ID      uuid.UUID   `path:"id"         jsonschema_description:"Id of the thread."`
	IfMatch api.IfMatch `header:"If-Match"`
	Body    bind.Patch[UpdateThread]
}

type updateOutput struct {
	ETag api.ETag `header:"ETag"`
	Body *ent.Thread
}

func update(ctx context.Context, tx *ent.Tx, in *updateInput) (*updateOutput, error) {
	row, err := tx.ThreadStore().Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := in.IfMatch.CheckSteps(row.Version, row.StepCount); err != nil {
		return nil, err
	}
	present := UpdateThread{Type: row.Type, Visibility: row.Visibility, Title: row.Title, ParentThreadID: row.ParentThreadID, Tags: row.Tags}
	wanted, err := in.Body.Apply(present)
	if err != nil {
		return nil, err
	}
	changes, err := changed(present, wanted)
	if err != nil {
		return nil, err
	}
	if changes != nil {
		// The version changes with each event except steps of checkpoints, which expected_sequence ignores too. So
		// expecting the row's sequence number is equivalent to If-Match.
		expected := &row.LastSequence
		if in.IfMatch.Matches(anyVersion) {
			expected = nil
		}
		_, err := appendTo(ctx, tx, in.ID, expected, event{Type: "thread.updated", SchemaVersion: versionOf("thread.updated"), Payload: changes})
		if err != nil {
			return nil, patchError(err)
		}
		if row, err = tx.ThreadStore().Get(ctx, in.ID); err != nil {
			return nil, err
		}
	}
	return &updateOutput{ETag: tag(row), Body: row}, nil
}

// tag returns the ETag of the thread. Steps of checkpoints on the thread do not change its version, so that a request
// that asked for an approval is still the same request once it is approved.
func tag(row *ent.Thread) api.ETag { return api.StepTag(row.Version, row.StepCount) }

// anyVersion is a version that no row has, so only If-Match: * matches it.
const anyVersion = -1

// patchError converts an error of an append to an error about the patch, because the client sent versions and fields,
// not the event that contains them.
func patchError(err error) error {
	p := problem.From(err)
	if p.Code == "stale_sequence" {
		return problem.New(http.StatusPreconditionFailed, "stale_version", "The thread has changed since you read it. Get it again.").WithCause(err)
	}
	return repoint(err, "/events/0/payload", "")
}

// repoint replaces the prefix from of the pointers of an error by to. Errors without such pointers are returned
// unchanged.
func repoint(err error, from, to string) error {
	p := problem.From(err)
	if !slices.ContainsFunc(p.Errors, func(e problem.FieldError) bool { return e.Pointer != nil && strings.HasPrefix(*e.Pointer, from) }) {
		return err
	}
	moved := *p
	moved.Errors = slices.Clone(p.Errors)
	for i, e := range moved.Errors {
		if e.Pointer != nil {
			if rest, ok := strings.CutPrefix(*e.Pointer, from); ok {
				pointer := to + rest
				moved.Errors[i].Pointer = &pointer
			}
		}
	}
	return moved.WithCause(err)
}

// changed returns the payload of a thread.updated event, or nil if nothing changes.
func changed(present, wanted UpdateThread) (datatype.Object, error) {
	changes := map[string]any{}
	for name, pair := range map[string][2]any{
		"type": {present.Type, wanted.Type}, "visibility": {present.Visibility, wanted.Visibility},
		"title": {present.Title, wanted.Title}, "parent_thread_id": {present.ParentThreadID, wanted.ParentThreadID},
		"tags": {present.Tags, wanted.Tags},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			changes[name] = pair[1]
		}
	}
	if len(changes) == 0 {
		return nil, nil
	}
	payload, err := json.Marshal(changes)
	if err != nil {
		return nil, fmt.Errorf("marshal the changes: %w", err)
	}
	return payload, nil
}

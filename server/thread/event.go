package thread

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"github.com/invopop/jsonschema"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/ent/predicate"
	"github.com/chenu/chenu/ent/threadevent"
	"github.com/chenu/chenu/postgres/entpgx"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/session"
)

// AppendEvent is an event in the request of a client.
type AppendEvent struct {
	ID            *uuid.UUID               `json:"id,omitempty"             jsonschema_description:"Id of the event, a UUIDv7 that the client generated within the last hour. It allows a safe repetition of the request. The default is a new id."`
	Type          datatype.ThreadEventType `json:"type"                     jsonschema_description:"Type of the event."`
	Payload       datatype.Object          `json:"payload"                  jsonschema_description:"Content of the event, with the schema of its type. At most 256 KiB."`
	CausationID   *uuid.UUID               `json:"causation_id,omitempty"   jsonschema_description:"Id of the event that caused this event, in any thread of the identity."`
	CorrelationID *uuid.UUID               `json:"correlation_id,omitempty" jsonschema_description:"Correlation id shared by related events."`
}

// JSONSchemaExtend limits the types to those that clients can append, and gives the payload the schema of the type.
func (AppendEvent) JSONSchemaExtend(s *jsonschema.Schema) {
	s.Description = "An event to append. Its payload has the current schema version of its type."
	types := &jsonschema.Schema{Type: "string", Description: "Type of the event.", Examples: []any{"note.added"}}
	s.AllOf = nil
	for _, k := range appendable() {
		types.Enum = append(types.Enum, string(k.name))
		payload := jsonschema.NewProperties()
		payload.Set("payload", &jsonschema.Schema{
			Ref: k.component(), Description: fmt.Sprintf("Payload of %s, schema_version %d.", k.name, k.version),
		})
		is := jsonschema.NewProperties()
		is.Set("type", &jsonschema.Schema{Const: string(k.name)})
		s.AllOf = append(s.AllOf, &jsonschema.Schema{
			If:   &jsonschema.Schema{Properties: is, Required: []string{"type"}},
			Then: &jsonschema.Schema{Properties: payload},
		})
	}
	s.Properties.Set("type", types)
	if p, ok := s.Properties.Get("payload"); ok {
		p.Type, p.Extras = "object", nil
		p.Examples = []any{json.RawMessage(`{"text": "Called the printer: two weeks."}`)}
	}
}

// JSONSchemaComponents returns the types to which the schema refers.
func (AppendEvent) JSONSchemaComponents() []any {
	var all []any
	for _, k := range kinds {
		all = append(all, k.payload)
	}
	return all
}

// AppendEvents is the request body of append-thread-events.
type AppendEvents struct {
	ExpectedSequence *int64        `json:"expected_sequence,omitempty" jsonschema:"minimum=1" jsonschema_description:"Sequence number of the latest event of the thread, as last read. If later events exist, nothing is appended and the response is 412. Steps of checkpoints do not count."`
	Events           []AppendEvent `json:"events"                      jsonschema:"minItems=1,maxItems=100" jsonschema_description:"Events in their order. Either all of them are appended, or none."`
}

// AppendedEvent describes an event that was appended.
type AppendedEvent struct {
	ID        uuid.UUID                `json:"id"         jsonschema_description:"Id of the event."`
	Sequence  int64                    `json:"sequence"   jsonschema:"minimum=1" jsonschema_description:"Sequence number in the thread."`
	Type      datatype.ThreadEventType `json:"type"       jsonschema_description:"Type of the event."`
	CreatedAt time.Time                `json:"created_at" jsonschema_description:"Time when the event was appended."`
}

// AppendedEvents is the response body of append-thread-events.
type AppendedEvents struct {
	Events       []AppendedEvent `json:"events"        jsonschema_description:"Appended events in their order."`
	LastSequence int64           `json:"last_sequence" jsonschema:"minimum=1" jsonschema_description:"Sequence number of the last appended event. Use it as expected_sequence of the next request."`
}

type appendEventsInput struct {
	ID   uuid.UUID `path:"id" jsonschema_description:"Id of the thread."`
	Body AppendEvents
}

type appendEventsOutput struct {
	Status int
	Body   AppendedEvents
}

const systemTypes = "Only the service appends `thread.created` and the types with the prefix `checkpoint.`. It also appends `action.executed` when an approval is used."

func appendEvents(ctx context.Context, tx *ent.Tx, in *appendEventsInput) (*appendEventsOutput, error) {
	given := make([]event, len(in.Body.Events))
	for i, e := range in.Body.Events {
		given[i] = event{
			ID: e.ID, Type: e.Type, SchemaVersion: versionOf(e.Type), Payload: e.Payload,
			CausationID: e.CausationID, CorrelationID: e.CorrelationID,
		}
	}
	result, err := appendTo(ctx, tx, in.ID, in.Body.ExpectedSequence, given...)
	if err != nil {
		return nil, eventError(err, in.Body.Events)
	}
	out := &appendEventsOutput{Body: result.AppendedEvents}
	if result.Replayed {
		out.Status = http.StatusOK
	}
	return out, nil
}

// eventError changes an error about a column of the thread to point to the event that changes the column, if exactly
// one event changes the thread.
func eventError(err error, events []AppendEvent) error {
	at := -1
	for i, e := range events {
		if e.Type == "thread.updated" {
			if at >= 0 {
				return err
			}
			at = i
		}
	}
	if at < 0 || slices.ContainsFunc(problem.From(err).Errors, func(e problem.FieldError) bool {
		return e.Pointer == nil || strings.HasPrefix(*e.Pointer, "/events")
	}) {
		return err
	}
	return repoint(err, "", fmt.Sprintf("/events/%d/payload", at))
}

// event is an event in the form that app.append_events() expects.
type event struct {
	ID            *uuid.UUID               `json:"id,omitempty"`
	Type          datatype.ThreadEventType `json:"type"`
	SchemaVersion int                      `json:"schema_version"`
	Payload       datatype.Object          `json:"payload"`
	CausationID   *uuid.UUID               `json:"causation_id,omitempty"`
	CorrelationID *uuid.UUID               `json:"correlation_id,omitempty"`
}

// appended is the result of app.append_events().
type appended struct {
	Replayed bool `json:"replayed"`
	AppendedEvents
}

const appendEventsSQL = `SELECT app.append_events($1, $2, $3)`

// appendTo appends events to a thread in one round trip. If expected is not nil, it is the sequence number of the
// latest event that the caller has seen.
func appendTo(ctx context.Context, tx *ent.Tx, id uuid.UUID, expected *int64, events ...event) (*appended, error) {
	given, err := json.Marshal(events)
	if err != nil {
		return nil, fmt.Errorf("marshal events: %w", err)
	}
	var data []byte
	if err := session.One(ctx, tx, appendEventsSQL, []any{id, expected, string(given)}, &data); err != nil {
		return nil, fmt.Errorf("append events: %w", err)
	}
	result := &appended{}
	if err := json.Unmarshal(data, result); err != nil {
		return nil, fmt.Errorf("read what was appended: %w", err)
	}
	return result, nil
}

type listEventsInput struct {
	ID     uuid.UUID `path:"id" jsonschema_description:"Id of the thread."`
	Filter eventFilter
	Page   api.Page
}

type eventFilter struct {
	AfterSequence int64                     `query:"after_sequence" jsonschema:"minimum=0,default=0" jsonschema_description:"Only events after this sequence number."`
	Type          *datatype.ThreadEventType `query:"type"           jsonschema_description:"Only events of this type."`
}

type listEventsOutput struct {
	Body api.List[*ent.ThreadEvent]
}

func listEvents(ctx context.Context, tx *ent.Tx, in *listEventsInput) (*listEventsOutput, error) {
	after := in.Filter.AfterSequence
	if keyset, ok := in.Page.Keyset(); ok {
		var err error
		if after, err = parseSequence(keyset); err != nil {
			return nil, err
		}
	}
	where := []predicate.ThreadEvent{threadevent.ThreadID(in.ID), threadevent.SequenceGT(after)}
	if in.Filter.Type != nil {
		where = append(where, threadevent.TypeEQ(*in.Filter.Type))
	}
	rows, err := tx.ThreadEvent.Query().Where(where...).Order(threadevent.BySequence()).Limit(in.Page.Limit()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	if len(rows) == 0 {
		// Distinguish a thread without matching events from a thread that does not exist.
		if _, err := tx.ThreadStore().Get(ctx, in.ID); err != nil {
			return nil, err
		}
	}
	key := func(e *ent.ThreadEvent) []byte { return sequenceKey(e.Sequence) }
	return &listEventsOutput{Body: api.NewList(&in.Page, rows, key)}, nil
}

// latest reads the newest events of a thread up to a sequence number, oldest first: at most includedEvents, or fewer
// if they are larger than a page.
func latest(ctx context.Context, tx *ent.Tx, id uuid.UUID, until int64) ([]*ent.ThreadEvent, error) {
	ctx = entpgx.WithRowBudget(ctx, entpgx.NewRowBudget(api.MaxPageBytes))
	rows, err := tx.ThreadEvent.Query().
		Where(threadevent.ThreadID(id), threadevent.SequenceGT(until-includedEvents), threadevent.SequenceLTE(until)).
		Order(threadevent.BySequence(entsql.OrderDesc())).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the latest events: %w", err)
	}
	slices.Reverse(rows)
	return rows, nil
}

// sequenceKey returns the keyset of a page of events.
func sequenceKey(sequence int64) []byte { return fmt.Appendf(nil, "%d", sequence) }

func parseSequence(keyset []byte) (int64, error) {
	var sequence int64
	if _, err := fmt.Sscanf(string(keyset), "%d", &sequence); err != nil {
		return 0, api.InvalidKeyset()
	}
	return sequence, nil
}

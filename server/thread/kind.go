package thread

import (
	"fmt"
	"reflect"

	"github.com/google/uuid"
	"github.com/invopop/jsonschema"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/server/api/openapi"
)

// kind describes a type of event: the schema of its payload, the schema's version, and whether only the service
// appends it.
type kind struct {
	name    datatype.ThreadEventType
	version int
	payload any
	system  bool
}

// kinds lists all types of events. If the schema of a payload changes, its version is increased; stored events keep
// their version.
var kinds = []kind{
	{"thread.created", 1, ThreadCreated{}, true},
	{"thread.updated", 1, ThreadUpdated{}, false},
	{"thread.paused", 1, ThreadPaused{}, false},
	{"thread.resumed", 1, ThreadResumed{}, false},
	{"thread.completed", 1, ThreadCompleted{}, false},
	{"thread.archived", 1, ThreadArchived{}, false},
	{"intent.refined", 1, IntentRefined{}, false},
	{"decision.recorded", 1, DecisionRecorded{}, false},
	{"decision.revised", 1, DecisionRevised{}, false},
	{"action.proposed", 1, ActionProposed{}, false},
	{"action.executed", 1, ActionExecuted{}, false},
	{"note.added", 1, NoteAdded{}, false},
	{"link.added", 1, LinkAdded{}, false},
	{"checkpoint.requested", 1, CheckpointRequested{}, true},
	{"checkpoint.approved", 1, CheckpointApproved{}, true},
	{"checkpoint.rejected", 1, CheckpointRejected{}, true},
	{"checkpoint.expired", 1, CheckpointExpired{}, true},
}

// versionOf returns the current version of the payload schema of a type.
func versionOf(name datatype.ThreadEventType) int {
	for _, k := range kinds {
		if k.name == name {
			return k.version
		}
	}
	panic(fmt.Sprintf("thread: there is no event type %q", name)) // The schema allows no other types.
}

// ThreadCreated is the payload of thread.created: the initial state of the thread.
type ThreadCreated struct {
	FoundingIntent string              `json:"founding_intent"`
	Sphere         datatype.SphereType `json:"sphere"`
	Type           datatype.ThreadType `json:"type"`
	Visibility     datatype.Visibility `json:"visibility"`
	Title          *string             `json:"title"`
	ParentThreadID *uuid.UUID          `json:"parent_thread_id"`
	Tags           datatype.Texts      `json:"tags"`
}

// JSONSchemaExtend adds the limits and descriptions of the columns.
func (ThreadCreated) JSONSchemaExtend(s *jsonschema.Schema) { ent.Thread{}.JSONSchemaExtend(s) }

// ThreadUpdated is the payload of thread.updated: the changed fields with their new values.
type ThreadUpdated struct {
	Type           *datatype.ThreadType `json:"type,omitempty"`
	Visibility     *datatype.Visibility `json:"visibility,omitempty"`
	Title          *string              `json:"title,omitempty"`
	ParentThreadID *uuid.UUID           `json:"parent_thread_id,omitempty"`
	Tags           datatype.Texts       `json:"tags,omitempty"`
}

// JSONSchemaExtend adds the limits and descriptions of the columns.
func (ThreadUpdated) JSONSchemaExtend(s *jsonschema.Schema) {
	ent.Thread{}.JSONSchemaExtend(s)
	one := uint64(1)
	s.MinProperties = &one
	// null clears an optional field. The type and the visibility are not optional.
	for _, name := range []string{"type", "visibility"} {
		if p, ok := s.Properties.Get(name); ok && p.Ref != "" {
			s.Properties.Set(name, &jsonschema.Schema{AllOf: []*jsonschema.Schema{{Ref: p.Ref}}, Description: p.Description})
		}
	}
}

// ThreadPaused is the payload of thread.paused.
type ThreadPaused struct {
	Reason *string `json:"reason,omitempty" jsonschema:"minLength=1,maxLength=2000" jsonschema_description:"Reason for the pause."`
}

// ThreadResumed is the payload of thread.resumed.
type ThreadResumed struct {
	Reason *string `json:"reason,omitempty" jsonschema:"minLength=1,maxLength=2000" jsonschema_description:"Reason to resume the thread."`
}

// ThreadCompleted is the payload of thread.completed.
type ThreadCompleted struct {
	Outcome *string `json:"outcome,omitempty" jsonschema:"minLength=1,maxLength=10000" jsonschema_description:"Outcome of the thread."`
}

// ThreadArchived is the payload of thread.archived.
type ThreadArchived struct {
	Reason *string `json:"reason,omitempty" jsonschema:"minLength=1,maxLength=2000" jsonschema_description:"Reason to archive the thread."`
}

// IntentRefined is the payload of intent.refined. The founding intent itself
// never changes.
type IntentRefined struct {
	Intent string  `json:"intent"           jsonschema:"minLength=1,maxLength=2000" jsonschema_description:"More precise purpose of the thread."`
	Reason *string `json:"reason,omitempty" jsonschema:"minLength=1,maxLength=2000" jsonschema_description:"Reason for the new wording."`
}

// DecisionRecorded is the payload of decision.recorded.
type DecisionRecorded struct {
	Decision     string   `json:"decision"               jsonschema:"minLength=1,maxLength=10000" jsonschema_description:"Decision that was reached."`
	Rationale    *string  `json:"rationale,omitempty"    jsonschema:"minLength=1,maxLength=10000" jsonschema_description:"Reasons for the decision."`
	Alternatives []string `json:"alternatives,omitempty" jsonschema:"maxItems=32" item_max_length:"2000" jsonschema_description:"Alternatives that were considered."`
}

// DecisionRevised is the payload of decision.revised.
type DecisionRevised struct {
	DecisionEventID uuid.UUID `json:"decision_event_id"   jsonschema_description:"Id of the event in the same thread that recorded or last revised the decision."`
	Decision        string    `json:"decision"            jsonschema:"minLength=1,maxLength=10000" jsonschema_description:"Decision that replaces the earlier decision."`
	Reason          *string   `json:"reason,omitempty"    jsonschema:"minLength=1,maxLength=10000" jsonschema_description:"Reason for the change."`
}

// ActionProposed is the payload of action.proposed.
type ActionProposed struct {
	Action       string          `json:"action"                  jsonschema:"minLength=1,maxLength=2000" jsonschema_description:"Action that is proposed."`
	ResourceType *string         `json:"resource_type,omitempty" jsonschema:"minLength=1,maxLength=120" jsonschema_description:"Kind of the affected resource."`
	ResourceID   *uuid.UUID      `json:"resource_id,omitempty"   jsonschema_description:"Id of the affected resource."`
	Details      datatype.Object `json:"details,omitempty"       jsonschema_description:"Further details, in a form that clients define."`
}

// ActionExecuted is the payload of action.executed.
type ActionExecuted struct {
	ProposalEventID *uuid.UUID      `json:"proposal_event_id,omitempty" jsonschema_description:"Id of the event in the same thread that proposed the action."`
	Action          string          `json:"action"                      jsonschema:"minLength=1,maxLength=2000" jsonschema_description:"Action that was executed."`
	Outcome         string          `json:"outcome"                     jsonschema:"enum=success,enum=failure" jsonschema_description:"Outcome of the action."`
	Result          *string         `json:"result,omitempty"            jsonschema:"minLength=1,maxLength=10000" jsonschema_description:"Result of the action, as free text."`
	ResourceType    *string         `json:"resource_type,omitempty"     jsonschema:"minLength=1,maxLength=120" jsonschema_description:"Kind of the affected resource."`
	ResourceID      *uuid.UUID      `json:"resource_id,omitempty"       jsonschema_description:"Id of the affected resource."`
	Details         datatype.Object `json:"details,omitempty"           jsonschema_description:"Further details, in a form that clients define."`
}

// NoteAdded is the payload of note.added.
type NoteAdded struct {
	Text string `json:"text" jsonschema:"minLength=1,maxLength=200000" jsonschema_description:"Text of the note." example:"\"Called the printer: two weeks.\""`
}

// LinkAdded is the payload of link.added.
type LinkAdded struct {
	URI      string  `json:"uri"                jsonschema:"format=uri,minLength=1,maxLength=2048" jsonschema_description:"URI of the linked resource."`
	Title    *string `json:"title,omitempty"    jsonschema:"minLength=1,maxLength=300" jsonschema_description:"Title of the linked resource."`
	Relation *string `json:"relation,omitempty" jsonschema:"minLength=1,maxLength=120" jsonschema_description:"Relation of the linked resource to the thread."`
}

// JSONSchemaExtend limits the schemes of the URI.
func (LinkAdded) JSONSchemaExtend(s *jsonschema.Schema) { datatype.LimitURI(s, "uri") }

// CheckpointRequested is the payload of checkpoint.requested.
type CheckpointRequested struct {
	checkpointStep
	Type         datatype.CheckpointType `json:"type"                  jsonschema_description:"Reason for the approval, as a category."`
	Action       string                  `json:"action"                jsonschema_description:"Action to approve."`
	ResourceType *string                 `json:"resource_type,omitempty" jsonschema_description:"Kind of the affected resource."`
	ResourceID   *uuid.UUID              `json:"resource_id,omitempty"   jsonschema_description:"Id of the affected resource."`
}

// CheckpointApproved is the payload of checkpoint.approved.
type CheckpointApproved struct {
	checkpointStep
	Reason *string `json:"reason,omitempty" jsonschema_description:"Reason that the approver gave."`
}

// CheckpointRejected is the payload of checkpoint.rejected.
type CheckpointRejected struct {
	checkpointStep
	Reason *string `json:"reason,omitempty" jsonschema_description:"Reason that the approver gave."`
}

// CheckpointExpired is the payload of checkpoint.expired.
type CheckpointExpired struct{ checkpointStep }

// checkpointStep has the fields that the payloads of all events of checkpoints have in common.
type checkpointStep struct {
	CheckpointID uuid.UUID `json:"checkpoint_id"    jsonschema_description:"Id of the checkpoint."`
	Digest       string    `json:"digest,omitempty" jsonschema:"pattern=^[0-9a-f]{64}$" jsonschema_description:"SHA-256 of the write or action, in hexadecimal."`
}

// appendable returns the types that clients can append.
func appendable() []kind {
	var out []kind
	for _, k := range kinds {
		if !k.system {
			out = append(out, k)
		}
	}
	return out
}

// component returns the reference to the component with the schema of the payload.
func (k kind) component() string { return openapi.ComponentRef(reflect.TypeOf(k.payload)) }

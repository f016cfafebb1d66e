// Package checkpoint is the API of human approvals (Rule #1): the list of requests, the exact changes of each, and
// the decision. The database creates, decides and consumes checkpoints (policies/functions/checkpoint.sql). Package
// refusal requests the checkpoint of a write that a gate rejected.
package checkpoint

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/session"
)

const path = "/v1/checkpoints"

// Mount registers the operations.
func Mount(a *api.API) {
	api.Handle(a, api.Op{
		ID: "create-checkpoint", Method: http.MethodPost, Path: path, Tag: "checkpoints", Status: http.StatusCreated,
		Summary: "Create a checkpoint",
		Description: "Requests an approval of an action that the client defines. The `origin` of the checkpoint is `client`, and the action must not start with insert, update, " +
			"delete or erase, which describe writes. A repeated request returns the same checkpoint. " +
			"A gated write needs no such request: its response, 423, contains the checkpoint. " +
			"At most 20 checkpoints of one agent can be pending, 100 of all agents together, and 100 of the human. Beyond that, the response is 409 `too_many_pending`. " +
			"If a text contains a character from U+202A to U+202E or from U+2066 to U+2069, the response is 422 `bidirectional_control`.",
		Responses: map[int]string{http.StatusCreated: "The checkpoint was created."},
	}, create)
	api.Handle(a, api.Op{
		ID: "list-checkpoints", Method: http.MethodGet, Path: path, Tag: "checkpoints",
		Summary:     "List checkpoints",
		Description: "Returns checkpoints without their payloads, newest first. With `status=pending`, the list contains all undecided requests.",
		Responses:   map[int]string{http.StatusOK: "A page of checkpoints."},
	}, list)
	api.Handle(a, api.Op{
		ID: "count-checkpoints", Method: http.MethodGet, Path: path + "/count", Tag: "checkpoints",
		Summary:     "Count checkpoints",
		Description: "Returns the number of checkpoints that match all given filters.",
		Responses:   map[int]string{http.StatusOK: "The number of matching checkpoints."},
	}, api.Counter((*ent.Tx).CheckpointStore, func(n int) CheckpointCount { return CheckpointCount{n} }))
	// The response can contain a row whose reads are recorded.
	api.Handle(a, api.Op{
		ID: "get-checkpoint", Method: http.MethodGet, Path: path + "/{id}", Tag: "checkpoints", AuditedRead: true,
		Summary:     "Get a checkpoint",
		Description: "Returns the checkpoint with its payload, which is the exact write or action, and with the changes that it would cause to the current data.",
		Responses:   map[int]string{http.StatusOK: "The requested checkpoint."},
	}, get)
	api.Handle(a, api.Op{
		ID: "approve-checkpoint", Method: http.MethodPost, Path: path + "/{id}/approve", Tag: "checkpoints", HumansOnly: true,
		Summary: "Approve a checkpoint",
		Description: "Approves the write or action with this digest. The approval can be used once. Only the owner can decide, not an agent. The approval of a " +
			"checkpoint of the type `cost`, `governance` or `identity`, and of the owner's own request, requires an authentication within the last " +
			"5 minutes, otherwise the response is 403 `recent_authentication_required` (see `POST /v1/auth/step-up`). A repeated approval has the " +
			"same response. If the checkpoint was rejected, the response is 409.",
		Responses: map[int]string{http.StatusOK: "The approved checkpoint."},
	}, approve)
	api.Handle(a, api.Op{
		ID: "reject-checkpoint", Method: http.MethodPost, Path: path + "/{id}/reject", Tag: "checkpoints", HumansOnly: true,
		Summary: "Reject a checkpoint",
		Description: "Rejects the request with a reason. Only the owner can decide, not an agent. For a checkpoint of the type `cost`, `governance` or `identity`, the " +
			"rejection requires an authentication within the last 5 minutes, as the approval does. If the checkpoint was approved, the response is 409.",
		Responses: map[int]string{http.StatusOK: "The rejected checkpoint."},
	}, reject)
	api.Handle(a, api.Op{
		ID: "withdraw-checkpoint", Method: http.MethodPost, Path: path + "/{id}/withdraw", Tag: "checkpoints",
		Summary:     "Withdraw a checkpoint",
		Description: "Withdraws a pending request. Only its requester can withdraw it. The checkpoint is reported as `expired` afterwards.",
		Responses:   map[int]string{http.StatusOK: "The withdrawn checkpoint."},
	}, withdraw)
	api.Handle(a, api.Op{
		ID: "consume-checkpoint", Method: http.MethodPost, Path: path + "/{id}/consume", Tag: "checkpoints",
		Summary:     "Use an approval",
		Description: "Uses the approval of an action that the client defines. Only the requester can use it, and only once. The approval of a write is used by that write.",
		Responses:   map[int]string{http.StatusOK: "The checkpoint with the used approval."},
	}, consume)
}

// CheckpointItem is a checkpoint without its payload.
type CheckpointItem struct {
	ID              uuid.UUID                 `json:"id"                jsonschema_description:"Unique identifier of the checkpoint, a UUIDv7."`
	Sphere          *datatype.SphereType      `json:"sphere"            jsonschema_description:"Sphere of the affected resource. Null if it belongs to none."`
	Type            datatype.CheckpointType   `json:"type"              jsonschema_description:"Reason for the approval, as a category."`
	Status          datatype.CheckpointStatus `json:"status"            jsonschema_description:"Decision status. A pending checkpoint past expires_at is reported as expired."`
	Origin          datatype.CheckpointOrigin `json:"origin"            jsonschema_description:"Origin of the request. write: the database refused a write, and the payload is exactly that write. client: a client described an action in its own words, and the database enforces nothing about it."`
	Action          string                    `json:"action"            jsonschema_description:"Action to approve."`
	ResourceType    string                    `json:"resource_type"     jsonschema_description:"Kind of the affected resource."`
	ResourceID      *uuid.UUID                `json:"resource_id"       jsonschema_description:"Id of the affected resource. Null for a resource that the action creates."`
	ResourceVersion *int64                    `json:"resource_version"  jsonschema_description:"Version of the affected resource that the request covers."`
	Digest          datatype.Digest           `json:"digest"            jsonschema_description:"SHA-256 of the payload's canonical text. A decision must repeat it."`
	Reason          *string                   `json:"reason"            jsonschema_description:"Reason of the decision."`
	RequestedBy     uuid.UUID                 `json:"requested_by"      jsonschema_description:"Id of the requester: the identity itself or one of its agents."`
	RequestedByKind datatype.ActorKind        `json:"requested_by_kind" jsonschema_description:"Type of the requester: human, agent or system."`
	DecidedBy       *uuid.UUID                `json:"decided_by"        jsonschema_description:"Id of the identity that decided. Null if there is no decision."`
	DecidedAt       *time.Time                `json:"decided_at"        jsonschema_description:"Time of the decision. Null if there is no decision."`
	ExpiresAt       time.Time                 `json:"expires_at"        jsonschema_description:"Time after which the checkpoint can no longer be decided."`
	UseBefore       *time.Time                `json:"use_before"        jsonschema_description:"Time after which the approval can no longer be used."`
	ConsumedAt      *time.Time                `json:"consumed_at"       jsonschema_description:"Time when the approval was used. An approval can be used once."`
	ThreadID        *uuid.UUID                `json:"thread_id"         jsonschema_description:"Id of the thread that records the steps of the checkpoint."`
	CreatedAt       time.Time                 `json:"created_at"        jsonschema_description:"Time when the approval was requested."`
	Version         int64                     `json:"version"           jsonschema_description:"Version number, starting at 1."`
}

func item(row *ent.Checkpoint) CheckpointItem {
	return CheckpointItem{
		ID: row.ID, Sphere: row.Sphere, Type: row.Type, Status: row.Status, Origin: row.Origin, Action: row.Action,
		ResourceType: row.ResourceType, ResourceID: row.ResourceID, ResourceVersion: row.ResourceVersion,
		Digest: row.Digest, Reason: row.Reason, RequestedBy: row.RequestedBy, RequestedByKind: row.RequestedByKind,
		DecidedBy: row.DecidedBy, DecidedAt: row.DecidedAt, ExpiresAt: row.ExpiresAt, UseBefore: row.UseBefore,
		ConsumedAt: row.ConsumedAt, ThreadID: row.ThreadID, CreatedAt: row.CreatedAt, Version: row.Version,
	}
}

type itemOutput struct {
	ETag api.ETag `header:"ETag" jsonschema_description:"Entity tag: the version of the checkpoint and a hash of its current status."`
	Body CheckpointItem
}

func answer(ctx context.Context, tx *ent.Tx, id uuid.UUID) (*itemOutput, error) {
	row, err := tx.CheckpointStore().Get(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read a checkpoint: %w", err)
	}
	tag, err := api.VersionTag(row.Version).With(row.Status)
	return &itemOutput{ETag: tag, Body: item(row)}, err
}

type listInput struct {
	Page   api.Page
	Filter ent.CheckpointFilter
}

type listOutput struct {
	Body api.List[CheckpointItem]
}

func list(ctx context.Context, tx *ent.Tx, in *listInput) (*listOutput, error) {
	page, err := api.ListStore(ctx, tx.CheckpointStore(), &in.Page, &in.Filter)
	if err != nil {
		return nil, fmt.Errorf("list checkpoints: %w", err)
	}
	return &listOutput{Body: api.MapList(page, item)}, nil
}

// CheckpointCount is the response body of count-checkpoints.
type CheckpointCount struct {
	Count int `json:"count" jsonschema:"minimum=0" jsonschema_description:"Number of matching checkpoints."`
}

// CheckpointRequest is a request to approve an action that a client defines.
type CheckpointRequest struct {
	Type            datatype.CheckpointType `json:"type"                       jsonschema_description:"Reason for the approval, as a category."                                  example:"\"cross_sphere\""`
	Sphere          *datatype.SphereType    `json:"sphere,omitempty"           jsonschema_description:"Sphere of the affected resource. Null if it belongs to none."`
	Action          string                  `json:"action"                     jsonschema:"minLength=1,maxLength=120" jsonschema_description:"Action to approve." example:"\"share the report with the accountant\""`
	ResourceType    string                  `json:"resource_type"              jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Kind of the affected resource." example:"\"report\""`
	ResourceID      *uuid.UUID              `json:"resource_id,omitempty"      jsonschema_description:"Id of the affected resource."`
	ResourceVersion *int64                  `json:"resource_version,omitempty" jsonschema_description:"Version of the affected resource that the request covers."`
	ThreadID        *uuid.UUID              `json:"thread_id,omitempty"        jsonschema_description:"Id of the thread that records the steps of the checkpoint."`
	Content         map[string]any          `json:"content,omitempty"          jsonschema_description:"Everything that the human needs to know for the decision, in a form that clients define."`
	LifetimeSeconds *int                    `json:"lifetime_seconds,omitempty" jsonschema:"minimum=1,maximum=604800" jsonschema_description:"Number of seconds in which the checkpoint can be decided and the approval used. The default is 24 hours, and 15 minutes for the types cost and identity."`
}

type createInput struct {
	Body CheckpointRequest
}

type createOutput struct {
	Location string   `header:"Location" jsonschema_description:"Path of the checkpoint."`
	ETag     api.ETag `header:"ETag"     jsonschema_description:"Entity tag: the version of the checkpoint and a hash of its current status."`
	Body     CheckpointItem
}

const requestSQL = `SELECT id FROM app.request_checkpoint($1, make_interval(secs => $2))`

func create(ctx context.Context, tx *ent.Tx, in *createInput) (*createOutput, error) {
	caller, err := api.Caller(ctx)
	if err != nil {
		return nil, err
	}
	b := in.Body
	if b.Content == nil {
		b.Content = map[string]any{}
	}
	payload, err := json.Marshal(map[string]any{
		"identity": caller.ID, "type": b.Type, "sphere": b.Sphere, "resource_type": b.ResourceType, "action": b.Action,
		"resource_id": b.ResourceID, "resource_version": b.ResourceVersion, "thread_id": b.ThreadID, "content": b.Content,
	})
	if err != nil {
		return nil, fmt.Errorf("marshal a payload: %w", err)
	}
	var id uuid.UUID
	if err := session.One(ctx, tx, requestSQL, []any{string(payload), b.LifetimeSeconds}, &id); err != nil {
		return nil, fmt.Errorf("ask for an approval: %w", err)
	}
	out, err := answer(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	return &createOutput{Location: path + "/" + id.String(), ETag: out.ETag, Body: out.Body}, nil
}

// Approval approves the checkpoint with the digest.
type Approval struct {
	Digest datatype.Digest `json:"digest"           jsonschema_description:"Digest of the checkpoint that the human reviewed."`
	Reason *string         `json:"reason,omitempty" jsonschema:"maxLength=2000" jsonschema_description:"Reason of the decision."`
}

// Rejection rejects the checkpoint with the digest.
type Rejection struct {
	Digest datatype.Digest `json:"digest" jsonschema_description:"Digest of the checkpoint that the human reviewed."`
	Reason string          `json:"reason" jsonschema:"minLength=1,maxLength=2000" jsonschema_description:"Reason of the decision." example:"\"Not this month.\""`
}

// Withdrawal withdraws a request.
type Withdrawal struct {
	Digest datatype.Digest `json:"digest,omitempty" jsonschema_description:"Digest of the withdrawn request."`
	Reason *string         `json:"reason,omitempty" jsonschema:"maxLength=1900" jsonschema_description:"Reason of the withdrawal."`
}

// Consumption uses the approval with the digest.
type Consumption struct {
	Digest datatype.Digest `json:"digest" jsonschema_description:"Digest of the approved action."`
}

const decideSQL = `SELECT app.decide_checkpoint($1, $2, $3, $4)`

type approveInput struct {
	ID   uuid.UUID `path:"id" jsonschema_description:"Id of the checkpoint."`
	Body Approval
}

func approve(ctx context.Context, tx *ent.Tx, in *approveInput) (*itemOutput, error) {
	if _, err := tx.ExecContext(ctx, decideSQL, in.ID, []byte(in.Body.Digest), "approved", in.Body.Reason); err != nil {
		return nil, fmt.Errorf("approve a checkpoint: %w", err)
	}
	return answer(ctx, tx, in.ID)
}

type rejectInput struct {
	ID   uuid.UUID `path:"id" jsonschema_description:"Id of the checkpoint."`
	Body Rejection
}

func reject(ctx context.Context, tx *ent.Tx, in *rejectInput) (*itemOutput, error) {
	if _, err := tx.ExecContext(ctx, decideSQL, in.ID, []byte(in.Body.Digest), "rejected", in.Body.Reason); err != nil {
		return nil, fmt.Errorf("reject a checkpoint: %w", err)
	}
	return answer(ctx, tx, in.ID)
}

type withdrawInput struct {
	ID   uuid.UUID `path:"id" jsonschema_description:"Id of the checkpoint."`
	Body Withdrawal
}

const withdrawSQL = `SELECT app.withdraw_checkpoint($1, $2)`

func withdraw(ctx context.Context, tx *ent.Tx, in *withdrawInput) (*itemOutput, error) {
	if _, err := tx.ExecContext(ctx, withdrawSQL, in.ID, in.Body.Reason); err != nil {
		return nil, fmt.Errorf("withdraw a checkpoint: %w", err)
	}
	out, err := answer(ctx, tx, in.ID)
	if err == nil && in.Body.Digest != nil && in.Body.Digest.String() != out.Body.Digest.String() {
		return nil, problem.New(http.StatusConflict, "digest_mismatch", "The request names another digest than the checkpoint has. Get the checkpoint again.")
	}
	return out, err
}

type consumeInput struct {
	ID   uuid.UUID `path:"id" jsonschema_description:"Id of the checkpoint."`
	Body Consumption
}

const consumeSQL = `SELECT app.consume_checkpoint($1, $2)`

func consume(ctx context.Context, tx *ent.Tx, in *consumeInput) (*itemOutput, error) {
	if _, err := tx.ExecContext(ctx, consumeSQL, in.ID, []byte(in.Body.Digest)); err != nil {
		return nil, fmt.Errorf("use an approval: %w", err)
	}
	return answer(ctx, tx, in.ID)
}

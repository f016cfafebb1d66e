// Package checkpoint is human approval as clients see it (Rule #1): the inbox of what waits,
// exactly what each request would do, and the decision. The database makes, decides and uses
// checkpoints (policies/functions/checkpoint.sql); what a gate refused becomes one in package
// session.
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
	op := func(id, method, suffix, summary, description string) api.Op {
		return api.Op{ID: id, Method: method, Path: path + suffix, Tag: "checkpoints", Summary: summary, Description: description}
	}
	create := op("create-checkpoint", http.MethodPost, "", "Ask for an approval",
		"Asks for the approval of an action that the client defines. Its origin is client, and the action must not begin with insert, update, "+
			"delete or erase, which describe writes. The same request again gives the same checkpoint. "+
			"Gated writes ask by themselves: their refusal, 423, names the checkpoint. "+
			"At most 20 requests of one agent may be pending, 100 of all agents together, and 100 of the human: one more is 409 too_many_pending. "+
			"Text with the characters U+202A to U+202E or U+2066 to U+2069 is 422 bidirectional_control.")
	create.Status = http.StatusCreated
	api.Handle(a, create, request)
	api.Handle(a, op("list-checkpoints", http.MethodGet, "", "List checkpoints, newest first",
		"With status=pending it is the inbox. What exactly is asked for stands in each one."), list)
	api.Handle(a, op("count-checkpoints", http.MethodGet, "/count", "Count checkpoints", "How many meet the filters."), count)
	get := op("get-checkpoint", http.MethodGet, "/{id}", "Read a checkpoint",
		"With the payload, that is exactly what would be done, and how it differs from what stands.")
	get.AuditedRead = true // it may show a row whose reading is recorded
	api.Handle(a, get, read)
	decide := func(id, suffix, summary, description string) api.Op {
		o := op(id, http.MethodPost, suffix, summary, description)
		o.HumansOnly = true
		return o
	}
	api.Handle(a, decide("approve-checkpoint", "/{id}/approve", "Approve",
		"Approves the write or action that has this digest. The approval is used once. Only the owner decides, as a human. A decision of the "+
			"type `cost`, `governance` or `identity`, and the approval of the owner's own request, need an authentication within the last "+
			"5 minutes, else they are 403 `recent_authentication_required` (see `POST /v1/auth/step-up`). Repeating the decision returns the "+
			"same answer; the opposite decision is 409."), approve)
	api.Handle(a, decide("reject-checkpoint", "/{id}/reject", "Reject",
		"Rejects the request, with a reason. Only the owner decides, as a human. A checkpoint of the type `cost`, `governance` or `identity` "+
			"needs an authentication within the last 5 minutes, as its approval does."), reject)
	api.Handle(a, op("withdraw-checkpoint", http.MethodPost, "/{id}/withdraw", "Withdraw",
		"Takes a pending request back, by who made it. It reads as expired then."), withdraw)
	api.Handle(a, op("consume-checkpoint", http.MethodPost, "/{id}/consume", "Use an approval",
		"Uses the approval of an action that the client defines, once, by who asked for it. The approval of a write is used by that write."), consume)
}

// CheckpointItem is a checkpoint without its payload.
type CheckpointItem struct {
	ID              uuid.UUID                 `json:"id"`
	Sphere          *datatype.SphereType      `json:"sphere"            jsonschema_description:"The sphere that the action belongs to."`
	Type            datatype.CheckpointType   `json:"type"              jsonschema_description:"Why it needs a human."`
	Status          datatype.CheckpointStatus `json:"status"            jsonschema_description:"How far it was decided; a pending one past its time reads as expired."`
	Origin          datatype.CheckpointOrigin `json:"origin"            jsonschema_description:"write: the database refused exactly this write and describes it. client: a client describes an action in its own words, and nothing in the database is bound to it."`
	Action          string                    `json:"action"            jsonschema_description:"What is to be done."`
	ResourceType    string                    `json:"resource_type"     jsonschema_description:"What kind of thing it is to be done to."`
	ResourceID      *uuid.UUID                `json:"resource_id"       jsonschema_description:"Which one; null for one that is yet to be made."`
	ResourceVersion *int64                    `json:"resource_version"  jsonschema_description:"In which version."`
	Digest          datatype.Digest           `json:"digest"            jsonschema_description:"SHA-256 of the payload's text; a decision names it."`
	Reason          *string                   `json:"reason"            jsonschema_description:"Why it was decided so."`
	RequestedBy     uuid.UUID                 `json:"requested_by"      jsonschema_description:"Who asked: the identity itself or one of its agents."`
	RequestedByKind datatype.ActorKind        `json:"requested_by_kind" jsonschema_description:"What kind of actor that was."`
	DecidedBy       *uuid.UUID                `json:"decided_by"        jsonschema_description:"The human who decided."`
	DecidedAt       *time.Time                `json:"decided_at"        jsonschema_description:"When it was decided."`
	ExpiresAt       time.Time                 `json:"expires_at"        jsonschema_description:"Until when it can be decided."`
	UseBefore       *time.Time                `json:"use_before"        jsonschema_description:"Until when the approval can be used."`
	ConsumedAt      *time.Time                `json:"consumed_at"       jsonschema_description:"When the approval was used; it can be used once."`
	ThreadID        *uuid.UUID                `json:"thread_id"         jsonschema_description:"The thread that it belongs to."`
	CreatedAt       time.Time                 `json:"created_at"        jsonschema_description:"When it was asked for."`
	Version         int64                     `json:"version"           jsonschema_description:"Counts its changes from 1."`
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

type byID struct {
	ID uuid.UUID `path:"id" jsonschema_description:"Which one."`
}

type itemOutput struct {
	ETag api.ETag `header:"ETag" jsonschema_description:"The checkpoint's version, with a hash of its status at the time."`
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
	var before *ent.Position
	if keyset, ok := in.Page.Keyset(); ok {
		key, err := api.ParseKey(keyset)
		if err != nil {
			return nil, err
		}
		before = (*ent.Position)(&key)
	}
	rows, err := tx.CheckpointStore().List(ctx, &in.Filter, before, in.Page.Limit())
	if err != nil {
		return nil, fmt.Errorf("list checkpoints: %w", err)
	}
	items := make([]CheckpointItem, len(rows))
	for i, row := range rows {
		items[i] = item(row)
	}
	return &listOutput{Body: api.NewList(&in.Page, items, func(c CheckpointItem) []byte { return api.Key{ID: c.ID}.Bytes() })}, nil
}

type countInput struct {
	Filter ent.CheckpointFilter
}

// CheckpointCount is how many checkpoints a filter leaves.
type CheckpointCount struct {
	Count int `json:"count" jsonschema:"minimum=0" jsonschema_description:"How many there are."`
}

type countOutput struct {
	Body CheckpointCount
}

func count(ctx context.Context, tx *ent.Tx, in *countInput) (*countOutput, error) {
	n, err := tx.CheckpointStore().Count(ctx, &in.Filter)
	if err != nil {
		return nil, fmt.Errorf("count checkpoints: %w", err)
	}
	return &countOutput{Body: CheckpointCount{n}}, nil
}

// CheckpointRequest is an action that a client defines and wants approved.
type CheckpointRequest struct {
	Type            datatype.CheckpointType `json:"type"                       jsonschema_description:"Why it needs a human."                                  example:"\"cross_sphere\""`
	Sphere          *datatype.SphereType    `json:"sphere,omitempty"           jsonschema_description:"The sphere that the action belongs to."`
	Action          string                  `json:"action"                     jsonschema:"minLength=1,maxLength=120" jsonschema_description:"What is to be done." example:"\"share the report with the accountant\""`
	ResourceType    string                  `json:"resource_type"              jsonschema:"minLength=1,maxLength=64" jsonschema_description:"What kind of thing it is to be done to." example:"\"report\""`
	ResourceID      *uuid.UUID              `json:"resource_id,omitempty"      jsonschema_description:"Which one."`
	ResourceVersion *int64                  `json:"resource_version,omitempty" jsonschema_description:"In which version."`
	ThreadID        *uuid.UUID              `json:"thread_id,omitempty"        jsonschema_description:"The thread that it belongs to."`
	Content         map[string]any          `json:"content,omitempty"          jsonschema_description:"All that the human has to know."`
	LifetimeSeconds *int                    `json:"lifetime_seconds,omitempty" jsonschema:"minimum=1,maximum=604800" jsonschema_description:"How long it can be decided, and the approval be used: by default 24 hours, and 15 minutes for cost and identity."`
}

type requestInput struct {
	Body CheckpointRequest
}

type requestOutput struct {
	Location string   `header:"Location" jsonschema_description:"Where it can be read."`
	ETag     api.ETag `header:"ETag"     jsonschema_description:"The checkpoint's version, with a hash of its status at the time."`
	Body     CheckpointItem
}

const requestSQL = `SELECT id FROM app.request_checkpoint($1, make_interval(secs => $2))`

func request(ctx context.Context, tx *ent.Tx, in *requestInput) (*requestOutput, error) {
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
	return &requestOutput{Location: path + "/" + id.String(), ETag: out.ETag, Body: out.Body}, nil
}

// Approval approves what has the digest.
type Approval struct {
	Digest datatype.Digest `json:"digest"           jsonschema_description:"The digest that was shown: what exactly is decided."`
	Reason *string         `json:"reason,omitempty" jsonschema:"maxLength=2000" jsonschema_description:"Why."`
}

// Rejection rejects what has the digest.
type Rejection struct {
	Digest datatype.Digest `json:"digest" jsonschema_description:"The digest that was shown: what exactly is decided."`
	Reason string          `json:"reason" jsonschema:"minLength=1,maxLength=2000" jsonschema_description:"Why." example:"\"Not this month.\""`
}

// Withdrawal takes a request back.
type Withdrawal struct {
	Digest datatype.Digest `json:"digest,omitempty" jsonschema_description:"The digest of what is withdrawn."`
	Reason *string         `json:"reason,omitempty" jsonschema:"maxLength=1900" jsonschema_description:"Why."`
}

// Consumption uses the approval of what has the digest.
type Consumption struct {
	Digest datatype.Digest `json:"digest" jsonschema_description:"The digest of what was approved."`
}

const decideSQL = `SELECT app.decide_checkpoint($1, $2, $3, $4)`

type approveInput struct {
	ID   uuid.UUID `path:"id" jsonschema_description:"Which one."`
	Body Approval
}

func approve(ctx context.Context, tx *ent.Tx, in *approveInput) (*itemOutput, error) {
	if _, err := tx.ExecContext(ctx, decideSQL, in.ID, []byte(in.Body.Digest), "approved", in.Body.Reason); err != nil {
		return nil, fmt.Errorf("approve a checkpoint: %w", err)
	}
	return answer(ctx, tx, in.ID)
}

type rejectInput struct {
	ID   uuid.UUID `path:"id" jsonschema_description:"Which one."`
	Body Rejection
}

func reject(ctx context.Context, tx *ent.Tx, in *rejectInput) (*itemOutput, error) {
	if _, err := tx.ExecContext(ctx, decideSQL, in.ID, []byte(in.Body.Digest), "rejected", in.Body.Reason); err != nil {
		return nil, fmt.Errorf("reject a checkpoint: %w", err)
	}
	return answer(ctx, tx, in.ID)
}

type withdrawInput struct {
	ID   uuid.UUID `path:"id" jsonschema_description:"Which one."`
	Body Withdrawal
}

const withdrawSQL = `SELECT app.withdraw_checkpoint($1, $2)`

func withdraw(ctx context.Context, tx *ent.Tx, in *withdrawInput) (*itemOutput, error) {
	if _, err := tx.ExecContext(ctx, withdrawSQL, in.ID, in.Body.Reason); err != nil {
		return nil, fmt.Errorf("withdraw a checkpoint: %w", err)
	}
	out, err := answer(ctx, tx, in.ID)
	if err == nil && in.Body.Digest != nil && in.Body.Digest.String() != out.Body.Digest.String() {
		return nil, problem.New(http.StatusConflict, "digest_mismatch", "The request names another digest than the checkpoint has. Read it again.")
	}
	return out, err
}

type consumeInput struct {
	ID   uuid.UUID `path:"id" jsonschema_description:"Which one."`
	Body Consumption
}

const consumeSQL = `SELECT app.consume_checkpoint($1, $2)`

func consume(ctx context.Context, tx *ent.Tx, in *consumeInput) (*itemOutput, error) {
	if _, err := tx.ExecContext(ctx, consumeSQL, in.ID, []byte(in.Body.Digest)); err != nil {
		return nil, fmt.Errorf("use an approval: %w", err)
	}
	return answer(ctx, tx, in.ID)
}

// Package rsvp implements the answers to the invitations to community events. The database counts them, and rejects
// an answer that would exceed the capacity.
package rsvp

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/communityevent"
	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/ent/eventrsvp"
	"github.com/chenu/chenu/server/api"
)

const path = "/v1/community/events/{id}/rsvps"

// Mount registers the operations.
func Mount(a *api.API) {
	api.Handle(a, api.Op{
		ID: "answer-event", Method: http.MethodPost, Path: path, Tag: "community",
		Summary: "Answer an event invitation",
		Description: "Records a contact's answer to the invitation. Each contact has one answer: another request for the same contact replaces it. " +
			"If the event is full, the response to `going` is 409 `event_full`.",
		Responses: map[int]string{http.StatusOK: "The recorded answer."},
		Problems:  []int{http.StatusNotFound, http.StatusConflict},
	}, answer)
	api.Handle(a, api.Op{
		ID: "list-event-answers", Method: http.MethodGet, Path: path, Tag: "community",
		Summary: "List event answers", Problems: []int{http.StatusNotFound},
		Description: "Returns the answers to the invitation to the event, newest first.",
		Responses:   map[int]string{http.StatusOK: "A page of answers."},
	}, list)
}

// EventAnswer is a contact's answer to an invitation.
type EventAnswer struct {
	ContactID uuid.UUID           `json:"contact_id" jsonschema_description:"Id of the contact who answers."`
	Status    datatype.RSVPStatus `json:"status"     jsonschema_description:"Answer of the contact."`
}

type answerInput struct {
	ID   uuid.UUID `path:"id" jsonschema_description:"Id of the event."`
	Body EventAnswer
}

type answerOutput struct {
	Body *ent.EventRSVP
}

// answerSQL stores the answer, or replaces the status of the answer that is stored.
const answerSQL = `INSERT INTO app.event_rsvps (id, created_by, event_id, contact_id, status)
VALUES ($1, nullif(current_setting('app.identity_id', true), '')::uuid, $2, $3, $4)
ON CONFLICT (created_by, event_id, contact_id) DO UPDATE SET status = excluded.status`

func answer(ctx context.Context, tx *ent.Tx, in *answerInput) (*answerOutput, error) {
	if err := api.RequireExists(ctx, tx.CommunityEvent.Query().Where(communityevent.ID(in.ID))); err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("create an id: %w", err)
	}
	if _, err := tx.ExecContext(ctx, answerSQL, id, in.ID, in.Body.ContactID, in.Body.Status); err != nil {
		return nil, err
	}
	row, err := tx.EventRSVP.Query().Where(eventrsvp.EventID(in.ID), eventrsvp.ContactID(in.Body.ContactID)).Only(ctx)
	return &answerOutput{Body: row}, err
}

type listInput struct {
	ID     uuid.UUID            `path:"id" jsonschema_description:"Id of the event."`
	Status *datatype.RSVPStatus `query:"status" jsonschema_description:"Only answers with this status."`
	Page   api.Page
}

type listOutput struct {
	Body api.List[*ent.EventRSVP]
}

func list(ctx context.Context, tx *ent.Tx, in *listInput) (*listOutput, error) {
	if err := api.RequireExists(ctx, tx.CommunityEvent.Query().Where(communityevent.ID(in.ID))); err != nil {
		return nil, err
	}
	query := tx.EventRSVP.Query().Where(eventrsvp.EventID(in.ID))
	if in.Status != nil {
		query.Where(eventrsvp.StatusEQ(*in.Status))
	}
	list, err := api.ListQuery(ctx, query, &in.Page, idOf)
	return &listOutput{Body: list}, err
}

// idOf returns the id of the row, by which the list is ordered.
func idOf(row *ent.EventRSVP) uuid.UUID { return row.ID }

// Package citation implements the citations between academic references.
package citation

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/reference"
	"github.com/chenu/chenu/ent/referencecitation"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/problem"
)

const path = "/v1/scholar/references/{id}/citations"

// Mount registers the operations.
func Mount(a *api.API) {
	api.Handle(a, api.Op{
		ID: "cite-reference", Method: http.MethodPost, Path: path, Tag: "scholar", Status: http.StatusCreated,
		Summary: "Add a citation", Problems: []int{http.StatusNotFound, http.StatusConflict},
		Description: "Records that the reference cites another reference. If it is already recorded, the response is 409.",
		Responses:   map[int]string{http.StatusCreated: "The citation was created."},
	}, create)
	api.Handle(a, api.Op{
		ID: "list-citations", Method: http.MethodGet, Path: path, Tag: "scholar",
		Summary: "List citations", Problems: []int{http.StatusNotFound},
		Description: "Returns the citations of other references by the reference, newest first.",
		Responses:   map[int]string{http.StatusOK: "A page of citations."},
	}, list)
	api.Handle(a, api.Op{
		ID: "delete-citation", Method: http.MethodDelete, Path: path, Tag: "scholar",
		Summary: "Remove a citation", Problems: []int{http.StatusNotFound},
		Description: "Deletes the record that the reference cites another reference. If there is no such citation, the response is 404.",
		Responses:   map[int]string{http.StatusNoContent: "The citation was deleted."},
	}, remove)
}

// CreateCitation is the request body of cite-reference.
type CreateCitation struct {
	CitedID uuid.UUID `json:"cited_id"          jsonschema_description:"Id of the reference that is cited."`
	Locator *string   `json:"locator,omitempty" jsonschema:"minLength=1,maxLength=100" jsonschema_description:"Location in the cited work, such as a page."`
}

type createInput struct {
	ID   uuid.UUID `path:"id" jsonschema_description:"Id of the reference that cites."`
	Body CreateCitation
}

type createOutput struct {
	Body *ent.ReferenceCitation
}

func create(ctx context.Context, tx *ent.Tx, in *createInput) (*createOutput, error) {
	if err := api.RequireExists(ctx, tx.Reference.Query().Where(reference.ID(in.ID))); err != nil {
		return nil, err
	}
	made, err := tx.ReferenceCitation.Create().SetCitingID(in.ID).SetCitedID(in.Body.CitedID).SetNillableLocator(in.Body.Locator).Save(ctx)
	if err != nil {
		return nil, err
	}
	row, err := tx.ReferenceCitation.Get(ctx, made.ID)
	return &createOutput{Body: row}, err
}

type listInput struct {
	ID   uuid.UUID `path:"id" jsonschema_description:"Id of the reference that cites."`
	Page api.Page
}

type listOutput struct {
	Body api.List[*ent.ReferenceCitation]
}

func list(ctx context.Context, tx *ent.Tx, in *listInput) (*listOutput, error) {
	if err := api.RequireExists(ctx, tx.Reference.Query().Where(reference.ID(in.ID))); err != nil {
		return nil, err
	}
	query := tx.ReferenceCitation.Query().Where(referencecitation.CitingID(in.ID))
	list, err := api.ListQuery(ctx, query, &in.Page, idOf)
	return &listOutput{Body: list}, err
}

// idOf returns the id of the row, by which the list is ordered.
func idOf(row *ent.ReferenceCitation) uuid.UUID { return row.ID }

type removeInput struct {
	ID      uuid.UUID `path:"id"        jsonschema_description:"Id of the reference that cites."`
	CitedID uuid.UUID `query:"cited_id" jsonschema:"required" jsonschema_description:"Id of the reference that is cited."`
}

func remove(ctx context.Context, tx *ent.Tx, in *removeInput) (*struct{}, error) {
	n, err := tx.ReferenceCitation.Delete().Where(referencecitation.CitingID(in.ID), referencecitation.CitedID(in.CitedID)).Exec(ctx)
	if err == nil && n == 0 {
		err = problem.NotFound()
	}
	return nil, err
}

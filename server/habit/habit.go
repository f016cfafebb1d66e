// Package habit implements the check-ins of habits. The database derives the streaks from them, in the time zone of
// the identity.
package habit

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/datatype"
	entity "github.com/chenu/chenu/ent/habit"
	"github.com/chenu/chenu/ent/habitcheckin"
	"github.com/chenu/chenu/server/api"
)

const path = "/v1/personal/habits/{id}/check-ins"

// Mount registers the operations.
func Mount(a *api.API) {
	api.Handle(a, api.Op{
		ID: "check-in-habit", Method: http.MethodPost, Path: path, Tag: "personal", Status: http.StatusCreated,
		Summary: "Create a habit check-in", Description: "Records that the habit was performed on a day, by default today, and updates the streaks of the habit.",
		Responses: map[int]string{http.StatusCreated: "The check-in was created."},
		Problems:  []int{http.StatusNotFound},
	}, create)
	api.Handle(a, api.Op{
		ID: "list-habit-check-ins", Method: http.MethodGet, Path: path, Tag: "personal",
		Summary: "List habit check-ins", Problems: []int{http.StatusNotFound},
		Description: "Returns the check-ins of the habit, newest first.",
		Responses:   map[int]string{http.StatusOK: "A page of check-ins."},
	}, list)
}

// CreateHabitCheckIn is the request body of check-in-habit.
type CreateHabitCheckIn struct {
	CheckedInOn *datatype.Date `json:"checked_in_on,omitempty" jsonschema_description:"Date of the check-in. Never in the future; the default is today."`
	Note        *string        `json:"note,omitempty"          jsonschema:"minLength=1,maxLength=2000" jsonschema_description:"Note on the check-in, as free text."`
}

type createInput struct {
	ID   uuid.UUID `path:"id" jsonschema_description:"Id of the habit."`
	Body CreateHabitCheckIn
}

type createOutput struct {
	Body *ent.HabitCheckIn
}

func create(ctx context.Context, tx *ent.Tx, in *createInput) (*createOutput, error) {
	if err := api.RequireExists(ctx, tx.Habit.Query().Where(entity.ID(in.ID))); err != nil {
		return nil, err
	}
	made, err := tx.HabitCheckIn.Create().SetHabitID(in.ID).SetNillableCheckedInOn(in.Body.CheckedInOn).SetNillableNote(in.Body.Note).Save(ctx)
	if err != nil {
		return nil, err
	}
	row, err := tx.HabitCheckIn.Get(ctx, made.ID)
	return &createOutput{Body: row}, err
}

type listInput struct {
	ID   uuid.UUID `path:"id" jsonschema_description:"Id of the habit."`
	Page api.Page
}

type listOutput struct {
	Body api.List[*ent.HabitCheckIn]
}

func list(ctx context.Context, tx *ent.Tx, in *listInput) (*listOutput, error) {
	if err := api.RequireExists(ctx, tx.Habit.Query().Where(entity.ID(in.ID))); err != nil {
		return nil, err
	}
	query := tx.HabitCheckIn.Query().Where(habitcheckin.HabitID(in.ID))
	list, err := api.ListQuery(ctx, query, &in.Page, idOf)
	return &listOutput{Body: list}, err
}

// idOf returns the id of the row, by which the list is ordered.
func idOf(row *ent.HabitCheckIn) uuid.UUID { return row.ID }

package server

import (
	"context"
	"net/http"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/server/api"
)

// mountMeta registers the operations that describe the API itself.
func mountMeta(a *api.API) {
	api.HandlePublic(a, api.Op{
		ID: "list-enums", Method: http.MethodGet, Path: "/v1/meta/enums", Tag: "meta",
		Summary: "List enums", Description: "Returns every enum of the API with its values, in their declared order.",
		Responses: map[int]string{http.StatusOK: "The values of every enum, by its name."},
	}, listEnums)
}

type listEnumsOutput struct {
	Body EnumValues
}

// EnumValues maps the names of all enums to their values.
type EnumValues map[string][]string

func listEnums(context.Context, *struct{}) (*listEnumsOutput, error) {
	return &listEnumsOutput{Body: datatype.Enums()}, nil
}

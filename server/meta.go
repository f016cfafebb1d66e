package server

import (
	"context"
	"net/http"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/server/api"
)

var enumsOp = api.Op{
	ID: "list-enums", Method: http.MethodGet, Path: "/v1/meta/enums", Tag: "meta",
	Summary: "Read every enum", Description: "Every enum of the API with its values, each list in its declared order.",
}

type enumsOutput struct {
	Body EnumValues
}

// EnumValues are the values of every enum by its name.
type EnumValues map[string][]string

func enums(context.Context, *struct{}) (*enumsOutput, error) {
	return &enumsOutput{Body: datatype.Enums()}, nil
}

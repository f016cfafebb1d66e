package main

import (
	"context"

	"github.com/chenu/chenu/server"
)

func runOpenAPI(_ context.Context, args []string, env environment) error {
	flags := newFlags(env, "chenu openapi", "Prints the OpenAPI 3.1 document of the API, which is also in server/openapi.json.")
	if err := parse(flags, args); err != nil {
		return err
	}
	document, err := server.Document()
	if err != nil {
		return err
	}
	_, err = env.Stdout.Write(document)
	return err
}

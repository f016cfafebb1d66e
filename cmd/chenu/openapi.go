package main

import (
	"github.com/spf13/cobra"

	"github.com/chenu/chenu/server"
)

func newOpenAPI(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "openapi",
		Short: "print the OpenAPI document",
		Long:  "Prints the OpenAPI 3.1 document of the API, which is also in server/openapi.json.",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			document, err := server.Document()
			if err != nil {
				return err
			}
			_, err = env.Stdout.Write(document)
			return err
		},
	}
	describeExits(cmd, "the document was printed", "the command failed", "")
	return cmd
}

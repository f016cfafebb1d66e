package main

import "github.com/spf13/cobra"

func newPolicies(env environment) *cobra.Command {
	return newGroup(env, "policies", "show and explain which roles can access which rows",
		"Shows and explains which roles can access which rows, from the privileges and policies in\nPostgres.",
		newPoliciesShow(env), newPoliciesExplain(env))
}

package main

import "context"

var policiesCommands = []command{
	{"show", "show which roles can access which rows", runPoliciesShow},
	{"explain", "explain whether an identity can read or write a row", runPoliciesExplain},
}

func runPolicies(ctx context.Context, args []string, env environment) error {
	return runSubcommand(ctx, "policies", policiesCommands, args, env)
}

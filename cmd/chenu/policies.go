package main

import "context"

var policiesCommands = []command{
	{"show", "show who may do what with which rows", runPoliciesShow},
}

func runPolicies(ctx context.Context, args []string, env environment) error {
	return runSubcommand(ctx, "policies", policiesCommands, args, env)
}

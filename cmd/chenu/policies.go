package main

import "context"

var policiesCommands = []command{
	{"show", "show who may do what with which rows", runPoliciesShow},
	{"explain", "say whether an identity may see or write a row, and which clause decides", runPoliciesExplain},
}

func runPolicies(ctx context.Context, args []string, env environment) error {
	return runSubcommand(ctx, "policies", policiesCommands, args, env)
}

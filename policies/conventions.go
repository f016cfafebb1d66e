package policies

import "github.com/chenu/chenu/postgres/project"

// Conventions are this project's names, for the packages that know PostgreSQL but not the project.
var Conventions = project.Conventions{
	Project: "chenu",
	Roles:   Roles(), OpenFunctions: OpenFunctions,
	Owner: "chenu_owner", Human: "chenu_human", Agent: "chenu_agent", Shared: "chenu_app", Auditor: "chenu_auditor",
	IdentitySetting: "app.identity_id",
	ActorSetting:    "app.actor_id",
	RequestSettings: []string{
		"app.session_id", "app.auth_time", "app.request_id", "app.traceparent", "app.checkpoint_id", "app.ip", "app.user_agent",
		"app.client_request_id",
	},
	OwnerColumn:  "created_by",
	OwnerColumns: map[string]string{"public.identities": "id"},
}

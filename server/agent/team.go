package agent

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/session"
)

// mountTeam registers the operations that the uniform collection of hired agents does not have: dismissing an agent,
// and suspending all agents. Neither needs an approval, since both only end what agents can do (Rule #4).
func mountTeam(a *api.API) {
	api.Handle(a, api.Op{
		ID: "dismiss-hired-agent", Method: http.MethodPost, Path: "/v1/team/agents/{id}/dismiss", Tag: "team",
		Summary: "Dismiss an agent", HumansOnly: true,
		Description: "Dismisses a hired agent. The same transaction revokes its credentials, expires its pending checkpoints and cancels its " +
			"open tasks. The dismissal needs no approval, and repeating it changes nothing. Agents cannot call this operation.",
		Responses: map[int]string{http.StatusOK: "The dismissed agent."},
	}, dismiss)
	api.Handle(a, api.Op{
		ID: "suspend-all-hired-agents", Method: http.MethodPost, Path: "/v1/team/agents/suspend-all", Tag: "team",
		Summary: "Suspend all agents", HumansOnly: true,
		Description: "Suspends every active agent of the identity. The database rejects their writes immediately, and the service rejects their requests within " +
			"two seconds. Access tokens from before the suspension stay invalid even after an agent is resumed. The suspension needs neither an approval nor a recent " +
			"authentication. To resume an agent, set its `status` to `active`, which needs an approval for each agent. Agents cannot call this operation.",
		Responses: map[int]string{http.StatusOK: "The number of suspended agents."},
	}, suspendAll)
}

// SuspendedAgents is the response to the suspension of all agents.
type SuspendedAgents struct {
	Suspended int `json:"suspended" jsonschema:"minimum=0,example=2" jsonschema_description:"Number of agents that the request suspended."`
}

type suspendAllOutput struct{ Body SuspendedAgents }

const suspendAllSQL = `SELECT app.suspend_all_agents()`

func suspendAll(ctx context.Context, tx *ent.Tx, _ *struct{}) (*suspendAllOutput, error) {
	var out suspendAllOutput
	if err := session.One(ctx, tx, suspendAllSQL, nil, &out.Body.Suspended); err != nil {
		return nil, fmt.Errorf("suspend all agents: %w", err)
	}
	return &out, nil
}

// Dismissal contains the reason for a dismissal.
type Dismissal struct {
	Reason string `json:"reason" jsonschema:"minLength=1,maxLength=2000" jsonschema_description:"Reason for the dismissal." example:"\"The contract ended.\""`
}

type dismissInput struct {
	ID   uuid.UUID `path:"id" jsonschema_description:"Id of the hired agent."`
	Body Dismissal
}

type dismissOutput struct {
	ETag api.ETag `header:"ETag" jsonschema_description:"Version of the hired agent."`
	Body *ent.HiredAgent
}

const dismissSQL = `SELECT app.dismiss_agent($1, $2)`

func dismiss(ctx context.Context, tx *ent.Tx, in *dismissInput) (*dismissOutput, error) {
	if _, err := tx.ExecContext(ctx, dismissSQL, in.ID, in.Body.Reason); err != nil {
		return nil, fmt.Errorf("dismiss an agent: %w", err)
	}
	row, err := tx.HiredAgentStore().Get(ctx, in.ID)
	if err != nil {
		return nil, fmt.Errorf("read the dismissed agent: %w", err)
	}
	return &dismissOutput{ETag: api.VersionTag(row.Version), Body: row}, nil
}

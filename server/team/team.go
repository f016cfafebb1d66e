// Package team is what agents' own collection leaves to do (Rule #4): dismissing one, which
// needs no approval and ends at once what the agent had going.
package team

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/api"
)

// Mount registers the operations.
func Mount(a *api.API) {
	api.Handle(a, api.Op{
		ID: "dismiss-hired-agent", Method: http.MethodPost, Path: "/v1/team/agents/{id}/dismiss", Tag: "team",
		Summary: "Dismiss an agent", HumansOnly: true,
		Description: "Dismisses a hired agent, without any approval, and in the same transaction ends its credentials, its pending checkpoints and its " +
			"open tasks. Dismissing it again changes nothing. Agents may not.",
	}, dismiss)
}

// Dismissal is why an agent is dismissed.
type Dismissal struct {
	Reason string `json:"reason" jsonschema:"minLength=1,maxLength=2000" jsonschema_description:"Why it is dismissed." example:"\"The contract ended.\""`
}

type dismissInput struct {
	ID   uuid.UUID `path:"id" jsonschema_description:"Which one."`
	Body Dismissal
}

type dismissOutput struct {
	ETag api.ETag `header:"ETag" jsonschema_description:"Its version."`
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

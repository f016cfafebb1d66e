package account

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/session"
)

const (
	hiredAgentSQL = `SELECT capabilities FROM public.team_agents WHERE created_by = $1 AND id = $2`
	hireAgentSQL  = `INSERT INTO public.team_agents (id, created_by, name, status, capabilities) VALUES ($1, $2, 'Development agent', 'active', $3)`
	approveSQL    = `SELECT app.decide_checkpoint($1, $2, 'approved')`
)

// asDevelopmentAgent returns the agent that the token is for. It hires the agent, with every
// capability, if it does not exist.
func (s *Service) asDevelopmentAgent(ctx context.Context, human auth.Identity, d DevelopmentToken) (auth.Identity, error) {
	var capabilities datatype.Texts
	find := func(ctx context.Context, tx *ent.Tx) error {
		return session.One(ctx, tx, hiredAgentSQL, []any{human.ID, d.Agent}, &capabilities)
	}
	err := s.DB.Do(auth.With(ctx, human), session.Options{ReadOnly: true}, find)
	if errors.Is(err, sql.ErrNoRows) {
		capabilities = datatype.Capability("").Values()
		err = s.hireForDevelopment(auth.With(ctx, human), human.ID, d.Agent, capabilities)
	}
	if err != nil {
		return human, fmt.Errorf("hire agent %s: %w", d.Agent, err)
	}
	agent := human
	agent.Kind, agent.ActorID, agent.Scope = auth.Agent, d.Agent, capabilities
	if !d.AuthTime.IsZero() {
		agent.AuthTime = d.AuthTime.UTC()
	}
	return agent, nil
}

// hireForDevelopment hires an agent as a human does: the gate rejects the write and requests an approval, the human
// approves it, and the write is repeated with the approval. As for every approval, the human's address must be
// verified.
func (s *Service) hireForDevelopment(ctx context.Context, human, agent uuid.UUID, capabilities datatype.Texts) error {
	hire := func(ctx context.Context, tx *ent.Tx) error {
		_, err := tx.ExecContext(ctx, hireAgentSQL, agent, human, capabilities)
		return err
	}
	err := s.DB.Do(ctx, session.Options{}, hire)
	refusal, ok := errors.AsType[*problem.Problem](err)
	if !ok || refusal.Checkpoint == nil {
		return err
	}
	digest, err := hex.DecodeString(refusal.Checkpoint.Digest)
	if err != nil {
		return fmt.Errorf("decode the digest: %w", err)
	}
	err = s.DB.Do(ctx, session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
		_, err := tx.ExecContext(ctx, approveSQL, refusal.Checkpoint.ID, digest)
		return err
	})
	if err != nil {
		return fmt.Errorf("approve it: %w", err)
	}
	return s.DB.Do(ctx, session.Options{Checkpoint: refusal.Checkpoint.ID}, hire)
}

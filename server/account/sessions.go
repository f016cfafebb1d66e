package account

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/ent/predicate"
	entity "github.com/chenu/chenu/ent/session"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/session"
)

func (s *Service) mountSessions(a *api.API) {
	api.Handle(a, api.Op{
		ID: "list-sessions", Method: http.MethodGet, Path: "/v1/me/sessions", Tag: me, HumansOnly: true,
		Summary: "List your sessions",
		Description: "Returns the open sessions of the identity, newest first, with the address and program that opened each of them. " +
			"The session of this request has `current` set. Agents cannot call this operation.",
		Responses: map[int]string{http.StatusOK: "The open sessions."},
	}, s.listSessions)
	api.Handle(a, api.Op{
		ID: "revoke-session", Method: http.MethodDelete, Path: "/v1/me/sessions/{id}", Tag: me, HumansOnly: true,
		Summary: "Revoke a session",
		Description: "Ends a session of the identity, which can be that of this request. This instance rejects the tokens of the session immediately, all " +
			"others within two seconds. If the session has already ended, the response is 404. Agents cannot call this operation.",
		Responses: map[int]string{http.StatusNoContent: "The session has ended."},
	}, s.revokeSession)
}

// Session is a session as returned to its owner.
type Session struct {
	ID              uuid.UUID      `json:"id"                jsonschema_description:"Id of the session."`
	Current         bool           `json:"current"           jsonschema_description:"Whether this request uses the session."`
	CreatedAt       time.Time      `json:"created_at"        jsonschema_description:"Time when the session was opened."`
	AuthenticatedAt time.Time      `json:"authenticated_at"  jsonschema_description:"Time of the last authentication in the session."`
	RefreshedAt     *time.Time     `json:"refreshed_at"      jsonschema_description:"Time of the last refresh. Null if there was none."`
	IdleExpiresAt   *time.Time     `json:"idle_expires_at"   jsonschema_description:"Time when the session ends unless it is refreshed. Null if it cannot be refreshed."`
	ExpiresAt       time.Time      `json:"expires_at"        jsonschema_description:"Latest time at which the session can end."`
	AMR             datatype.Texts `json:"amr"               jsonschema_description:"Authentication methods of the session (RFC 8176)."`
	IP              *string        `json:"ip"                jsonschema_description:"Network address of the client that opened the session."`
	UserAgent       *string        `json:"user_agent"        jsonschema_description:"User-Agent header of the client that opened the session."`
}

type listSessionsInput struct{ Page api.Page }

type listSessionsOutput struct {
	Body api.List[*Session]
}

// open returns the predicate of sessions that can still be used, by the database's clock.
func open() predicate.Session {
	return func(s *sql.Selector) {
		s.Where(sql.P(func(b *sql.Builder) {
			b.WriteString("revoked_at IS NULL AND expires_at > clock_timestamp() AND (idle_expires_at IS NULL OR idle_expires_at > clock_timestamp())")
		}))
	}
}

func (*Service) listSessions(ctx context.Context, tx *ent.Tx, in *listSessionsInput) (*listSessionsOutput, error) {
	who, err := human(ctx)
	if err != nil {
		return nil, err
	}
	query := tx.Session.Query().Where(entity.CreatedBy(who.ID), open())
	rows, err := api.ListQuery(ctx, query, &in.Page, func(row *ent.Session) uuid.UUID { return row.ID })
	if err != nil {
		return nil, err
	}
	list := api.MapList(rows, func(row *ent.Session) *Session {
		return &Session{
			ID: row.ID, Current: row.ID == who.SessionID, CreatedAt: row.CreatedAt, AuthenticatedAt: row.AuthenticatedAt,
			RefreshedAt: row.RefreshedAt, IdleExpiresAt: row.IdleExpiresAt, ExpiresAt: row.ExpiresAt,
			AMR: row.Amr, IP: row.IP, UserAgent: row.UserAgent,
		}
	})
	return &listSessionsOutput{Body: list}, nil
}

type revokeSessionInput struct {
	ID uuid.UUID `path:"id" jsonschema_description:"Id of the session."`
}

func (s *Service) revokeSession(ctx context.Context, tx *ent.Tx, in *revokeSessionInput) (*struct{}, error) {
	who, err := human(ctx)
	if err != nil {
		return nil, err
	}
	s.forgetAfter(tx, who.ID, in.ID)
	var ended bool
	if err := session.One(ctx, tx, closeSessionSQL, []any{in.ID}, &ended); err != nil {
		return nil, fmt.Errorf("close a session: %w", err)
	}
	if !ended {
		return nil, problem.NotFound()
	}
	return api.NoContent()
}

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

// Session is a login as its owner sees it.
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

type sessionsIn struct{ Page api.Page }

type sessionsOut struct {
	Body api.List[*Session]
}

// open is a session that can still be used, by the database's clock.
func open() predicate.Session {
	return func(s *sql.Selector) {
		s.Where(sql.P(func(b *sql.Builder) {
			b.WriteString("revoked_at IS NULL AND expires_at > clock_timestamp() AND (idle_expires_at IS NULL OR idle_expires_at > clock_timestamp())")
		}))
	}
}

func (*Service) listSessions(ctx context.Context, tx *ent.Tx, in *sessionsIn) (*sessionsOut, error) {
	who, err := human(ctx)
	if err != nil {
		return nil, err
	}
	key := func(s *Session) api.Key { return api.Key{ID: s.ID} }
	list, err := api.ReadPage(&in.Page, key, func(behind *api.Key, limit int) ([]*Session, error) {
		query := tx.Session.Query().Where(entity.CreatedBy(who.ID), open())
		if behind != nil {
			query.Where(entity.IDLT(behind.ID))
		}
		rows, err := query.Order(entity.ByID(sql.OrderDesc())).Limit(limit).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the sessions: %w", err)
		}
		sessions := make([]*Session, len(rows))
		for i, r := range rows {
			sessions[i] = &Session{
				ID: r.ID, Current: r.ID == who.SessionID, CreatedAt: r.CreatedAt, AuthenticatedAt: r.AuthenticatedAt,
				RefreshedAt: r.RefreshedAt, IdleExpiresAt: r.IdleExpiresAt, ExpiresAt: r.ExpiresAt,
				AMR: r.Amr, IP: r.IP, UserAgent: r.UserAgent,
			}
		}
		return sessions, nil
	})
	return &sessionsOut{Body: list}, err
}

type revokeIn struct {
	ID uuid.UUID `path:"id" jsonschema_description:"Id of the session."`
}

func (s *Service) revokeSession(ctx context.Context, tx *ent.Tx, in *revokeIn) (*struct{}, error) {
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
	return nil, nil //nolint:nilnil // 204.
}

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
		Summary:     "List the own sessions, newest first",
		Description: "The logins that are open, with where they were opened from. The one of this request is marked. Agents may not.",
	}, s.listSessions)
	api.Handle(a, api.Op{
		ID: "revoke-session", Method: http.MethodDelete, Path: "/v1/me/sessions/{id}", Tag: me, HumansOnly: true,
		Summary: "End a session",
		Description: "Ends one of the own sessions, also the one of this request. Its tokens are refused at once here and within " +
			"two seconds elsewhere. One that has ended is 404. Agents may not.",
	}, s.revokeSession)
}

// Session is a login as its owner sees it.
type Session struct {
	ID              uuid.UUID      `json:"id"`
	Current         bool           `json:"current"           jsonschema_description:"Whether this request belongs to it."`
	CreatedAt       time.Time      `json:"created_at"        jsonschema_description:"When it was opened."`
	AuthenticatedAt time.Time      `json:"authenticated_at"  jsonschema_description:"When the identity last proved itself in it."`
	RefreshedAt     *time.Time     `json:"refreshed_at"      jsonschema_description:"When it was last refreshed."`
	IdleExpiresAt   *time.Time     `json:"idle_expires_at"   jsonschema_description:"When it ends unless it is refreshed before; null when it can't be."`
	ExpiresAt       time.Time      `json:"expires_at"        jsonschema_description:"When it ends at the latest."`
	AMR             datatype.Texts `json:"amr"               jsonschema_description:"How the identity proved itself: names of RFC 8176."`
	IP              *string        `json:"ip"                jsonschema_description:"Network address it was opened from."`
	UserAgent       *string        `json:"user_agent"        jsonschema_description:"Program it was opened with."`
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
	ID uuid.UUID `path:"id" jsonschema_description:"Which one."`
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

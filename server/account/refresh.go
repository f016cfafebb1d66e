package account

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/session"
)

// IdleLifetime is how long a session stays valid without being refreshed.
const IdleLifetime = 14 * 24 * time.Hour

func (s *Service) mountRefresh(a *api.API) {
	api.HandlePublic(a, api.Op{
		ID: "refresh-session", Method: http.MethodPost, Path: "/v1/auth/refresh", Tag: accounts, Limit: api.GroupRefresh,
		Summary: "Refresh a session",
		Description: "Exchanges a refresh token for a new access token and the next refresh token. Each refresh token is valid once. " +
			"For 10 seconds after its first use, the same token gets 409 `refresh_in_progress`, and the session stays valid: another request, " +
			"such as one of another browser tab, was faster. Use the refresh token that the other request received. If no response " +
			"with a new refresh token arrived, send the same token again: from 10 to 60 seconds after its first use, it is accepted unless its " +
			"successor was used. Any other second use revokes the session, since somebody else may have the token. A session ends after 14 days without " +
			"a refresh, and after 30 days in any case. If the token is not valid, the response is 401 `invalid_refresh_token`.",
		Responses: map[int]string{http.StatusOK: "The new tokens of the session."},
		Problems:  []int{http.StatusUnauthorized, http.StatusConflict, http.StatusServiceUnavailable},
	}, s.refresh)
}

// grant is a refresh token that is returned to the client once its transaction has been committed.
type grant struct {
	token opaque
	// seconds is how long the session can be refreshed, in seconds by the database's clock.
	seconds int
}

// refreshTokenIDs is the number of ids in a refresh token: its identity and its session.
const refreshTokenIDs = 2

func newGrant(who auth.Identity) *grant { return &grant{token: newOpaque(who.ID, who.SessionID)} }

const issueRefreshSQL = `SELECT ceil(extract(epoch FROM app.issue_refresh_token($1, $2, make_interval(secs => $3)) - clock_timestamp()))::bigint`

// issueRefresh stores the first refresh token of a session that was just opened.
func issueRefresh(ctx context.Context, tx *ent.Tx, who auth.Identity, g *grant) error {
	err := session.One(ctx, tx, issueRefreshSQL, []any{who.SessionID, g.token.hash(), IdleLifetime.Seconds()}, &g.seconds)
	if err != nil {
		return fmt.Errorf("issue a refresh token: %w", err)
	}
	return nil
}

// RefreshToken contains the refresh token of a session.
type RefreshToken struct {
	RefreshToken string `json:"refresh_token" jsonschema:"minLength=1,maxLength=1024,writeOnly=true,example=AZ2tQXH0cFy8m0lK" jsonschema_description:"Refresh token of the last login or refresh."`
}

type refreshInput struct{ Body RefreshToken }

// Outcomes of app.rotate_refresh_token, except "unknown".
const (
	outcomeRotated    = "rotated"
	outcomeInProgress = "in_progress"
	outcomeReused     = "reused"
)

const rotateSQL = `SELECT outcome, coalesce(ceil(extract(epoch FROM refresh_until - clock_timestamp()))::bigint, 0),
       coalesce(authenticated, 'epoch'), coalesce(methods, '{}')
  FROM app.rotate_refresh_token($1, $2, $3, make_interval(secs => $4))`

func (s *Service) refresh(ctx context.Context, in *refreshInput) (*tokensOutput, error) {
	given, ok := parseOpaque(in.Body.RefreshToken, refreshTokenIDs)
	if !ok {
		return nil, refusedRefresh()
	}
	// The ids are not proved yet: the transaction sees no data until the hash of the token has matched.
	who := self(given.ids[0], given.ids[1])
	next := newGrant(who)
	var (
		outcome string
		amr     datatype.Texts
		me      Identity
	)
	err := s.DB.Do(auth.With(ctx, who), session.Options{}, func(ctx context.Context, tx *ent.Tx) (err error) {
		args := []any{who.SessionID, given.hash(), next.token.hash(), IdleLifetime.Seconds()}
		if err := session.One(ctx, tx, rotateSQL, args, &outcome, &next.seconds, &who.AuthTime, &amr); err != nil {
			return fmt.Errorf("rotate a refresh token: %w", err)
		}
		if outcome == outcomeRotated {
			me, err = read(ctx, tx, who.ID)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	switch outcome {
	case outcomeRotated:
	case outcomeInProgress:
		return nil, problem.New(http.StatusConflict, "refresh_in_progress",
			"Another request exchanged this refresh token less than ten seconds ago. Use the refresh token that it received, or repeat the request later.").
			WithRetryAfter(time.Second)
	case outcomeReused:
		s.Authenticator.Forget(who)
		s.Log.WarnContext(ctx, "a refresh token came a second time: its session is revoked", "identity_id", who.ID, "session_id", who.SessionID)
		return nil, refusedRefresh()
	default:
		return nil, refusedRefresh()
	}
	tokens, err := s.issue(who, amr, me, next)
	if err != nil {
		return nil, err
	}
	return &tokensOutput{ETag: api.VersionTag(me.Version), Body: *tokens}, nil
}

func refusedRefresh() error {
	return problem.New(http.StatusUnauthorized, "invalid_refresh_token", "The refresh token is invalid, has expired or was already used. Log in again.").
		WithHeader("WWW-Authenticate", problem.Challenge)
}

// self returns an identity that acts for itself in a session.
func self(id, sessionID uuid.UUID) auth.Identity {
	return auth.Identity{ID: id, ActorID: id, Kind: auth.Human, SessionID: sessionID}
}

// human returns the caller, or an error if the caller is an agent: agents have no password.
func human(ctx context.Context) (auth.Identity, error) {
	who, err := api.Caller(ctx)
	if err == nil && who.Kind != auth.Human {
		err = problem.Forbidden("Agents may not.")
	}
	return who, err
}

// forgetAfter removes the sessions from this instance's cache after the commit of tx.
func (s *Service) forgetAfter(tx *ent.Tx, owner uuid.UUID, sessions ...uuid.UUID) {
	api.AfterCommit(tx, func() { s.forget(owner, sessions...) })
}

func (s *Service) forget(owner uuid.UUID, sessions ...uuid.UUID) {
	for _, id := range sessions {
		s.Authenticator.Forget(self(owner, id))
	}
}

// errNone is returned when a function found nothing to do.
var errNone = errors.New("none")

// Package account implements the operations on a caller's own account: register, log in, log out, and read and change
// the identity. It also stores the signing keys and sessions of package auth in the database.
//
// Passwords and logins go through the narrow functions of policies/functions/accounts.sql: the service can neither
// read a password hash nor change a session directly.
package account

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/ent/identity"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/mailer"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/refusal"
)

// SessionLifetime is the maximum lifetime of a session, however often it is refreshed. The database allows up to 90
// days.
const SessionLifetime = 30 * 24 * time.Hour

// byPassword is the authentication method (RFC 8176) of a password login, for the amr claim of tokens.
const byPassword = "pwd"

// Config configures a [Service]. DB, Keys, Issuer and Authenticator are required.
type Config struct {
	DB *refusal.DB
	// Log receives warnings and errors; nil means slog.Default().
	Log           *slog.Logger
	Keys          *auth.Keys
	Issuer        *auth.Issuer
	Authenticator *auth.Authenticator
	// HashConcurrency limits how many passwords are hashed at once. Each hash takes 19 MiB and a core. Zero means half
	// the cores, so that a flood of logins leaves the other half to other requests.
	HashConcurrency int
	// Hash are the parameters of argon2id for new hashes; the zero value means those that OWASP recommends. Tests
	// whose subject is not the time of a hash use cheaper ones.
	Hash argon2id.Params
	// Mail sends the account's mail; if nil, no mail is sent. See [Service.RunMail].
	Mail mailer.Transport
	// DevelopmentTokens enables [Service.MakeDevelopmentToken]. It is for the embedded database and for tests.
	DevelopmentTokens bool
	// BaseURL is optional: the URL of the service on its own machine. If it is set, verification mails contain a curl
	// command that sends the request. It is for development.
	BaseURL string
}

// Service implements the account operations. It is safe for concurrent use.
type Service struct {
	Config
	hasher *hasher
	now    func() time.Time
	// refusals is the step to which the time of a failed login's response is rounded up: see refuse.
	refusals time.Duration
	mailJobs chan mailJob
	posted   sync.Map // keys of the mails of the queued jobs
	// notices wakes runNotices.
	notices chan struct{}
}

// New returns a service with the configuration.
func New(c Config) *Service {
	if c.Log == nil {
		c.Log = slog.Default() //nolint:forbidigo // the documented default
	}
	if c.Hash == (argon2id.Params{}) {
		c.Hash = hashParams
	}
	return &Service{Config: c, hasher: newHasher(c.Hash, c.HashConcurrency), now: time.Now, refusals: refusalStep, mailJobs: make(chan mailJob, maxQueuedMails), notices: make(chan struct{}, 1)}
}

// Tags of the operations.
const accounts, me = "Accounts", "Me"

// Mount registers the operations with the API.
func (s *Service) Mount(a *api.API) {
	s.mountRefresh(a)
	s.mountStepUp(a)
	s.mountSessions(a)
	s.mountMail(a)
	api.HandlePublic(a, api.Op{
		ID: "register", Method: http.MethodPost, Path: "/v1/auth/register", Tag: accounts,
		Summary: "Create an account",
		Description: "Creates an identity, opens its first session and returns its tokens. If the e-mail address is already used, the response is " +
			"409 `email_taken`.",
		Responses: map[int]string{http.StatusCreated: "The account was created, and its first session is open."},
		Limit:     api.GroupRegister,
		Status:    http.StatusCreated,
		Problems:  []int{http.StatusConflict, http.StatusServiceUnavailable},
	}, s.register)
	api.HandlePublic(a, api.Op{
		ID: "login", Method: http.MethodPost, Path: "/v1/auth/login", Tag: accounts,
		Summary: "Log in",
		Description: "Opens a session and returns its tokens. A wrong password, an unknown e-mail address and an account that is not " +
			"allowed to log in have the same response, 401 `invalid_credentials`.",
		Responses: map[int]string{http.StatusOK: "The tokens of the new session."},
		Limit:     api.GroupLogin,
		Problems:  []int{http.StatusUnauthorized, http.StatusServiceUnavailable},
	}, s.login)
	api.Handle(a, api.Op{
		ID: "logout", Method: http.MethodPost, Path: "/v1/auth/logout", Tag: accounts,
		Summary:     "Log out",
		HumansOnly:  true,
		Description: "Ends the session of the access token. This instance rejects the tokens of the session immediately, all others within two seconds. Agents cannot call this operation.",
		Responses:   map[int]string{http.StatusNoContent: "The session has ended."},
	}, s.logout)
	api.HandlePublic(a, api.Op{
		ID: "get-signing-keys", Method: http.MethodGet, Path: auth.JWKSPath, Tag: accounts,
		Summary:     "List public signing keys",
		Description: "Returns the keys that verify access tokens, as a JWK Set (RFC 7517). A key is published before it signs.",
		Responses:   map[int]string{http.StatusOK: "The public keys."},
		ContentType: "application/jwk-set+json",
	}, s.signingKeys)
	api.Handle(a, api.Op{
		ID: "get-me", Method: http.MethodGet, Path: "/v1/me", Tag: me,
		Summary:     "Get your identity",
		Description: "Returns the identity of the access token. For the token of an agent, it is the identity that the agent acts for.",
		Responses:   map[int]string{http.StatusOK: "The identity of the caller."},
	}, s.get)
	api.Handle(a, api.Op{
		ID: "update-me", Method: http.MethodPatch, Path: "/v1/me", Tag: me,
		Summary:    "Update your identity",
		HumansOnly: true,
		Description: "Changes the name and the settings of the identity with a merge patch (RFC 7396) and returns the updated identity. The setting " +
			"`time_zone` is an IANA name. Requires `If-Match` with the current ETag. If the identity has changed since, the response is 412. " +
			"Agents cannot call this operation.",
		Responses: map[int]string{http.StatusOK: "The updated identity."},
	}, s.update)
}

// Identity is an identity as returned to its owner.
type Identity struct {
	ID              uuid.UUID               `json:"id"                jsonschema_description:"Unique identifier of the identity, a UUIDv7."`
	Email           string                  `json:"email"             jsonschema_description:"E-mail address of the account. Unique, ignoring case."`
	Name            string                  `json:"name"              jsonschema_description:"Display name of the identity."`
	Settings        datatype.Settings       `json:"settings"          jsonschema_description:"Preferences of the identity. time_zone is an IANA name; clients define all other keys."`
	Status          datatype.IdentityStatus `json:"status"            jsonschema_description:"Status of the account. Only an active identity can log in."`
	EmailVerifiedAt *time.Time              `json:"email_verified_at" jsonschema_description:"Time when the e-mail address was verified. Null while it is not."`
	CreatedAt       time.Time               `json:"created_at"        jsonschema_description:"Time of creation."`
	UpdatedAt       time.Time               `json:"updated_at"        jsonschema_description:"Time of the last change."`
	Version         int64                   `json:"version"           jsonschema_description:"Version number, starting at 1. The ETag is derived from it."`
}

// columns lists the columns of an Identity. They are named because a serving role may not read every column:
// hashed_password is among the others.
var columns = []string{
	identity.FieldID, identity.FieldEmail, identity.FieldName, identity.FieldSettings, identity.FieldStatus,
	identity.FieldEmailVerifiedAt, identity.FieldCreatedAt, identity.FieldUpdatedAt, identity.FieldVersion,
}

// read returns the caller's identity, which has the id. An agent that was suspended or dismissed after its request was
// accepted sees no row and gets 401.
func read(ctx context.Context, tx *ent.Tx, id uuid.UUID) (Identity, error) {
	row, err := tx.Identity.Query().Where(identity.ID(id)).Select(columns...).Only(ctx)
	if ent.IsNotFound(err) {
		return Identity{}, problem.Unauthorized("The agent is not active.")
	}
	if err != nil {
		return Identity{}, fmt.Errorf("read the identity: %w", err)
	}
	return Identity{
		ID: row.ID, Email: row.Email, Name: row.Name, Settings: row.Settings, Status: row.Status,
		EmailVerifiedAt: row.EmailVerifiedAt, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Version: row.Version,
	}, nil
}

// Tokens is the response to a login.
type Tokens struct {
	Identity    Identity `json:"identity"     jsonschema_description:"Identity that has logged in."`
	AccessToken string   `json:"access_token" jsonschema_description:"Access token. Send it as Authorization: Bearer <token>."`
	TokenType   string   `json:"token_type"   jsonschema:"enum=Bearer" jsonschema_description:"Type of the token, always Bearer."`
	ExpiresIn   int      `json:"expires_in"   jsonschema:"minimum=1,example=600" jsonschema_description:"Lifetime of the access token in seconds."`
	// A refresh token is valid once.
	RefreshToken     string `json:"refresh_token"      jsonschema_description:"Refresh token, valid once. Exchange it for new tokens with POST /v1/auth/refresh. Store it as securely as a password."`
	RefreshExpiresIn int    `json:"refresh_expires_in" jsonschema:"minimum=0,example=1209600" jsonschema_description:"Lifetime of the refresh token in seconds."`
}

// newSession returns the identity that the transaction of a new session runs as: a human who has just authenticated
// with a password.
func (s *Service) newSession(id uuid.UUID) (auth.Identity, error) {
	sid, err := uuid.NewV7()
	if err != nil {
		return auth.Identity{}, fmt.Errorf("create a session's id: %w", err)
	}
	return auth.Identity{ID: id, ActorID: id, Kind: auth.Human, SessionID: sid, AuthTime: s.now().UTC()}, nil
}

// openSessionSQL also records the login in the audit log.
const openSessionSQL = `SELECT app.open_session($1, $2, $3, $4, $5)`

// openSession opens the session who.SessionID in the transaction, which runs as who. The hash is the hash that the
// password was compared with, or nil when no password was compared. If the account now has another hash, the database
// rejects the session with [passwordChanged].
func (s *Service) openSession(ctx context.Context, tx *ent.Tx, who auth.Identity, hash *string, amr ...string) error {
	end := s.now().Add(SessionLifetime)
	if _, err := tx.ExecContext(ctx, openSessionSQL, who.SessionID, who.AuthTime, end, datatype.Texts(amr), hash); err != nil {
		return fmt.Errorf("open a session: %w", err)
	}
	return nil
}

// issue returns the response to a login or refresh whose transaction has been committed.
func (s *Service) issue(who auth.Identity, amr []string, identity Identity, g *grant) (*Tokens, error) {
	access, err := s.accessToken(who, amr)
	if err != nil {
		return nil, err
	}
	return &Tokens{
		Identity: identity, AccessToken: access.AccessToken, TokenType: access.TokenType, ExpiresIn: access.ExpiresIn,
		RefreshToken: g.token.text(), RefreshExpiresIn: g.seconds,
	}, nil
}

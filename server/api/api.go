// Package api runs operations. [Handle] turns a typed function into a route, a transaction that runs as the caller,
// and an operation of the OpenAPI document. The package implements what all operations share: problems, request ids,
// entity tags, page tokens, idempotency keys, rate limits and health checks. Its subpackages have one job each: bind
// fills and validates inputs, body reads and writes JSON, openapi generates the document, and docs renders it as an
// HTML page.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/api/openapi"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/session"
)

// DefaultTimeout is the timeout of an operation if neither the operation nor the Config sets one.
const DefaultTimeout = 15 * time.Second

// Transactor runs fn in one transaction as the caller in ctx (see [auth.From]), and commits the transaction unless fn
// returns an error. [session.DB] implements it.
type Transactor interface {
	Do(ctx context.Context, o session.Options, fn func(ctx context.Context, tx *ent.Tx) error) error
}

// Config configures an API. Transactor, Authenticate and PageKey are required.
type Config struct {
	// Title, Version and Description are those of the OpenAPI document. By default the title is CHE·NU and the
	// version is 0.
	Title, Version, Description string
	// Tags holds the descriptions of the operations' tags.
	Tags       map[string]string
	Transactor Transactor
	// Authenticate returns the identity that makes a request. Its errors are those of
	// [auth.Authenticator.Authenticate].
	Authenticate func(*http.Request) (auth.Identity, error)
	// StillValid returns nil if the caller's credentials are still valid, and otherwise the reason why not. It must
	// not use a cache. It is called before each part of a stream; if it is nil, streams are not checked.
	StillValid func(ctx context.Context, who auth.Identity) error
	// StreamTimeout limits the duration of a stream; zero means DefaultStreamTimeout.
	StreamTimeout time.Duration
	// PageKey authenticates page tokens. It has 32 secret bytes, the same in all instances.
	PageKey []byte
	// PreviousPageKey is the previous PageKey, with which page tokens are also accepted while the secret is being
	// rotated. It may be nil.
	PreviousPageKey []byte
	// Limiter counts requests against the rate limits; nil means no rate limits.
	Limiter Limiter
	// Concurrency is the maximum number of concurrent transactions of an identity itself, and separately of the
	// identity's agents. Further transactions wait, see [turns]. Zero means no limit.
	Concurrency int
	// Outcomes stores the responses to requests with an Idempotency-Key; nil means in the database.
	Outcomes Outcomes
	// Timeout limits the duration of an operation; zero means DefaultTimeout.
	Timeout time.Duration
	// TrustedProxies lists the addresses or CIDR ranges from which the header X-Forwarded-For is accepted; nil means
	// none.
	TrustedProxies []string
	// Describe returns the description of a property of a struct type if the field has no description tag, or "" if
	// there is none. Describe may be nil.
	Describe func(t reflect.Type, property string) string
	// Log receives one record per request; nil means slog.Default().
	Log *slog.Logger
}

// API collects operations and serves them.
type API struct {
	config       Config
	engine       *gin.Engine
	schemas      *openapi.Schemas
	operations   []*operation
	transactor   Transactor
	outcomes     Outcomes
	authenticate func(*http.Request) (auth.Identity, error)
	pageKey      []byte
	// previousPageKey is nil unless the secret is being rotated.
	previousPageKey []byte
	timeout         time.Duration
	log             *slog.Logger
	errs            []error
	document        []byte
}

// New returns an API without operations.
func New(c Config) (*API, error) {
	if c.Transactor == nil || c.Authenticate == nil {
		return nil, errors.New("an API needs a Transactor and Authenticate")
	}
	if len(c.PageKey) < 32 {
		return nil, fmt.Errorf("the key for page tokens has %d bytes and needs 32", len(c.PageKey))
	}
	a := &API{
		config:          c,
		schemas:         openapi.NewSchemas(c.Describe),
		transactor:      c.Transactor,
		outcomes:        c.Outcomes,
		authenticate:    c.Authenticate,
		pageKey:         slices.Clone(c.PageKey),
		previousPageKey: slices.Clone(c.PreviousPageKey),
		timeout:         c.Timeout,
		log:             c.Log,
	}
	if c.Concurrency > 0 {
		a.transactor = newTurns(c.Transactor, c.Concurrency)
	}
	if a.outcomes == nil {
		a.outcomes = storedOutcomes{}
	}
	if a.timeout == 0 {
		a.timeout = DefaultTimeout
	}
	if a.log == nil {
		a.log = slog.Default() //nolint:forbidigo // the documented default
	}
	var err error
	a.engine, err = a.newEngine()
	return a, err
}

func (a *API) newEngine() (*gin.Engine, error) {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false
	e.RedirectFixedPath = false
	e.ContextWithFallback = true
	// Gin also knows X-Real-IP. It is not used, because proxies append only to X-Forwarded-For and pass on an
	// X-Real-IP that the client set.
	e.RemoteIPHeaders = []string{forwardedFor}
	// Match paths as they were sent: an encoded slash is part of a segment.
	e.UseRawPath, e.UnescapePathValues = true, true
	if err := e.SetTrustedProxies(a.config.TrustedProxies); err != nil {
		return nil, fmt.Errorf("trusted proxies: %w", err)
	}
	e.Use(a.observe, recovered)
	e.NoRoute(func(c *gin.Context) {
		problem.Write(c, problem.New(http.StatusNotFound, "not_found", "There is no such path. See /docs for the paths of the API."))
	})
	e.NoMethod(func(c *gin.Context) {
		problem.Write(c, problem.New(http.StatusMethodNotAllowed, "method_not_allowed",
			"This path does not support the method. The header Allow lists the supported methods."))
	})
	return e, nil
}

func (a *API) fail(err error) { a.errs = append(a.errs, err) }

// add registers the operation's routes.
func (a *API) add(o *operation) {
	if a.document != nil {
		panic("api: operation " + o.ID + " is registered after Handler")
	}
	for _, other := range a.operations {
		if other.ID == o.ID {
			a.fail(fmt.Errorf("operation %s is registered twice", o.ID))
			return
		}
	}
	a.operations = append(a.operations, o)
	a.route(o.Method, o.Path, o.serve)
}

// route adds a route to the engine, and a route for HEAD if the method is GET.
func (a *API) route(method, path string, handler gin.HandlerFunc) {
	defer func() { // Gin panics when two routes collide.
		if r := recover(); r != nil {
			a.fail(fmt.Errorf("route %s %s: %v", method, path, r))
		}
	}()
	a.engine.Handle(method, ginPath(path), handler)
	if method == http.MethodGet {
		a.engine.Handle(http.MethodHead, ginPath(path), handler)
	}
}

// Handler completes the API: it generates the OpenAPI document, compiles the validators from it, and returns the
// handler that serves all operations, /openapi.json and /docs. It returns all errors of the registrations of
// operations. Call it once, after the last operation is registered.
func (a *API) Handler() (http.Handler, error) {
	if a.document != nil {
		return nil, errors.New("the API is complete already")
	}
	derived, err := a.complete()
	if err != nil {
		return nil, err
	}
	if limiter := a.config.Limiter; limiter != nil {
		for _, o := range a.operations {
			if !limiter.Limits(o.Limit) {
				a.fail(fmt.Errorf("%s: there is no rate limit for the group %q", o.ID, o.Limit))
			}
		}
	}
	a.serveDocument(derived.page)
	return a.routed(), errors.Join(a.errs...)
}

// Document returns the OpenAPI document, or nil before Handler is called. It ends with a line feed, and is the same
// for the same operations.
func (a *API) Document() []byte { return a.document }

// Routes returns the method and path of every route, sorted. Paths are in the form of OpenAPI.
func (a *API) Routes() [][2]string {
	var routes [][2]string
	for _, r := range a.engine.Routes() {
		routes = append(routes, [2]string{r.Method, openapiPath(r.Path)})
	}
	slices.SortFunc(routes, func(x, y [2]string) int { return slices.Compare(x[:], y[:]) })
	return routes
}

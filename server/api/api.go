// Package api runs operations. A typed function given to [Handle] becomes three things at once: a
// route, a transaction as the caller, and an operation of the OpenAPI document. The package has
// what holds for all operations: problems, request ids, entity tags, page tokens, idempotency
// keys, rate limits and health. Packages below it have one job each: bind fills and validates
// inputs, body reads and writes JSON, openapi makes the document, docs shows it.
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

// DefaultTimeout is how long an operation may take where the configuration is silent.
const DefaultTimeout = 15 * time.Second

// Transactor runs fn in one transaction as the caller in ctx (see [auth.From]), and
// commits it unless fn returns an error. It is what [session.DB] does.
type Transactor interface {
	Do(ctx context.Context, o session.Options, fn func(ctx context.Context, tx *ent.Tx) error) error
}

// Config is what an API is made of. Transactor, Authenticate and PageKey are needed.
type Config struct {
	// Title, Version and Description stand in the OpenAPI document. The title is CHE·NU
	// and the version 0 by default.
	Title, Version, Description string
	// Tags are descriptions of the operations' tags.
	Tags       map[string]string
	Transactor Transactor
	// Authenticate tells who makes a request. Its errors are those of
	// [auth.Authenticator.Authenticate].
	Authenticate func(*http.Request) (auth.Identity, error)
	// StillValid reports whether a caller may go on, without a cache: nil, or why not. It is
	// asked before each part of a stream; nil asks nothing.
	StillValid func(ctx context.Context, who auth.Identity) error
	// StreamTimeout limits how long a stream runs; zero is DefaultStreamTimeout.
	StreamTimeout time.Duration
	// PageKey authenticates page tokens: 32 secret bytes, the same in all instances.
	PageKey []byte
	// PreviousPageKey also opens page tokens, while the secret is being rotated; nil opens none.
	PreviousPageKey []byte
	// Limiter counts requests; nil lets all through.
	Limiter Limiter
	// Concurrency is how many transactions of one identity's people, and how many of its
	// agents, run at the same time; further ones wait, see [turns]. Zero does not bound them.
	Concurrency int
	// Outcomes keeps what Idempotency-Keys need; nil keeps it in the database.
	Outcomes Outcomes
	// Timeout bounds an operation; zero is DefaultTimeout.
	Timeout time.Duration
	// TrustedProxies are the addresses or CIDR ranges whose X-Forwarded-For is believed;
	// nil believes none.
	TrustedProxies []string
	// Describe returns the description of a property of a struct type that has no tag
	// with one; empty when there is none. It may be nil.
	Describe func(t reflect.Type, property string) string
	// Log receives one record a request; nil is slog's default.
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
	// Of the headers that Gin knows, proxies append to this one alone. They pass on an
	// X-Real-IP that a client made up.
	e.RemoteIPHeaders = []string{forwardedFor}
	// A path is matched as it was sent: an encoded slash is part of a segment.
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

// route adds a route to the engine, and its HEAD to a GET.
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

// Handler completes the API: it makes the OpenAPI document, compiles the validators from
// it, and returns the handler that serves all of it, with /openapi.json and /docs. It
// returns every mistake that was made in registering operations. Call it once, after the
// last operation.
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

// Document is the OpenAPI document, once Handler has made it. It ends with a line feed
// and is the same for the same operations.
func (a *API) Document() []byte { return a.document }

// Routes are the method and path of every route, the path in OpenAPI's form.
func (a *API) Routes() [][2]string {
	var routes [][2]string
	for _, r := range a.engine.Routes() {
		routes = append(routes, [2]string{r.Method, openapiPath(r.Path)})
	}
	slices.SortFunc(routes, func(x, y [2]string) int { return slices.Compare(x[:], y[:]) })
	return routes
}

package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/invopop/jsonschema"
)

// checkTimeout limits a run of the readiness checks. The timeout of the probe must be longer (the default in
// Kubernetes is one second).
const checkTimeout = 2 * time.Second

// readyFor is how long a result of the checks is reused.
const readyFor = time.Second

// Check is a condition of readiness.
type Check struct {
	// Name is the key of the check in the response, such as database or migrations.
	Name string
	// Ready returns nil, or the reason why the service is not ready. The reason is logged but not sent to clients.
	Ready func(ctx context.Context) error
}

// Health is the body of /healthz and /readyz.
type Health struct {
	Status HealthStatus            `json:"status"           jsonschema_description:"Overall result: ok, or failed if any check failed."`
	Checks map[string]HealthStatus `json:"checks,omitempty" jsonschema_description:"Result of each readiness check, by name."`
}

// HealthStatus is "ok" or "failed".
type HealthStatus string

// JSONSchema returns the schema with the possible statuses.
func (HealthStatus) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Enum: []any{"ok", "failed"}}
}

type healthOutput struct {
	Status int
	Body   Health
}

// HandleHealth registers GET /healthz, which returns 200 while the process serves requests, and GET /readyz, which
// returns 200 if all checks succeed and 503 otherwise.
func HandleHealth(a *API, checks ...Check) {
	state := &readiness{log: a.log, checks: checks}
	HandlePublic(a, Op{
		ID: "get-health", Method: http.MethodGet, Path: "/healthz", Tag: "service",
		Summary: "Check liveness", Description: "Returns 200 as long as the process serves requests. Does not use the database.",
		Responses: map[int]string{http.StatusOK: "The process serves requests."},
	}, func(context.Context, *struct{}) (*healthOutput, error) {
		return &healthOutput{Body: Health{Status: "ok"}}, nil
	})
	HandlePublic(a, Op{
		ID: "get-readiness", Method: http.MethodGet, Path: "/readyz", Tag: "service",
		Summary: "Check readiness", Description: "Returns 200 if the service is ready: the database responds to the roles of people and of agents, has all migrations, " +
			"and allows the service to call every function that it needs. Otherwise returns 503. The result is at most one second old.",
		Responses:     map[int]string{http.StatusOK: "The service is ready.", http.StatusServiceUnavailable: "The service is not ready."},
		OtherStatuses: []int{http.StatusServiceUnavailable},
	}, func(ctx context.Context, _ *struct{}) (*healthOutput, error) {
		return state.current(ctx), nil
	})
}

// readiness caches the last result of the checks. Anyone can request it at any rate, so the checks run at most once
// per readyFor, for all callers together.
type readiness struct {
	log    *slog.Logger
	checks []Check

	mu      sync.Mutex
	last    *healthOutput
	checked time.Time
}

// current returns the last result, or runs the checks if it is too old. Concurrent callers wait for the same run.
func (r *readiness) current(ctx context.Context) *healthOutput {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil || time.Since(r.checked) >= readyFor {
		// The result is for all waiting callers, so the cancellation of this one does not cancel the checks.
		r.last = ready(context.WithoutCancel(ctx), r.log, r.checks)
		r.checked = time.Now()
	}
	return r.last
}

// ready runs the checks concurrently and logs those that fail. A check that panics fails.
func ready(ctx context.Context, log *slog.Logger, checks []Check) *healthOutput {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	errs := make([]error, len(checks))
	var group sync.WaitGroup
	for i, check := range checks {
		group.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					errs[i] = fmt.Errorf("panic: %v", r)
				}
			}()
			errs[i] = check.Ready(ctx)
		})
	}
	group.Wait()
	out := &healthOutput{Status: http.StatusOK, Body: Health{Status: "ok", Checks: map[string]HealthStatus{}}}
	for i, check := range checks {
		out.Body.Checks[check.Name] = "ok"
		if errs[i] != nil {
			log.WarnContext(ctx, "the service is not ready", "check", check.Name, "error", errs[i])
			out.Body.Checks[check.Name] = "failed"
			out.Status, out.Body.Status = http.StatusServiceUnavailable, "failed"
		}
	}
	return out
}

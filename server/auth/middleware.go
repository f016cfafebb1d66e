package auth

import (
	"context"
	"errors"
	"log/slog"

	"github.com/gin-gonic/gin"

	"github.com/chenu/chenu/server/problem"
)

// Middleware puts the caller into the request's context, or ends the request: 401 with
// the challenge of RFC 6750 section 3, 400 for a header that is no credentials.
func (a *Authenticator) Middleware(c *gin.Context) {
	id, err := a.Authenticate(c.Request)
	if err != nil {
		problem.Write(c, Problem(c.Request.Context(), err))
		return
	}
	c.Request = c.Request.WithContext(With(c.Request.Context(), id))
}

// Problem turns an error of [Authenticator.Authenticate] into what the client is told.
// Why exactly a token was refused is logged at level debug and told to nobody: it would
// help a forger only.
func Problem(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, ErrNoCredentials):
		return problem.Unauthorized("")
	case errors.Is(err, ErrMalformedCredentials):
		return problem.Malformed(problem.In("Authorization", "invalid_header", "Send one header: Authorization: Bearer <token>.")).
			WithHeader("WWW-Authenticate", `Bearer realm="chenu", error="invalid_request"`)
	case errors.Is(err, ErrExpiredToken):
		return problem.Unauthorized("The access token has expired.")
	case errors.Is(err, ErrInvalidToken):
		slog.DebugContext(ctx, "an access token was refused", "reason", err)
		return problem.Unauthorized("The access token is not valid.")
	}
	return err
}

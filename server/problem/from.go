package problem

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/policies"
)

// codeClientGone is the code for a request whose client closed the connection, so that no one receives the response.
const codeClientGone = "client_gone"

// statusClientGone is nginx's status for a closed connection. It appears only in logs.
const statusClientGone = 499

// OnDelete marks an error of an operation that deletes rows. A foreign key violation then means that other rows refer
// to the row (409 in_use), and not that the row refers to a missing row (422 reference_not_found). Postgres reports
// both with the same SQLSTATE and distinguishes them only in the translated message. If err is nil, OnDelete returns
// nil.
func OnDelete(err error) error {
	if err == nil {
		return nil
	}
	return &deleteError{err}
}

type deleteError struct{ error }

func (e *deleteError) Unwrap() error { return e.error }

// From translates any error to the problem that a client receives. No other code does so. A *Problem, including a
// wrapped one, is returned unchanged. Unexpected errors become a 500 without details. err must not be nil.
func From(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		_, deleting := errors.AsType[*deleteError](err)
		return fromPostgres(pg, deleting).WithCause(err)
	}
	if p := fromGraph(err); p != nil {
		return p.WithCause(err)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return New(statusClientGone, codeClientGone, "The client closed the connection.").WithCause(err)
	case errors.Is(err, context.DeadlineExceeded):
		return timeout().WithCause(err)
	case isConnectionError(err):
		return unavailable().WithCause(err)
	}
	return internal().WithCause(err)
}

// Retryable reports whether the transaction failed with an error that a retry of the whole transaction can resolve: a
// serialization failure or a deadlock (Postgres manual, "Serialization Failure Handling"). Nothing was committed.
func Retryable(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == "40001" || pg.Code == "40P01")
}

func fromGraph(err error) *Problem {
	if ent.IsNotFound(err) {
		return NotFound()
	}
	if v, ok := errors.AsType[*ent.ValidationError](err); ok {
		return Invalid(At(Pointer(v.Name), "invalid_value", "This value is not valid."))
	}
	return nil
}

// fromPostgres translates an error of Postgres. The names of SQLSTATEs are those of the Postgres manual, appendix A.
func fromPostgres(e *pgconn.PgError, deleting bool) *Problem {
	switch e.Code {
	case "CH401":
		return Unauthorized("")
	case "CH403":
		return ruled(e, http.StatusForbidden, "forbidden", "You are not allowed to do this.")
	case "CH404":
		return NotFound()
	case "CH409":
		return ruled(e, http.StatusConflict, "conflict", "The current state of the resource does not allow this. Get the resource again.")
	case "CH412":
		return ruled(e, http.StatusPreconditionFailed, "stale_version", "The resource has changed since you read it. Get it again, and repeat the change with the new ETag.")
	case "CH422":
		return ruled(e, http.StatusUnprocessableEntity, "validation_failed", "The request has invalid values. The field errors describe each of them.")
	case "CH423":
		return locked(e)
	case "23505": // unique_violation
		return New(http.StatusConflict, "already_exists", "Another resource already has the same value. Use a different value.").
			WithErrors(guarded(e, "already_exists", "Another resource already has this value. Use a different value.")...)
	case "23503": // foreign_key_violation
		if deleting {
			p := New(http.StatusConflict, "in_use", "Other resources refer to this resource. Delete them or remove their references first.")
			if guard, ok := policies.Constraint(e.TableName, e.ConstraintName); ok {
				p.Kinds = []string{guard.Resource}
			}
			return p
		}
		return New(http.StatusUnprocessableEntity, referenceNotFound, referenceNotFoundDetail).
			WithErrors(guarded(e, referenceNotFound, "There is no such resource. Use the id of an existing resource.")...)
	case "23514": // check_violation
		return Invalid(guarded(e, "invalid_value", "This value is not valid, or not valid together with other fields.")...)
	case "23502": // not_null_violation: the error has the name of the column
		p := Invalid()
		if e.ColumnName != "" {
			p.WithErrors(At(Pointer(e.ColumnName), "required", "This field is required."))
		}
		return p
	case "23P01": // exclusion_violation
		return New(http.StatusConflict, "conflict", "The request conflicts with another resource. Use different values.")
	case "22001", "22003", "22007", "22008", "22021", "22P02", "22P05":
		// Values whose form or size is not valid for any column: string_data_right_truncation,
		// numeric_value_out_of_range, invalid_datetime_format, datetime_field_overflow, character_not_in_repertoire,
		// invalid_text_representation, untranslatable_character.
		return New(http.StatusUnprocessableEntity, "invalid_value", "The request has a value that cannot be stored. Correct the value.")
	case "42501": // insufficient_privilege, including rows that a policy rejects
		return Forbidden("You are not allowed to do this.")
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return New(http.StatusConflict, "write_conflict", "Another request changed the same data at the same time. Nothing was changed. Repeat the request.").
			WithRetryAfter(time.Second)
	case "57014": // query_canceled, by statement_timeout
		return timeout()
	case "55P03": // lock_not_available
		return New(http.StatusServiceUnavailable, "busy", "Another request is using the resource. Nothing was changed. Repeat the request after Retry-After.").
			WithRetryAfter(time.Second)
	case "57P01", "57P02", "57P03", "57P05": // shutdown, crash, starting up, idle timeout
		return unavailable()
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "08", "28", "53": // connection exceptions, failed logins, insufficient resources
		return unavailable()
	}
	return internal()
}

// guarded returns an error for the field of the violated constraint, or nil if the constraint is not about one field.
// The constraint's own detail, if it has one, replaces detail.
func guarded(e *pgconn.PgError, code, detail string) []FieldError {
	guard, ok := policies.Constraint(e.TableName, e.ConstraintName)
	if !ok || guard.Field == "" {
		return nil
	}
	return []FieldError{At(Pointer(guard.Field), code, cmp.Or(guard.Detail, detail))}
}

// ruled translates an error that a function of policies/functions raised. The DETAIL of the error may be a JSON
// object with the optional members pointer, code, detail and present. The code is that of the field error if there is
// a pointer, and otherwise that of the problem. The detail is a sentence for clients; without it, the code is
// converted to a sentence. MESSAGE is for logs.
func ruled(e *pgconn.PgError, status int, code, detail string) *Problem {
	var said struct {
		Pointer *string  `json:"pointer"`
		Code    string   `json:"code"`
		Detail  string   `json:"detail"`
		Present *Present `json:"present"`
	}
	if strings.HasPrefix(e.Detail, "{") {
		if err := json.Unmarshal([]byte(e.Detail), &said); err != nil {
			said.Pointer, said.Code, said.Detail, said.Present = nil, "", "", nil
		}
	}
	if said.Pointer == nil {
		if said.Code != "" {
			code, detail = said.Code, words(said.Code)+"."
		}
		if said.Detail != "" {
			detail = said.Detail
		}
		p := New(status, code, detail)
		p.Present = said.Present
		return p
	}
	field := At(*said.Pointer, cmp.Or(said.Code, "invalid_value"), said.Detail)
	if field.Detail == "" {
		field.Detail = words(field.Code) + "."
	}
	if field.Code == referenceNotFound { // the same response as for a foreign key violation
		code, detail = referenceNotFound, referenceNotFoundDetail
	}
	return New(status, code, detail).WithErrors(field)
}

// Code and detail for a reference to a row that does not exist or belongs to another identity.
const (
	referenceNotFound       = "reference_not_found"
	referenceNotFoundDetail = "The request refers to a resource that does not exist. Use the id of an existing resource."
)

// lockedDetails maps the codes of status 423 to their details.
var lockedDetails = map[string]string{
	CheckpointRequired:    "This write requires the approval of a human. When the checkpoint is approved, repeat the same request with its id in the header Checkpoint.",
	"checkpoint_mismatch": "The checkpoint does not approve this request. Repeat the approved request without changes, or send this request without the header Checkpoint to request another approval.",
	"checkpoint_pending":  "The checkpoint is not decided yet. Repeat the request when it is approved.",
	"checkpoint_rejected": "The checkpoint was rejected. Get the checkpoint to read the reason.",
	"checkpoint_expired":  "The checkpoint has expired. Repeat the request without the header Checkpoint to request another approval.",
	"checkpoint_used":     "The checkpoint was already used. Repeat the request without the header Checkpoint to request another approval.",
}

// locked translates an error of a gate. Its DETAIL has the code, and describes the checkpoint in the request. It also
// has the payload, which package refusal uses to request the approval.
func locked(e *pgconn.PgError) *Problem {
	var said struct {
		Code       string      `json:"code"`
		Checkpoint *Checkpoint `json:"checkpoint"`
	}
	detail, ok := "", false
	if json.Unmarshal([]byte(e.Detail), &said) == nil {
		detail, ok = lockedDetails[said.Code]
	}
	if !ok {
		return New(http.StatusLocked, CheckpointRequired, lockedDetails[CheckpointRequired])
	}
	p := New(http.StatusLocked, said.Code, detail)
	if c := said.Checkpoint; c != nil {
		c.ExpiresAt, c.Href = c.ExpiresAt.UTC(), CheckpointPath+c.ID.String()
		p.Checkpoint = c
	}
	return p
}

func internal() *Problem {
	return New(http.StatusInternalServerError, "internal_error", "internal error")
}

func timeout() *Problem {
	return New(http.StatusGatewayTimeout, "timeout", "The request took too long and was cancelled. Check whether it had an effect before you repeat it.")
}

func unavailable() *Problem {
	return New(http.StatusServiceUnavailable, "unavailable", "The service cannot connect to its database. Repeat the request after Retry-After.").
		WithRetryAfter(5 * time.Second)
}

// isConnectionError reports whether the connection to the database server failed, as opposed to an error that the
// server returned.
func isConnectionError(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	// The error occurred before anything was sent: the connection was closed or is in use.
	if pgconn.SafeToRetry(err) {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

func isDatabaseError(err error) bool {
	_, ok := errors.AsType[*pgconn.PgError](err)
	return ok
}

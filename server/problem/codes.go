package problem

import "net/http"

// Definition describes the code of a problem. The page docs/problems.md and the page of the
// API are generated from it.
type Definition struct {
	Code string
	// Statuses are the HTTP statuses with which the code is used; most codes have one.
	Statuses []int
	// Cause says when the service returns the code, Remedy what the client can do. Both are
	// sentences, in which backquotes enclose code.
	Cause, Remedy string
}

// FieldDefinition describes the code of a [FieldError].
type FieldDefinition struct {
	Code, Cause, Remedy string
}

func on(status ...int) []int { return status }

// Definitions lists the codes of all problems, sorted by code. The meaning of a code never changes, because clients
// depend on it.
var Definitions = []Definition{
	{"agent_dismissed", on(http.StatusConflict), "The agent is dismissed. A dismissed agent cannot have credentials.", "Hire another agent."},
	{"already_decided", on(http.StatusConflict), "The checkpoint is already approved or rejected.", "Get the checkpoint to see the decision. Repeat the original request without the header `Checkpoint` to request another approval."},
	{"already_exists", on(http.StatusConflict), "Another resource of the identity has the same value in a field that must be unique. `errors` names the field.", "Choose another value, or update the resource that has it."},
	{"body_too_large", on(http.StatusRequestEntityTooLarge), "The body is larger than the operation accepts.", "Send a smaller body."},
	{"busy", on(http.StatusServiceUnavailable), "The resource is locked by another request, or too many passwords are being checked. Nothing was changed.", "Repeat the request after `Retry-After`."},
	{"checkpoint_expired", on(http.StatusConflict, http.StatusLocked), "The checkpoint expired before it was decided, or before its approval was used.", "Repeat the original request without the header `Checkpoint` to request another approval."},
	{"checkpoint_mismatch", on(http.StatusLocked), "The checkpoint approves another write, another version of the row or of a row that it refers to, or the request of another actor.", "Send exactly the approved request, or repeat it without the header `Checkpoint` to request another approval."},
	{"checkpoint_pending", on(http.StatusLocked), "The checkpoint is not decided yet.", "Wait for the decision of the owner, then repeat the request."},
	{"checkpoint_rejected", on(http.StatusLocked), "The owner rejected the checkpoint.", "Get the checkpoint to read the reason."},
	{"checkpoint_required", on(http.StatusLocked), "The write needs the approval of a human. `checkpoint` describes the approval that was requested.", "Let the owner approve the checkpoint, then repeat the request with the header `Checkpoint`."},
	{"checkpoint_used", on(http.StatusLocked), "The approval was already used. An approval is valid for one write.", "Repeat the request without the header `Checkpoint` to request another approval."},
	{"client_gone", on(statusClientGone), "The client closed the connection before the response. Only logs show this code.", "No action is required."},
	{"conflict", on(http.StatusConflict), "The current state of the resource does not allow the request.", "Get the resource, and send a request that its state allows."},
	{"digest_mismatch", on(http.StatusConflict), "The digest in the decision is not the digest of the checkpoint.", "Get the checkpoint again, and send the digest that it shows."},
	{"email_taken", on(http.StatusConflict), "An account with this e-mail address exists.", "Log in, reset the password, or register another address."},
	{"email_unverified", on(http.StatusForbidden), "Hiring agents and creating credentials require a verified e-mail address.", "Send the token from the verification mail to `POST /v1/auth/verify-email`. `POST /v1/auth/request-email-verification` sends another mail."},
	{"event_id_reused", on(http.StatusConflict), "An event with one of these ids exists with other content, or was appended together with other events.", "Use new ids for new events."},
	{"forbidden", on(http.StatusForbidden), "The caller is not allowed to do this. Some operations are only for humans, not for agents.", "Ask the human to send the request."},
	{"forbidden_transition", on(http.StatusConflict), "The event is not allowed in the current status of the thread, which `present` shows.", "Get the thread, and append an event that its status allows."},
	{"idempotency_key_reused", on(http.StatusUnprocessableEntity), "The `Idempotency-Key` was used with another request.", "Use a new key for a new request."},
	{"if_match_required", on(http.StatusPreconditionRequired), "The operation requires the version of the resource in `If-Match`.", "Send the ETag of your last response with the resource."},
	{"in_use", on(http.StatusConflict), "Other resources refer to the resource. `kinds` has their kinds.", "Delete them or remove their references first. Some deletions accept `?detach=true`, which removes the references."},
	{"incomplete_body", on(http.StatusBadRequest), "The body ended before it was complete.", "Send the request again."},
	{"insufficient_scope", on(http.StatusForbidden), "The capabilities in the agent's access token do not include this operation.", "The human can add the capability to the agent. The agent then requests a new token."},
	{"internal_error", on(http.StatusInternalServerError), "The service failed to process the request.", "Report the `request_id` to the operator of the service."},
	{"invalid_client", on(http.StatusUnauthorized), "The agent's credential is unknown, wrong, revoked or expired, or the agent or its human is not active.", "The human can create another credential, or resume the agent."},
	{"invalid_credentials", on(http.StatusUnauthorized), "The e-mail address or the password is wrong, or there were too many failed attempts.", "Check both, and wait after several failures."},
	{"invalid_json", on(http.StatusBadRequest), "The body is not valid JSON. `errors` has the location.", "Correct the body."},
	{"invalid_page_token", on(http.StatusBadRequest), "The `page_token` was modified, or belongs to another list, other filters or another identity.", "Send the `next_page_token` unchanged and with the same filters, or request the first page."},
	{"invalid_refresh_token", on(http.StatusUnauthorized), "The refresh token is unknown, was already used, or belongs to a session that has ended.", "Log in again."},
	{"invalid_request", on(http.StatusBadRequest), "The request is malformed, or has parameters that do not exist. `errors` names them.", "Correct the request."},
	{"invalid_scope", on(http.StatusBadRequest), "The token request names a capability that the agent does not have, or the agent has no capabilities.", "Request capabilities that the agent has."},
	{"invalid_token", on(http.StatusUnauthorized), "The access token is invalid or has expired, or its session has ended.", "Refresh the session, or log in again."},
	{"invalid_value", on(http.StatusUnprocessableEntity), "The request has a value that the database cannot store.", "Correct the value."},
	{"method_not_allowed", on(http.StatusMethodNotAllowed), "The path does not support the method. `Allow` lists the methods that it supports.", "Use another method."},
	{"never_deleted", on(http.StatusConflict), "A resource in this state cannot be deleted.", "Keep the resource."},
	{"not_found", on(http.StatusNotFound), "There is no such resource, or it belongs to another identity.", "Check the id and the account."},
	{"not_the_assignee", on(http.StatusForbidden), "An agent may change only tasks that are assigned to it.", "Ask the human to assign the task to the agent."},
	{"not_the_requester", on(http.StatusForbidden), "Only the actor who requested a checkpoint can withdraw it.", "The owner can reject it."},
	{"outcome_unknown", on(http.StatusServiceUnavailable), "The connection to the database was lost while the change was committed. The change may have taken effect.", "Get the resource, or repeat the request with the same `Idempotency-Key`."},
	{"password_changed", on(http.StatusConflict), "The password of the account was changed while the request compared the earlier one.", "Repeat the request with the current password."},
	{"rate_limited", on(http.StatusTooManyRequests), "There were more requests than a limit allows.", "Wait for `Retry-After`."},
	{"recent_authentication_required", on(http.StatusForbidden), "The operation requires an authentication within the last five minutes.", "Send the password to `POST /v1/auth/step-up`, and repeat the request with the new access token."},
	{"reference_not_found", on(http.StatusUnprocessableEntity), "The request refers to a resource that does not exist or belongs to another identity. `errors` names the field.", "Correct the id."},
	{"refresh_in_progress", on(http.StatusConflict), "Another request exchanged the same refresh token less than ten seconds ago. The session stays valid.", "Use the tokens that the other request received."},
	{"request_in_progress", on(http.StatusConflict), "A request with the same `Idempotency-Key` is still running.", "Repeat the request after `Retry-After`."},
	{"stale_sequence", on(http.StatusPreconditionFailed), "The last sequence number of the thread is not `expected_sequence`. `present` has the last sequence number.", "Get the new events, and append with the last sequence number."},
	{"stale_version", on(http.StatusPreconditionFailed), "The resource has changed since the version in `If-Match`.", "Get the resource again, and repeat the change with its new ETag."},
	{"timeout", on(http.StatusGatewayTimeout), "The request took too long and was cancelled. It may have taken effect.", "Get the resource, or repeat the request with the same `Idempotency-Key`."},
	{"too_large_to_approve", on(http.StatusConflict), "More resources become public with the change than an approval can show. `detail` has the limits.", "Publish in steps: remove some of the resources, publish the rest, and add the others again, each with an approval of its own."},
	{"too_many_concurrent_requests", on(http.StatusTooManyRequests), "Too many requests of the identity are running at the same time on this instance.", "Wait until some of them have ended, and repeat the request after `Retry-After`."},
	{"too_many_credentials", on(http.StatusConflict), "The agent already has the maximum of 20 credentials.", "Revoke a credential first."},
	{"too_many_pending", on(http.StatusConflict), "Too many checkpoints are pending. The maximum is 20 for one agent, 100 for all agents and 100 for the human.", "Wait for decisions, or withdraw checkpoints."},
	{"unauthenticated", on(http.StatusUnauthorized), "The request has no access token.", "Send the header `Authorization: Bearer <token>`."},
	{"unavailable", on(http.StatusServiceUnavailable), "The service cannot reach its database.", "Repeat the request after `Retry-After`."},
	{"unexpected_body", on(http.StatusBadRequest), "The operation accepts no body.", "Send the request without a body."},
	{"unsupported_media_type", on(http.StatusUnsupportedMediaType), "The operation does not accept the media type of the body, or the body is compressed. `Accept` or `Accept-Patch` lists what is accepted.", "Send JSON, or JSON Merge Patch in a `PATCH`, uncompressed."},
	{"validation_failed", on(http.StatusUnprocessableEntity), "The request has invalid values. `errors` describes each of them.", "Correct these values."},
	{"write_conflict", on(http.StatusConflict), "Another request changed the same data at the same time. Nothing was changed.", "Repeat the request."},
}

// FieldDefinitions lists the codes of all field errors, sorted by code.
var FieldDefinitions = []FieldDefinition{
	{"already_exists", "Another resource already has this value.", "Choose another value."},
	{"bidirectional_control", "Text that a human must approve has characters that change the direction in which it is displayed.", "Remove these characters."},
	{"body_required", "The operation requires a JSON body.", "Send a JSON body."},
	{"circular_reference", "The thread would be its own ancestor.", "Choose another parent."},
	{"duplicate_field", "A field is in the object more than once.", "Send the field once."},
	{"email_taken", "An account with this e-mail address exists.", "Log in, or choose another address."},
	{"event_full", "The event has reached its capacity.", "Respond with another status, or increase the capacity."},
	{"idempotency_key_reused", "The key was used with another request.", "Use a new key for a new request."},
	{"in_the_future", "The day is in the future where the identity lives.", "Send a day that is not in the future."},
	{"in_the_past", "The time has passed.", "Send a time in the future."},
	{"invalid_character", "The text has a character that is not accepted, such as U+0000.", "Remove the character."},
	{"invalid_encoding", "The text is not valid UTF-8.", "Encode the text as UTF-8."},
	{"invalid_format", "The value does not have the required form. `detail` describes the form.", "Correct the value."},
	{"invalid_id", "The id is not a UUIDv7 of the current hour.", "Create a new UUIDv7, or send no id."},
	{"invalid_page_token", "The token was modified, or belongs to another list or other filters.", "Send the `next_page_token` unchanged."},
	{"invalid_payload", "The payload of a request for approval does not describe a write of the caller.", "Send the write itself. The service then requests its approval."},
	{"invalid_syntax", "The JSON or the query string is malformed.", "Correct the syntax at the position in `detail`."},
	{"invalid_time_zone", "The value is not the name of a time zone.", "Send an IANA name, such as `Europe/Paris`."},
	{"invalid_token", "The mailed token is unknown, was already used, or has expired.", "Request another mail."},
	{"invalid_value", "The value is not valid, or not valid together with other fields. `detail` has the reason.", "Correct the value."},
	{"not_in_enum", "The value is not one of the allowed values.", "Send a value that `GET /v1/meta/enums` or `detail` lists."},
	{"not_unique", "Two items are equal, or two events have the same id.", "Remove or change one of the two."},
	{"null_not_allowed", "The field cannot be null.", "Send a value, or omit the field."},
	{"out_of_range", "The number or time is too small or too large, or has too many digits.", "Send a value within the limits."},
	{"password_too_common", "The password is in a list of common passwords.", "Choose a longer or less common password."},
	{"password_too_long", "The password has too many characters.", "Choose a shorter password."},
	{"password_too_short", "The password has fewer than 15 characters.", "Choose a longer password."},
	{"reference_not_found", "There is no such resource, or it belongs to another identity.", "Correct the id."},
	{"repeated_parameter", "The request has the parameter or header more than once.", "Send it once."},
	{"required", "The field, parameter or header is missing.", "Send the missing value."},
	{"reserved_action", "The action of a request for approval starts with a verb that is reserved for writes to the database.", "Use another verb."},
	{"too_deep", "The JSON has too many levels of nesting.", "Send JSON with fewer levels."},
	{"too_long", "The text or list is too long.", "Shorten the value."},
	{"too_short", "The text or list is too short.", "Lengthen the value."},
	{"trailing_data", "The body has more data after the JSON value.", "Send one JSON value."},
	{"unknown_field", "The field does not exist, or clients cannot set it.", "Omit the field."},
	{"unknown_parameter", "The parameter does not exist.", "Omit the parameter."},
	{"weak_key", "The public key is not the canonical encoding of an Ed25519 key, or has a small order.", "Generate another key."},
	{"wrong_type", "The value does not have the JSON type of the field.", "Send a value of the type in `detail`."},
}

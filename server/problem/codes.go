package problem

import "net/http"

// Definition describes the code of a problem. The page docs/problems.md and the page of the
// API are generated from it.
type Definition struct {
	Code string
	// Statuses are the HTTP statuses that the code has; most codes have one.
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

// Definitions are the codes of all problems, in their order. A code never changes its
// meaning, because clients branch on it.
var Definitions = []Definition{
	{"agent_dismissed", on(http.StatusConflict), "The agent was dismissed, and a dismissed agent gets no credentials.", "Hire another agent."},
	{"already_decided", on(http.StatusConflict), "The checkpoint was approved or rejected before.", "Read the checkpoint to see the decision. Repeat the original request without the header `Checkpoint` to request another approval."},
	{"already_exists", on(http.StatusConflict), "Another resource of the identity has the same value in a field that must be unique. `errors` names the field.", "Choose another value, or update the resource that has it."},
	{"body_too_large", on(http.StatusRequestEntityTooLarge), "The body is larger than the operation accepts.", "Send less in one request."},
	{"busy", on(http.StatusServiceUnavailable), "The resource is locked by another request, or too many passwords are being checked. Nothing was changed.", "Repeat the request after `Retry-After`."},
	{"checkpoint_expired", on(http.StatusConflict, http.StatusLocked), "The time to decide the checkpoint, or to use its approval, is over.", "Repeat the original request without the header `Checkpoint` to request another approval."},
	{"checkpoint_mismatch", on(http.StatusLocked), "The checkpoint approves another write, another version of the row or of a row that it refers to, or the request of somebody else.", "Send exactly the approved request, or repeat it without the header `Checkpoint` to request another approval."},
	{"checkpoint_pending", on(http.StatusLocked), "The checkpoint is not decided yet.", "Wait for the decision of the owner, then repeat the request."},
	{"checkpoint_rejected", on(http.StatusLocked), "The owner rejected the checkpoint.", "Read the reason in the checkpoint."},
	{"checkpoint_required", on(http.StatusLocked), "The write needs the approval of a human. `checkpoint` describes the approval that was requested.", "Let the owner approve the checkpoint, then repeat the request with the header `Checkpoint`."},
	{"checkpoint_used", on(http.StatusLocked), "The approval was used before. An approval is valid for one write.", "Repeat the request without the header `Checkpoint` to request another approval."},
	{"client_gone", on(statusClientGone), "The client closed the connection before the response. Only logs show this code.", "Nothing to do."},
	{"conflict", on(http.StatusConflict), "The request does not fit the present state of the resource.", "Read the resource, and decide again."},
	{"digest_mismatch", on(http.StatusConflict), "The decision names another digest than the checkpoint has.", "Read the checkpoint again, and decide about the digest that it shows."},
	{"email_taken", on(http.StatusConflict), "There is an account with this e-mail address.", "Log in, reset the password, or register another address."},
	{"email_unverified", on(http.StatusForbidden), "Hiring agents and creating credentials need a verified e-mail address.", "Send the token from the verification mail to `POST /v1/auth/verify-email`. `POST /v1/auth/request-email-verification` sends another mail."},
	{"event_id_reused", on(http.StatusConflict), "An event with one of these ids was appended before, with other content or among other events.", "Use new ids for new events."},
	{"forbidden", on(http.StatusForbidden), "The caller may not do this. Agents are refused what only humans may do.", "Let the human do it, or do without it."},
	{"forbidden_transition", on(http.StatusConflict), "The event is not allowed in the present status of the thread, which `present` shows.", "Read the thread, and append an event that its status allows."},
	{"idempotency_key_reused", on(http.StatusUnprocessableEntity), "The `Idempotency-Key` was used with another request.", "Use a new key for a new request."},
	{"if_match_required", on(http.StatusPreconditionRequired), "The operation needs the version of the resource in `If-Match`.", "Send the ETag of the resource as you last read it."},
	{"in_use", on(http.StatusConflict), "Other resources refer to the resource, of the kinds in `kinds`.", "Delete them or remove their references first. Some deletions accept `?detach=true`, which removes the references."},
	{"incomplete_body", on(http.StatusBadRequest), "The body ended before it was complete.", "Send the request again."},
	{"insufficient_scope", on(http.StatusForbidden), "The capabilities in the agent's access token do not include this operation.", "The human can give the agent the capability. The agent then needs a new token."},
	{"internal_error", on(http.StatusInternalServerError), "The service failed.", "Report the `request_id` to the operator of the service."},
	{"invalid_client", on(http.StatusUnauthorized), "The agent's credential is unknown, wrong, revoked or expired, or the agent or its human is not active.", "The human can create another credential, or resume the agent."},
	{"invalid_credentials", on(http.StatusUnauthorized), "The e-mail address or the password is wrong, or there were too many failed attempts.", "Check both, and wait after several failures."},
	{"invalid_json", on(http.StatusBadRequest), "The body is not valid JSON. `errors` says where.", "Correct the body."},
	{"invalid_page_token", on(http.StatusBadRequest), "The `page_token` was changed, or is from another list, other filters or another identity.", "Send the `next_page_token` unchanged and with the same filters, or request the first page."},
	{"invalid_refresh_token", on(http.StatusUnauthorized), "The refresh token is unknown, was used before, or belongs to a session that has ended.", "Log in again."},
	{"invalid_request", on(http.StatusBadRequest), "The request is malformed, or has parameters that do not exist. `errors` names them.", "Correct the request."},
	{"invalid_scope", on(http.StatusBadRequest), "The agent does not have a capability that the token request names, or has none at all.", "Request capabilities that the agent has."},
	{"invalid_token", on(http.StatusUnauthorized), "The access token is invalid or has expired, or its session has ended.", "Refresh the session, or log in again."},
	{"invalid_value", on(http.StatusUnprocessableEntity), "The request has a value that the database cannot store.", "Correct the value."},
	{"method_not_allowed", on(http.StatusMethodNotAllowed), "The path does not support the method. `Allow` lists the methods that it supports.", "Use another method."},
	{"never_deleted", on(http.StatusConflict), "A resource in this state is never deleted.", "Keep it."},
	{"not_found", on(http.StatusNotFound), "There is no such resource, or it belongs to another identity.", "Check the id and the account."},
	{"not_the_assignee", on(http.StatusForbidden), "An agent may change only tasks that are assigned to it.", "Let the human assign the task to the agent."},
	{"not_the_requester", on(http.StatusForbidden), "Only the actor who requested a checkpoint can withdraw it.", "The owner can reject it."},
	{"outcome_unknown", on(http.StatusServiceUnavailable), "The connection to the database was lost while the change was committed. The change may have happened.", "Read the resource, or repeat the request with the same `Idempotency-Key`."},
	{"rate_limited", on(http.StatusTooManyRequests), "There were more requests than a limit allows.", "Wait for `Retry-After`."},
	{"recent_authentication_required", on(http.StatusForbidden), "The operation needs an authentication within the last five minutes.", "Send the password to `POST /v1/auth/step-up`, and repeat the request with the new access token."},
	{"reference_not_found", on(http.StatusUnprocessableEntity), "The request refers to a resource that does not exist or belongs to another identity. `errors` names the field.", "Correct the id."},
	{"refresh_in_progress", on(http.StatusConflict), "Another request exchanged the same refresh token less than ten seconds ago. The session stays valid.", "Use the tokens that the other request received."},
	{"request_in_progress", on(http.StatusConflict), "A request with the same `Idempotency-Key` is still running.", "Repeat the request after `Retry-After`."},
	{"stale_sequence", on(http.StatusPreconditionFailed), "The thread has other events than `expected_sequence` says. `present` has the last sequence.", "Read the new events, and append with their sequence."},
	{"stale_version", on(http.StatusPreconditionFailed), "The resource was changed since the version in `If-Match`.", "Read the resource again, and repeat the change with its new ETag."},
	{"timeout", on(http.StatusGatewayTimeout), "The request took too long and was cancelled. It may have had its effect.", "Read the resource, or repeat the request with the same `Idempotency-Key`."},
	{"too_many_concurrent_requests", on(http.StatusTooManyRequests), "Too many requests of the identity run at the same time on this instance.", "Wait for some of them to end, and repeat the request after `Retry-After`."},
	{"too_many_credentials", on(http.StatusConflict), "The agent has 20 credentials, the most that it can have.", "Revoke one first."},
	{"too_many_pending", on(http.StatusConflict), "Too many requests wait for a decision: at most 20 of one agent, 100 of all agents and 100 of the human.", "Wait for decisions, or withdraw requests."},
	{"unauthenticated", on(http.StatusUnauthorized), "The request has no access token.", "Send the header `Authorization: Bearer <token>`."},
	{"unavailable", on(http.StatusServiceUnavailable), "The service cannot reach its database.", "Repeat the request after `Retry-After`."},
	{"unexpected_body", on(http.StatusBadRequest), "The operation accepts no body.", "Send the request without one."},
	{"unsupported_media_type", on(http.StatusUnsupportedMediaType), "The body has another media type, or is compressed. `Accept` or `Accept-Patch` lists what is accepted.", "Send JSON, or JSON Merge Patch in a `PATCH`, uncompressed."},
	{"validation_failed", on(http.StatusUnprocessableEntity), "The request has values that are not acceptable. `errors` says which.", "Correct these values."},
	{"write_conflict", on(http.StatusConflict), "Another request changed the same data at the same time. Nothing was changed.", "Repeat the request."},
}

// FieldDefinitions are the codes of all errors of fields, in their order.
var FieldDefinitions = []FieldDefinition{
	{"already_exists", "Another resource has this value.", "Choose another value."},
	{"bidirectional_control", "Text that a human must approve has characters that change the order in which it is displayed.", "Remove these characters."},
	{"body_required", "The operation needs a JSON body.", "Send one."},
	{"circular_reference", "The thread would come from itself.", "Choose another parent."},
	{"duplicate_field", "A name is in the object more than once.", "Send it once."},
	{"email_taken", "There is an account with this e-mail address.", "Log in, or choose another address."},
	{"event_full", "The event has no free place.", "Answer with another status, or raise the capacity."},
	{"idempotency_key_reused", "The key was used with another request.", "Use a new key for a new request."},
	{"in_the_future", "The day is in the future where the identity lives.", "Send a day that is not in the future."},
	{"in_the_past", "The time has passed.", "Send a time in the future."},
	{"invalid_character", "The text has a character that is not accepted, such as U+0000.", "Remove the character."},
	{"invalid_encoding", "The text is not valid UTF-8.", "Encode it as UTF-8."},
	{"invalid_format", "The value does not have the required form. `detail` says which.", "Correct the value."},
	{"invalid_id", "The id is not a UUIDv7 of the present hour.", "Create a new UUIDv7, or send no id."},
	{"invalid_page_token", "The token was changed, or is from another list or other filters.", "Send the `next_page_token` unchanged."},
	{"invalid_payload", "The payload of a request for approval does not describe a write of the caller.", "Send the write itself: the database requests its approval."},
	{"invalid_syntax", "The JSON or the query string is malformed.", "Correct it where `detail` says."},
	{"invalid_time_zone", "The value is not the name of a time zone.", "Send an IANA name, such as `Europe/Paris`."},
	{"invalid_token", "The mailed token is unknown, was used, or has expired.", "Request another mail."},
	{"invalid_value", "The value is not acceptable, or not together with other fields. `detail` says why.", "Correct the value."},
	{"not_in_enum", "The value is not one of the allowed values.", "Send a value that `GET /v1/meta/enums` or `detail` lists."},
	{"not_unique", "Two items are equal, or two events have one id.", "Remove one, or change it."},
	{"null_not_allowed", "The field cannot be null.", "Send a value, or leave the field out."},
	{"out_of_range", "The number or time is too small or too large, or has too many digits.", "Send a value within the limits."},
	{"password_too_common", "The password is among the first that would be guessed.", "Choose a longer or less common one."},
	{"password_too_long", "The password has too many characters.", "Choose a shorter one."},
	{"password_too_short", "The password has fewer than 15 characters.", "Choose a longer one."},
	{"reference_not_found", "There is no such resource, or it belongs to another identity.", "Correct the id."},
	{"repeated_parameter", "The parameter or header is there more than once.", "Send it once."},
	{"required", "The field, parameter or header is missing.", "Send it."},
	{"reserved_action", "The action of a request for approval starts with a verb that is reserved for writes of the database.", "Use another verb."},
	{"too_deep", "The JSON is nested too deep.", "Send fewer levels."},
	{"too_long", "The text or list is too long.", "Shorten it."},
	{"too_short", "The text or list is too short.", "Lengthen it."},
	{"trailing_data", "There is more after the JSON value.", "Send one value."},
	{"unknown_field", "There is no such field, or clients cannot set it.", "Leave it out."},
	{"unknown_parameter", "There is no such parameter.", "Leave it out."},
	{"weak_key", "The public key is not the canonical encoding of an Ed25519 key, or has a small order.", "Generate another key."},
	{"wrong_type", "The value has another JSON type than the field.", "Send the type that the field has."},
}

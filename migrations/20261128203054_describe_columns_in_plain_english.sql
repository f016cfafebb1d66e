-- describe columns in plain english
--
-- Runs in one transaction: no other session sees a state in between.
-- Locks, held until commit:
--   app.account_notices: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   app.account_tokens: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   app.agent_credentials: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   app.collected_writes: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   app.event_rsvps: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   app.habit_check_ins: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   app.idempotency_keys: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   app.login_attempts: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   app.rate_buckets: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   app.reference_citations: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   app.refresh_tokens: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   app.sessions: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   app.signing_keys: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   app.used_assertions: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.audit_logs: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.business_contacts: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.business_invoices: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.business_projects: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.checkpoints: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.community_events: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.community_groups: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.creative_assets: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.creative_projects: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.entertainment_playlists: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.entertainment_stream_history: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.government_clinical_trials: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.government_compliance: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.identities: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.personal_habits: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.personal_notes: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.personal_tasks: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.scholar_manuscripts: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.scholar_references: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.social_posts: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.social_schedules: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.team_agents: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.team_members: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.team_tasks: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.thread_events: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.threads: SHARE UPDATE EXCLUSIVE (reads and writes go on)

-- Locks app.account_notices: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON COLUMN "app"."account_notices"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "app"."account_notices"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "app"."account_notices"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "app"."account_notices"."details" IS 'Ids, counts and times for the text of the mail. Never contains secrets or text from a client.';

COMMENT ON COLUMN "app"."account_notices"."sent_at" IS 'Time when the mail server accepted the mail.';

-- Locks app.account_tokens: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "app"."account_tokens" IS 'Hashes of single-use tokens that were sent by mail. Serving roles can neither read nor write them.';

COMMENT ON COLUMN "app"."account_tokens"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "app"."account_tokens"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "app"."account_tokens"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "app"."account_tokens"."kind" IS 'Purpose of the token.';

COMMENT ON COLUMN "app"."account_tokens"."expires_at" IS 'Time when the token expires.';

-- Locks app.agent_credentials: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "app"."agent_credentials" IS 'Credentials with which hired agents authenticate.';

COMMENT ON COLUMN "app"."agent_credentials"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "app"."agent_credentials"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "app"."agent_credentials"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "app"."agent_credentials"."name" IS 'Display name of the credential.';

COMMENT ON COLUMN "app"."agent_credentials"."revoked_at" IS 'Time when the credential was revoked. Null while it is not.';

COMMENT ON COLUMN "app"."agent_credentials"."last_used_at" IS 'Time of the last access token that was issued for the credential.';

COMMENT ON COLUMN "app"."agent_credentials"."agent_id" IS 'Id of the agent that uses the credential.';

-- Locks app.collected_writes: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON COLUMN "app"."collected_writes"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "app"."collected_writes"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "app"."collected_writes"."created_at" IS 'Time of creation.';

-- Locks app.event_rsvps: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "app"."event_rsvps" IS 'An RSVP is a contact''s answer to the invitation to an event.';

COMMENT ON COLUMN "app"."event_rsvps"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "app"."event_rsvps"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "app"."event_rsvps"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "app"."event_rsvps"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "app"."event_rsvps"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "app"."event_rsvps"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "app"."event_rsvps"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "app"."event_rsvps"."status" IS 'Answer of the contact.';

COMMENT ON COLUMN "app"."event_rsvps"."event_id" IS 'Id of the event.';

COMMENT ON COLUMN "app"."event_rsvps"."contact_id" IS 'Id of the contact who answered.';

-- Locks app.habit_check_ins: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "app"."habit_check_ins" IS 'A check-in records that a habit was performed on a day.';

COMMENT ON COLUMN "app"."habit_check_ins"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "app"."habit_check_ins"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "app"."habit_check_ins"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "app"."habit_check_ins"."checked_in_on" IS 'Date of the check-in, in the identity''s time zone. Never in the future; the default is today.';

COMMENT ON COLUMN "app"."habit_check_ins"."note" IS 'Note on the check-in, as free text.';

COMMENT ON COLUMN "app"."habit_check_ins"."habit_id" IS 'Id of the habit.';

-- Locks app.idempotency_keys: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "app"."idempotency_keys" IS 'Outcomes of POST requests, which repeated requests receive again.';

COMMENT ON COLUMN "app"."idempotency_keys"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "app"."idempotency_keys"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "app"."idempotency_keys"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "app"."idempotency_keys"."route" IS 'Id of the operation that used the key.';

COMMENT ON COLUMN "app"."idempotency_keys"."key" IS 'Key from the client''s `Idempotency-Key` header.';

COMMENT ON COLUMN "app"."idempotency_keys"."expires_at" IS 'Time until which the outcome is kept.';

-- Locks app.login_attempts: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "app"."login_attempts" IS 'Counters of password attempts for each account and origin. Serving roles can neither read nor write them.';

COMMENT ON COLUMN "app"."login_attempts"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "app"."login_attempts"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "app"."login_attempts"."created_at" IS 'Time of creation.';

-- Locks app.rate_buckets: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON COLUMN "app"."rate_buckets"."key" IS 'Keyed hash of the subject of the limit.';

COMMENT ON COLUMN "app"."rate_buckets"."full_at" IS 'Time when the bucket will be full again.';

COMMENT ON COLUMN "app"."rate_buckets"."taken" IS 'Number of tokens taken by the last request.';

COMMENT ON COLUMN "app"."rate_buckets"."created_at" IS 'Time of creation.';

-- Locks app.reference_citations: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "app"."reference_citations" IS 'A citation records that one reference cites another.';

COMMENT ON COLUMN "app"."reference_citations"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "app"."reference_citations"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "app"."reference_citations"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "app"."reference_citations"."locator" IS 'Location in the cited work, such as a page.';

COMMENT ON COLUMN "app"."reference_citations"."citing_id" IS 'Id of the reference that cites.';

COMMENT ON COLUMN "app"."reference_citations"."cited_id" IS 'Id of the reference that is cited.';

-- Locks app.refresh_tokens: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "app"."refresh_tokens" IS 'Hashes of refresh tokens. Serving roles can neither read nor write them.';

COMMENT ON COLUMN "app"."refresh_tokens"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "app"."refresh_tokens"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "app"."refresh_tokens"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "app"."refresh_tokens"."generation" IS 'Sequence number among the tokens of the session, from 1.';

COMMENT ON COLUMN "app"."refresh_tokens"."expires_at" IS 'Latest time at which its session can end. The row is deleted afterwards.';

COMMENT ON COLUMN "app"."refresh_tokens"."used_at" IS 'Time when the token was first exchanged for its successor.';

COMMENT ON COLUMN "app"."refresh_tokens"."voided_at" IS 'Time when another token replaced it because no client had received it.';

COMMENT ON COLUMN "app"."refresh_tokens"."session_id" IS 'Id of the session that the token refreshes.';

-- Locks app.sessions: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "app"."sessions" IS 'Login sessions of identities.';

COMMENT ON COLUMN "app"."sessions"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "app"."sessions"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "app"."sessions"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "app"."sessions"."expires_at" IS 'Latest time at which the session can end.';

COMMENT ON COLUMN "app"."sessions"."revoked_at" IS 'Time when the session was revoked. Null while it is not.';

COMMENT ON COLUMN "app"."sessions"."authenticated_at" IS 'Time of the last authentication in the session.';

COMMENT ON COLUMN "app"."sessions"."amr" IS 'Authentication methods of the session (RFC 8176).';

COMMENT ON COLUMN "app"."sessions"."ip" IS 'Network address of the client that opened the session.';

COMMENT ON COLUMN "app"."sessions"."user_agent" IS '`User-Agent` header of the client that opened the session.';

COMMENT ON COLUMN "app"."sessions"."refreshed_at" IS 'Time of the last refresh.';

COMMENT ON COLUMN "app"."sessions"."idle_expires_at" IS 'Time when the session ends unless it is refreshed. Null if it cannot be refreshed.';

-- Locks app.signing_keys: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON COLUMN "app"."signing_keys"."id" IS 'Key id, the `kid` of the key.';

COMMENT ON COLUMN "app"."signing_keys"."status" IS 'Status of the key: published before it signs, signing, or kept to verify earlier signatures.';

COMMENT ON COLUMN "app"."signing_keys"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "app"."signing_keys"."activated_at" IS 'Time when the key started to sign. Null for the first key, which signs from its creation.';

COMMENT ON COLUMN "app"."signing_keys"."retired_at" IS 'Time when the key stopped signing.';

-- Locks app.used_assertions: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "app"."used_assertions" IS 'Assertions of agents that have been used. An assertion is valid once.';

COMMENT ON COLUMN "app"."used_assertions"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "app"."used_assertions"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "app"."used_assertions"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "app"."used_assertions"."credential_id" IS 'Id of the credential that signed the assertion.';

COMMENT ON COLUMN "app"."used_assertions"."expires_at" IS 'Time when the assertion expires.';

-- Locks public.audit_logs: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."audit_logs" IS 'An audit log entry records an action: its actor, its time, the affected resource, and the changed fields before and after. The log is append-only.';

COMMENT ON COLUMN "public"."audit_logs"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."audit_logs"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."audit_logs"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."audit_logs"."actor_id" IS 'Id of the actor: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."audit_logs"."actor_kind" IS 'Type of the actor: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."audit_logs"."action" IS 'Action that the entry records.';

COMMENT ON COLUMN "public"."audit_logs"."outcome" IS 'Outcome of the action.';

COMMENT ON COLUMN "public"."audit_logs"."resource_type" IS 'Kind of the affected resource.';

COMMENT ON COLUMN "public"."audit_logs"."resource_id" IS 'Id of the affected resource. Null if there is none.';

COMMENT ON COLUMN "public"."audit_logs"."sphere" IS 'Sphere of the affected resource. Null if it belongs to none.';

COMMENT ON COLUMN "public"."audit_logs"."before" IS 'Changed fields with their values before the action.';

COMMENT ON COLUMN "public"."audit_logs"."after" IS 'Changed fields with their values after the action.';

COMMENT ON COLUMN "public"."audit_logs"."details" IS 'Further details of the action.';

COMMENT ON COLUMN "public"."audit_logs"."checkpoint_id" IS 'Id of the checkpoint whose approval the action used.';

COMMENT ON COLUMN "public"."audit_logs"."request_id" IS 'Id of the request, assigned by the service.';

COMMENT ON COLUMN "public"."audit_logs"."traceparent" IS 'W3C Trace Context of the request.';

COMMENT ON COLUMN "public"."audit_logs"."session_id" IS 'Id of the login session.';

COMMENT ON COLUMN "public"."audit_logs"."user_agent" IS '`User-Agent` header of the client.';

COMMENT ON COLUMN "public"."audit_logs"."db_role" IS 'Database role of the session.';

COMMENT ON COLUMN "public"."audit_logs"."content_salt" IS 'Salt of the digest, 16 random bytes.';

COMMENT ON COLUMN "public"."audit_logs"."content_digest" IS 'SHA-256 of the salt and the content. Kept when the content is erased.';

COMMENT ON COLUMN "public"."audit_logs"."client_request_id" IS 'Id of the request, as the client sent it in the `Request-Id` header. Not verified.';

-- Locks public.business_contacts: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."business_contacts" IS 'A contact is a customer or a lead.';

COMMENT ON COLUMN "public"."business_contacts"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."business_contacts"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."business_contacts"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."business_contacts"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."business_contacts"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."business_contacts"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."business_contacts"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."business_contacts"."name" IS 'Full name of the person or organisation.';

COMMENT ON COLUMN "public"."business_contacts"."email" IS 'E-mail address of the contact.';

COMMENT ON COLUMN "public"."business_contacts"."phone" IS 'Telephone number in E.164 format.';

COMMENT ON COLUMN "public"."business_contacts"."company" IS 'Company that the contact works for.';

COMMENT ON COLUMN "public"."business_contacts"."job_title" IS 'Job title at the company.';

COMMENT ON COLUMN "public"."business_contacts"."lead_score" IS 'Rating of the lead by the owner, from 0 to 100. Lists are not sorted by it.';

COMMENT ON COLUMN "public"."business_contacts"."lead_status" IS 'Stage of the lead.';

COMMENT ON COLUMN "public"."business_contacts"."source" IS 'Source of the contact, such as a referral.';

COMMENT ON COLUMN "public"."business_contacts"."tags" IS 'Labels in the given order.';

COMMENT ON COLUMN "public"."business_contacts"."notes" IS 'Notes about the contact, as free text.';

-- Locks public.business_invoices: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."business_invoices" IS 'An invoice has line items. The database computes its totals.';

COMMENT ON COLUMN "public"."business_invoices"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."business_invoices"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."business_invoices"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."business_invoices"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."business_invoices"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."business_invoices"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."business_invoices"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."business_invoices"."number" IS 'Invoice number, unique for each owner.';

COMMENT ON COLUMN "public"."business_invoices"."currency" IS 'Currency code (ISO 4217).';

COMMENT ON COLUMN "public"."business_invoices"."line_items" IS 'Line items, 1 to 200.';

COMMENT ON COLUMN "public"."business_invoices"."subtotal" IS 'Sum of the line amounts before tax. Each line amount, quantity × unit_price, is rounded to two decimal places, half away from zero.';

COMMENT ON COLUMN "public"."business_invoices"."tax_total" IS 'Sum of the line taxes. Each line tax, the rounded line amount × tax_rate, is rounded in the same way.';

COMMENT ON COLUMN "public"."business_invoices"."total" IS 'Total amount due: subtotal + tax_total.';

COMMENT ON COLUMN "public"."business_invoices"."status" IS 'Status. A `sent` invoice past `due_on` is reported as `overdue`.';

COMMENT ON COLUMN "public"."business_invoices"."issued_on" IS 'Date of issue.';

COMMENT ON COLUMN "public"."business_invoices"."due_on" IS 'Date by which the invoice must be paid. Not before `issued_on`.';

COMMENT ON COLUMN "public"."business_invoices"."paid_at" IS 'Time of the payment. Null unless the invoice is `paid` or `void`.';

COMMENT ON COLUMN "public"."business_invoices"."contact_id" IS 'Id of the contact that the invoice is addressed to.';

-- Locks public.business_projects: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."business_projects" IS 'A project of the business has a progress and a budget.';

COMMENT ON COLUMN "public"."business_projects"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."business_projects"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."business_projects"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."business_projects"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."business_projects"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."business_projects"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."business_projects"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."business_projects"."name" IS 'Name of the project.';

COMMENT ON COLUMN "public"."business_projects"."description" IS 'Description of the project.';

COMMENT ON COLUMN "public"."business_projects"."status" IS 'Status of the project.';

COMMENT ON COLUMN "public"."business_projects"."starts_on" IS 'First day of the project.';

COMMENT ON COLUMN "public"."business_projects"."ends_on" IS 'Last day of the project. Not before `starts_on`.';

COMMENT ON COLUMN "public"."business_projects"."budget" IS 'Budget of the project, in `currency`.';

COMMENT ON COLUMN "public"."business_projects"."currency" IS 'Currency code (ISO 4217) of the budget. Required if `budget` is set.';

COMMENT ON COLUMN "public"."business_projects"."progress" IS 'Progress of the project in percent.';

COMMENT ON COLUMN "public"."business_projects"."contact_id" IS 'Id of the contact that the project is for.';

-- Locks public.checkpoints: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."checkpoints" IS 'A checkpoint is a request for a human''s approval of one write, one list of writes or one action.';

COMMENT ON COLUMN "public"."checkpoints"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."checkpoints"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."checkpoints"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."checkpoints"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."checkpoints"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."checkpoints"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."checkpoints"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."checkpoints"."sphere" IS 'Sphere of the affected resource. Null if it belongs to none.';

COMMENT ON COLUMN "public"."checkpoints"."type" IS 'Reason for the approval, as a category.';

COMMENT ON COLUMN "public"."checkpoints"."status" IS 'Decision status. A pending checkpoint past `expires_at` is reported as `expired`.';

COMMENT ON COLUMN "public"."checkpoints"."action" IS 'Action to approve.';

COMMENT ON COLUMN "public"."checkpoints"."resource_type" IS 'Kind of the affected resource.';

COMMENT ON COLUMN "public"."checkpoints"."resource_id" IS 'Id of the affected resource. Null for a resource that the action creates.';

COMMENT ON COLUMN "public"."checkpoints"."resource_version" IS 'Version of the affected resource that the request covers. Null if it has none.';

COMMENT ON COLUMN "public"."checkpoints"."payload" IS 'The exact write or action, whose text the digest covers. Null after erasure.';

COMMENT ON COLUMN "public"."checkpoints"."digest" IS 'SHA-256 of the payload''s canonical text. A decision must repeat it.';

COMMENT ON COLUMN "public"."checkpoints"."reason" IS 'Reason of the decision. Required for a rejection.';

COMMENT ON COLUMN "public"."checkpoints"."requested_by" IS 'Id of the requester: the identity itself or one of its agents.';

COMMENT ON COLUMN "public"."checkpoints"."requested_by_kind" IS 'Type of the requester: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."checkpoints"."decided_by" IS 'Id of the identity that decided. Null if there is no decision.';

COMMENT ON COLUMN "public"."checkpoints"."decided_at" IS 'Time of the decision. Null if there is no decision.';

COMMENT ON COLUMN "public"."checkpoints"."expires_at" IS 'Time after which the checkpoint can no longer be decided.';

COMMENT ON COLUMN "public"."checkpoints"."use_before" IS 'Time after which the approval can no longer be used.';

COMMENT ON COLUMN "public"."checkpoints"."consumed_at" IS 'Time when the approval was used. An approval can be used once.';

COMMENT ON COLUMN "public"."checkpoints"."thread_id" IS 'Id of the thread that records the steps of the checkpoint.';

COMMENT ON COLUMN "public"."checkpoints"."origin" IS 'Origin of the request. `write`: the database refused a write, and the payload is exactly that write. `client`: a client described an action in its own words, and the database enforces nothing about it.';

-- Locks public.community_events: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."community_events" IS 'Contacts answer the invitation to a community event. The database enforces its capacity.';

COMMENT ON COLUMN "public"."community_events"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."community_events"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."community_events"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."community_events"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."community_events"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."community_events"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."community_events"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."community_events"."title" IS 'Title of the event.';

COMMENT ON COLUMN "public"."community_events"."description" IS 'Description of the event.';

COMMENT ON COLUMN "public"."community_events"."starts_at" IS 'Start time of the event.';

COMMENT ON COLUMN "public"."community_events"."ends_at" IS 'End time of the event. After `starts_at`.';

COMMENT ON COLUMN "public"."community_events"."time_zone" IS 'Time zone of the location, as an IANA name.';

COMMENT ON COLUMN "public"."community_events"."location" IS 'Address or name of the location.';

COMMENT ON COLUMN "public"."community_events"."online_url" IS 'URL for online participation.';

COMMENT ON COLUMN "public"."community_events"."capacity" IS 'Maximum number of contacts who can answer `going`. Null for no limit.';

COMMENT ON COLUMN "public"."community_events"."status" IS 'Status of the event.';

COMMENT ON COLUMN "public"."community_events"."going_count" IS 'Number of contacts who answered `going`.';

COMMENT ON COLUMN "public"."community_events"."maybe_count" IS 'Number of contacts who answered `maybe`.';

COMMENT ON COLUMN "public"."community_events"."declined_count" IS 'Number of contacts who declined.';

COMMENT ON COLUMN "public"."community_events"."group_id" IS 'Id of the group that organises the event.';

-- Locks public.community_groups: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."community_groups" IS 'A community group has settings and rules, and holds events.';

COMMENT ON COLUMN "public"."community_groups"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."community_groups"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."community_groups"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."community_groups"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."community_groups"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."community_groups"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."community_groups"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."community_groups"."name" IS 'Name of the group.';

COMMENT ON COLUMN "public"."community_groups"."description" IS 'Description of the group.';

COMMENT ON COLUMN "public"."community_groups"."kind" IS 'Kind of the group.';

COMMENT ON COLUMN "public"."community_groups"."visibility" IS 'Audience that the owner intends. It grants no access: only the owner can read the resource.';

COMMENT ON COLUMN "public"."community_groups"."settings" IS 'Settings of the group, in a form that clients define.';

COMMENT ON COLUMN "public"."community_groups"."rules" IS 'Rules for the members of the group.';

COMMENT ON COLUMN "public"."community_groups"."member_count" IS 'Number of distinct contacts who answered `going` to an event of the group.';

-- Locks public.creative_assets: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."creative_assets" IS 'A creative asset describes a stored file. For an AI-generated asset, it includes the prompt.';

COMMENT ON COLUMN "public"."creative_assets"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."creative_assets"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."creative_assets"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."creative_assets"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."creative_assets"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."creative_assets"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."creative_assets"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."creative_assets"."name" IS 'Name of the asset.';

COMMENT ON COLUMN "public"."creative_assets"."kind" IS 'Kind of the asset.';

COMMENT ON COLUMN "public"."creative_assets"."uri" IS 'URI of the stored file.';

COMMENT ON COLUMN "public"."creative_assets"."media_type" IS 'Media type of the file (RFC 6838).';

COMMENT ON COLUMN "public"."creative_assets"."size_bytes" IS 'Size of the file in bytes.';

COMMENT ON COLUMN "public"."creative_assets"."sha256" IS 'SHA-256 of the file, in lower-case hexadecimal.';

COMMENT ON COLUMN "public"."creative_assets"."ai_generated" IS 'Whether the asset was generated by an AI model. If true, `prompt` is required.';

COMMENT ON COLUMN "public"."creative_assets"."prompt" IS 'Prompt from which the asset was generated.';

COMMENT ON COLUMN "public"."creative_assets"."negative_prompt" IS 'Negative prompt: what the model was told to avoid.';

COMMENT ON COLUMN "public"."creative_assets"."model" IS 'Model that generated the asset.';

COMMENT ON COLUMN "public"."creative_assets"."parameters" IS 'Parameters of the model, in a form that clients define.';

COMMENT ON COLUMN "public"."creative_assets"."random_seed" IS 'Random seed of the generation.';

COMMENT ON COLUMN "public"."creative_assets"."licence" IS 'Licence of the asset: an SPDX identifier or free text.';

COMMENT ON COLUMN "public"."creative_assets"."project_id" IS 'Id of the creative project that contains the asset.';

-- Locks public.creative_projects: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."creative_projects" IS 'A creative project is a collection of creative assets.';

COMMENT ON COLUMN "public"."creative_projects"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."creative_projects"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."creative_projects"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."creative_projects"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."creative_projects"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."creative_projects"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."creative_projects"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."creative_projects"."name" IS 'Name of the project.';

COMMENT ON COLUMN "public"."creative_projects"."description" IS 'Description of the project.';

COMMENT ON COLUMN "public"."creative_projects"."status" IS 'Status of the project.';

COMMENT ON COLUMN "public"."creative_projects"."cover_asset_id" IS 'Id of the asset that is shown as the cover.';

-- Locks public.entertainment_playlists: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."entertainment_playlists" IS 'A playlist is an ordered list of media.';

COMMENT ON COLUMN "public"."entertainment_playlists"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."entertainment_playlists"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."entertainment_playlists"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."entertainment_playlists"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."entertainment_playlists"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."entertainment_playlists"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."entertainment_playlists"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."entertainment_playlists"."name" IS 'Name of the playlist.';

COMMENT ON COLUMN "public"."entertainment_playlists"."kind" IS 'Kind of media in the playlist.';

COMMENT ON COLUMN "public"."entertainment_playlists"."visibility" IS 'Audience that the owner intends. It grants no access: only the owner can read the resource.';

COMMENT ON COLUMN "public"."entertainment_playlists"."items" IS 'Items of the playlist in the owner''s order, at most 1000.';

-- Locks public.entertainment_stream_history: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."entertainment_stream_history" IS 'A stream history entry records content that was played. The history is append-only.';

COMMENT ON COLUMN "public"."entertainment_stream_history"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."entertainment_stream_history"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."entertainment_stream_history"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."entertainment_stream_history"."content_id" IS 'Id of the content at its source.';

COMMENT ON COLUMN "public"."entertainment_stream_history"."content_type" IS 'Kind of the content.';

COMMENT ON COLUMN "public"."entertainment_stream_history"."title" IS 'Title of the content.';

COMMENT ON COLUMN "public"."entertainment_stream_history"."started_at" IS 'Time when playback started. Lists are sorted by it.';

COMMENT ON COLUMN "public"."entertainment_stream_history"."watched_seconds" IS 'Number of seconds that were played.';

COMMENT ON COLUMN "public"."entertainment_stream_history"."duration_seconds" IS 'Duration of the content in seconds.';

COMMENT ON COLUMN "public"."entertainment_stream_history"."device" IS 'Device that played the content.';

-- Locks public.government_clinical_trials: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."government_clinical_trials" IS 'A clinical trial has a registry id, an enrollment and an ethics approval.';

COMMENT ON COLUMN "public"."government_clinical_trials"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."government_clinical_trials"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."government_clinical_trials"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."government_clinical_trials"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."government_clinical_trials"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."government_clinical_trials"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."government_clinical_trials"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."government_clinical_trials"."registry_id" IS 'Id in a public trial registry, unique for each owner: `NCT` and 8 digits, `ISRCTN` and 8 digits, or the id of another registry.';

COMMENT ON COLUMN "public"."government_clinical_trials"."title" IS 'Title of the trial.';

COMMENT ON COLUMN "public"."government_clinical_trials"."phase" IS 'Phase of the trial.';

COMMENT ON COLUMN "public"."government_clinical_trials"."status" IS 'Status of the trial. Every status except `planned` and `withdrawn` requires an ethics approval.';

COMMENT ON COLUMN "public"."government_clinical_trials"."sponsor" IS 'Organisation that sponsors the trial.';

COMMENT ON COLUMN "public"."government_clinical_trials"."starts_on" IS 'First day of the trial.';

COMMENT ON COLUMN "public"."government_clinical_trials"."ends_on" IS 'Last day of the trial. Not before `starts_on`.';

COMMENT ON COLUMN "public"."government_clinical_trials"."target_enrollment" IS 'Planned number of participants.';

COMMENT ON COLUMN "public"."government_clinical_trials"."enrolled" IS 'Current number of participants. At most `target_enrollment`.';

COMMENT ON COLUMN "public"."government_clinical_trials"."ethics_reference" IS 'Reference number of the ethics committee''s approval.';

COMMENT ON COLUMN "public"."government_clinical_trials"."ethics_approved_on" IS 'Date of the ethics committee''s approval.';

-- Locks public.government_compliance: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."government_compliance" IS 'A compliance item is a licence, permit or other obligation towards an authority, with an expiry date.';

COMMENT ON COLUMN "public"."government_compliance"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."government_compliance"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."government_compliance"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."government_compliance"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."government_compliance"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."government_compliance"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."government_compliance"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."government_compliance"."name" IS 'Name of the compliance item.';

COMMENT ON COLUMN "public"."government_compliance"."regulation" IS 'Law or regulation that requires the item.';

COMMENT ON COLUMN "public"."government_compliance"."authority" IS 'Authority that enforces the regulation.';

COMMENT ON COLUMN "public"."government_compliance"."identifier" IS 'Number or code that the authority assigned.';

COMMENT ON COLUMN "public"."government_compliance"."status" IS 'Status. An `active` item is reported as `expiring` from 30 days before `expires_on`, and as `expired` after it.';

COMMENT ON COLUMN "public"."government_compliance"."effective_on" IS 'First day on which the item is valid.';

COMMENT ON COLUMN "public"."government_compliance"."expires_on" IS 'Last day on which the item is valid. Not before `effective_on`.';

COMMENT ON COLUMN "public"."government_compliance"."evidence" IS 'Documents that prove compliance, at most 100.';

-- Locks public.identities: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."identities" IS 'An identity is a person with an account. It owns and sees only its own row.';

COMMENT ON COLUMN "public"."identities"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."identities"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."identities"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."identities"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."identities"."email" IS 'E-mail address of the account. Unique, ignoring case.';

COMMENT ON COLUMN "public"."identities"."name" IS 'Display name of the identity.';

COMMENT ON COLUMN "public"."identities"."hashed_password" IS 'argon2id hash of the password, as a PHC string. Only the login function can read it.';

COMMENT ON COLUMN "public"."identities"."settings" IS 'Preferences of the identity. `time_zone` is an IANA name and determines the dates of the identity''s days; clients define all other keys.';

COMMENT ON COLUMN "public"."identities"."email_verified_at" IS 'Time when the e-mail address was verified. Null while it is not.';

COMMENT ON COLUMN "public"."identities"."status" IS 'Status of the account. Only an `active` identity can log in.';

COMMENT ON COLUMN "public"."identities"."failed_logins" IS 'Number of failed logins since the last successful login.';

COMMENT ON COLUMN "public"."identities"."locked_until" IS 'Time until which logins are refused.';

COMMENT ON COLUMN "public"."identities"."password_changed_at" IS 'Time of the last password change.';

COMMENT ON COLUMN "public"."identities"."created_at" IS 'Time when the account was created.';

COMMENT ON COLUMN "public"."identities"."email_key" IS 'E-mail address in lower case, for lookups at login.';

-- Locks public.personal_habits: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."personal_habits" IS 'A habit is repeated in every period. The database computes its streaks from the check-ins.';

COMMENT ON COLUMN "public"."personal_habits"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."personal_habits"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."personal_habits"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."personal_habits"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."personal_habits"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."personal_habits"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."personal_habits"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."personal_habits"."name" IS 'Name of the habit.';

COMMENT ON COLUMN "public"."personal_habits"."cadence" IS 'Length of a period, such as a day or a week.';

COMMENT ON COLUMN "public"."personal_habits"."target_per_period" IS 'Number of check-ins that complete a period.';

COMMENT ON COLUMN "public"."personal_habits"."current_streak" IS 'Number of consecutive completed periods up to now. 0 after a missed period.';

COMMENT ON COLUMN "public"."personal_habits"."best_streak" IS 'Length of the longest streak, in periods.';

COMMENT ON COLUMN "public"."personal_habits"."last_completed_period" IS 'First day of the latest completed period.';

COMMENT ON COLUMN "public"."personal_habits"."last_checked_in_on" IS 'Date of the latest check-in.';

COMMENT ON COLUMN "public"."personal_habits"."active" IS 'Whether the habit is active.';

-- Locks public.personal_notes: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."personal_notes" IS 'A personal note has a text, a folder and tags.';

COMMENT ON COLUMN "public"."personal_notes"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."personal_notes"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."personal_notes"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."personal_notes"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."personal_notes"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."personal_notes"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."personal_notes"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."personal_notes"."title" IS 'Title of the note.';

COMMENT ON COLUMN "public"."personal_notes"."folder" IS 'Folder that contains the note.';

COMMENT ON COLUMN "public"."personal_notes"."tags" IS 'Labels in the given order.';

COMMENT ON COLUMN "public"."personal_notes"."pinned" IS 'Whether the note is pinned. Lists are not sorted by it.';

-- Locks public.personal_tasks: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."personal_tasks" IS 'A personal task has a status, a priority and a due date.';

COMMENT ON COLUMN "public"."personal_tasks"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."personal_tasks"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."personal_tasks"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."personal_tasks"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."personal_tasks"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."personal_tasks"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."personal_tasks"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."personal_tasks"."title" IS 'Title of the task.';

COMMENT ON COLUMN "public"."personal_tasks"."description" IS 'Description of the task.';

COMMENT ON COLUMN "public"."personal_tasks"."status" IS 'Status of the task.';

COMMENT ON COLUMN "public"."personal_tasks"."priority" IS 'Priority of the task. Lists are not sorted by it.';

COMMENT ON COLUMN "public"."personal_tasks"."due_at" IS 'Time when the task is due.';

COMMENT ON COLUMN "public"."personal_tasks"."completed_at" IS 'Time of completion. Set if and only if the task is done.';

COMMENT ON COLUMN "public"."personal_tasks"."tags" IS 'Labels in the given order.';

-- Locks public.scholar_manuscripts: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."scholar_manuscripts" IS 'A manuscript consists of sections. The database counts its words.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."title" IS 'Title of the manuscript.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."abstract" IS 'Abstract of the manuscript.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."sections" IS 'Sections of the manuscript, at most 200.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."status" IS 'Status of the manuscript.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."target_journal" IS 'Journal that the manuscript is written for.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."submitted_at" IS 'Time when the manuscript was submitted.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."word_count" IS 'Number of words in all headings and bodies.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."co_authors" IS 'Co-authors, each with the family name first.';

-- Locks public.scholar_references: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."scholar_references" IS 'A reference describes a published work.';

COMMENT ON COLUMN "public"."scholar_references"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."scholar_references"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."scholar_references"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."scholar_references"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."scholar_references"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."scholar_references"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."scholar_references"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."scholar_references"."title" IS 'Title of the work.';

COMMENT ON COLUMN "public"."scholar_references"."authors" IS 'Authors of the work, each with the family name first. At least one.';

COMMENT ON COLUMN "public"."scholar_references"."kind" IS 'Kind of the work.';

COMMENT ON COLUMN "public"."scholar_references"."container_title" IS 'Journal, book or website in which the work appeared.';

COMMENT ON COLUMN "public"."scholar_references"."volume" IS 'Volume of the journal or book.';

COMMENT ON COLUMN "public"."scholar_references"."issue" IS 'Issue of the journal.';

COMMENT ON COLUMN "public"."scholar_references"."pages" IS 'Pages of the work, such as 230-265.';

COMMENT ON COLUMN "public"."scholar_references"."doi" IS 'DOI of the work. Unique for each owner, ignoring case.';

COMMENT ON COLUMN "public"."scholar_references"."url" IS 'URL of the work.';

COMMENT ON COLUMN "public"."scholar_references"."abstract" IS 'Abstract of the work.';

COMMENT ON COLUMN "public"."scholar_references"."citation_key" IS 'Citation key, unique for each owner.';

-- Locks public.social_posts: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."social_posts" IS 'Social posts are listed in the order of time and are never ranked.';

COMMENT ON COLUMN "public"."social_posts"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."social_posts"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."social_posts"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."social_posts"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."social_posts"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."social_posts"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."social_posts"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."social_posts"."media" IS 'Pictures and other media, at most 10.';

COMMENT ON COLUMN "public"."social_posts"."visibility" IS 'Audience that the owner intends. It grants no access: only the owner can read the resource.';

COMMENT ON COLUMN "public"."social_posts"."published_at" IS 'Time of publication. Null for a draft.';

COMMENT ON COLUMN "public"."social_posts"."reply_to_id" IS 'Id of the post that this post replies to.';

COMMENT ON COLUMN "public"."social_posts"."thread_id" IS 'Id of the thread that the post belongs to.';

-- Locks public.social_schedules: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."social_schedules" IS 'A social schedule plans the publication of a post on a platform.';

COMMENT ON COLUMN "public"."social_schedules"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."social_schedules"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."social_schedules"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."social_schedules"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."social_schedules"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."social_schedules"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."social_schedules"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."social_schedules"."platform" IS 'Platform to publish the post on. A post has at most one schedule for each platform.';

COMMENT ON COLUMN "public"."social_schedules"."scheduled_at" IS 'Planned time of publication. Must be in the future when it is set.';

COMMENT ON COLUMN "public"."social_schedules"."status" IS 'Status of the schedule.';

COMMENT ON COLUMN "public"."social_schedules"."attempts" IS 'Number of publication attempts.';

COMMENT ON COLUMN "public"."social_schedules"."last_error" IS 'Error of the last failed attempt.';

COMMENT ON COLUMN "public"."social_schedules"."external_id" IS 'Id of the published post on the platform.';

COMMENT ON COLUMN "public"."social_schedules"."post_id" IS 'Id of the post to publish.';

-- Locks public.team_agents: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."team_agents" IS 'A hired agent is an AI agent that acts for its owner within its capabilities.';

COMMENT ON COLUMN "public"."team_agents"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."team_agents"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."team_agents"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."team_agents"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."team_agents"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."team_agents"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."team_agents"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."team_agents"."name" IS 'Name of the agent.';

COMMENT ON COLUMN "public"."team_agents"."kind" IS 'Kind of the agent.';

COMMENT ON COLUMN "public"."team_agents"."provider" IS 'Company or project that provides the agent.';

COMMENT ON COLUMN "public"."team_agents"."model" IS 'AI model that the agent uses.';

COMMENT ON COLUMN "public"."team_agents"."capabilities" IS 'Capabilities of the agent: the tags of the operations that it may call.';

COMMENT ON COLUMN "public"."team_agents"."status" IS 'Status of the agent. Only an `active` agent can act.';

COMMENT ON COLUMN "public"."team_agents"."hired_by" IS 'Id of the identity that hired the agent.';

COMMENT ON COLUMN "public"."team_agents"."hired_at" IS 'Time when the agent was hired.';

COMMENT ON COLUMN "public"."team_agents"."hire_checkpoint_id" IS 'Id of the checkpoint that approved the hiring.';

COMMENT ON COLUMN "public"."team_agents"."dismissed_by" IS 'Id of the identity that dismissed the agent.';

COMMENT ON COLUMN "public"."team_agents"."dismissed_at" IS 'Time when the agent was dismissed.';

COMMENT ON COLUMN "public"."team_agents"."dismiss_reason" IS 'Reason for the dismissal.';

COMMENT ON COLUMN "public"."team_agents"."suspended_at" IS 'Time of the last suspension. Access tokens from before that time stay invalid even after the agent is resumed.';

COMMENT ON COLUMN "public"."team_agents"."suspend_reason" IS 'Reason for which the service suspended the agent. Null if its owner suspended it or if it is not suspended.';

-- Locks public.team_members: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."team_members" IS 'A team member is a person on the owner''s team.';

COMMENT ON COLUMN "public"."team_members"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."team_members"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."team_members"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."team_members"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."team_members"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."team_members"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."team_members"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."team_members"."name" IS 'Name of the team member.';

COMMENT ON COLUMN "public"."team_members"."email" IS 'E-mail address of the team member.';

COMMENT ON COLUMN "public"."team_members"."role" IS 'Role of the member on the team.';

COMMENT ON COLUMN "public"."team_members"."status" IS 'Status of the membership.';

COMMENT ON COLUMN "public"."team_members"."joined_on" IS 'Date when the member joined.';

-- Locks public.team_tasks: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."team_tasks" IS 'A team task is assigned by a human to exactly one team member or agent.';

COMMENT ON COLUMN "public"."team_tasks"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."team_tasks"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."team_tasks"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."team_tasks"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."team_tasks"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."team_tasks"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."team_tasks"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."team_tasks"."title" IS 'Title of the task.';

COMMENT ON COLUMN "public"."team_tasks"."description" IS 'Description of the task.';

COMMENT ON COLUMN "public"."team_tasks"."status" IS 'Status of the task.';

COMMENT ON COLUMN "public"."team_tasks"."priority" IS 'Priority of the task. Lists are not sorted by it.';

COMMENT ON COLUMN "public"."team_tasks"."assigned_by" IS 'Id of the identity that assigned the task.';

COMMENT ON COLUMN "public"."team_tasks"."due_at" IS 'Time when the task is due.';

COMMENT ON COLUMN "public"."team_tasks"."completed_at" IS 'Time of completion. Set if and only if the task is done.';

COMMENT ON COLUMN "public"."team_tasks"."result" IS 'Outcome of the task.';

COMMENT ON COLUMN "public"."team_tasks"."agent_id" IS 'Id of the assigned agent. Exactly one of `member_id` and `agent_id` is set.';

COMMENT ON COLUMN "public"."team_tasks"."member_id" IS 'Id of the assigned team member. Exactly one of `member_id` and `agent_id` is set.';

-- Locks public.thread_events: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."thread_events" IS 'A thread event records a change of its thread or a step in it. Events are append-only.';

COMMENT ON COLUMN "public"."thread_events"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."thread_events"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."thread_events"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."thread_events"."sequence" IS 'Sequence number in the thread, from 1 and without gaps.';

COMMENT ON COLUMN "public"."thread_events"."type" IS 'Type of the event.';

COMMENT ON COLUMN "public"."thread_events"."payload" IS 'Content of the event, with the schema of its type. Null after erasure.';

COMMENT ON COLUMN "public"."thread_events"."actor_id" IS 'Id of the actor: the identity itself or one of its agents.';

COMMENT ON COLUMN "public"."thread_events"."actor_kind" IS 'Type of the actor: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."thread_events"."causation_id" IS 'Id of the event that caused this event.';

COMMENT ON COLUMN "public"."thread_events"."correlation_id" IS 'Correlation id shared by related events.';

COMMENT ON COLUMN "public"."thread_events"."request_id" IS 'Id of the request that appended the event.';

COMMENT ON COLUMN "public"."thread_events"."content_salt" IS 'Salt of the digest, 16 random bytes.';

COMMENT ON COLUMN "public"."thread_events"."content_digest" IS 'SHA-256 of the salt and the content. Kept when the content is erased.';

COMMENT ON COLUMN "public"."thread_events"."thread_id" IS 'Id of the thread.';

COMMENT ON COLUMN "public"."thread_events"."checkpoint_id" IS 'Id of the checkpoint whose step the event records. Only the service records steps.';

-- Locks public.threads: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON TABLE "public"."threads" IS 'A thread is a line of thought or work. Its fields are computed from its events.';

COMMENT ON COLUMN "public"."threads"."id" IS 'Unique identifier, a UUIDv7. Ids sort in order of creation.';

COMMENT ON COLUMN "public"."threads"."created_by" IS 'Id of the identity that owns the resource.';

COMMENT ON COLUMN "public"."threads"."created_at" IS 'Time of creation.';

COMMENT ON COLUMN "public"."threads"."updated_at" IS 'Time of the last change.';

COMMENT ON COLUMN "public"."threads"."version" IS 'Version number, starting at 1. The ETag is derived from it.';

COMMENT ON COLUMN "public"."threads"."updated_by" IS 'Id of the actor of the last change: the identity itself or one of its agents. Null for a database session without an identity.';

COMMENT ON COLUMN "public"."threads"."updated_by_kind" IS 'Type of the actor of the last change: `human`, `agent` or `system`.';

COMMENT ON COLUMN "public"."threads"."founding_intent" IS 'Original purpose of the thread. It never changes.';

COMMENT ON COLUMN "public"."threads"."sphere" IS 'Sphere of the thread.';

COMMENT ON COLUMN "public"."threads"."type" IS 'Scope of the thread: `personal`, `collective` or `institutional`.';

COMMENT ON COLUMN "public"."threads"."status" IS 'Status of the thread.';

COMMENT ON COLUMN "public"."threads"."visibility" IS 'Audience that the owner intends. It grants no access: only the owner can read the resource.';

COMMENT ON COLUMN "public"."threads"."title" IS 'Title of the thread.';

COMMENT ON COLUMN "public"."threads"."tags" IS 'Labels in the given order.';

COMMENT ON COLUMN "public"."threads"."last_sequence" IS 'Sequence number of the latest event.';

COMMENT ON COLUMN "public"."threads"."event_count" IS 'Number of events in the thread.';

COMMENT ON COLUMN "public"."threads"."last_event_at" IS 'Time of the latest event.';

COMMENT ON COLUMN "public"."threads"."parent_thread_id" IS 'Id of the thread from which this thread originated.';

COMMENT ON COLUMN "public"."threads"."step_count" IS 'Number of events that are steps of checkpoints about the thread. They do not change its version.';

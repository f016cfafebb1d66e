// Package datatype holds the types of fields that are not basic Go types: the enums, dates, decimals, tags and the
// parts of jsonb columns. Each enum is defined once here. The CHECK constraints, the OpenAPI document and GET
// /v1/meta/enums are derived from these lists.
package datatype

import (
	"slices"

	"github.com/invopop/jsonschema"
)

// Enum is implemented by every enum: Ent calls Values, and the OpenAPI document is generated with JSONSchema.
type Enum interface {
	Values() []string
	JSONSchema() *jsonschema.Schema
}

func enumSchema(values []string) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, v := range values {
		s.Enum = append(s.Enum, v)
	}
	return s
}

// Enums returns the values of every enum, by its name in snake_case. Each list is in declaration order.
func Enums() map[string][]string {
	out := make(map[string][]string, len(enums))
	for name, e := range enums {
		out[name] = slices.Clone(e.Values())
	}
	return out
}

var enums = map[string]Enum{
	"sphere_type":             SphereType(""),
	"identity_status":         IdentityStatus(""),
	"actor_kind":              ActorKind(""),
	"audit_log_action":        AuditLogAction(""),
	"audit_outcome":           AuditOutcome(""),
	"thread_status":           ThreadStatus(""),
	"thread_type":             ThreadType(""),
	"visibility":              Visibility(""),
	"thread_event_type":       ThreadEventType(""),
	"checkpoint_type":         CheckpointType(""),
	"checkpoint_status":       CheckpointStatus(""),
	"checkpoint_origin":       CheckpointOrigin(""),
	"task_status":             TaskStatus(""),
	"priority":                Priority(""),
	"cadence":                 Cadence(""),
	"lead_status":             LeadStatus(""),
	"invoice_status":          InvoiceStatus(""),
	"project_status":          ProjectStatus(""),
	"asset_kind":              AssetKind(""),
	"creative_project_status": CreativeProjectStatus(""),
	"playlist_kind":           PlaylistKind(""),
	"stream_content_type":     StreamContentType(""),
	"group_kind":              GroupKind(""),
	"event_status":            EventStatus(""),
	"rsvp_status":             RSVPStatus(""),
	"social_platform":         SocialPlatform(""),
	"schedule_status":         ScheduleStatus(""),
	"reference_kind":          ReferenceKind(""),
	"manuscript_status":       ManuscriptStatus(""),
	"compliance_status":       ComplianceStatus(""),
	"trial_phase":             TrialPhase(""),
	"trial_status":            TrialStatus(""),
	"member_status":           MemberStatus(""),
	"agent_kind":              AgentKind(""),
	"agent_status":            AgentStatus(""),
	"capability":              Capability(""),
}

// SphereType is one of the nine spheres of life and work.
type SphereType string

// Values implements Enum.
func (SphereType) Values() []string {
	return []string{
		"personal", "business", "creative_studio", "entertainment", "community", "social",
		"scholar", "government", "my_team",
	}
}

// JSONSchema implements Enum.
func (e SphereType) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// IdentityStatus determines whether an identity may log in.
type IdentityStatus string

// Values implements Enum.
func (IdentityStatus) Values() []string {
	return []string{"active", "locked", "erased"}
}

// JSONSchema implements Enum.
func (e IdentityStatus) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// ActorKind is the type of an actor: the human, an agent that acts for the human, or neither.
type ActorKind string

// Values implements Enum.
func (ActorKind) Values() []string {
	return []string{"human", "agent", "system"}
}

// JSONSchema implements Enum.
func (e ActorKind) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// AuditLogAction is the action that an audit row records.
type AuditLogAction string

// Values implements Enum.
func (AuditLogAction) Values() []string {
	return []string{
		"login", "logout", "credential_change", "create", "read", "update", "delete",
		"checkpoint_requested", "checkpoint_approved", "checkpoint_rejected",
		"checkpoint_expired", "checkpoint_consumed", "agent_hired", "agent_dismissed",
	}
}

// JSONSchema implements Enum.
func (e AuditLogAction) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// AuditOutcome is the outcome of the recorded action.
type AuditOutcome string

// Values implements Enum.
func (AuditOutcome) Values() []string {
	return []string{"success", "denied", "failed"}
}

// JSONSchema implements Enum.
func (e AuditOutcome) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// ThreadStatus is the status of a thread.
type ThreadStatus string

// Values implements Enum.
func (ThreadStatus) Values() []string {
	return []string{"active", "paused", "completed", "archived"}
}

// JSONSchema implements Enum.
func (e ThreadStatus) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// ThreadType is the intended number of participants of a thread.
type ThreadType string

// Values implements Enum.
func (ThreadType) Values() []string {
	return []string{"personal", "collective", "institutional"}
}

// JSONSchema implements Enum.
func (e ThreadType) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// Visibility records who is intended to see a row. It grants no access: only the owner can see a row.
type Visibility string

// Values implements Enum.
func (Visibility) Values() []string {
	return []string{"private", "semi_private", "public"}
}

// JSONSchema implements Enum.
func (e Visibility) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// ThreadEventType is the type of an event in a thread.
type ThreadEventType string

// Values implements Enum.
func (ThreadEventType) Values() []string {
	return []string{
		"thread.created", "thread.updated", "thread.paused", "thread.resumed", "thread.completed",
		"thread.archived", "intent.refined", "decision.recorded", "decision.revised",
		"action.proposed", "action.executed", "note.added", "link.added", "checkpoint.requested",
		"checkpoint.approved", "checkpoint.rejected", "checkpoint.expired",
	}
}

// JSONSchema implements Enum.
func (e ThreadEventType) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// CheckpointType is the reason why a write needs a human's approval.
type CheckpointType string

// Values implements Enum.
func (CheckpointType) Values() []string {
	return []string{"governance", "cost", "identity", "sensitive", "cross_sphere"}
}

// JSONSchema implements Enum.
func (e CheckpointType) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// CheckpointStatus is the status of a human's decision.
type CheckpointStatus string

// Values implements Enum.
func (CheckpointStatus) Values() []string {
	return []string{"pending", "approved", "rejected", "expired"}
}

// JSONSchema implements Enum.
func (e CheckpointStatus) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// CheckpointOrigin distinguishes a write that the database refused from an action that a client defines.
type CheckpointOrigin string

// Values implements Enum.
func (CheckpointOrigin) Values() []string { return []string{"write", "client"} }

// JSONSchema implements Enum.
func (e CheckpointOrigin) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// TaskStatus is the status of a task.
type TaskStatus string

// Values implements Enum.
func (TaskStatus) Values() []string {
	return []string{"todo", "in_progress", "done", "cancelled"}
}

// JSONSchema implements Enum.
func (e TaskStatus) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// Priority is a label that the owner sets. It does not affect the order.
type Priority string

// Values implements Enum.
func (Priority) Values() []string {
	return []string{"low", "normal", "high", "urgent"}
}

// JSONSchema implements Enum.
func (e Priority) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// Cadence is the period of a habit.
type Cadence string

// Values implements Enum.
func (Cadence) Values() []string {
	return []string{"daily", "weekly", "monthly"}
}

// JSONSchema implements Enum.
func (e Cadence) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// LeadStatus is the status of a contact as a lead.
type LeadStatus string

// Values implements Enum.
func (LeadStatus) Values() []string {
	return []string{"new", "contacted", "qualified", "proposal", "won", "lost"}
}

// JSONSchema implements Enum.
func (e LeadStatus) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// InvoiceStatus is the stored status of an invoice. A sent invoice past its due date is returned as overdue.
type InvoiceStatus string

// Values implements Enum.
func (InvoiceStatus) Values() []string {
	return []string{"draft", "sent", "paid", "void"}
}

// JSONSchema implements Enum.
func (e InvoiceStatus) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// ProjectStatus is the status of a business project.
type ProjectStatus string

// Values implements Enum.
func (ProjectStatus) Values() []string {
	return []string{"planned", "active", "on_hold", "done", "cancelled"}
}

// JSONSchema implements Enum.
func (e ProjectStatus) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// AssetKind is the kind of a creative asset.
type AssetKind string

// Values implements Enum.
func (AssetKind) Values() []string {
	return []string{"image", "video", "audio", "text", "model_3d"}
}

// JSONSchema implements Enum.
func (e AssetKind) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// CreativeProjectStatus is the status of a creative project.
type CreativeProjectStatus string

// Values implements Enum.
func (CreativeProjectStatus) Values() []string {
	return []string{"active", "paused", "done", "archived"}
}

// JSONSchema implements Enum.
func (e CreativeProjectStatus) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// PlaylistKind is the kind of media in a playlist.
type PlaylistKind string

// Values implements Enum.
func (PlaylistKind) Values() []string {
	return []string{"video", "music", "podcast", "mixed"}
}

// JSONSchema implements Enum.
func (e PlaylistKind) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// StreamContentType is the type of content that was watched or heard.
type StreamContentType string

// Values implements Enum.
func (StreamContentType) Values() []string {
	return []string{"movie", "series", "video", "music", "podcast", "audiobook", "live", "other"}
}

// JSONSchema implements Enum.
func (e StreamContentType) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// GroupKind is the kind of a community group.
type GroupKind string

// Values implements Enum.
func (GroupKind) Values() []string {
	return []string{"interest", "neighbourhood", "professional", "support", "club", "other"}
}

// JSONSchema implements Enum.
func (e GroupKind) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// EventStatus is the status of a community event.
type EventStatus string

// Values implements Enum.
func (EventStatus) Values() []string {
	return []string{"scheduled", "cancelled", "done"}
}

// JSONSchema implements Enum.
func (e EventStatus) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// RSVPStatus is a contact's answer to an invitation.
type RSVPStatus string

// Values implements Enum.
func (RSVPStatus) Values() []string {
	return []string{"going", "maybe", "declined"}
}

// JSONSchema implements Enum.
func (e RSVPStatus) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// SocialPlatform is the platform on which a post is to be published.
type SocialPlatform string

// Values implements Enum.
func (SocialPlatform) Values() []string {
	return []string{
		"mastodon", "bluesky", "threads", "x", "linkedin", "instagram", "facebook", "youtube",
		"tiktok", "other",
	}
}

// JSONSchema implements Enum.
func (e SocialPlatform) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// ScheduleStatus is the status of a scheduled publication.
type ScheduleStatus string

// Values implements Enum.
func (ScheduleStatus) Values() []string {
	return []string{"scheduled", "published", "failed", "cancelled"}
}

// JSONSchema implements Enum.
func (e ScheduleStatus) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// ReferenceKind is the kind of work to which an academic reference refers.
type ReferenceKind string

// Values implements Enum.
func (ReferenceKind) Values() []string {
	return []string{"article", "book", "chapter", "thesis", "preprint", "dataset", "web"}
}

// JSONSchema implements Enum.
func (e ReferenceKind) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// ManuscriptStatus is the status of a manuscript.
type ManuscriptStatus string

// Values implements Enum.
func (ManuscriptStatus) Values() []string {
	return []string{"draft", "in_review", "submitted", "revision", "accepted", "rejected", "published"}
}

// JSONSchema implements Enum.
func (e ManuscriptStatus) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// ComplianceStatus is the stored status of a compliance item. An active item is returned as expiring or expired,
// depending on the current time.
type ComplianceStatus string

// Values implements Enum.
func (ComplianceStatus) Values() []string {
	return []string{"pending", "active", "waived"}
}

// JSONSchema implements Enum.
func (e ComplianceStatus) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// TrialPhase is the phase of a clinical trial.
type TrialPhase string

// Values implements Enum.
func (TrialPhase) Values() []string {
	return []string{
		"early_phase_1", "phase_1", "phase_1_2", "phase_2", "phase_2_3", "phase_3", "phase_4",
		"not_applicable",
	}
}

// JSONSchema implements Enum.
func (e TrialPhase) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// TrialStatus is the status of a clinical trial.
type TrialStatus string

// Values implements Enum.
func (TrialStatus) Values() []string {
	return []string{"planned", "recruiting", "active", "suspended", "completed", "terminated", "withdrawn"}
}

// JSONSchema implements Enum.
func (e TrialStatus) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// MemberStatus is the membership status of a person in the team.
type MemberStatus string

// Values implements Enum.
func (MemberStatus) Values() []string {
	return []string{"invited", "active", "left"}
}

// JSONSchema implements Enum.
func (e MemberStatus) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// AgentKind is the purpose of an agent.
type AgentKind string

// Values implements Enum.
func (AgentKind) Values() []string {
	return []string{"assistant", "researcher", "writer", "analyst", "developer", "operator", "other"}
}

// JSONSchema implements Enum.
func (e AgentKind) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// Capability is a permission of an agent: to call the operations of the API that have the capability as their tag. A
// capability that ends in :read allows only the operations that read; the capability without :read implies it.
type Capability string

// Values implements Enum.
func (Capability) Values() []string {
	return []string{
		"me", "threads", "checkpoints", "personal", "business", "creative", "entertainment", "community", "social", "scholar",
		"government", "team", "audit-logs",
		"me:read", "threads:read", "checkpoints:read", "personal:read", "business:read", "creative:read", "entertainment:read",
		"community:read", "social:read", "scholar:read", "government:read", "team:read", "audit-logs:read",
	}
}

// JSONSchema implements Enum.
func (e Capability) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// AgentStatus determines whether a hired agent may work.
type AgentStatus string

// Values implements Enum.
func (AgentStatus) Values() []string {
	return []string{"active", "suspended", "dismissed"}
}

// JSONSchema implements Enum.
func (e AgentStatus) JSONSchema() *jsonschema.Schema { return enumSchema(e.Values()) }

// Package datatype holds the types of fields that are more than a Go basic type:
// the enums, dates, decimals, tags and the parts of jsonb columns. Each enum is
// listed here once; the CHECK constraints, the OpenAPI document and
// GET /v1/meta/enums are made of these lists.
package datatype

import (
	"slices"

	"github.com/invopop/jsonschema"
)

// Enum is implemented by every enum: Ent reads Values, the OpenAPI document
// JSONSchema.
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

// Enums returns every enum's values by its name in snake_case, each list in
// its declared order.
func Enums() map[string][]string {
	out := make(map[string][]string, len(enums))
	for name, e := range enums {
		out[name] = slices.Clone(e.Values())
	}
	return out
}

var enums = map[string]Enum{
	"sphere_type":      SphereType(""),
	"identity_status":  IdentityStatus(""),
	"actor_kind":       ActorKind(""),
	"audit_log_action": AuditLogAction(""),
	"audit_outcome":    AuditOutcome(""),
	"lead_status":      LeadStatus(""),
	"invoice_status":   InvoiceStatus(""),
}

// SphereType is one of the nine spheres of life and work.
type SphereType string

// Values implements Enum.
func (SphereType) Values() []string {
	return []string{"personal", "business", "creative_studio", "entertainment", "community", "social", "scholar", "government", "my_team"}
}

// JSONSchema implements Enum.
func (s SphereType) JSONSchema() *jsonschema.Schema { return enumSchema(s.Values()) }

// IdentityStatus tells whether an identity may log in.
type IdentityStatus string

// Values implements Enum.
func (IdentityStatus) Values() []string { return []string{"active", "locked", "erased"} }

// JSONSchema implements Enum.
func (s IdentityStatus) JSONSchema() *jsonschema.Schema { return enumSchema(s.Values()) }

// ActorKind tells who acted: the human, an agent for them, or neither.
type ActorKind string

// Values implements Enum.
func (ActorKind) Values() []string { return []string{"human", "agent", "system"} }

// JSONSchema implements Enum.
func (k ActorKind) JSONSchema() *jsonschema.Schema { return enumSchema(k.Values()) }

// AuditLogAction is what an audit row records.
type AuditLogAction string

// Values implements Enum.
func (AuditLogAction) Values() []string {
	return []string{
		"login", "logout", "credential_change", "create", "read", "update", "delete",
		"checkpoint_requested", "checkpoint_approved", "checkpoint_rejected", "checkpoint_expired", "checkpoint_consumed",
		"agent_hired", "agent_dismissed",
	}
}

// JSONSchema implements Enum.
func (a AuditLogAction) JSONSchema() *jsonschema.Schema { return enumSchema(a.Values()) }

// AuditOutcome tells how the recorded action ended.
type AuditOutcome string

// Values implements Enum.
func (AuditOutcome) Values() []string { return []string{"success", "denied", "failed"} }

// JSONSchema implements Enum.
func (o AuditOutcome) JSONSchema() *jsonschema.Schema { return enumSchema(o.Values()) }

// LeadStatus is how far a contact has come as a lead.
type LeadStatus string

// Values implements Enum.
func (LeadStatus) Values() []string {
	return []string{"new", "contacted", "qualified", "proposal", "won", "lost"}
}

// JSONSchema implements Enum.
func (s LeadStatus) JSONSchema() *jsonschema.Schema { return enumSchema(s.Values()) }

// InvoiceStatus is the stored status of an invoice; a sent one past its due
// date reads as overdue.
type InvoiceStatus string

// Values implements Enum.
func (InvoiceStatus) Values() []string { return []string{"draft", "sent", "paid", "void"} }

// JSONSchema implements Enum.
func (s InvoiceStatus) JSONSchema() *jsonschema.Schema { return enumSchema(s.Values()) }

package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// Identity is a person with an account. Everything else belongs to an identity.
type Identity struct{ ent.Schema }

// Mixin of the Identity.
func (Identity) Mixin() []ent.Mixin { return []ent.Mixin{tracked{}} }

// Fields of the Identity.
func (Identity) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Default(newID).Immutable().
			Comment("Identifier, a UUIDv7."),
		field.String("email").Immutable().
			Annotations(policies.Length(3, 320), policies.Format("email"), policies.Example(`"ada@example.org"`),
				policies.Erased("'erased-' || gen_random_uuid() || '@erased.invalid'")).
			Comment("E-mail address of the account. Unique, ignoring case."),
		// A policy's condition is evaluated before any operator that could leak values, and lower() is not leakproof:
		// under a policy, an index over lower(email) is not used. Equality of text is leakproof, so an index over this
		// column is used.
		field.String("email_key").Optional().Nillable().StructTag(`json:"-"`).
			Annotations(policies.DerivedNullable(), policies.Erased("NULL")).
			Comment("E-mail address in lower case, for lookups at login."),
		field.String("name").
			Annotations(policies.Length(1, 200), policies.Example(`"Ada Lovelace"`), policies.Erased("'[erased]'")).
			Comment("Display name of the identity."),
		field.String("hashed_password").Optional().Nillable().Immutable().Sensitive().
			Annotations(policies.Secret(), policies.Pattern(`[$]argon2id[$].*`), policies.Erased("NULL")).
			Comment("argon2id hash of the password, as a PHC string. Only the login function can read it."),
		field.JSON("settings", datatype.Settings{}).Default(datatype.Settings{}).
			Annotations(policies.Bytes(16<<10), policies.Rules{Default: "'{}'"}, policies.Erased("'{}'")).
			Comment("Preferences of the identity. `time_zone` is an IANA name and determines the dates of the identity's days; clients define all other keys."),
		field.Time("email_verified_at").Optional().Nillable().
			Annotations(policies.DerivedNullable()).
			Comment("Time when the e-mail address was verified. Null while it is not."),
		field.Enum("status").GoType(datatype.IdentityStatus("")).Optional().
			Annotations(policies.Derived("'active'"), policies.Erased("'erased'")).
			Comment("Status of the account. Only an `active` identity can log in."),
		field.Int("failed_logins").Optional().
			Annotations(policies.Derived("0"), policies.AtLeast(0)).
			Comment("Number of failed logins since the last successful login."),
		field.Time("locked_until").Optional().Nillable().
			Annotations(policies.DerivedNullable()).
			Comment("Time until which logins are refused."),
		field.Time("password_changed_at").Optional().Nillable().
			Annotations(policies.DerivedNullable()).
			Comment("Time of the last password change."),
		field.Time("created_at").Optional().Immutable().
			Annotations(policies.Derived("clock_timestamp()")).
			Comment("Time when the account was created."),
	}
}

// Annotations of the Identity.
func (Identity) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("identities"),
		schema.Comment("An identity is a person with an account. It owns and sees only its own row."),
		policies.Owner{Column: "id"},
		policies.Kept{Why: "what proves the past names it"},
		policies.Access{Human: "SIU", Agent: policies.ReadOnly},
		policies.Ungated{Why: "its name and settings are the owner's own; the functions that change its password, address or status have rules of their own, and erasing it needs an approval"},
		policies.AuditCounters{"failed_logins", "locked_until", "email_key"},
		policies.Unversioned{"failed_logins", "locked_until", "email_key"},
		policies.Triggers{{Name: "derive_email_key", Events: "BEFORE INSERT OR UPDATE", Function: "app.derive_email_key()"}},
		policies.Checks{
			{
				// Erasure gives an identity a random address in this domain. No account can have an address in the
				// domain, so no one can block an erasure by registering the address first.
				Name: "identities_email_reserved", Column: "email",
				Expression: "status <> 'active' OR lower(email) NOT LIKE '%@erased.invalid'",
				Detail:     "The domain erased.invalid is reserved for erased identities.",
			},
			{
				Name: "identities_settings_object", Column: "settings",
				Expression: "jsonb_typeof(settings) = 'object'",
				Detail:     "Settings are an object.",
			},
			{
				Name: "identities_time_zone", Column: "settings",
				Expression: "NOT settings ? 'time_zone' OR app.time_zone_valid(settings ->> 'time_zone')",
				Detail:     "The time zone is an IANA name such as Europe/Vienna.",
			},
		},
		policies.UniqueExpression{Index: "identities_email_key", Expression: "email_key", Column: "email"},
	}
}

package schema

import (
	"encoding/json"

	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"

	"github.com/chenu/chenu/policies"
)

// AccountNotice is a mail that informs an identity about a change of its account. It is stored together with the
// change. Only the functions of policies/functions/notices.sql change it.
type AccountNotice struct{ ent.Schema }

// Mixin of the AccountNotice.
func (AccountNotice) Mixin() []ent.Mixin { return []ent.Mixin{owned{}} }

// Fields of the AccountNotice.
func (AccountNotice) Fields() []ent.Field {
	return []ent.Field{
		field.String("kind").Immutable().
			Annotations(policies.Pattern("[a-z_]{1,40}")).
			Comment("Kind of event, which selects the text of the mail."),
		field.JSON("details", json.RawMessage{}).Immutable().
			Annotations(policies.Bytes(2<<10), policies.Rules{Default: "'{}'"}).
			Comment("Ids, counts and times for the text of the mail. Never contains secrets or text from a client."),
		field.Int("attempts").Optional().
			Annotations(policies.Derived("0"), policies.AtLeast(0)).
			Comment("Number of times that an instance took the notice in order to send it."),
		field.Time("due_at").Optional().
			Annotations(policies.Derived("clock_timestamp()")).
			Comment("Time from which an instance may take the notice; infinity when it is not tried again."),
		field.Time("sent_at").Optional().Nillable().
			Annotations(policies.DerivedNullable()).
			Comment("Time when the mail server accepted the mail."),
	}
}

// Indexes of the AccountNotice.
func (AccountNotice) Indexes() []ent.Index {
	return []ent.Index{by("due_at").Annotations(entsqlWhere("sent_at IS NULL"))}
}

// Annotations of the AccountNotice.
func (AccountNotice) Annotations() []schema.Annotation {
	return []schema.Annotation{
		supporting("account_notices"),
		schema.Comment("Mails that tell identities what happened to their accounts."),
		policies.Access{Human: policies.ReadOnly, Agent: policies.None},
		policies.Unaudited{Why: "the change that it tells of is recorded"},
	}
}

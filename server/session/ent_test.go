package session_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/contact"
	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/ent/identity"
	"github.com/chenu/chenu/ent/invoice"
	"github.com/chenu/chenu/ent/note"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/postgres/pgtest"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

// person registers a new identity and returns its context.
func (b *bundle) person(t testing.TB) (context.Context, uuid.UUID) {
	t.Helper()
	ctx, id := as(t)
	b.register(ctx, t, id)
	return ctx, id
}

func (b *bundle) register(ctx context.Context, t testing.TB, id uuid.UUID) {
	t.Helper()
	err := b.Do(ctx, session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
		return tx.Identity.Create().SetEmail(id.String() + "@example.com").SetName("Ada").Exec(ctx)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// ways runs f with both clients of the graph: with single statements and in a unit of work.
func (b *bundle) ways(t *testing.T, f func(t *testing.T, ctx context.Context, id uuid.UUID, c *ent.Client)) {
	t.Helper()
	t.Run("client", func(t *testing.T) {
		t.Parallel()
		ctx, id := b.person(t)
		f(t, ctx, id, b.Client())
	})
	t.Run("unit", func(t *testing.T) {
		t.Parallel()
		ctx, id := b.person(t)
		err := b.Do(ctx, session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
			f(t, ctx, id, tx.Client())
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func ok[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func lines(descriptions ...string) (all []datatype.LineItem) {
	for _, d := range descriptions {
		var l datatype.LineItem
		l.Description = d
		l.Quantity = ok2(datatype.NewDecimal("2"))
		l.UnitPrice = ok2(datatype.NewDecimal("10.50"))
		l.TaxRate = ok2(datatype.NewDecimal("0.19"))
		all = append(all, l)
	}
	return all
}

func ok2[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestCRUD creates, reads, updates and deletes rows with columns of every type.
func TestCRUD(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.ways(t, func(t *testing.T, ctx context.Context, id uuid.UUID, c *ent.Client) {
		who := ok[*ent.Contact](t)(c.Contact.Create().SetName("Grace \x01 \u2603 'quoted'").SetEmail("grace@example.com").
			SetLeadScore(99).SetTags(datatype.Texts{"a,b", `"c"`, `\d`}).Save(ctx))
		if who.CreatedBy != id {
			t.Errorf("created by %s, want %s", who.CreatedBy, id)
		}
		due := datatype.Date{Year: 2026, Month: time.February, Day: 14}
		made := ok[*ent.Invoice](t)(c.Invoice.Create().SetNumber("2026-001").SetCurrency("EUR").SetLineItems(lines("x", "y")).
			SetContactID(who.ID).SetDueOn(due).Save(ctx))

		got := ok[*ent.Invoice](t)(c.Invoice.Get(ctx, made.ID))
		if got.Total.StringFixed(2) != "49.98" || got.Subtotal.StringFixed(2) != "42.00" || len(got.LineItems) != 2 ||
			got.LineItems[1].Description != "y" || *got.DueOn != due || *got.ContactID != who.ID || got.IssuedOn != nil || got.PaidAt != nil ||
			got.Status != "draft" || got.Version != 1 {
			t.Errorf("read back %+v", got)
		}
		if got.CreatedAt.Location() != time.UTC || time.Since(got.CreatedAt) > time.Hour {
			t.Errorf("created at %v", got.CreatedAt)
		}
		read := ok[*ent.Contact](t)(c.Contact.Query().Where(contact.Name(who.Name)).Only(ctx))
		if read.ID != who.ID || !slices.Equal(read.Tags, who.Tags) || *read.Email != "grace@example.com" || read.Phone != nil {
			t.Errorf("read back %+v", read)
		}

		changed := ok[*ent.Invoice](t)(c.Invoice.UpdateOneID(made.ID).SetLineItems(lines("z")).ClearContactID().ClearDueOn().Save(ctx))
		if changed.Total.StringFixed(2) != "24.99" || changed.ContactID != nil || changed.DueOn != nil || changed.Version != 2 ||
			changed.UpdatedBy == nil || *changed.UpdatedBy != id || changed.UpdatedByKind != "human" {
			t.Errorf("changed to %+v", changed)
		}
		if n := ok[int](t)(c.Contact.Update().Where(contact.Name(who.Name)).AddLeadScore(-9).SetTags(nil).Save(ctx)); n != 1 {
			t.Errorf("%d contacts changed", n)
		}
		if read := ok[*ent.Contact](t)(c.Contact.Get(ctx, who.ID)); read.LeadScore != 90 {
			t.Errorf("changed to %+v", read)
		}
		if n := ok[int](t)(c.Contact.Delete().Where(contact.ID(who.ID)).Exec(ctx)); n != 1 {
			t.Errorf("%d contacts deleted", n)
		}
		if err := c.Invoice.DeleteOneID(made.ID).Exec(ctx); err != nil {
			t.Error(err)
		}
		if _, err := c.Invoice.Get(ctx, made.ID); !ent.IsNotFound(err) {
			t.Errorf("after the deletion: %v", err)
		}
	})
}

// TestOthersRows shows that an identity cannot see or change the rows of another identity.
func TestOthersRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	owner, _ := b.person(t)
	hers := ok[*ent.Note](t)(b.Client().Note.Create().SetTitle("hers").SetContent("secret").Save(owner))
	b.ways(t, func(t *testing.T, ctx context.Context, _ uuid.UUID, c *ent.Client) {
		if _, err := c.Note.Get(ctx, hers.ID); !ent.IsNotFound(err) {
			t.Errorf("get: %v", err)
		}
		if err := c.Note.UpdateOneID(hers.ID).SetTitle("mine").Exec(ctx); !ent.IsNotFound(err) {
			t.Errorf("update: %v", err)
		}
		if err := c.Note.DeleteOneID(hers.ID).Exec(ctx); !ent.IsNotFound(err) {
			t.Errorf("delete: %v", err)
		}
		if n := ok[int](t)(c.Note.Update().SetTitle("mine").Save(ctx)); n != 0 {
			t.Errorf("%d notes updated", n)
		}
		if n := ok[int](t)(c.Note.Query().Count(ctx)); n != 0 {
			t.Errorf("%d notes", n)
		}
		if ok[bool](t)(c.Note.Query().Where(note.ID(hers.ID)).Exist(ctx)) {
			t.Error("the note of another identity exists")
		}
		if n := ok[int](t)(c.Identity.Query().Count(ctx)); n != 1 {
			t.Errorf("%d identities", n)
		}
	})
	if got := ok[*ent.Note](t)(b.Client().Note.Get(owner, hers.ID)); got.Title != "hers" || got.Version != 1 {
		t.Errorf("after the attempts: %+v", got)
	}
}

// TestOwnerIsTheDatabases shows that the owner that this package adds to creations is only a convenience: Postgres
// rejects a row with another owner.
func TestOwnerIsTheDatabases(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, _ := b.person(t)
	_, other := b.person(t)
	if _, err := b.Client().Note.Create().SetCreatedBy(other).SetTitle("x").SetContent("").Save(ctx); pgtest.SQLState(err) != "42501" {
		t.Errorf("a note for another identity: %v", err)
	}
	if _, err := b.Client().SigningKey.Query().All(ctx); pgtest.SQLState(err) != "42501" {
		t.Errorf("a table without an owner column: %v", err)
	}
	hired := uuid.New()
	b.database.Hire(t, other, hired)
	agent := auth.With(t.Context(), auth.Identity{ID: other, ActorID: hired, Kind: auth.Agent})
	if _, err := b.Client().Identity.Update().SetName("x").Save(agent); pgtest.SQLState(err) != "42501" {
		t.Errorf("an agent changes its human: %v", err)
	}
	if got := ok[*ent.Identity](t)(b.Client().Identity.Query().Select(identity.FieldID, identity.FieldName).Only(agent)); got.ID != other || got.Name != "Ada" {
		t.Errorf("an agent reads its human: %+v", got)
	}
}

// TestEdges loads and traverses edges in both directions, and shows that each query on the way has a condition on the
// owner.
func TestEdges(t *testing.T) {
	t.Parallel()
	b := closed(t)
	network := newCounter(t, b.database.ServiceURL)
	b.database.ServiceURL = network.url
	b.DB = open(t, b.database)
	ctx, id := b.person(t)
	c := b.Client()
	for n := range 3 {
		who := ok[*ent.Contact](t)(c.Contact.Create().SetName(fmt.Sprint("c", n)).Save(ctx))
		for m := range n {
			ok[*ent.Invoice](t)(c.Invoice.Create().SetNumber(fmt.Sprint(n, "-", m)).SetCurrency("EUR").SetLineItems(lines("x")).SetContact(who).Save(ctx))
		}
	}
	ok[*ent.Invoice](t)(c.Invoice.Create().SetNumber("none").SetCurrency("EUR").SetLineItems(lines("x")).Save(ctx))
	err := b.Do(ctx, session.Options{ReadOnly: true}, func(ctx context.Context, tx *ent.Tx) error {
		contacts := ok[[]*ent.Contact](t)(tx.Contact.Query().Order(ent.Asc(contact.FieldName)).
			WithInvoices(func(q *ent.InvoiceQuery) { q.Order(ent.Asc(invoice.FieldNumber)).WithContact() }).All(ctx))
		for n, who := range contacts {
			if len(who.Edges.Invoices) != n {
				t.Errorf("%s has %d invoices, want %d", who.Name, len(who.Edges.Invoices), n)
			}
			for _, i := range who.Edges.Invoices {
				if i.Edges.Contact == nil || i.Edges.Contact.ID != who.ID {
					t.Errorf("the contact of invoice %s is %+v", i.Number, i.Edges.Contact)
				}
			}
		}
		all := ok[[]*ent.Invoice](t)(tx.Invoice.Query().WithContact().All(ctx))
		if len(all) != 4 {
			t.Errorf("%d invoices", len(all))
		}
		walked := ok[[]*ent.Invoice](t)(tx.Contact.Query().Where(contact.Name("c2")).QueryInvoices().All(ctx))
		if len(walked) != 2 {
			t.Errorf("%d invoices of c2", len(walked))
		}
		back := ok[*ent.Contact](t)(contacts[1].Edges.Invoices[0].QueryContact().Only(ctx))
		if back.ID != contacts[1].ID {
			t.Errorf("the contact of the invoice is %s", back.Name)
		}
		with := ok[int](t)(tx.Contact.Query().Where(contact.HasInvoicesWith(invoice.NumberHasPrefix("2-"))).Count(ctx))
		if with != 1 {
			t.Errorf("%d contacts have invoices with the prefix", with)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for _, statement := range network.statements() {
		table := strings.Contains(statement, `"business_`)
		if table && !strings.HasPrefix(statement, "INSERT") && !strings.Contains(statement, `"created_by" = $`) {
			t.Errorf("a query has no condition on the owner: %s", statement)
		}
		if strings.Contains(statement, id.String()) {
			t.Errorf("the statement contains a value: %s", statement)
		}
	}
}

// TestAggregates counts, sums, groups, and selects columns.
func TestAggregates(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other, _ := b.person(t)
	ok[*ent.Contact](t)(b.Client().Contact.Create().SetName("not mine").SetLeadScore(77).Save(other))
	b.ways(t, func(t *testing.T, ctx context.Context, _ uuid.UUID, c *ent.Client) {
		for n, status := range []datatype.LeadStatus{"new", "new", "won"} {
			ok[*ent.Contact](t)(c.Contact.Create().SetName(fmt.Sprint("c", n)).SetLeadScore(10 * (n + 1)).SetLeadStatus(status).Save(ctx))
		}
		if sum := ok[int](t)(c.Contact.Query().Aggregate(ent.Sum(contact.FieldLeadScore)).Int(ctx)); sum != 60 {
			t.Errorf("sum %d", sum)
		}
		if mean := ok[float64](t)(c.Contact.Query().Aggregate(ent.Mean(contact.FieldLeadScore)).Float64(ctx)); mean != 20 {
			t.Errorf("mean %v", mean)
		}
		var groups []struct {
			Status datatype.LeadStatus `json:"lead_status"`
			Count  int                 `json:"count"`
			Max    *int                `json:"max"`
		}
		err := c.Contact.Query().GroupBy(contact.FieldLeadStatus).Aggregate(ent.Count(), ent.Max(contact.FieldLeadScore)).Scan(ctx, &groups)
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(groups, func(a, b struct {
			Status datatype.LeadStatus `json:"lead_status"`
			Count  int                 `json:"count"`
			Max    *int                `json:"max"`
		},
		) int {
			return strings.Compare(string(a.Status), string(b.Status))
		})
		if len(groups) != 2 || groups[0].Status != "new" || groups[0].Count != 2 || *groups[0].Max != 20 || groups[1].Count != 1 {
			t.Errorf("groups %+v", groups)
		}
		if n := ok[int](t)(c.Contact.Query().Where(contact.LeadScoreGT(15)).Count(ctx)); n != 2 {
			t.Errorf("count %d", n)
		}
		names := ok[[]string](t)(c.Contact.Query().Order(ent.Desc(contact.FieldID)).Limit(2).Select(contact.FieldName).Strings(ctx))
		if !slices.Equal(names, []string{"c2", "c1"}) {
			t.Errorf("names %q", names)
		}
		if ids := ok[[]uuid.UUID](t)(c.Contact.Query().IDs(ctx)); len(ids) != 3 {
			t.Errorf("ids %v", ids)
		}
		var parts []struct {
			Name  string         `json:"name"`
			Tags  datatype.Texts `json:"tags"`
			At    time.Time      `json:"created_at"`
			Email *string        `json:"email"`
		}
		err = c.Contact.Query().Select(contact.FieldName, contact.FieldTags, contact.FieldCreatedAt, contact.FieldEmail).Scan(ctx, &parts)
		if err != nil || len(parts) != 3 || parts[0].At.IsZero() || parts[0].Email != nil {
			t.Errorf("parts %+v, error %v", parts, err)
		}
		var docs []struct {
			Items []datatype.LineItem `json:"line_items"`
		}
		ok[*ent.Invoice](t)(c.Invoice.Create().SetNumber("1").SetCurrency("EUR").SetLineItems(lines("x")).Save(ctx))
		if err := c.Invoice.Query().Select(invoice.FieldLineItems).Scan(ctx, &docs); err != nil || len(docs) != 1 || docs[0].Items[0].Description != "x" {
			t.Errorf("documents %+v, error %v", docs, err)
		}
		first := ok[*ent.Contact](t)(c.Contact.Query().Order(ent.Asc(contact.FieldID)).Modify(func(s *sql.Selector) {
			s.AppendSelectExprAs(sql.Expr("lead_score * 2"), "twice")
			s.AppendSelectExprAs(sql.Expr("now()"), "at")
			s.AppendSelectExprAs(sql.Expr("NULL::text"), "nothing")
		}).First(ctx))
		twice, err := first.Value("twice")
		at, _ := first.Value("at")
		nothing, _ := first.Value("nothing")
		if _, isTime := at.(time.Time); twice != int64(20) || err != nil || !isTime || nothing != nil {
			t.Errorf("selected values %#v (%v), %#v, %#v", twice, err, at, nothing)
		}
	})
}

// TestBulk creates many rows in one statement, all of them or none.
func TestBulk(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, id := b.person(t)
	c := b.Client()
	many := func(numbers ...string) (creates []*ent.InvoiceCreate) {
		for _, n := range numbers {
			creates = append(creates, c.Invoice.Create().SetNumber(n).SetCurrency("EUR").SetLineItems(lines("x")))
		}
		return creates
	}
	made := ok[[]*ent.Invoice](t)(c.Invoice.CreateBulk(many("1", "2", "3")...).Save(ctx))
	for _, m := range made {
		if m.CreatedBy != id {
			t.Errorf("created by %s", m.CreatedBy)
		}
	}
	if _, err := c.Invoice.CreateBulk(many("4", "1", "5")...).Save(ctx); !ent.IsConstraintError(err) {
		t.Errorf("with an existing number: %v", err)
	}
	if n := ok[int](t)(c.Invoice.Query().Count(ctx)); n != 3 {
		t.Errorf("%d invoices", n)
	}
	var large []*ent.NoteCreate
	for n := range 1000 {
		large = append(large, c.Note.Create().SetTitle(fmt.Sprint(n)).SetContent(strings.Repeat("x", 1000)))
	}
	if made := ok[[]*ent.Note](t)(c.Note.CreateBulk(large...).Save(ctx)); len(made) != len(large) {
		t.Errorf("%d notes", len(made))
	}
	if all := ok[[]*ent.Note](t)(c.Note.Query().All(ctx)); len(all) != len(large) {
		t.Errorf("%d notes", len(all))
	}
}

// TestUpsert inserts rows with ON CONFLICT DO NOTHING and DO UPDATE, by the key (created_by, id) and by a unique
// column. A conflict with another identity's row is impossible, since every key starts with the owner.
func TestUpsert(t *testing.T) {
	t.Parallel()
	b := setup(t)
	victim, _ := b.person(t)
	hers := ok[*ent.Contact](t)(b.Client().Contact.Create().SetName("hers").Save(victim))
	b.ways(t, func(t *testing.T, ctx context.Context, id uuid.UUID, c *ent.Client) {
		key := dbtest.NewID()
		upsert := func(key uuid.UUID, name, action string) {
			t.Helper()
			_, err := c.ExecContext(ctx, "INSERT INTO business_contacts (id, created_by, name) VALUES ($1, $2, $3) ON CONFLICT (created_by, id) DO "+action, key, id, name)
			if err != nil {
				t.Fatal(err)
			}
		}
		const update = "UPDATE SET name = excluded.name"
		upsert(key, "one", update)
		upsert(key, "two", update)
		if got := ok[*ent.Contact](t)(c.Contact.Get(ctx, key)); got.Name != "two" || got.Version != 2 || got.CreatedBy != id {
			t.Errorf("upserted %+v", got)
		}
		// The identity can use the id of another identity's row.
		upsert(hers.ID, "mine", update)
		if got := ok[*ent.Contact](t)(c.Contact.Get(ctx, hers.ID)); got.Name != "mine" || got.CreatedBy != id {
			t.Errorf("upserted %+v", got)
		}
		upsert(key, "three", "NOTHING")
		if got := ok[*ent.Contact](t)(c.Contact.Get(ctx, key)); got.Name != "two" {
			t.Errorf("DO NOTHING changed the row: %+v", got)
		}
		for _, currency := range []string{"EUR", "USD"} {
			_, err := c.ExecContext(ctx, `INSERT INTO business_invoices (id, created_by, number, currency, line_items) VALUES ($1, $3, '7', $2, '[{"description": "x", "quantity": "1", "unit_price": "1", "tax_rate": "0"}]')
				ON CONFLICT (created_by, number) DO UPDATE SET currency = excluded.currency`, dbtest.NewID(), currency, id)
			if err != nil {
				t.Fatal(err)
			}
		}
		if got := ok[*ent.Invoice](t)(c.Invoice.Query().Only(ctx)); got.Currency != "USD" {
			t.Errorf("upserted %+v", got)
		}
	})
	if got := ok[*ent.Contact](t)(b.Client().Contact.Get(victim, hers.ID)); got.Name != "hers" || got.Version != 1 {
		t.Errorf("the victim's row: %+v", got)
	}
}

// TestLocks locks rows for an update and shows that other transactions see the lock.
func TestLocks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, _ := b.person(t)
	made := ok[*ent.Note](t)(b.Client().Note.Create().SetTitle("x").SetContent("").Save(ctx))
	// The second unit has a context from outside the first unit: with the context of the first unit it would be
	// rejected.
	err := b.Do(ctx, session.Options{}, func(_ context.Context, tx *ent.Tx) error {
		locked := ok[*ent.Note](t)(tx.Note.Query().Where(note.ID(made.ID)).ForUpdate().Only(ctx))
		err := b.Do(ctx, session.Options{}, func(ctx context.Context, two *ent.Tx) error {
			_, err := two.Note.Query().Where(note.ID(made.ID)).ForUpdate(sql.WithLockAction(sql.NoWait)).Only(ctx)
			return err
		})
		if pgtest.SQLState(err) != "55P03" {
			t.Errorf("second lock: %v", err)
		}
		if n := len(ok[[]*ent.Note](t)(b.Client().Note.Query().ForShare(sql.WithLockAction(sql.SkipLocked)).All(ctx))); n != 0 {
			t.Errorf("%d unlocked notes", n)
		}
		return locked.Update().SetTitle("y").Exec(ctx)
	})
	if err != nil {
		t.Error(err)
	}
	if got := ok[*ent.Note](t)(b.Client().Note.Get(ctx, made.ID)); got.Title != "y" {
		t.Errorf("after the update: %+v", got)
	}
}

// TestConstraintErrors shows that Ent recognizes each violated constraint, in any language of the server's messages,
// and that the server's error is still accessible.
func TestConstraintErrors(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stranger, _ := b.person(t)
	theirs := ok[*ent.Contact](t)(b.Client().Contact.Create().SetName("theirs").Save(stranger))
	draft := func(c *ent.Client) *ent.InvoiceCreate {
		return c.Invoice.Create().SetCurrency("EUR").SetLineItems(lines("x"))
	}
	for _, test := range []struct {
		name, code string
		do         func(ctx context.Context, c *ent.Client) error
		is         func(error) bool
	}{
		{"unique", "23505", func(ctx context.Context, c *ent.Client) error {
			return errors.Join(draft(c).SetNumber("1").Exec(ctx), draft(c).SetNumber("1").Exec(ctx))
		}, sqlgraph.IsUniqueConstraintError},
		{"no such contact", "23503", func(ctx context.Context, c *ent.Client) error {
			return draft(c).SetNumber("1").SetContactID(uuid.New()).Exec(ctx)
		}, sqlgraph.IsForeignKeyConstraintError},
		{"contact of another identity", "23503", func(ctx context.Context, c *ent.Client) error {
			return draft(c).SetNumber("1").SetContactID(theirs.ID).Exec(ctx)
		}, sqlgraph.IsForeignKeyConstraintError},
		{"check", "23514", func(ctx context.Context, c *ent.Client) error {
			return draft(c).SetNumber("1").SetIssuedOn(datatype.Date{Year: 2026, Month: 2, Day: 2}).SetDueOn(datatype.Date{Year: 2026, Month: 2, Day: 1}).Exec(ctx)
		}, sqlgraph.IsCheckConstraintError},
		{"update", "23514", func(ctx context.Context, c *ent.Client) error {
			made, err := c.Contact.Create().SetName("x").Save(ctx)
			if err != nil {
				return err
			}
			return made.Update().SetLeadScore(101).Exec(ctx)
		}, sqlgraph.IsCheckConstraintError},
		{"delete", "23503", func(ctx context.Context, c *ent.Client) error {
			made, err := c.Contact.Create().SetName("x").Save(ctx)
			if err != nil {
				return err
			}
			if err := draft(c).SetNumber("1").SetContact(made).Exec(ctx); err != nil {
				return err
			}
			return c.Contact.DeleteOne(made).Exec(ctx)
		}, sqlgraph.IsForeignKeyConstraintError},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, unit := range []bool{false, true} {
				ctx, _ := b.person(t)
				var err error
				if unit {
					err = b.Do(ctx, session.Options{}, func(ctx context.Context, tx *ent.Tx) error { return test.do(ctx, tx.Client()) })
				} else {
					err = test.do(ctx, b.Client())
				}
				if !test.is(err) || !sqlgraph.IsConstraintError(err) || !ent.IsConstraintError(err) || pgtest.SQLState(err) != test.code {
					t.Errorf("unit %v: error %v", unit, err)
				}
				if unit && ok[int](t)(b.Client().Invoice.Query().Count(ctx)) != 0 {
					t.Error("the failed unit left rows")
				}
			}
		})
	}
}

// TestRawInUnit combines raw statements and the graph in one transaction.
func TestRawInUnit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, id := b.person(t)
	err := b.Do(ctx, session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
		made := ok[*ent.Note](t)(tx.Note.Create().SetTitle("x").SetContent("").Save(ctx))
		res, err := tx.ExecContext(ctx, "UPDATE personal_notes SET title = $1 WHERE id = $2", "y", made.ID)
		if err != nil {
			return err
		}
		if n, _ := res.RowsAffected(); n != 1 {
			t.Errorf("%d rows", n)
		}
		// Open rows do not prevent the next statement.
		rows, err := tx.QueryContext(ctx, "SELECT id, title FROM personal_notes")
		if err != nil {
			return err
		}
		defer rows.Close()
		if got := ok[*ent.Note](t)(tx.Note.Get(ctx, made.ID)); got.Title != "y" {
			t.Errorf("read %+v", got)
		}
		for rows.Next() {
			var got uuid.UUID
			var title string
			if err := rows.Scan(&got, &title); err != nil || got != made.ID || title != "y" {
				t.Errorf("%s %q %v", got, title, err)
			}
		}
		return rows.Err()
	})
	if err != nil {
		t.Error(err)
	}
	var actor, table string
	err = b.admin.QueryRow(t.Context(), "SELECT actor_id::text, resource_type FROM audit_logs WHERE created_by = $1 AND action = 'update' LIMIT 1", id).Scan(&actor, &table)
	if err != nil || actor != id.String() || table != "note" {
		t.Errorf("audited as %s on %s, error %v", actor, table, err)
	}
}

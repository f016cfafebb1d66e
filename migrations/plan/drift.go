package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/postgres/catalog"
	"github.com/chenu/chenu/postgres/dev"
	"github.com/chenu/chenu/postgres/project"
)

// DriftInput is the input of ReadDrift.
type DriftInput struct {
	// Conventions are the project's names. They are required.
	Conventions *project.Conventions
	// URL is the live database, with a login that is a member of the owner role. It is only read,
	// in one read-only transaction.
	URL string
	// Dir is the migration directory that the database should have applied.
	Dir migrate.Dir
	// DevServer returns a login on a development server of that major version of PostgreSQL, which
	// may create databases and roles.
	DevServer func(ctx context.Context, major int) (url string, err error)
	// Logins maps the logins that are expected as members of the project's roles to their role, in
	// addition to those that Bootstrap creates by default.
	Logins map[string]string
	// Accept contains objects, by their Difference.Object, that may differ. Only objects that no
	// migration defines can be accepted.
	Accept []string
	// Progress is called before each step. It may be nil.
	Progress func(step string)
}

// Drift is the result of comparing a live database with its migrations.
type Drift struct {
	Database string `json:"database"`
	// Version is the last migration that the database has applied, which is the base of the comparison; "" if there is
	// none. State reports whether later files are pending.
	Version string      `json:"version"`
	State   apply.State `json:"state"`
	// Differences lists first the differences that affect access. It is empty if the database is as its migrations
	// define it.
	Differences []Difference `json:"differences"`
	// Repair contains the statements that undo the differences, in order.
	Repair []Repair `json:"repair"`

	owner string // the role that the repair runs as
}

// Difference is an object that differs from its migrations.
type Difference struct {
	Kind   string `json:"kind"`   // kind of the object: table, policy, privileges, membership, …
	Object string `json:"object"` // name of the object, such as policy human_select on public.notes
	What   string `json:"what"`   // the difference, as a sentence
	// Live and Expected are the two definitions, "" if the object does not exist.
	Live     string `json:"live,omitempty"`
	Expected string `json:"expected,omitempty"`
	// Security reports whether the object can affect access.
	Security bool `json:"security"`
	// beside reports that no migration defines the object.
	beside bool
}

// ReadDrift compares a live database with the result of its migrations: objects that were changed
// or added manually, granted privileges, and roles with more attributes. Partitions that were
// created at run time are no difference if they are protected like the DEFAULT partition.
func ReadDrift(ctx context.Context, in DriftInput) (_ *Drift, err error) {
	if in.Progress == nil {
		in.Progress = func(string) {}
	}
	in.Progress("reading the database")
	live, err := dev.Connect(ctx, in.URL, in.Conventions)
	if err != nil {
		return nil, explainConnect(err, in.Conventions.Owner)
	}
	defer func() { err = errors.Join(err, live.Close()) }()
	known := expectedLogins(in.Conventions, in.Logins)
	var (
		status      *apply.Status
		environment *catalog.Environment
	)
	is, err := live.Inspect(ctx, func(tx pgx.Tx) (err error) {
		if status, err = apply.ReadStatusOn(ctx, tx, in.Conventions, in.Dir); err != nil {
			return err
		}
		environment, err = catalog.ReadEnvironment(ctx, tx, in.Conventions.RolePrefix(), known.names())
		return err
	})
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "55P03" { // lock_not_available
		return nil, errors.New("another session, such as a migration, holds a lock that conflicts with reading the definitions: try again later")
	}
	if err != nil {
		return nil, err
	}
	known.add(environment.User)
	applied, err := appliedFiles(in.Dir, status)
	if err != nil {
		return nil, err
	}

	in.Progress("starting a development server")
	devURL, err := in.DevServer(ctx, is.State.Version/10000)
	if err != nil {
		return nil, err
	}
	if err := rejectLiveServer(ctx, devURL, in.Conventions.RolePrefix(), environment); err != nil {
		return nil, err
	}
	server, err := dev.Open(ctx, devURL, in.Conventions)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Close(ctx)) }()
	replayed, err := server.Create(ctx)
	if err != nil {
		return nil, err
	}
	in.Progress("replaying the applied migrations")
	if err := replayed.Replay(ctx, applied); err != nil {
		return nil, err
	}
	var expectedEnvironment *catalog.Environment
	should, err := replayed.Inspect(ctx, func(tx pgx.Tx) (err error) {
		expectedEnvironment, err = catalog.ReadEnvironment(ctx, tx, in.Conventions.RolePrefix(), nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	// The definitions that Postgres prints depend on its version.
	if a, b := is.State.Version/10000, should.State.Version/10000; a != b {
		return nil, fmt.Errorf("the database runs PostgreSQL %d and the development server PostgreSQL %d: use a development server of the same major version", a, b)
	}

	in.Progress("comparing")
	d := &Drift{Database: environment.Database, Version: status.Version, State: status.State, Differences: []Difference{}, Repair: []Repair{}, owner: in.Conventions.Owner}
	c := &comparison{conventions: in.Conventions, version: is.State.Version, is: is, should: should, environment: environment, expected: expectedEnvironment, known: known}
	all, err := c.objects(replayed.Driver())
	if err != nil {
		return nil, err
	}
	if all, err = c.accepting(in.Accept, append(all, c.compareEnvironment()...)); err != nil {
		return nil, err
	}
	d.Differences = append(d.Differences, all...) // Without differences, the list is empty and not nil.
	slices.SortStableFunc(d.Differences, func(a, b Difference) int {
		if a.Security != b.Security {
			if a.Security {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Object, b.Object))
	})
	if len(d.Differences) > 0 {
		d.Repair = append(d.Repair, c.repair(ctx, replayed.Driver())...)
	}
	return d, nil
}

// rejectLiveServer rejects a development server that also hosts the live database: creating the roles there would
// change the state to compare.
func rejectLiveServer(ctx context.Context, devURL, rolePrefix string, live *catalog.Environment) error {
	conn, err := pgx.Connect(ctx, devURL)
	if err != nil {
		return fmt.Errorf("connect to the development server: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("read the roles of the development server: %w", err)
	}
	environment, err := catalog.ReadEnvironment(ctx, tx, rolePrefix, nil)
	if err != nil {
		return err
	}
	if environment.Server == live.Server {
		return errors.New("the development server also hosts the live database, and replaying migrations there would change its roles: use another server")
	}
	return nil
}

// accepting removes the accepted differences and their repair.
func (c *comparison) accepting(objects []string, all []Difference) ([]Difference, error) {
	for _, d := range all {
		if slices.Contains(objects, d.Object) && !d.beside {
			return nil, fmt.Errorf("%s cannot be accepted, because the migrations define it: if the change is intended, write a migration", d.Object)
		}
	}
	c.accepted = objects
	c.admin = slices.DeleteFunc(c.admin, func(r Repair) bool { return slices.Contains(objects, r.object) })
	return slices.DeleteFunc(all, func(d Difference) bool { return slices.Contains(objects, d.Object) }), nil
}

// explainConnect adds advice to the error of a login that cannot SET ROLE to the owner.
func explainConnect(err error, owner string) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pg.Code != "42501" && pg.Code != "22023" {
		return err
	}
	return &migrations.Refusal{Kind: migrations.ErrNoRights, Reason: "the login cannot SET ROLE " + owner, Err: err,
		Advice: "use the login that `chenu bootstrap` creates for migrations, or ask an administrator to grant " + owner + " to this login"}
}

// appliedFiles returns the files of the directory that the database has applied.
func appliedFiles(dir migrate.Dir, status *apply.Status) (migrate.Dir, error) {
	switch status.State {
	case apply.Current, apply.Behind:
	case apply.Conflict:
		return nil, status.Err()
	case apply.Partial:
		return nil, fmt.Errorf("version %s is only partly applied, so there is no expected state to compare with: run `chenu migrate apply` first", status.Stopped.Version)
	default:
		return nil, fmt.Errorf("the database has applied versions that the migration directory does not contain (%s): use the directory, or the release, that contains them", strings.Join(status.Unknown, ", "))
	}
	files, err := migrations.Read(dir)
	if err != nil {
		return nil, err
	}
	applied := &migrate.MemDir{}
	for _, f := range files {
		if slices.Contains(status.Pending, f.Name) {
			continue
		}
		if err := applied.WriteFile(f.Name, []byte(f.Text)); err != nil {
			return nil, fmt.Errorf("read the migration directory: %w", err)
		}
	}
	return applied, nil
}

// comparison is the state of one ReadDrift.
type comparison struct {
	conventions           *project.Conventions
	version               int // server_version_num
	is, should            *dev.Inspection
	environment, expected *catalog.Environment
	known                 logins
	// admin are statements that repair differences of the database, roles and settings.
	admin    []Repair
	accepted []string
}

// guards are the kinds of objects that affect access.
var guards = []catalog.Kind{
	catalog.KindPolicy, catalog.KindSecurity, catalog.KindPrivileges, catalog.KindDefaults, catalog.KindFunction, catalog.KindTrigger,
	catalog.KindSchema, "view", "materialized view", "rule", "event trigger", "extension", "foreign table", "publication",
}

// objects compares the objects of the two databases.
func (c *comparison) objects(driver migrate.Driver) ([]Difference, error) {
	var all []Difference
	found := catalog.Compare(c.is.State, c.should.State)
	oneSided := map[catalog.Key]bool{}
	for _, d := range found {
		if d.From == nil || d.To == nil {
			oneSided[d.Key] = true
		}
	}
	constraints := map[[3]string]bool{}
	for _, d := range found {
		if d.Key.Kind == catalog.KindConstraint {
			constraints[[3]string{d.Key.Schema, d.Key.Name, d.Key.Sub}] = true
		}
	}
	for _, d := range found {
		table := tableOf(d)
		if d.Key.Kind != catalog.KindTable && d.Key.Kind != catalog.KindPartition && oneSided[catalog.Key{Kind: catalog.KindTable, Schema: table[0], Name: table[1]}] {
			continue // reported with its table
		}
		if d.Key.Kind == catalog.KindIndex && constraints[[3]string{table[0], table[1], d.Key.Name}] {
			continue // reported with its constraint
		}
		if _, ok := either(d).(*catalog.Privileges); ok {
			all = append(all, c.privileges(d, oneSided)...)
			continue
		}
		if f, ok := d.From.(*catalog.Function); ok && d.To != nil && onlyOwner(f, d.To.(*catalog.Function)) {
			continue // reported with its privileges
		}
		all = append(all, Difference{
			Kind: string(d.Key.Kind), Object: d.Key.String(), What: sentence(d), Live: definition(d.From), Expected: definition(d.To),
			Security: slices.Contains(guards, d.Key.Kind), beside: d.To == nil && isOther(d.From) && !partOfTable(d.Key),
		})
	}
	known := len(all) > 0
	// Atlas compares comments, and properties that the other comparisons do not cover.
	changes, err := driver.RealmDiff(c.is.Realm, c.should.Realm, schema.DiffNormalized())
	if err != nil {
		if known {
			return all, nil // the differences found so far include what Atlas cannot change
		}
		return nil, err
	}
	for _, change := range changes {
		switch change.(type) {
		case *schema.AddSchema, *schema.DropSchema:
			continue // reported with its privileges
		}
		for _, what := range atlasDifference(change, known) {
			all = append(all, Difference{Kind: "comment", Object: what, What: what})
		}
	}
	return all, nil
}

func either(d catalog.Difference) catalog.Object {
	if d.From != nil {
		return d.From
	}
	return d.To
}

func onlyOwner(a, b *catalog.Function) bool {
	as := *a
	as.Owner = b.Owner
	return as == *b
}

// sentence describes the difference without the definitions.
func sentence(d catalog.Difference) string {
	if live, ok := d.From.(*catalog.Detail); ok && d.To != nil {
		expected := d.To.(*catalog.Detail)
		switch live.Definition {
		case expected.Definition + " INVALID":
			return d.Key.String() + " is invalid: its build did not finish, and queries do not use it"
		case expected.Definition + " NOT VALID":
			return d.Key.String() + " is not validated: existing rows may violate it"
		}
		return d.Key.String() + " differs"
	}
	if live, ok := d.From.(*catalog.Trigger); ok && d.To != nil && live.Enabled == "D" {
		return d.Key.String() + " is disabled"
	}
	if d.Key.Kind == "disabled key" {
		return "foreign key " + d.Key.Name + " is not enforced: its triggers are disabled"
	}
	return d.String()
}

// definition returns the object in SQL, or a description close to it.
func definition(o catalog.Object) string {
	switch o := o.(type) {
	case *catalog.Function:
		return o.Definition
	case *catalog.Trigger:
		if o.Enabled != "O" {
			return o.Definition + " (" + map[string]string{"D": "disabled", "R": "enabled for replicas", "A": "enabled always"}[o.Enabled] + ")"
		}
		return o.Definition
	case *catalog.Policy:
		return policyText(o)
	case *catalog.Security:
		return securityWords(o)
	case *catalog.Partition:
		return "PARTITION OF " + catalog.Qualify(o.ParentSchema, o.ParentTable) + " DEFAULT"
	case *catalog.Defaults:
		return grantWords(o.Grants)
	case *catalog.Other:
		return o.Definition
	case *catalog.Detail:
		return o.Definition
	default:
		return ""
	}
}

// privileges returns the differences of an object's owner and privileges.
func (c *comparison) privileges(d catalog.Difference, oneSided map[catalog.Key]bool) []Difference {
	of := either(d).(*catalog.Privileges).Of
	is, should := &catalog.Privileges{}, &catalog.Privileges{}
	if d.From != nil {
		is = d.From.(*catalog.Privileges)
	}
	if d.To != nil {
		should = d.To.(*catalog.Privileges)
	}
	if d.From == nil || d.To == nil {
		switch {
		case of.Kind == catalog.KindSchema:
			what := of.String() + " is not expected"
			if d.From == nil {
				what = of.String() + " is missing"
			}
			return []Difference{{Kind: string(of.Kind), Object: of.String(), What: what, Security: true}}
		case of.Kind != catalog.KindColumn || oneSided[of]:
			return nil // reported with the object
		}
	}
	var all []Difference
	if is.Owner != should.Owner {
		if !linked(c.is.State, of) {
			all = append(all, Difference{
				Kind: "owner", Object: "owner of " + of.String(), What: of.String() + " is owned by " + is.Owner + " and should be owned by " + should.Owner,
				Live: is.Owner, Expected: should.Owner, Security: true,
			})
		}
		is = withOwner(is, should.Owner) // the privileges that follow from the owner are no separate difference
	}
	more, fewer := without(is.Grants, should.Grants), without(should.Grants, is.Grants)
	if len(more)+len(fewer) > 0 {
		all = append(all, Difference{
			Kind: "privileges", Object: d.Key.String(), What: privilegeSentence(of, more, fewer),
			Live: grantWords(others(is)), Expected: grantWords(others(should)), Security: true,
		})
	}
	return all
}

// others returns the privileges without the implicit privileges of the owner.
func others(p *catalog.Privileges) []catalog.Grant {
	return slices.DeleteFunc(slices.Clone(p.Grants), func(g catalog.Grant) bool {
		return g.Grantee == p.Owner && slices.Contains(p.Initial, g)
	})
}

// linked reports whether the sequence belongs to a column, so that its owner follows the table.
func linked(s *catalog.State, of catalog.Key) bool {
	return of.Kind == catalog.KindSequence && !slices.ContainsFunc(s.Others, func(o *catalog.Other) bool {
		return o.Type == string(catalog.KindSequence) && o.Identity == of.Schema+"."+of.Name
	})
}

func without(a, b []catalog.Grant) []catalog.Grant {
	return slices.DeleteFunc(slices.Clone(a), func(g catalog.Grant) bool { return slices.Contains(b, g) })
}

func privilegeSentence(of catalog.Key, more, fewer []catalog.Grant) string {
	var parts []string
	if len(more) > 0 {
		parts = append(parts, grantWords(more)+", which is not expected")
	}
	if len(fewer) > 0 {
		parts = append(parts, grantWords(fewer)+" is missing")
	}
	return of.String() + ": " + strings.Join(parts, "; ")
}

// grantWords lists grants by role: human SELECT, UPDATE; PUBLIC SELECT.
func grantWords(all []catalog.Grant) string {
	byRole := map[string][]string{}
	for _, g := range all {
		word := g.Privilege
		if g.Grantable {
			word += " with grant option"
		}
		byRole[g.Grantee] = append(byRole[g.Grantee], word)
	}
	var roles []string
	for role, words := range byRole {
		slices.SortFunc(words, func(a, b string) int {
			place := func(word string) int {
				first, _, _ := strings.Cut(word, " ")
				return slices.Index(privilegeOrder, first)
			}
			return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b))
		})
		roles = append(roles, grantee(role)+" "+strings.Join(words, ", "))
	}
	slices.Sort(roles)
	return strings.Join(roles, "; ")
}

// securityWords describes the row-level security of a table.
func securityWords(s *catalog.Security) string {
	switch {
	case !s.Enabled:
		return "disabled"
	case !s.Forced:
		return "enabled, but not forced"
	default:
		return "enabled and forced"
	}
}

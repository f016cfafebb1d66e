// Package catalog reads the objects of a live database that Atlas does not
// read (functions, triggers, policies, row security, privileges, owners,
// default partitions), gives each a key that is the same in every database,
// and compares two such states. The planner plans with it; drift is reported
// with it.
package catalog

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// RevisionsSchema is where Atlas keeps its revision table. It belongs to the
// tool that applies migrations, so a State leaves it out.
const RevisionsSchema = "atlas_schema_revisions"

// Public is the grantee that stands for every role.
const Public = "PUBLIC"

// Kind says what a Key names.
type Kind string

// The kinds of keys. An Other has more.
const (
	KindSchema     Kind = "schema"
	KindTable      Kind = "table"
	KindColumn     Kind = "column"
	KindSequence   Kind = "sequence"
	KindFunction   Kind = "function"
	KindTrigger    Kind = "trigger"
	KindPolicy     Kind = "policy"
	KindSecurity   Kind = "row security"
	KindPartition  Kind = "partition"
	KindPrivileges Kind = "privileges"
	KindDefaults   Kind = "default privileges"
	KindView       Kind = "view"
	KindIndex      Kind = "index"
	KindConstraint Kind = "constraint"
)

// Key names one object the same way in every database. Sub is the column,
// policy, trigger or constraint of the relation Name; it is empty for objects
// that stand by themselves. A function's Sub holds its argument types.
type Key struct {
	Kind              Kind
	Schema, Name, Sub string
}

// String is the key as a person would write it: "policy notes_read on
// public.personal_notes".
func (k Key) String() string {
	switch {
	case k.Kind == KindSchema:
		return "schema " + Ident(k.Name)
	case k.Kind == KindPrivileges || k.Kind == KindDefaults:
		return string(k.Kind) + " of " + k.Name
	case k.Schema == "":
		return string(k.Kind) + " " + k.Name // an Other says itself which it is
	}
	switch k.Kind {
	case KindColumn:
		return "column " + k.Qualified() + "." + Ident(k.Sub)
	case KindFunction:
		return "function " + k.Qualified() + "(" + k.Sub + ")"
	case KindTrigger, KindPolicy, KindConstraint:
		return string(k.Kind) + " " + Ident(k.Sub) + " on " + k.Qualified()
	case KindSecurity:
		return "row security of " + k.Qualified()
	default:
		return string(k.Kind) + " " + k.Qualified()
	}
}

// Qualified is schema and name, quoted where SQL needs it. For a column,
// policy or trigger that is its table.
func (k Key) Qualified() string { return Qualify(k.Schema, k.Name) }

// Compare orders keys by kind, schema, name and part.
func (k Key) Compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Kind, o.Kind), cmp.Compare(k.Schema, o.Schema), cmp.Compare(k.Name, o.Name), cmp.Compare(k.Sub, o.Sub))
}

// Object is one object of a State.
type Object interface {
	Key() Key
}

// Function is a function or procedure.
type Function struct {
	Schema, Name string
	// Types and Arguments are its arguments: the types alone, and with modes
	// and names; no defaults.
	Types, Arguments string
	Result           string
	Kind             string // f: function, p: procedure
	Defaults         int    // how many arguments have a default
	Definer          bool   // SECURITY DEFINER: it runs as its owner
	Definition       string // as of pg_get_functiondef
	Owner            string
	Language         string
	Comment          string
}

// Key of the function.
func (f *Function) Key() Key { return Key{KindFunction, f.Schema, f.Name, f.Types} }

// Replaces says whether CREATE OR REPLACE can turn the function old into this
// one. https://www.postgresql.org/docs/current/sql-createfunction.html#SQL-CREATEFUNCTION-NOTES
func (f *Function) Replaces(old *Function) bool {
	return f.Arguments == old.Arguments && f.Result == old.Result && f.Kind == old.Kind && f.Defaults >= old.Defaults
}

// Trigger is a trigger that someone created: neither one that a constraint
// brings nor one that a partition inherits.
type Trigger struct {
	Schema, Table, Name string
	Function            string // schema.name of what it calls
	Definition          string // as of pg_get_triggerdef
	Enabled             string // tgenabled: O origin, D disabled, R replica, A always
	Constraint          bool   // CREATE CONSTRAINT TRIGGER; cannot be replaced in place
	Comment             string
}

// Key of the trigger.
func (t *Trigger) Key() Key { return Key{KindTrigger, t.Schema, t.Table, t.Name} }

// Policy is a row security policy, its expressions as Postgres writes them.
// An empty expression means that there is none.
type Policy struct {
	Schema, Table, Name string
	Command             string // ALL, SELECT, INSERT, UPDATE or DELETE
	Permissive          bool
	Roles               []string
	Using, Check        string
	Comment             string
}

// Key of the policy.
func (p *Policy) Key() Key { return Key{KindPolicy, p.Schema, p.Table, p.Name} }

// Alters says whether ALTER POLICY can turn the policy old into this one: it
// changes roles and expressions but neither the command nor the kind, and
// cannot take an expression away.
func (p *Policy) Alters(old *Policy) bool {
	return p.Command == old.Command && p.Permissive == old.Permissive &&
		(p.Using != "" || old.Using == "") && (p.Check != "" || old.Check == "")
}

// Security tells whether a table's policies apply, and to its owner too.
type Security struct {
	Schema, Table   string
	Enabled, Forced bool
}

// Key of the row security.
func (s *Security) Key() Key { return Key{KindSecurity, s.Schema, s.Table, ""} }

// Partition is a DEFAULT partition. Other partitions are made while the
// database is in use and are data, as their rows are.
type Partition struct {
	Schema, Name              string
	ParentSchema, ParentTable string
}

// Key of the partition.
func (p *Partition) Key() Key { return Key{KindPartition, p.Schema, p.Name, ""} }

// Grant lets a role do one thing, or also pass that on.
type Grant struct {
	Grantee   string `json:"grantee"`
	Privilege string `json:"privilege"`
	Grantable bool   `json:"grantable"`
}

// Privileges is who owns an object and who may do what with it. A column has
// no owner and only the grants made on the column itself.
type Privileges struct {
	Of     Key
	Owner  string
	Grants []Grant
	// Initial is what a new object of that kind and owner grants by itself.
	Initial []Grant
}

// Key of the privileges: that of their object, marked as privileges.
func (p *Privileges) Key() Key { return PrivilegesOf(p.Of) }

// PrivilegesOf is the key under which the privileges of an object stand.
func PrivilegesOf(of Key) Key { return Key{Kind: KindPrivileges, Name: of.String()} }

// Defaults is what ALTER DEFAULT PRIVILEGES says for objects that a role
// creates, in one schema or (Schema empty) in all.
type Defaults struct {
	Role, Schema, Objects string
	Grants                []Grant
	// Initial is what holds where nothing was altered.
	Initial []Grant
}

// Key of the default privileges.
func (d *Defaults) Key() Key {
	name := d.Objects + " made by " + Ident(d.Role)
	if d.Schema != "" {
		name += " in schema " + Ident(d.Schema)
	}
	return Key{Kind: KindDefaults, Name: name}
}

// Other is an object, or a property of one, that neither Atlas nor this
// package can plan: a view, a rule, a deferrable constraint, a storage
// option. It is read so that a difference is seen and refused, not missed.
type Other struct {
	Type, Identity string
	Definition     string
	// Drop is the statement that takes it away; empty where there is no such
	// one statement.
	Drop string
}

// Key of the object.
func (o *Other) Key() Key { return Key{Kind: Kind(o.Type), Name: o.Identity} }

// Detail is a table, column, constraint or index in full, as Postgres writes
// it. Atlas plans these, but does not see all there is to them: it misses
// collations, and whether a constraint is deferrable or validated. Details
// show what it missed.
type Detail struct {
	Of         Key
	Definition string
}

// Key of the object.
func (d *Detail) Key() Key { return d.Of }

// Role is a role of the cluster with what makes it powerful.
type Role struct {
	Name       string
	Attributes []string // such as LOGIN, SUPERUSER, BYPASSRLS, NOINHERIT
	MemberOf   []string // with the options of the membership
}

// Dependency says that Postgres will not drop or retype On while Of stands,
// or drops Of with it.
type Dependency struct{ Of, On Key }

// Trees are a policy's expressions in the form of nodeToString, which says of
// every operator, function and column which one it is. Empty means that there
// is none.
type Trees struct{ Using, Check string }

// Relation is a table or view with the names of its columns by number.
type Relation struct {
	Key     Key
	Columns map[int]string
}

// Operator is what is known of a truth-valued operator: the operators that say
// the same with the arguments in the other order, and the opposite; 0 if there
// is none. A strict one is null when an argument is.
type Operator struct {
	OID, Commutator, Negator uint32
	Strict                   bool
}

// State is everything Read found.
type State struct {
	Version      int // server_version_num
	Functions    []*Function
	Triggers     []*Trigger
	Policies     []*Policy
	Security     []*Security
	Partitions   []*Partition
	Privileges   []*Privileges
	Defaults     []*Defaults
	Others       []*Other
	Details      []*Detail
	Roles        []*Role
	Dependencies []Dependency
	// Trees are the policies' expressions as Postgres keeps them. What they
	// name by OID is in Relations and Routines.
	Trees map[Key]Trees
	// Relations and Routines are tables, views and functions by OID, as long as
	// they are not the system's own.
	Relations map[uint32]Relation
	Routines  map[uint32]Key
	// Operators are the system's own operators that give a truth value, and
	// Volatile the functions that give another result at each call, by OID.
	Operators map[uint32]Operator
	Volatile  map[uint32]bool
	// RuntimePartitions are the tables that are partitions but not DEFAULT
	// ones, as schema.name.
	RuntimePartitions []string
}

// Objects is the state by key, without roles and dependencies.
func (s *State) Objects() map[Key]Object {
	all := map[Key]Object{}
	add(all, s.Functions)
	add(all, s.Triggers)
	add(all, s.Policies)
	add(all, s.Security)
	add(all, s.Partitions)
	add(all, s.Privileges)
	add(all, s.Defaults)
	add(all, s.Others)
	add(all, s.Details)
	return all
}

func add[T Object](all map[Key]Object, some []T) {
	for _, o := range some {
		all[o.Key()] = o
	}
}

// Dependents are the keys of what depends on the object, in order.
func (s *State) Dependents(on Key) []Key {
	var of []Key
	for _, d := range s.Dependencies {
		if d.On == on {
			of = append(of, d.Of)
		}
	}
	return of
}

// Difference is one object that is not the same in two states. From is nil
// when the object is new, To when it is gone.
type Difference struct {
	Key      Key
	From, To Object
}

// String says in a few words what differs.
func (d Difference) String() string {
	switch {
	case d.From == nil:
		return d.Key.String() + " is missing"
	case d.To == nil:
		return d.Key.String() + " is not expected"
	}
	if from, ok := d.From.(*Detail); ok {
		return d.Key.String() + " is " + from.Definition + " and should be " + d.To.(*Detail).Definition
	}
	var what []string
	from, to := reflect.ValueOf(d.From).Elem(), reflect.ValueOf(d.To).Elem()
	for i := range from.NumField() {
		if name := from.Type().Field(i).Name; name != "Initial" && !reflect.DeepEqual(from.Field(i).Interface(), to.Field(i).Interface()) {
			what = append(what, strings.ToLower(name))
		}
	}
	return d.Key.String() + " differs: " + strings.Join(what, ", ")
}

// Compare gives what must change for from to become to, ordered by key. Roles
// belong to the cluster and are compared by CompareRoles.
func Compare(from, to *State) []Difference {
	a, b := from.Objects(), to.Objects()
	var all []Difference
	for key, f := range a {
		if t, ok := b[key]; !ok {
			all = append(all, Difference{key, f, nil})
		} else if !equal(f, t) {
			all = append(all, Difference{key, f, t})
		}
	}
	for key, t := range b {
		if _, ok := a[key]; !ok {
			all = append(all, Difference{key, nil, t})
		}
	}
	slices.SortFunc(all, func(x, y Difference) int { return x.Key.Compare(y.Key) })
	return all
}

func equal(a, b Object) bool {
	p, ok := a.(*Privileges)
	q, ok2 := b.(*Privileges)
	if ok && ok2 {
		return p.Owner == q.Owner && slices.Equal(p.Grants, q.Grants)
	}
	return reflect.DeepEqual(a, b)
}

// CompareRoles says in sentences how roles that exist in both states differ.
func CompareRoles(from, to *State) []string {
	have := map[string]*Role{}
	for _, r := range from.Roles {
		have[r.Name] = r
	}
	var all []string
	for _, want := range to.Roles {
		r, ok := have[want.Name]
		if !ok {
			all = append(all, "role "+Ident(want.Name)+" is missing")
			continue
		}
		if a, b := strings.Join(r.Attributes, " "), strings.Join(want.Attributes, " "); a != b {
			all = append(all, "role "+Ident(want.Name)+" is "+a+" and should be "+b)
		}
		if a, b := strings.Join(r.MemberOf, ", "), strings.Join(want.MemberOf, ", "); a != b {
			all = append(all, "role "+Ident(want.Name)+" is a member of ["+a+"] and should be of ["+b+"]")
		}
	}
	return all
}

// Package catalog reads the objects of a live database that Atlas does not read (functions,
// triggers, policies, row-level security, privileges, owners, default partitions), gives each a key
// that is the same in every database, and compares two such states.
package catalog

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// RevisionsSchema is the schema of Atlas' revision table. It belongs to the tool that applies
// migrations, so a State does not contain it.
const RevisionsSchema = "atlas_schema_revisions"

// Public is the grantee that means every role.
const Public = "PUBLIC"

// Kind is the kind of the object that a Key names.
type Kind string

// The kinds of keys. An Other has further kinds.
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

// Key names an object in the same way in every database. Sub is the column, policy, trigger or
// constraint of the relation Name; it is empty for other objects. For a function, Sub contains the
// argument types.
type Key struct {
	Kind              Kind
	Schema, Name, Sub string
}

// String returns the key in words: "policy notes_read on public.personal_notes".
func (k Key) String() string {
	switch {
	case k.Kind == KindSchema:
		return "schema " + Ident(k.Name)
	case k.Kind == KindPrivileges || k.Kind == KindDefaults:
		return string(k.Kind) + " of " + k.Name
	case k.Schema == "":
		return string(k.Kind) + " " + k.Name // the type of an Other names its kind
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

// Qualified returns schema and name, quoted as in SQL. For a column, policy or trigger these are
// the names of its table.
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
	// Types and Arguments are the arguments: only their types, and with modes and names. They
	// contain no defaults.
	Types, Arguments string
	Result           string
	Kind             string // f: function, p: procedure
	Defaults         int    // number of arguments with a default
	Definer          bool   // SECURITY DEFINER: it runs as its owner
	Definition       string // as of pg_get_functiondef
	Owner            string
	Language         string
	Comment          string
}

// Key of the function.
func (f *Function) Key() Key { return Key{KindFunction, f.Schema, f.Name, f.Types} }

// Replaces reports whether CREATE OR REPLACE can turn the function old into this one.
// https://www.postgresql.org/docs/current/sql-createfunction.html#SQL-CREATEFUNCTION-NOTES
func (f *Function) Replaces(old *Function) bool {
	return f.Arguments == old.Arguments && f.Result == old.Result && f.Kind == old.Kind && f.Defaults >= old.Defaults
}

// Trigger is a trigger that was created explicitly, not one that belongs to a constraint or that a
// partition inherits.
type Trigger struct {
	Schema, Table, Name string
	Function            string // schema.name of the function that it calls
	Definition          string // as of pg_get_triggerdef
	Enabled             string // tgenabled: O origin, D disabled, R replica, A always
	Constraint          bool   // CREATE CONSTRAINT TRIGGER; cannot be replaced in place
	Comment             string
}

// Key of the trigger.
func (t *Trigger) Key() Key { return Key{KindTrigger, t.Schema, t.Table, t.Name} }

// Policy is a row-level security policy, with its expressions as Postgres prints them. An empty
// expression means that there is none.
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

// Alters reports whether ALTER POLICY can turn the policy old into this one. It can change roles
// and expressions, but neither the command nor the kind, and it cannot remove an expression.
func (p *Policy) Alters(old *Policy) bool {
	return p.Command == old.Command && p.Permissive == old.Permissive &&
		(p.Using != "" || old.Using == "") && (p.Check != "" || old.Check == "")
}

// Security reports whether the policies of a table apply, and whether they apply to its owner.
type Security struct {
	Schema, Table   string
	Enabled, Forced bool
}

// Key of the row-level security.
func (s *Security) Key() Key { return Key{KindSecurity, s.Schema, s.Table, ""} }

// Partition is a DEFAULT partition. Other partitions are created at run time and are treated as
// data.
type Partition struct {
	Schema, Name              string
	ParentSchema, ParentTable string
}

// Key of the partition.
func (p *Partition) Key() Key { return Key{KindPartition, p.Schema, p.Name, ""} }

// Grant is a privilege of a role, optionally with grant option.
type Grant struct {
	Grantee   string `json:"grantee"`
	Privilege string `json:"privilege"`
	Grantable bool   `json:"grantable"`
}

// Privileges contains the owner of an object and the grants on it. A column has no owner and only
// the grants on the column itself.
type Privileges struct {
	Of     Key
	Owner  string
	Grants []Grant
	// Initial contains the default privileges of a new object of this kind and owner.
	Initial []Grant
}

// Key of the privileges: that of their object, with the kind of privileges.
func (p *Privileges) Key() Key { return PrivilegesOf(p.Of) }

// PrivilegesOf returns the key of the privileges of an object.
func PrivilegesOf(of Key) Key { return Key{Kind: KindPrivileges, Name: of.String()} }

// Defaults are the default privileges (ALTER DEFAULT PRIVILEGES) for objects that a role creates,
// in one schema or, if Schema is empty, in all.
type Defaults struct {
	Role, Schema, Objects string
	Grants                []Grant
	// Initial contains the privileges without ALTER DEFAULT PRIVILEGES.
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

// Other is an object, or a property of one, that neither Atlas nor this package can plan: a view, a
// rule, a deferrable constraint, a storage option. It is read so that a difference is reported.
type Other struct {
	Type, Identity string
	Definition     string
	// Drop is the statement that drops the object; empty if there is no single statement.
	Drop string
}

// Key of the object.
func (o *Other) Key() Key { return Key{Kind: Kind(o.Type), Name: o.Identity} }

// Detail is the complete definition of a table, column, constraint or index, as Postgres prints it.
// Atlas plans these objects but does not read all their properties, such as collations and whether
// a constraint is deferrable or validated. Details show these differences.
type Detail struct {
	Of         Key
	Definition string
}

// Key of the object.
func (d *Detail) Key() Key { return d.Of }

// Role is a role of the server with its attributes.
type Role struct {
	Name       string
	Attributes []string // such as LOGIN, SUPERUSER, BYPASSRLS, NOINHERIT
	MemberOf   []string // with the options of the membership
}

// Dependency reports that Postgres does not drop or retype On while Of exists, or drops Of with it.
type Dependency struct{ Of, On Key }

// Trees are the expressions of a policy in the form of nodeToString, which identifies each
// operator, function and column. They are empty if there is no expression.
type Trees struct{ Using, Check string }

// Relation is a table or view with the names of its columns by number.
type Relation struct {
	Key     Key
	Columns map[int]string
}

// Operator is an operator that returns a boolean, with the OIDs of its commutator and its negator,
// or 0. A strict operator returns NULL if an argument is NULL.
type Operator struct {
	OID, Commutator, Negator uint32
	Strict                   bool
}

// State is the result of Read.
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
	// Trees are the expressions of policies as Postgres stores them. The objects that they name by
	// OID are in Relations and Routines.
	Trees map[Key]Trees
	// Relations and Routines are tables, views and functions by OID, without those of the system.
	Relations map[uint32]Relation
	Routines  map[uint32]Key
	// Operators are the operators of the system that return a boolean, and Volatile the functions
	// whose result can change between calls, by OID.
	Operators map[uint32]Operator
	Volatile  map[uint32]bool
	// RuntimePartitions are the partitions that are not DEFAULT partitions, as schema.name.
	RuntimePartitions []string
}

// Objects returns the state by key, without roles and dependencies.
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

// Dependents returns the keys of the objects that depend on the object, sorted.
func (s *State) Dependents(on Key) []Key {
	var of []Key
	for _, d := range s.Dependencies {
		if d.On == on {
			of = append(of, d.Of)
		}
	}
	return of
}

// Difference is an object that differs between two states. From is nil if the object is new, and To
// if it was dropped.
type Difference struct {
	Key      Key
	From, To Object
}

// String describes the difference.
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

// Compare returns the differences between from and to, ordered by key. Roles belong to the server
// and are compared by CompareRoles.
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

// CompareRoles describes in sentences how roles that exist in both states differ.
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

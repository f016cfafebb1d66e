package planner

import (
	"slices"
	"strings"

	"github.com/chenu/chenu/migrations/catalog"
)

// access says in plain lines who gains or loses what, between the states as
// they are before and after the whole migration.
func (p *planning) access() []string {
	before, after := p.current.State.Objects(), p.desired.State.Objects()
	var rows, runs []string
	for _, key := range sortedKeys(before, after) {
		switch key.Kind {
		case catalog.KindSecurity:
			rows = append(rows, securityAccess(of[*catalog.Security](before[key]), of[*catalog.Security](after[key]))...)
		case catalog.KindPolicy:
			rows = append(rows, policyAccess(of[*catalog.Policy](before[key]), of[*catalog.Policy](after[key]))...)
		case catalog.KindFunction:
			runs = append(runs, functionAccess(of[*catalog.Function](before[key]), of[*catalog.Function](after[key]))...)
		}
	}
	return slices.Concat(p.grantAccess(before, after), rows, runs)
}

// grantAccess compares grants by role and object. What owners have of their
// own objects goes without saying.
func (p *planning) grantAccess(before, after map[catalog.Key]catalog.Object) []string {
	type who struct {
		role string
		key  catalog.Key
	}
	sides := [2]map[who]map[string][]catalog.Grant{{}, {}}
	every := map[catalog.Key][]string{} // every privilege there is for an object
	var all []who
	for i, state := range []map[catalog.Key]catalog.Object{before, after} {
		for _, key := range sortedKeys(state) {
			privileges, ok := state[key].(*catalog.Privileges)
			if !ok {
				continue
			}
			on, column, owner := privileges.Of, "", privileges.Owner
			if on.Kind == catalog.KindColumn {
				column = on.Sub
				on = catalog.Key{Kind: catalog.KindTable, Schema: on.Schema, Name: on.Name}
				if table, ok := state[catalog.PrivilegesOf(on)].(*catalog.Privileges); ok {
					owner = table.Owner
				}
			}
			if column == "" {
				every[on] = ownersOf(privileges)
			}
			for _, g := range privileges.Grants {
				if f, ok := state[on].(*catalog.Function); ok && f.Result == "trigger" && g.Grantee == catalog.Public {
					continue // nobody can call it but a trigger
				}
				if g.Grantee == owner {
					continue
				}
				w := who{g.Grantee, on}
				if sides[i][w] == nil {
					sides[i][w] = map[string][]catalog.Grant{}
					if !slices.Contains(all, w) {
						all = append(all, w)
					}
				}
				sides[i][w][column] = append(sides[i][w][column], g)
			}
		}
	}
	slices.SortFunc(all, func(a, b who) int {
		if a.role != b.role {
			return strings.Compare(a.role, b.role)
		}
		return a.key.Compare(b.key)
	})
	var lines []string
	for _, w := range all {
		for _, verb := range []struct {
			word string
			what map[string][]catalog.Grant
		}{{"loses", less(sides[0][w], sides[1][w])}, {"gains", less(sides[1][w], sides[0][w])}} {
			if text := p.list(&securable{key: w.key, all: every[w.key]}, verb.what); text != "" {
				on := w.key.Qualified()
				if w.key.Kind != catalog.KindTable {
					on = w.key.String()
				}
				lines = append(lines, grantee(w.role)+" "+verb.word+" "+text+" on "+on)
			}
		}
	}
	return lines
}

// ownersOf are the privileges that an owner has by itself: all there are.
func ownersOf(privileges *catalog.Privileges) []string {
	var all []string
	for _, g := range privileges.Initial {
		if g.Grantee == privileges.Owner {
			all = append(all, g.Privilege)
		}
	}
	return all
}

func securityAccess(before, after *catalog.Security) []string {
	switch {
	case before == nil && after == nil:
		return nil
	case after == nil:
		return nil // the table goes
	case before == nil:
		if !after.Enabled || !after.Forced {
			return []string{"new table " + after.Key().Qualified() + " has row security " + securityWords(after)}
		}
		return nil
	case *before != *after:
		return []string{after.Key().String() + " is " + securityWords(after) + ", was " + securityWords(before)}
	default:
		return nil
	}
}

func securityWords(s *catalog.Security) string {
	switch {
	case !s.Enabled:
		return "off"
	case !s.Forced:
		return "on, but not for the owner"
	default:
		return "on, for the owner too"
	}
}

func policyAccess(before, after *catalog.Policy) []string {
	switch {
	case before == nil:
		return []string{"new " + after.Key().String() + ": " + policyWords(after)}
	case after == nil:
		return []string{"gone " + before.Key().String() + ": " + policyWords(before)}
	case policyWords(before) != policyWords(after):
		return []string{
			"changed " + after.Key().String() + ":",
			"    was " + policyWords(before),
			"    now " + policyWords(after),
		}
	default:
		return nil
	}
}

// policyWords is a policy in one line.
func policyWords(p *catalog.Policy) string {
	verb := "may"
	if !p.Permissive {
		verb = "at most may"
	}
	command := p.Command
	if command == "ALL" {
		command = "do all with"
	}
	text := grantees(p.Roles) + " " + verb + " " + command + " rows"
	if p.Using != "" {
		text += " where " + oneLine(p.Using)
	}
	if p.Check != "" && p.Check != p.Using {
		text += " that then have " + oneLine(p.Check)
	}
	return text
}

func functionAccess(before, after *catalog.Function) []string {
	switch {
	case after == nil || !after.Definer:
		return nil
	case before == nil || !before.Definer:
		return []string{after.Key().String() + " runs with the rights of " + grantee(after.Owner)}
	case before.Owner != after.Owner:
		return []string{after.Key().String() + " runs with the rights of " + grantee(after.Owner) + ", before of " + grantee(before.Owner)}
	case before.Definition != after.Definition:
		return []string{after.Key().String() + ", which runs with the rights of " + grantee(after.Owner) + ", does something else"}
	default:
		return nil
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

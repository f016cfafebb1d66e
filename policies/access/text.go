package access

import (
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// Group contains changes that differ only in the command or the object.
type Group struct {
	Effect   Effect
	New      bool
	Role     string
	Commands []string
	Objects  []string
	What     string
	Before   string
	After    string
}

// Groups merges changes that differ only in their commands, and then those that differ only in
// their objects. It keeps the order.
func Groups(changes []Change) []Group {
	var all []Group
	for _, c := range changes {
		g := Group{Effect: c.Effect, New: c.New, Role: c.Role, Commands: []string{c.Command}, Objects: []string{c.Object}, What: c.What, Before: c.Before, After: c.After}
		i := slices.IndexFunc(all, func(o Group) bool {
			return c.Role != "" && o.like(g) && slices.Equal(o.Objects, g.Objects)
		})
		if i < 0 {
			all = append(all, g)
		} else {
			all[i].Commands = append(all[i].Commands, c.Command)
		}
	}
	var merged []Group
	for _, g := range all {
		i := slices.IndexFunc(merged, func(o Group) bool {
			return g.Role != "" && o.like(g) && slices.Equal(o.Commands, g.Commands)
		})
		if i < 0 {
			merged = append(merged, g)
		} else {
			merged[i].Objects = append(merged[i].Objects, g.Objects...)
		}
	}
	return merged
}

// like reports whether two groups can be merged.
func (g Group) like(o Group) bool {
	return g.Effect == o.Effect && g.New == o.New && g.Role == o.Role && g.What == o.What && g.Before == o.Before && g.After == o.After
}

// Head names the role, the commands and the objects: "human, SELECT on public.notes".
func (g Group) Head() string {
	objects := strings.Join(g.Objects, ", ")
	if g.Role == "" {
		return objects
	}
	return g.Role + ", " + strings.Join(g.Commands, ", ") + " on " + objects
}

// Details returns lines that describe the previous and the new access.
func (g Group) Details() []string {
	var lines []string
	if g.What != "" {
		lines = append(lines, g.What)
	}
	switch {
	case g.Before == g.After, g.definitions():
	case g.New && g.Before == "nothing":
		if g.After != strings.Join(g.Commands, ", ") {
			lines = append(lines, g.After)
		}
	default:
		lines = append(lines, "before: "+g.Before, "after:  "+g.After)
	}
	return lines
}

// definitions reports whether Before and After are whole definitions, such as those of a function.
func (g Group) definitions() bool { return strings.Contains(g.Before, "\n") }

// Diff returns the lines in which two definitions differ, with context. It returns nil if the group
// has no definitions.
func (g Group) Diff() []string {
	if !g.definitions() {
		return nil
	}
	const header = 3 // diff, ---, +++
	text := string(diff.Diff("before", []byte(g.Before), "after", []byte(g.After)))
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return slices.DeleteFunc(lines[min(header, len(lines)):], func(line string) bool { return strings.HasPrefix(line, "\\ ") })
}

// Title returns the effect, or "new".
func (g Group) Title() string {
	if g.New && (g.Effect == Widening || g.Effect == Unchanged) {
		return "new"
	}
	return string(g.Effect)
}

// Lines returns the changes as plain text, without definitions.
func Lines(changes []Change) []string {
	var lines []string
	for _, g := range Groups(changes) {
		lines = append(lines, g.Title()+": "+g.Head())
		for _, detail := range g.Details() {
			lines = append(lines, "    "+detail)
		}
	}
	return lines
}

package resource

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/server/api"
)

// text is the public text of an operation: its summary, its description, and the description of
// its successful response.
type text struct{ summary, description, response string }

// text returns the public text of the collection's operation.
func (c collection) text(verb string) text {
	one, many, indefinite := c.table.Singular(), c.table.Plural(), c.table.Indefinite()
	var t text
	var sentences []string
	say := func(sentence string) { sentences = append(sentences, sentence) }
	switch verb {
	case "list":
		order := "newest first"
		if column := c.table.TimeOrder; column != "" {
			order = "those with the latest `" + column + "` first"
		}
		t.summary, t.response = "List "+many, "A page of "+many+"."
		say(fmt.Sprintf("Returns %s, %s, in pages of %d items unless `page_size` is given. Filters are combined with AND.",
			many, order, api.DefaultPageSize))
		say(c.table.Comment)
	case "count":
		t.summary, t.response = "Count "+many, "The number of matching "+many+"."
		say("Returns the number of " + many + " that match all given filters.")
	case "get":
		t.summary, t.response = "Get "+indefinite, "The requested "+one+"."
		say("Returns the " + one + " with this id. If it does not exist or belongs to another identity, the response is 404.")
		if c.table.Access.Human.Has('U') {
			say("Updates and deletions require its `ETag`.")
		}
	case "create":
		t.summary, t.response = "Create "+indefinite, "The "+one+" was created."
		say("Creates " + indefinite + " and returns it. The `Location` header contains its path.")
		if len(c.required) > 0 {
			say("Requires " + enumeration(c.required) + ".")
		}
		sentences = append(sentences, c.conflicts()...)
	case "update":
		t.summary, t.response = "Update "+indefinite, "The updated "+one+"."
		say("Changes the fields that the merge patch (RFC 7396) contains and returns the updated " + one + ". `null` clears an optional field.")
		say("Requires `If-Match` with the current ETag. If the " + one + " has changed since, the response is 412.")
		sentences = append(sentences, c.conflicts()...)
	case "delete":
		t.summary, t.response = "Delete "+indefinite, "The "+one+" was deleted."
		say("Deletes the " + one + ". Requires `If-Match` with the current ETag. If the " + one + " has changed since, the response is 412.")
		if c.referenced() {
			say("While other resources refer to it, the response is 409 `in_use`; `detach=true` clears the optional references first.")
		}
	}
	writes := verb == "create" || verb == "update" || verb == "delete"
	if writes && len(c.table.Gates) > 0 {
		say("If the change needs the approval of a human, the response is 423 `checkpoint_required`.")
	}
	switch {
	case verb == "delete":
	case writes && c.table.AuditReads:
		say("The response counts as a read, which is recorded in the audit trail.")
	case c.table.AuditReads:
		say("The read is recorded in the audit trail.")
	case c.discloses && verb != "count":
		say("If an entry contains content of a resource whose reads are recorded, this read is recorded, too.")
	}
	if c.humansOnly(verb) {
		say("Agents cannot call this operation.")
	}
	t.description = strings.Join(sentences, " ")
	return t
}

// conflicts returns sentences about the errors for values that conflict with other rows.
func (c collection) conflicts() []string {
	var sentences, taken []string
	for _, unique := range c.table.Uniques {
		columns := slices.DeleteFunc(slices.Clone(unique.Columns), func(name string) bool { return name == c.table.Owner })
		taken = append(taken, "the same "+enumeration(columns))
	}
	if len(taken) > 0 {
		sentences = append(sentences,
			"If another "+c.table.Singular()+" has "+strings.Join(taken, " or ")+", the response is 409 `already_exists`.")
	}
	if len(c.table.References) > 0 {
		sentences = append(sentences, "If a referenced resource does not exist, the response is 422 `reference_not_found`.")
	}
	return sentences
}

// enumeration joins the names of fields in running text: `a`, `b` and `c`.
func enumeration(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = "`" + name + "`"
	}
	last := len(quoted) - 1
	if last <= 0 {
		return strings.Join(quoted, "")
	}
	return strings.Join(quoted[:last], ", ") + " and " + quoted[last]
}

// requiredFields returns the JSON names of the fields that the input type requires.
func requiredFields(input reflect.Type) []string {
	var names []string
	for f := range input.Fields() {
		if name, options, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && options == "" {
			names = append(names, name)
		}
	}
	return names
}

// referenced reports whether rows of any table can refer to a row of the collection and are not deleted with it.
func (c collection) referenced() bool {
	return slices.ContainsFunc(policies.Tables, func(other policies.Table) bool {
		return slices.ContainsFunc(other.References, func(r policies.Reference) bool {
			return r.Table == c.table.Name && !r.Cascade
		})
	})
}

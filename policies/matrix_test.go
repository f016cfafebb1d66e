package policies_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
)

// actor is the actor that runs a statement of the matrix. All rows that statements address belong to the owner.
type actor string

const (
	owner    actor = "owner"
	other    actor = "other identity"
	nobody   actor = "no identity"
	agent    actor = "agent"
	stranger actor = "other identity's agent"
)

var actors = []actor{owner, other, nobody, agent, stranger}

// Outcomes of a statement of the matrix: a number of rows, or an SQLSTATE. A refusal for a missing privilege and a
// refusal by a policy have the same SQLSTATE.
const (
	one     = "1 row"
	zero    = "0 rows"
	refused = "42501"
	// COPY FROM is not supported for tables with row-level security (Postgres manual, COPY, Notes).
	noCopy = "0A000"
	// A reference to a row of another identity fails like a reference to a row that does not exist.
	noReference = "23503"
)

// expectations maps actors and actions to outcomes. An action that is not listed is refused.
type expectations map[actor]map[string]string

// collection has the outcomes for an ordinary entity of a sphere: the owner and the owner's agents may do everything,
// others nothing, and no one may write the columns that the database sets.
var collection = expectations{
	owner:    {"select": one, "insert": one, "update": one, "delete": one, "upsert": one, "reference": noReference, "copy": noCopy},
	agent:    {"select": one, "insert": one, "update": one, "delete": one, "upsert": one, "reference": noReference, "copy": noCopy},
	other:    {"select": zero, "update": zero, "delete": zero, "copy": noCopy},
	stranger: {"select": zero, "update": zero, "delete": zero, "copy": noCopy},
	nobody:   {"select": zero, "update": zero, "delete": zero, "copy": noCopy},
}

// readOnly has the outcomes for a table that only functions change.
var readOnly = expectations{
	owner:    {"select": one},
	agent:    {"select": one},
	other:    {"select": zero},
	stranger: {"select": zero},
	nobody:   {"select": zero},
}

// addOnly has the outcomes for a table whose rows never change.
var addOnly = expectations{
	owner:    {"select": one, "insert": one, "reference": noReference, "copy": noCopy},
	agent:    {"select": one, "insert": one, "reference": noReference, "copy": noCopy},
	other:    {"select": zero, "copy": noCopy},
	stranger: {"select": zero, "copy": noCopy},
	nobody:   {"select": zero, "copy": noCopy},
}

// linked has the outcomes for a table whose rows can only be inserted and deleted.
var linked = expectations{
	owner:    {"select": one, "insert": one, "delete": one, "reference": noReference, "copy": noCopy},
	agent:    {"select": one, "insert": one, "delete": one, "reference": noReference, "copy": noCopy},
	other:    {"select": zero, "delete": zero, "copy": noCopy},
	stranger: {"select": zero, "delete": zero, "copy": noCopy},
	nobody:   {"select": zero, "delete": zero, "copy": noCopy},
}

// kept has the outcomes for stored outcomes of idempotency keys. The row of the test does not belong to the agent: see
// TestAgentsUseOnlyTheirOwnIdempotencyKeys.
var kept = expectations{
	owner:    linked[owner],
	agent:    {"select": zero, "insert": one, "delete": zero, "copy": noCopy},
	other:    linked[other],
	stranger: linked[stranger],
	nobody:   linked[nobody],
}

// hired has the outcomes for the rows of hired agents: humans insert them, no one deletes them, and an agent can
// neither read nor change them (Rule #4).
var hired = expectations{
	owner:    {"select": one, "insert": one, "update": one, "upsert": one, "copy": noCopy},
	agent:    {"select": one},
	other:    {"select": zero, "update": zero, "copy": noCopy},
	stranger: {"select": zero},
	nobody:   {"select": zero, "update": zero, "copy": noCopy},
}

// assigned has the outcomes for tasks of the team. The row of the test is a task of a team member, so an agent may not
// change it: see TestAgentsWorkOnlyOnTheirTasks (Rule #4).
var assigned = expectations{
	owner:    {"select": one, "insert": one, "update": one, "delete": one, "upsert": one, "reference": noReference, "copy": noCopy},
	agent:    {"select": one},
	other:    {"select": zero, "update": zero, "delete": zero, "copy": noCopy},
	stranger: {"select": zero},
	nobody:   {"select": zero, "update": zero, "delete": zero, "copy": noCopy},
}

// referred is collection for rows to which another row refers: they cannot be deleted.
var referred = func() expectations {
	e := expectations{}
	for who, outcomes := range collection {
		e[who] = maps.Clone(outcomes)
	}
	e[owner]["delete"], e[agent]["delete"] = "23503", "23503"
	return e
}()

// scheduled is collection for rows that an agent may insert and reschedule only with an approval.
var scheduled = func() expectations {
	e := expectations{}
	for who, outcomes := range collection {
		e[who] = maps.Clone(outcomes)
	}
	e[agent]["insert"], e[agent]["upsert"] = "CH423", "CH423"
	return e
}()

// hidden has the outcomes for a table that only functions access.
var hidden = expectations{owner: {}, agent: {}, other: {}, stranger: {}, nobody: {}}

// matrix has the expectations for every entity of the graph.
var matrix = map[string]expectations{
	"Identity": {
		owner:    {"select": one, "update": one, "insert": "23505", "upsert": one, "copy": noCopy},
		agent:    {"select": one},
		other:    {"select": zero, "update": zero, "copy": noCopy},
		stranger: {"select": zero},
		nobody:   {"select": zero, "update": zero, "copy": noCopy},
	},
	"AuditLog":          readOnly,
	"Thread":            readOnly,
	"ThreadEvent":       readOnly,
	"Checkpoint":        readOnly,
	"Note":              collection,
	"Task":              collection,
	"Habit":             collection,
	"Contact":           referred,
	"Invoice":           collection,
	"Project":           collection,
	"CreativeAsset":     collection,
	"CreativeProject":   collection,
	"Playlist":          collection,
	"StreamHistory":     addOnly,
	"CommunityGroup":    collection,
	"CommunityEvent":    collection,
	"SocialPost":        referred,
	"SocialSchedule":    scheduled,
	"Reference":         collection,
	"Manuscript":        collection,
	"ComplianceItem":    collection,
	"ClinicalTrial":     collection,
	"TeamMember":        referred,
	"HiredAgent":        hired,
	"TeamTask":          assigned,
	"EventRSVP":         collection,
	"HabitCheckIn":      addOnly,
	"ReferenceCitation": linked,
	"Session": {
		owner:  {"select": one},
		other:  {"select": zero},
		nobody: {"select": zero},
	},
	"IdempotencyKey": kept,
	"SigningKey":     hidden,
	"RefreshToken":   hidden,
	"AccountToken":   hidden,
	"AccountNotice": {
		owner:  {"select": one},
		other:  {"select": zero},
		nobody: {"select": zero},
	},
	"LoginAttempt": hidden,
	"AgentCredential": {
		owner:  {"select": one},
		other:  {"select": zero},
		nobody: {"select": zero},
	},
	"UsedAssertion":  hidden,
	"CollectedWrite": hidden,
	"RateBucket":     hidden,
}

// fixtures has the columns that a row needs in addition to its id and owner, as SQL. %[1]s is the row's id, and
// {Entity} is the id of the row of another entity of the same identity. Each identity has a second, spare row of
// entities to which others refer. The rows of the tests refer to spare rows, so that they do not collide with existing
// rows. {Entity'} is the other one of the two rows.
var fixtures = map[string]map[string]string{
	"Identity":          {"email": "'%[1]s@example.org'", "name": "'Ada'"},
	"AuditLog":          {"sphere": "'personal'", "actor_kind": "'human'", "action": "'read'", "outcome": "'success'", "resource_type": "'note'", "db_role": "'test'", "details": "'{}'"},
	"Thread":            {"founding_intent": "'Begin'", "sphere": "'personal'"},
	"ThreadEvent":       {"thread_id": "'{Thread}'", "sequence": "1", "type": "'note.added'", "schema_version": "1", "payload": "'{}'", "actor_kind": "'human'", "content_digest": `'\x00'`},
	"Checkpoint":        {"sphere": "'business'", "type": "'cost'", "action": "'send'", "resource_type": "'invoice'", "digest": "sha256('%[1]s')", "payload": "'{}'", "requested_by": "'%[1]s'", "requested_by_kind": "'human'", "expires_at": "now() + interval '1 hour'"},
	"Note":              {"title": "'Note'"},
	"Task":              {"title": "'Task'"},
	"Habit":             {"name": "'Habit'"},
	"Contact":           {"name": "'Grace'"},
	"Invoice":           {"number": "'%[1]s'", "currency": "'EUR'", "line_items": `'[{"description":"x","quantity":"1","unit_price":"2","tax_rate":"0"}]'`},
	"Project":           {"name": "'Project'"},
	"CreativeAsset":     {"name": "'Asset'", "kind": "'image'", "uri": "'https://example.org/a'", "media_type": "'image/png'", "size_bytes": "1"},
	"CreativeProject":   {"name": "'Book'"},
	"Playlist":          {"name": "'Sunday'"},
	"StreamHistory":     {"content_id": "'film'", "content_type": "'movie'", "title": "'Metropolis'", "started_at": "now()", "watched_seconds": "1"},
	"CommunityGroup":    {"name": "'Gardeners'"},
	"CommunityEvent":    {"title": "'Swap'", "starts_at": "now()", "ends_at": "now() + interval '1 hour'", "time_zone": "'Europe/Vienna'"},
	"SocialPost":        {"body": "'Hello'"},
	"SocialSchedule":    {"post_id": "'{SocialPost}'", "platform": "'mastodon'", "scheduled_at": "now() + interval '1 day'"},
	"Reference":         {"title": "'On Computable Numbers'", "authors": "ARRAY['Turing']", "citation_key": "'k%[1]s'"},
	"Manuscript":        {"title": "'A study'"},
	"ComplianceItem":    {"name": "'Licence'", "regulation": "'Act'", "authority": "'City'"},
	"ClinicalTrial":     {"registry_id": "'T%[1]s'", "title": "'Trial'"},
	"TeamMember":        {"name": "'Katherine'", "role": "'Editor'"},
	"HiredAgent":        {"name": "'Bookkeeper'", "status": "'suspended'"},
	"TeamTask":          {"title": "'Proofread'", "member_id": "'{TeamMember}'"},
	"EventRSVP":         {"event_id": "'{CommunityEvent}'", "contact_id": "'{Contact}'", "status": "'maybe'"},
	"HabitCheckIn":      {"habit_id": "'{Habit}'"},
	"ReferenceCitation": {"citing_id": "'{Reference}'", "cited_id": "'{Reference'}'"},
	"Session":           {"expires_at": "now() + interval '1 day'", "authenticated_at": "now()", "amr": "'{pwd}'"},
	"RefreshToken":      {"session_id": "'{Session}'", "generation": "1", "token_hash": "sha256('%[1]s')", "expires_at": "now() + interval '1 day'"},
	"AccountNotice":     {"kind": "'agent_hired'"},
	"LoginAttempt":      {"origin": "'192.0.2.0/24 %[1]s'"},
	"AccountToken":      {"kind": "'verify_email'", "token_hash": "sha256('%[1]s')", "expires_at": "now() + interval '1 hour'"},
	"AgentCredential":   {"agent_id": "'{HiredAgent}'", "secret_hash": "sha256('%[1]s')"},
	"UsedAssertion":     {"credential_id": "'%[1]s'", "jti_digest": "sha256('%[1]s')", "expires_at": "now() + interval '1 minute'"},
	"CollectedWrite":    {"place": "1", "table_name": "'notes'", "operation": "'INSERT'", "row_id": "'%[1]s'"},
	"RateBucket":        {"key": "sha256('%[1]s')", "full_at": "now()"},
	"SigningKey":        {"public_key": `'\x00'`, "private_key": `'\x00'`},
	"IdempotencyKey":    {"route": "'create-note'", "key": "'%[1]s'", "request_digest": `'\x00'`, "status": "201", "headers": "'{}'"},
}

// TestMatrix compares what each kind of actor can do with a row of one identity, in raw SQL as the serving role, with
// the matrix.
func TestMatrix(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	for _, table := range policies.Tables {
		expected, ok := matrix[table.Entity]
		if !ok {
			t.Errorf("%s has no expectations: add it to the matrix", table.Entity)
			continue
		}
		if fixtures[table.Entity] == nil {
			t.Errorf("%s has no fixture: add one beside the matrix", table.Entity)
			continue
		}
		for _, who := range actors {
			for _, action := range slices.Sorted(maps.Keys(actions)) {
				statement := actions[action](w, table, who)
				if statement == "" {
					continue
				}
				want, ok := expected[who][action]
				if !ok {
					want = refused
				}
				t.Run(fmt.Sprintf("%s/%s/%s", table.Name, who, action), func(t *testing.T) {
					t.Parallel()
					if got := w.try(t, who, statement); got != want {
						t.Errorf("%s\n%s: got %s, want %s", statement, who, got, want)
					}
				})
			}
		}
	}
	for entity := range matrix {
		if _, ok := policies.ByEntity(entity); !ok {
			t.Errorf("the matrix expects %s, which the graph does not have", entity)
		}
	}
}

// actions has functions that build the statement of each action for the owner's row. They return an empty string if the
// action does not apply to the table.
var actions = map[string]func(w *world, t policies.Table, who actor) string{
	"select": func(w *world, t policies.Table, _ actor) string {
		return fmt.Sprintf("SELECT id FROM %s WHERE id = '%s'", t.QualifiedName(), w.rows()[t.Entity])
	},
	"insert": func(w *world, t policies.Table, _ actor) string {
		return w.insert(t, dbtest.NewID(), w.owner, nil)
	},
	"update": func(w *world, t policies.Table, _ actor) string {
		column := "created_at"
		if u := t.Updatable(); len(u) > 0 {
			column = u[0]
		}
		return fmt.Sprintf("UPDATE %s SET %[2]s = %[2]s WHERE id = '%[3]s'", t.QualifiedName(), column, w.rows()[t.Entity])
	},
	"delete": func(w *world, t policies.Table, _ actor) string {
		return fmt.Sprintf("DELETE FROM %s WHERE id = '%s'", t.QualifiedName(), w.rows()[t.Entity])
	},
	"re-own": func(w *world, t policies.Table, _ actor) string {
		if t.Owner == "" {
			return ""
		}
		return fmt.Sprintf("UPDATE %s SET %s = '%s' WHERE id = '%s'", t.QualifiedName(), t.Owner, w.other, w.rows()[t.Entity])
	},
	"upsert": func(w *world, t policies.Table, _ actor) string {
		columns := t.Updatable()
		key, set := strings.Join(t.Key(), ", "), "id = excluded.id"
		if len(columns) > 0 {
			set = fmt.Sprintf("%[1]s = excluded.%[1]s", columns[0])
		}
		return w.insert(t, w.rows()[t.Entity], w.owner, nil) + fmt.Sprintf(" ON CONFLICT (%s) DO UPDATE SET %s", key, set)
	},
	"reference": func(w *world, t policies.Table, _ actor) string {
		if len(t.References) == 0 {
			return ""
		}
		ref := t.References[0]
		for _, r := range t.References {
			if _, ok := fixtures[t.Entity][r.Column]; ok {
				ref = r
			}
		}
		var target policies.Table
		for _, candidate := range policies.Tables {
			if candidate.Name == ref.Table {
				target = candidate
			}
		}
		// A row of the owner that refers to a row of the other identity.
		return w.insert(t, dbtest.NewID(), w.owner, map[string]string{ref.Column: "'" + w.rowsOf[w.other].first[target.Entity].String() + "'"})
	},
	"write an ungranted column": func(w *world, t policies.Table, _ actor) string {
		return fmt.Sprintf("UPDATE %s SET created_at = now() WHERE id = '%s'", t.QualifiedName(), w.rows()[t.Entity])
	},
	"insert an ungranted column": func(w *world, t policies.Table, _ actor) string {
		return w.insert(t, dbtest.NewID(), w.owner, map[string]string{"created_at": "now()"})
	},
	"truncate": func(_ *world, t policies.Table, _ actor) string {
		return "TRUNCATE " + t.QualifiedName()
	},
	"copy": func(_ *world, t policies.Table, _ actor) string {
		return fmt.Sprintf("COPY %s (%s) FROM STDIN", t.QualifiedName(), strings.Join(columnsOf(t), ", "))
	},
}

// columnsOf returns the columns of a row that the fixtures describe.
func columnsOf(t policies.Table) []string {
	columns := []string{"id"}
	if t.Owner != "" && t.Owner != "id" {
		columns = append(columns, t.Owner)
	}
	return append(columns, slices.Sorted(maps.Keys(fixtures[t.Entity]))...)
}

// insert builds the statement that inserts a row that refers to the owner's spare rows.
func (w *world) insert(t policies.Table, id, owner uuid.UUID, more map[string]string) string {
	rows := w.rowsOf[owner]
	return insertWith(t, id, owner, rows.spare, rows.first, more)
}

// insertWith builds the statement that inserts a row that refers to the rows near, and to the rows far where it needs
// two rows of one entity.
func insertWith(t policies.Table, id, owner uuid.UUID, near, far map[string]uuid.UUID, more map[string]string) string {
	columns := columnsOf(t)
	for _, name := range slices.Sorted(maps.Keys(more)) {
		if !slices.Contains(columns, name) {
			columns = append(columns, name)
		}
	}
	values := make([]string, len(columns))
	for i, name := range columns {
		switch v, ok := more[name]; {
		case ok:
			values[i] = v
		case name == "id" && t.Owner == "id":
			values[i] = "'" + owner.String() + "'"
		case name == "id":
			values[i] = "'" + id.String() + "'"
		case name == t.Owner:
			values[i] = "'" + owner.String() + "'"
		default:
			values[i] = strings.ReplaceAll(resolve(fixtures[t.Entity][name], near, far), "%[1]s", id.String())
		}
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", t.QualifiedName(), strings.Join(columns, ", "), strings.Join(values, ", "))
}

// resolve replaces the placeholders of entities in text by the ids of their rows.
func resolve(text string, near, far map[string]uuid.UUID) string {
	for entity, id := range near {
		text = strings.ReplaceAll(text, "{"+entity+"}", id.String())
	}
	for entity, id := range far {
		text = strings.ReplaceAll(text, "{"+entity+"'}", id.String())
	}
	return text
}

// rows holds an identity's rows by entity: one row of each entity, and a spare row of each entity to which others
// refer.
type rows struct{ first, spare map[string]uuid.UUID }

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/planner"
)

const driftAbout = `Says how the database differs from what its migrations make, and prints the SQL
that would repair it. Reads only, in one read-only transaction. Compared are: tables,
columns, indexes (also those whose build did not finish), constraints (also those not
validated), functions, triggers (also disabled), policies and row security, owners,
privileges and default privileges; views and whatever else somebody added; the roles
of chenu and their logins, with attributes and memberships in both directions; the
database's owner and who may connect; and settings that ALTER DATABASE or ALTER ROLE
left, of those that change whose rows a session reaches. Partitions made at run time
are no difference as long as they are protected as the default partition is.

A database that is behind is compared with the version that it is at.

Logins other than those which chenu bootstrap makes by default are named by --login;
the login of --url need not be.

--json prints one object: database; version, which it was compared with; state
(current or behind); differences, each with kind, object, what (a sentence), live and
expected (the definitions) and security (whether it may decide who sees or changes
what); and repair, in order, each with sql, as (admin: a superuser or who made the
roles; owner: a login that may become chenu_owner), note, and withheld: why it should
be decided before it runs, as the statement would lose data or only hands can do it.

Exits with 0 when nothing differs, 2 when something does, 1 when it could not tell,
64 when called wrongly.`

func runMigrateDrift(ctx context.Context, args []string, env environment) (err error) {
	var (
		t               target
		dev             development
		in              = planner.DriftInput{Logins: map[string]string{}}
		onlySQL, asJSON bool
	)
	set := newFlags(env, "chenu migrate drift [flags]", driftAbout)
	t.register(set, env)
	dev.register(set)
	set.Func("login", "`name=role` of a login that is meant to be a member of one of the roles, such as\nshop_service=chenu_app; may be repeated", func(text string) error {
		login, role, ok := strings.Cut(text, "=")
		if !ok || login == "" || !strings.HasPrefix(role, "chenu_") {
			return errors.New("write login=role, such as shop_service=chenu_app")
		}
		in.Logins[login] = role
		return nil
	})
	set.Func("accept", "`object`, as --json names it, that may be as it is, such as 'extension pg_stat_statements';\nfor what no migration speaks of; may be repeated", func(object string) error {
		in.Accept = append(in.Accept, object)
		return nil
	})
	set.BoolVar(&onlySQL, "sql", false, "print the repair alone, as a script for psql")
	set.BoolVar(&asJSON, "json", false, "print JSON")
	if err := parseAll(set, args); err != nil {
		return err
	}
	if onlySQL && asJSON {
		return usagef("choose one of --sql and --json")
	}
	if err := t.needURL(); err != nil {
		return err
	}
	in.URL = t.url
	if in.Dir, err = t.open(); err != nil {
		return err
	}
	stop := func() error { return nil }
	defer func() { err = errors.Join(err, stop()) }()
	in.DevServer = func(ctx context.Context, major int) (url string, err error) {
		url, stopServer, err := dev.start(ctx, env, major)
		if err == nil {
			stop = stopServer
		}
		return url, err
	}
	steps := &slowSteps{w: env.Stderr}
	in.Progress = steps.next
	drift, err := planner.ReadDrift(ctx, in)
	steps.next("")
	if err != nil {
		return err
	}
	switch {
	case asJSON:
		err = writeJSON(env.Stdout, drift)
	case onlySQL:
		err = drift.WriteRepair(env.Stdout)
	default:
		err = printDrift(env.Stdout, drift)
	}
	if err != nil {
		return fmt.Errorf("write the differences: %w", err)
	}
	if n := len(drift.Differences); n > 0 {
		return foundf("the database differs from its migrations: %s", plural(n, "difference"))
	}
	return nil
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func printDrift(w io.Writer, d *planner.Drift) error {
	behind := ""
	if d.State == migrations.Behind {
		behind = ", which it is at; newer files are pending"
	}
	if len(d.Differences) == 0 {
		_, err := fmt.Fprintf(w, "the database is what its migrations make: %s%s\n", at(d.Version), behind)
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, compared with version %s%s: %s\n", d.Database, at(d.Version), behind, plural(len(d.Differences), "difference"))
	title := ""
	for _, f := range d.Differences {
		heading := "what it holds"
		if f.Security {
			heading = "who may do what"
		}
		if heading != title {
			title = heading
			fmt.Fprintf(&b, "\n%s:\n", heading)
		}
		fmt.Fprintf(&b, "  %s\n", f.What)
		if (f.Live == "" || f.Expected == "") && !slices.Contains(shortKinds, f.Kind) {
			continue // the sentence says it
		}
		for _, side := range []struct{ word, text string }{{"is       ", f.Live}, {"should be", f.Expected}} {
			if side.text != "" {
				fmt.Fprintf(&b, "      %s %s\n", side.word, indented(side.text))
			}
		}
	}
	b.WriteString("\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	return d.WriteRepair(w)
}

// shortKinds are the kinds of objects of which the definition is worth its
// lines where there is but one.
var shortKinds = []string{"column", "constraint", "index", "policy", "rule", "trigger", "view"}

// indented puts the further lines of a definition below its first one.
func indented(text string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n                ")
}

// slowSteps says what is being done, of what takes more than a second.
type slowSteps struct {
	w     io.Writer
	mu    sync.Mutex
	timer *time.Timer
}

func (s *slowSteps) next(step string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if step == "" {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(time.Second, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.timer == timer {
			fmt.Fprintf(s.w, "%s …\n", step)
		}
	})
	s.timer = timer
}

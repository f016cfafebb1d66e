package apply

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/chenu/chenu/migrations"
)

// Text writes the status for a terminal.
func (s *Status) Text(w io.Writer) error {
	var b strings.Builder
	sentence := map[State]string{
		Current:  "no migration is pending",
		Behind:   fmt.Sprintf("%s pending, to %s", migrations.Count(len(s.Pending), "file"), s.Head),
		Ahead:    "the database has versions that are not in this directory: " + strings.Join(s.Unknown, ", "),
		Partial:  "a file is partly applied; apply resumes it",
		Conflict: "apply would be refused",
	}[s.State]
	fmt.Fprintf(&b, "state:    %s (%s)\n", s.State, sentence)
	fmt.Fprintf(&b, "version:  %s\n", migrations.ShownVersion(s.Version))
	fmt.Fprintf(&b, "applied:  %s\n", migrations.Count(len(s.Applied), "file"))
	if n := len(s.Applied); n > 0 {
		last := s.Applied[n-1]
		fmt.Fprintf(&b, "          last: %s_%s, at %s by %s\n", last.Version, last.Name, last.AppliedAt.UTC().Format(time.RFC3339), last.By)
	}
	for _, name := range s.Pending {
		fmt.Fprintf(&b, "pending:  %s\n", name)
	}
	if s.Stopped != nil {
		fmt.Fprintf(&b, "stopped:  %s, after %d of %s\n", s.Stopped.Version, s.Stopped.Applied, migrations.Count(s.Stopped.Statements, "statement"))
		fmt.Fprintf(&b, "          %s\n", migrations.OneLine(s.Stopped.Statement, 100))
		fmt.Fprintf(&b, "          %s\n", migrations.OneLine(s.Stopped.Error, 200))
	}
	if s.Running != "" {
		fmt.Fprintf(&b, "running:  %s\n", s.Running)
	}
	if s.Problem != "" {
		fmt.Fprintf(&b, "problem:  %s\n", s.Problem)
	}
	for _, i := range s.Invalid {
		fmt.Fprintf(&b, "invalid:  index %s on %s: its build did not finish. Queries do not use the index, but writes update it. To remove it:\n", i.Name, i.Table)
		fmt.Fprintf(&b, "          %s;\n", i.Remove)
	}
	return write(w, b.String())
}

// Text writes the result for a terminal: the statements of a dry run, or the resulting version of the database.
func (r *Report) Text(w io.Writer) error {
	switch {
	case len(r.Files) == 0 && len(r.Unknown) > 0:
		return write(w, "nothing to apply: the database has versions that are not in this directory: "+strings.Join(r.Unknown, ", ")+"\n")
	case len(r.Files) == 0:
		return write(w, "nothing to apply: the database is at "+migrations.ShownVersion(r.To)+"\n")
	case r.DryRun:
		return r.script(w)
	}
	return write(w, fmt.Sprintf("the database is at %s: %s applied in %s\n", migrations.ShownVersion(r.To), migrations.Count(len(r.Files), "file"), short(r.Took)))
}

// script writes the statements of a dry run.
func (r *Report) script(w io.Writer) error {
	var b strings.Builder
	for _, f := range r.Files {
		mode := "one transaction"
		if !f.Transaction {
			mode = "no transaction"
		}
		fmt.Fprintf(&b, "-- %s: %s, %s", f.Name, migrations.Count(len(f.Statements), "statement"), mode)
		if f.Resumed > 0 {
			fmt.Fprintf(&b, ", resuming after %d applied statements", f.Resumed)
		}
		fmt.Fprintln(&b)
		for _, s := range f.Statements {
			fmt.Fprintln(&b, s.SQL)
		}
		fmt.Fprintln(&b)
	}
	fmt.Fprintf(&b, "-- dry run: nothing was applied. The database is at %s. %s would be applied, up to %s.\n", migrations.ShownVersion(r.From), migrations.Count(len(r.Files), "file"), r.To)
	return write(w, b.String())
}

// Printer prints the progress of Apply. Options.Progress must be its method Event, and Clear must be called at the end.
// A Printer is for one call of Apply.
type Printer struct {
	W io.Writer
	// Terminal selects a line for the running statement that is overwritten. Without it, there is a line for each file,
	// and every ten seconds a line about a statement that is still running.
	Terminal bool
	Verbose  bool // print each statement and its duration
	DryRun   bool // of Options

	live bool
	said time.Duration // how long the statement had run when a line about it was last printed
}

// liveWidth is the width of most terminals. A longer line would wrap and could not be overwritten completely.
const liveWidth = 79

// sayEvery is the interval between lines about a long statement if lines cannot be overwritten.
const sayEvery = 10 * time.Second

// Clear removes the line of the running statement.
func (p *Printer) Clear() {
	if p.live {
		fmt.Fprint(p.W, "\r\x1b[K")
		p.live = false
	}
}

// Event prints an event.
func (p *Printer) Event(e Event) {
	p.Clear()
	switch e := e.(type) {
	case Waiting:
		fmt.Fprintf(p.W, "waiting for another migration to end: %s\n", e.Holder)
	case Started:
		if e.Files > 0 && !p.DryRun {
			fmt.Fprintf(p.W, "the database is at %s: %s to apply\n", migrations.ShownVersion(e.From), migrations.Count(e.Files, "file"))
		}
	case FileStarted:
		if e.Applied > 0 {
			fmt.Fprintf(p.W, "%s: resuming after statement %d of %d\n", e.File, e.Applied, e.Statements)
		}
	case StatementStarted:
		p.said = 0
		if p.Terminal {
			fmt.Fprintf(p.W, "%s: %d/%d %s", e.File, e.Statement, e.Statements, migrations.OneLine(e.SQL, 50))
			p.live = true
		}
	case StatementRunning:
		if p.Terminal {
			fmt.Fprint(p.W, migrations.OneLine(fmt.Sprintf("%d/%d %s: %s", e.Statement, e.Statements, running(e), e.SQL), liveWidth))
			p.live = true
		} else if e.Took >= p.said+sayEvery {
			p.said = e.Took
			fmt.Fprintf(p.W, "%s:%d: %d/%d %s\n", e.File, e.Line, e.Statement, e.Statements, running(e))
		}
	case Retrying:
		fmt.Fprintln(p.W, retrying(e))
	case InvalidIndexDropped:
		fmt.Fprintln(p.W, dropped(e))
	case InvalidIndexRemains:
		fmt.Fprintln(p.W, remains(e))
	case StatementDone:
		if p.Verbose {
			fmt.Fprintf(p.W, "%s:%d: %d/%d %s (%s)\n", e.File, e.Line, e.Statement, e.Statements, migrations.OneLine(e.SQL, 50), short(e.Took))
		}
	case FileDone:
		fmt.Fprintf(p.W, "%s: %s in %s\n", e.File, migrations.Count(e.Statements, "statement"), short(e.Took))
	case Notice:
		fmt.Fprintf(p.W, "notice: %s\n", e.Message)
	}
}

// running describes the progress of a statement.
func running(e StatementRunning) string {
	s := "running for " + e.Took.Round(time.Second).String()
	if e.Phase != "" {
		s += ", " + e.Phase
		if e.Total > 0 {
			s += fmt.Sprintf(" %d %% (%d of %d)", 100*e.Done/e.Total, e.Done, e.Total)
		}
	}
	if e.Blockers != "" {
		s += ", waiting for " + e.Blockers
	}
	return s
}

func retrying(e Retrying) string {
	s := fmt.Sprintf("%s:%d: attempt %d of %d did not obtain a lock", e.File, e.Line, e.Attempt, e.Attempts)
	if e.Blockers != "" {
		s += " held by " + e.Blockers
	}
	return s + ": retrying in " + short(e.Pause)
}

func dropped(e InvalidIndexDropped) string {
	return fmt.Sprintf("%s:%d: dropping the invalid index %s on %s of an earlier attempt", e.File, e.Line, e.Index.Name, e.Index.Table)
}

func remains(e InvalidIndexRemains) string {
	return fmt.Sprintf("invalid: index %s on %s: its build did not finish. Queries do not use the index, but writes update it. To remove it: %s;",
		e.Index.Name, e.Index.Table, e.Index.Remove)
}

// Brief returns an Options.Progress that prints a line for each applied file, retry and invalid index. It is for a
// program that applies migrations at its start.
func Brief(w io.Writer) func(Event) {
	return func(e Event) {
		switch e := e.(type) {
		case Waiting:
			fmt.Fprintln(w, "waiting for another migration to end:", e.Holder)
		case FileDone:
			fmt.Fprintf(w, "applied: %s (%s)\n", e.File, e.Took.Round(time.Millisecond))
		case Retrying:
			fmt.Fprintln(w, "migrating:", retrying(e))
		case InvalidIndexDropped:
			fmt.Fprintln(w, "migrating:", dropped(e))
		case InvalidIndexRemains:
			fmt.Fprintln(w, "migrating:", remains(e))
		}
	}
}

// short formats a duration, rounded for display.
func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}

// Text writes the changes and the URLs of the logins for a terminal, without the warnings.
func (r *BootstrapReport) Text(w io.Writer) error {
	var b strings.Builder
	for _, change := range r.Changes {
		fmt.Fprintln(&b, change)
	}
	if len(r.Changes) == 0 {
		fmt.Fprintln(&b, "nothing changed: all objects exist")
	}
	fmt.Fprint(&b, "\nSet these variables for the service and its commands:\n")
	generated := false
	for _, l := range r.Logins {
		fmt.Fprintf(&b, "\n# %s\n%s=%s\n", l.Purpose, l.Variable, l.shownURL())
		generated = generated || l.Password != ""
	}
	if generated {
		fmt.Fprint(&b, "\nThe generated passwords are not stored anywhere else: save these lines now.\n")
	}
	fmt.Fprint(&b, "\nNext: `chenu migrate apply`.\n")
	return write(w, b.String())
}

// BootstrapDocument is a report for JSON. It does not contain passwords that were given.
type BootstrapDocument struct {
	Database string               `json:"database"`
	Changes  []string             `json:"changes"`
	Warnings []string             `json:"warnings"`
	Logins   []BootstrapLoginText `json:"logins"`
}

// BootstrapLoginText is a login of a [BootstrapDocument].
type BootstrapLoginText struct {
	Name      string `json:"name"`
	Purpose   string `json:"purpose"`
	Variable  string `json:"variable"`
	URL       string `json:"url"`       // with the password if it was generated
	Generated bool   `json:"generated"` // reports whether the password was generated
}

// Document returns the report for JSON.
func (r *BootstrapReport) Document() BootstrapDocument {
	d := BootstrapDocument{
		Database: r.Database, Changes: append([]string{}, r.Changes...), Warnings: append([]string{}, r.Warnings...), Logins: []BootstrapLoginText{},
	}
	for _, l := range r.Logins {
		d.Logins = append(d.Logins, BootstrapLoginText{l.Name, l.Purpose, l.Variable, l.shownURL(), l.Password != ""})
	}
	return d
}

// shownURL returns the login's URL with the password only if it was generated in this run. A given password is known to
// the user already, and output is often stored, for example by container engines.
func (l *BootstrapLogin) shownURL() string {
	u, err := url.Parse(l.URL)
	if err != nil || l.Password != "" || u.User == nil {
		return l.URL
	}
	u.User = url.User(u.User.Username())
	return u.String()
}

func write(w io.Writer, text string) error {
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

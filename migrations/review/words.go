package review

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// point is one effect of a statement: a word and the lines that follow it.
type point struct {
	word  string
	lines []string
}

// points returns the effects of a statement in the order in which they are listed.
func (r *Report) points(f *File, s *Statement) []point {
	var all []point
	add := func(word string, lines ...string) { all = append(all, point{word, lines}) }
	if s.Error != "" {
		add("refused", strings.Split(s.Error, "\n")...)
	}
	until := "until the statement ends"
	switch {
	case s.Commits:
		until = "until its next commit"
	case f.Transaction:
		until = "until the file ends"
	}
	for _, t := range s.Tables {
		if t.Blocks != "" {
			add("locks", fmt.Sprintf("%s, %s %s: %s", t.Name, modes(t.Lock, t.Through), until, t.Blocks))
		}
	}
	for _, t := range s.Tables {
		if t.Rewritten {
			add("rewrites", t.Name+" and its indexes"+r.size(t.Name, true))
		}
		if t.Scanned {
			add("scans", t.Name+r.size(t.Name, false))
		}
		if t.Writes {
			line := "rows of " + t.Name + ", each locked " + until
			if len(s.Fires) > 0 {
				line += "; fires " + strings.Join(s.Fires, ", ")
			}
			add("writes", line)
		}
	}
	if len(s.MayFail) > 0 {
		add("may fail", s.MayFail...)
	}
	if s.newTimeouts {
		add("timeouts", timeouts(s))
	}
	for _, o := range s.Findings {
		add(o.Code, findingLines(o)...)
	}
	return all
}

// modes names the lock on a table and the stronger one on an index or partition, if any.
func modes(lock, through string) string {
	switch {
	case through == "":
		return lock
	case lock == "":
		return through + " on an index or partition"
	default:
		return lock + ", and " + through + " on an index or partition"
	}
}

// quiet reports whether there is nothing to list about the statement.
func (r *Report) quiet(f *File, s *Statement) bool { return len(r.points(f, s)) == 0 }

func timeouts(s *Statement) string {
	return "lock timeout " + timeout(s.LockTimeout) + ", statement timeout " + timeout(s.StatementTimeout)
}

func timeout(d time.Duration) string {
	switch {
	case d == 0:
		return "none"
	case d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	default:
		return d.String()
	}
}

func (f *File) heading() string {
	mode := "one transaction"
	if !f.Transaction {
		mode = "no transaction, each statement commits separately"
	}
	heading := mode + ", " + count(len(f.Statements), "statement")
	if len(f.Statements) > 0 {
		heading += "; " + timeouts(&f.Statements[0])
	}
	return heading
}

// size returns the size of a table in the live database, or "" if it was not measured.
func (r *Report) size(table string, indexes bool) string {
	s, ok := r.Sizes[table]
	if !ok {
		return ""
	}
	rows := "never analyzed"
	if s.Rows >= 0 {
		rows = "about " + count(int(s.Rows), "row")
	}
	bytes := size(s.Bytes)
	all := s.Bytes
	if indexes {
		bytes += " and " + size(s.IndexBytes) + " of indexes"
		all += s.IndexBytes
	}
	return fmt.Sprintf(" (%s, %s%s)", rows, bytes, estimate(all))
}

// guideRate is the rate at which a modest disk reads or writes, in bytes per second.
const guideRate = 100 << 20

// estimate returns the time to read or write the given number of bytes at guideRate. It returns "" for less than a
// second.
func estimate(bytes int64) string {
	seconds := bytes / guideRate
	if seconds < 1 {
		return ""
	}
	return fmt.Sprintf(", about %s at 100 MiB/s", time.Duration(seconds)*time.Second)
}

func size(bytes int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	value, unit := float64(bytes), 0
	for value >= 1024 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	if unit == 0 || value >= 10 {
		return fmt.Sprintf("%.0f %s", value, units[unit])
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}

// count returns a number with its noun, with spaces between thousands.
func count(n int, noun string) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + " " + digits[i:]
	}
	if n == 1 {
		return digits + " " + noun
	}
	return digits + " " + noun + "s"
}

// summary returns the totals as lines.
func (r *Report) summary() []string {
	t := r.Totals
	parts := []string{}
	for _, p := range []struct {
		n    int
		what string
	}{
		{t.ReadsWait, "blocking reads and writes: %d"}, {t.WritesWait, "blocking writes: %d"}, {t.Rewrites, "table rewrites: %d"},
		{t.Scans, "table scans: %d"}, {t.MayFail, "may fail on existing rows: %d"}, {t.Failed, "failed: %d"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf(p.what, p.n))
		}
	}
	lines := []string{count(t.Files, "file") + ", " + count(t.Statements, "statement")}
	if len(parts) > 0 {
		lines[0] += "; " + strings.Join(parts, ", ")
	} else {
		lines[0] += "; no blocking locks, rewrites or scans"
	}
	if t.Failed > 0 {
		lines = append(lines, "access: unknown, because a statement failed")
	} else {
		lines = append(lines, fmt.Sprintf("access: %d widening, %d to review, %d narrowing", t.Widening, t.Review, t.Narrowing))
	}
	return append(lines, "findings: "+fmt.Sprint(t.Findings)+" open")
}

// legend explains blocking locks, if the report has one.
func (r *Report) legend() []string {
	waits := slices.ContainsFunc(r.Files, func(f File) bool {
		return slices.ContainsFunc(f.Locks, func(l Lock) bool { return l.Blocks != "allows reads and writes" })
	})
	if !waits {
		return nil
	}
	return []string{
		"A statement waits for a blocking lock until running queries on the table have ended. Later queries on the table wait behind it.",
		"The lock timeout limits this wait. After a lock timeout, chenu migrate apply lets the other queries run, and tries again.",
	}
}

package review

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// point is one thing to know of a statement: a word to begin with, and lines.
type point struct {
	word  string
	lines []string
}

// points are what is to be said of a statement, in the order of its course.
func (r *Report) points(f *File, s *Statement) []point {
	var all []point
	add := func(word string, lines ...string) { all = append(all, point{word, lines}) }
	if s.Error != "" {
		add("refused", strings.Split(s.Error, "\n")...)
	}
	until := "until its own end"
	switch {
	case s.Commits:
		until = "until its next commit"
	case f.Transaction:
		until = "until the end of the file"
	}
	for _, t := range s.Tables {
		if t.Waits != "" {
			add("locks", fmt.Sprintf("%s, %s: %s, %s", t.Name, modes(t.Lock, t.Through), t.Waits, until))
		}
	}
	for _, t := range s.Tables {
		if t.Rewritten {
			add("rewrites", t.Name+" and its indexes"+r.size(t.Name, true))
		}
		if t.Scanned {
			add("reads", t.Name+" from end to end"+r.size(t.Name, false))
		}
		if t.Writes {
			line := "rows of " + t.Name + ", each of which stays locked " + until
			if len(s.Fires) > 0 {
				line += "; each fires " + strings.Join(s.Fires, ", ")
			}
			add("writes", line)
		}
	}
	if len(s.MayFail) > 0 {
		add("fails", s.MayFail...)
	}
	if s.newTimeouts {
		add("timeouts", timeouts(s))
	}
	for _, o := range s.Findings {
		add(o.Code, findingLines(o)...)
	}
	return all
}

// modes names a lock, and one on an index or partition that matters more.
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

// quiet says of a statement that it keeps nobody waiting, for there is nothing
// to say of it.
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
		mode = "no transaction, each statement commits by itself"
	}
	heading := mode + ", " + count(len(f.Statements), "statement")
	if len(f.Statements) > 0 {
		heading += "; " + timeouts(&f.Statements[0])
	}
	return heading
}

// size says how large a table is, in a live database.
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

// guideRate is a rate at which a modest disk reads or writes, in bytes a second.
const guideRate = 100 << 20

// estimate is a guide to how long so many bytes take; nothing for less than a
// second.
func estimate(bytes int64) string {
	seconds := bytes / guideRate
	if seconds < 1 {
		return ""
	}
	return fmt.Sprintf(", some %s at 100 MiB a second", time.Duration(seconds)*time.Second)
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

// count writes a number with its thousands apart.
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

// summary is the whole in sentences.
func (r *Report) summary() []string {
	t := r.Totals
	parts := []string{}
	for _, p := range []struct {
		n    int
		what string
	}{
		{t.ReadsWait, "reads and writes wait for %d"}, {t.WritesWait, "writes wait for %d"}, {t.Rewrites, "a table is written anew by %d"},
		{t.Scans, "a table is read from end to end by %d"}, {t.MayFail, "rows that are there can make %d fail"}, {t.Failed, "%d failed"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf(p.what, p.n))
		}
	}
	lines := []string{count(t.Files, "file") + ", " + count(t.Statements, "statement")}
	if len(parts) > 0 {
		lines[0] += "; " + strings.Join(parts, ", ")
	} else {
		lines[0] += "; nobody waits"
	}
	if t.Failed > 0 {
		lines = append(lines, "access: not known, as a statement fails")
	} else {
		lines = append(lines, fmt.Sprintf("access: %d widening, %d to review, %d narrowing", t.Widening, t.Review, t.Narrowing))
	}
	return append(lines, "findings: "+fmt.Sprint(t.Findings)+" open")
}

// legend explains the words, once.
func (r *Report) legend() []string {
	waits := slices.ContainsFunc(r.Files, func(f File) bool {
		return slices.ContainsFunc(f.Locks, func(l Lock) bool { return l.Waits != "reads and writes go on" })
	})
	if !waits {
		return nil
	}
	return []string{
		"A lock that keeps others waiting is itself waited for, until running queries on the table end; what comes after waits behind it,",
		"for no longer than the lock timeout. chenu migrate apply then lets the others go first, and tries again.",
	}
}

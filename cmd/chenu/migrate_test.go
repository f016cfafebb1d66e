package main

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chenu/chenu/migrations/apply"
)

// A statement that takes long is told of on a line that is overwritten, or on one every ten seconds.
func TestProgressOfLongStatement(t *testing.T) {
	t.Parallel()
	position := apply.Position{File: "1_a.sql", Line: 3, Statement: 1, Statements: 2, SQL: "CREATE INDEX CONCURRENTLY a_id ON a (id);"}
	events := func(p *progress) {
		p.event(apply.StatementStarted{Position: position})
		e := apply.StatementRunning{Position: position, Phase: "building index: scanning table", Total: 220}
		for seconds := 1; seconds <= 22; seconds++ {
			e.Took, e.Done = time.Duration(seconds)*time.Second, int64(10*seconds)
			p.event(e)
		}
		e.Phase, e.Done, e.Total, e.Took, e.Blockers = "waiting for old snapshots", 0, 1, time.Minute, "one, process 7"
		p.event(e)
		p.clear()
	}
	for _, test := range []struct {
		name     string
		terminal bool
		want     string
	}{
		{"elsewhere", false, "1_a.sql:3: 1/2 running for 10s, building index: scanning table 45 % (100 of 220)\n" +
			"1_a.sql:3: 1/2 running for 20s, building index: scanning table 90 % (200 of 220)\n" +
			"1_a.sql:3: 1/2 running for 1m0s, waiting for old snapshots 0 % (0 of 1), waiting for one, process 7\n"},
		{"in a terminal", true, "\r\x1b[K1/2 running for 22s, building index: scanning table 100 % (220 of 220): CREATE…\r\x1b[K" +
			"1/2 running for 1m0s, waiting for old snapshots 0 % (0 of 1), waiting for one,…\r\x1b[K"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			events(&progress{w: &b, terminal: test.terminal})
			if got := b.String(); !strings.HasSuffix(got, test.want) || !test.terminal && got != test.want {
				t.Errorf("got %q\nwant %q", got, test.want)
			}
		})
	}
}

// Each command looks at its own environment, and not at that of the process.
func TestColored(t *testing.T) {
	t.Parallel()
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	for _, test := range []struct {
		term, noColor     string
		stdout            io.Writer
		terminal, colored bool
	}{
		{"xterm", "", terminal, true, true},
		{"", "", terminal, true, true},
		{"xterm", "1", terminal, true, false},
		{"dumb", "", terminal, false, false},
		{"xterm", "", new(strings.Builder), false, false},
	} {
		env := environment{Stdout: test.stdout, Getenv: func(name string) string {
			return map[string]string{"TERM": test.term, "NO_COLOR": test.noColor}[name]
		}}
		if got := isTerminal(env); got != test.terminal {
			t.Errorf("%+v: is a terminal: %v", test, got)
		}
		if got := colored(env); got != test.colored {
			t.Errorf("%+v: is colored: %v", test, got)
		}
	}
}

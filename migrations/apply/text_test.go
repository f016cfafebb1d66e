package apply

import (
	"strings"
	"testing"
	"time"
)

// TestProgressOfLongStatement checks that a long statement is reported on a line that is overwritten, or on a line
// every ten seconds.
func TestProgressOfLongStatement(t *testing.T) {
	t.Parallel()
	position := Position{File: "1_a.sql", Line: 3, Statement: 1, Statements: 2, SQL: "CREATE INDEX CONCURRENTLY a_id ON a (id);"}
	events := func(p *Printer) {
		p.Event(StatementStarted{Position: position})
		e := StatementRunning{Position: position, Phase: "building index: scanning table", Total: 220}
		for seconds := 1; seconds <= 22; seconds++ {
			e.Took, e.Done = time.Duration(seconds)*time.Second, int64(10*seconds)
			p.Event(e)
		}
		e.Phase, e.Done, e.Total, e.Took, e.Blockers = "waiting for old snapshots", 0, 1, time.Minute, "one, process 7"
		p.Event(e)
		p.Clear()
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
			events(&Printer{W: &b, Terminal: test.terminal})
			if got := b.String(); !strings.HasSuffix(got, test.want) || !test.terminal && got != test.want {
				t.Errorf("got %q\nwant %q", got, test.want)
			}
		})
	}
}

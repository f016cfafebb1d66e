package main

import (
	"io"
	"os"
	"strings"
	"testing"
)

// TestColored checks that each command uses its own environment, and not that of the process.
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

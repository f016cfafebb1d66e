package local

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
)

const (
	// maxLogBytes is the size at which the next start renames the log. One older file is kept.
	maxLogBytes = 10 << 20
	tailLines   = 12
	tailBytes   = 8 << 10
)

// serverLog is the file for the output of the server.
type serverLog struct {
	file  *os.File
	start int64 // where the output of the current run begins
}

// openLog opens the file at path for appending. Statements in it can contain user data, so only its owner may read it.
func openLog(path string) (*serverLog, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > maxLogBytes {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("rename the server's log: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the server's log: %w", err)
	}
	return &serverLog{file: f}, nil
}

func (l *serverLog) mark() {
	if info, err := l.file.Stat(); err == nil {
		l.start = info.Size()
	}
}

// sinceStart returns the end of the output of the current run.
func (l *serverLog) sinceStart() []byte {
	info, err := l.file.Stat()
	if err != nil {
		return nil
	}
	from := max(l.start, info.Size()-tailBytes)
	text, err := io.ReadAll(io.NewSectionReader(l.file, from, info.Size()-from))
	if err != nil {
		return nil
	}
	return text
}

// tail returns the last lines of the current run, formatted for the end of an error message.
func (l *serverLog) tail() string {
	lines := strings.Split(string(bytes.TrimSpace(l.sinceStart())), "\n")
	if len(lines) == 1 && lines[0] == "" {
		return fmt.Sprintf(" (its log %s is empty)", l.file.Name())
	}
	lines = lines[max(0, len(lines)-tailLines):]
	return fmt.Sprintf("\nthe last lines of its log %s:\n\t%s", l.file.Name(), strings.Join(lines, "\n\t"))
}

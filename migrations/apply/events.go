package apply

import "time"

// Event is a step of Apply: a value of one of the types below. Options.Progress receives it.
type Event interface{ event() }

// Position identifies a statement of a file.
type Position struct {
	File       string
	Line       int // of the file, from 1
	Statement  int // from 1
	Statements int // of the file
	SQL        string
}

// Waiting is sent once when another migration of the database is running.
type Waiting struct {
	Holder string // the session that runs it
}

// Started is sent when the pending files are known.
type Started struct {
	From  string // version of the database; "" if none
	Files int    // pending files
}

// FileStarted is sent before a file. A file that is one transaction can start several times, see Retrying.
type FileStarted struct {
	File       string
	Applied    int // statements that an earlier attempt applied
	Statements int
}

// StatementStarted is sent before a statement. StatementDone follows, unless the statement fails.
type StatementStarted struct{ Position }

// StatementRunning is sent several times a second while a statement runs, and not at all if the server does not answer
// the second connection that asks.
type StatementRunning struct {
	Position

	Took        time.Duration
	Blockers    string // the sessions whose locks it waits for; "" if it does not wait
	Phase       string // of an index build, as in pg_stat_progress_create_index
	Done, Total int64  // in the unit of the phase; Total is 0 if the phase counts nothing
}

// Retrying is sent when a statement did not get a lock, and is tried again. A file that is one transaction starts again
// from its first statement.
type Retrying struct {
	Position

	Blockers string // the sessions that held the lock; "" if they were not observed
	Attempt  int    // that failed, from 1
	Attempts int    // at most
	Pause    time.Duration
}

// InvalidIndexDropped is sent when the invalid index of an earlier attempt of the statement was dropped.
type InvalidIndexDropped struct {
	Position

	Index InvalidIndex
}

// StatementDone is sent after a statement that succeeded.
type StatementDone struct {
	Position

	Took time.Duration
}

// FileDone is sent when a file and its revision are committed.
type FileDone struct {
	File       string
	Statements int
	Took       time.Duration
}

// Notice is a message of the server, or about the server.
type Notice struct{ Message string }

// InvalidIndexRemains is sent at the end, whether Apply succeeds or fails, once for each invalid index of the database.
type InvalidIndexRemains struct{ Index InvalidIndex }

func (Waiting) event()             {}
func (Started) event()             {}
func (FileStarted) event()         {}
func (StatementStarted) event()    {}
func (StatementRunning) event()    {}
func (Retrying) event()            {}
func (InvalidIndexDropped) event() {}
func (StatementDone) event()       {}
func (FileDone) event()            {}
func (Notice) event()              {}
func (InvalidIndexRemains) event() {}

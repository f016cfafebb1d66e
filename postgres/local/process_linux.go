package local

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// dieWithParent requests a fast shutdown of the server when this process ends without stopping it.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }

// serverOf determines whether pid is the server that runs on dataDir: the working directory of a PostgreSQL server is
// its data directory.
func serverOf(pid int, dataDir string) processKind {
	proc := "/proc/" + strconv.Itoa(pid)
	comm, err := os.ReadFile(proc + "/comm")
	if err != nil {
		return processGone
	}
	if string(bytes.TrimSpace(comm)) != "postgres" {
		return processOther
	}
	cwd, err := os.Stat(proc + "/cwd")
	if errors.Is(err, fs.ErrNotExist) {
		return processGone // a zombie
	}
	data, dataErr := os.Stat(dataDir)
	if err != nil || dataErr != nil {
		return processUnknown
	}
	if os.SameFile(cwd, data) {
		return processServer
	}
	return processOther
}

//go:build unix && !linux

package local

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// dieWithParent does nothing: on this system no signal tells a child that its parent has died. The next start finds the
// orphan.
func dieWithParent(*syscall.SysProcAttr) {}

// serverOf determines whether pid is the server that runs on dataDir, by the arguments that launch passed to it.
func serverOf(pid int, dataDir string) processKind {
	if syscall.Kill(pid, 0) == syscall.ESRCH {
		return processGone
	}
	out, err := exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	command := strings.TrimSpace(string(out))
	switch {
	case err != nil || command == "":
		return processGone
	case !strings.Contains(command, "postgres"):
		return processOther
	case strings.Contains(command, "-D "+dataDir+" "):
		return processServer
	}
	return processUnknown
}

//go:build unix

package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// account is the user that runs the server. The zero value is the user of this process.
type account struct {
	uid, gid int
	name     string
	other    bool // another user than that of this process, which is root
}

// runAs chooses the account for the server on dataDir, which may not exist yet.
func runAs(dataDir string) (account, error) {
	owner, exists := -1, false
	if info, err := os.Stat(dataDir); err == nil {
		owner, exists = int(info.Sys().(*syscall.Stat_t).Uid), true
	}
	if me := os.Geteuid(); me != 0 {
		if exists && owner != me {
			return account{}, fmt.Errorf("%s is owned by %s, but this process runs as %s: run as the owner, or use another data directory",
				dataDir, userName(owner), userName(me))
		}
		return account{uid: me, gid: os.Getegid(), name: userName(me)}, nil
	}
	if exists && owner != 0 {
		if u, err := user.LookupId(strconv.Itoa(owner)); err == nil {
			return accountOf(u)
		}
		return account{uid: owner, gid: owner, name: strconv.Itoa(owner), other: true}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			return accountOf(u)
		}
	}
	return account{}, errors.New("PostgreSQL cannot run as root, and this machine has neither a user postgres nor a user nobody: run as another user")
}

func accountOf(u *user.User) (account, error) {
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return account{}, fmt.Errorf("user %s: %w", u.Username, err)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return account{}, fmt.Errorf("user %s: %w", u.Username, err)
	}
	return account{uid: uid, gid: gid, name: u.Username, other: true}, nil
}

// anyone stands for any account as which root may run the server.
func anyone() account { return account{uid: -1, gid: -1, name: "anyone", other: os.Geteuid() == 0} }

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return "user " + u.Username
	}
	return "user " + strconv.Itoa(uid)
}

// reach checks that the account can traverse dir and all directories above it. or names an alternative for the error.
func (a account) reach(dir, or string) error {
	if !a.other {
		return nil
	}
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil {
			return fmt.Errorf("check %s: %w", at, err)
		}
		st := info.Sys().(*syscall.Stat_t)
		bit := fs.FileMode(0o001)
		switch {
		case int(st.Uid) == a.uid:
			bit = 0o100
		case int(st.Gid) == a.gid:
			bit = 0o010
		}
		if info.Mode().Perm()&bit == 0 {
			return fmt.Errorf("PostgreSQL cannot run as root and runs as user %s, who cannot access %s, a parent of %s: run `chmod o+x %s`, or %s",
				a.name, at, dir, at, or)
		}
		if at == filepath.Dir(at) {
			return nil
		}
	}
}

func (a account) own(path string) error {
	if !a.other {
		return nil
	}
	if err := os.Lchown(path, a.uid, a.gid); err != nil {
		return fmt.Errorf("change the owner of %s to %s: %w", path, a.name, err)
	}
	return nil
}

// ownAll makes the account the owner of dir and everything below it.
func (a account) ownAll(dir string) error {
	if !a.other {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if st := info.Sys().(*syscall.Stat_t); int(st.Uid) == a.uid {
			return nil
		}
		return a.own(path)
	})
}

// apply makes cmd run as the account, in a separate process group, so that it does not receive the signals that a
// terminal sends to this process.
func (a account) apply(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if a.other {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	dieWithParent(cmd.SysProcAttr)
}

// startChild starts cmd and calls ended with the result when it exits. The kernel sends the parent-death signal when
// the *thread* that forked ends, so that thread is kept while the child runs.
func startChild(cmd *exec.Cmd, ended func(error)) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		err := cmd.Start()
		started <- err
		if err == nil {
			ended(cmd.Wait())
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return nil
}

// tryLock locks f and reports whether it succeeded. The lock is released by unlock, or when this process exits.
func tryLock(f *os.File) (bool, error) {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// unlock releases the lock of f and closes f. To close it is not enough: a process that has just been forked holds the
// lock, too, until it runs its own program.
func unlock(f *os.File) {
	_ = unix.Flock(int(f.Fd()), unix.LOCK_UN)
	_ = f.Close()
}

// endProcess stops a server that is not a child: fast, then immediately, then by force.
func endProcess(ctx context.Context, pid int, alive func() bool) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for _, step := range []struct {
		signal syscall.Signal
		grace  time.Duration
	}{{syscall.SIGINT, stopGrace}, {syscall.SIGQUIT, killGrace}, {syscall.SIGKILL, killGrace}} {
		if err := syscall.Kill(pid, step.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop process %d: %w", pid, err)
		}
		for deadline := time.Now().Add(step.grace); time.Now().Before(deadline); {
			if !alive() {
				return nil
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("stop process %d: %w", pid, context.Cause(ctx))
			case <-tick.C:
			}
		}
	}
	return fmt.Errorf("stop process %d: it does not exit", pid)
}

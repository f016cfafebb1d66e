//go:build !unix

package local

import (
	"context"
	"errors"
	"os"
	"os/exec"
)

// On other systems this process does not run PostgreSQL: a database URL is required.

type account struct{}

func runAs(string) (account, error) {
	return account{}, errors.New("the embedded PostgreSQL requires Unix: set a database URL")
}

func anyone() account { return account{} }

func (account) reach(string, string) error { return nil }
func (account) own(string) error           { return nil }
func (account) ownAll(string) error        { return nil }
func (account) apply(*exec.Cmd)            {}

func startChild(cmd *exec.Cmd, ended func(error)) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { ended(cmd.Wait()) }()
	return nil
}

func tryLock(*os.File) (bool, error) { return true, nil }

func unlock(f *os.File) { _ = f.Close() }

func serverOf(int, string) processKind { return processUnknown }

func endProcess(context.Context, int, func() bool) error { return nil }

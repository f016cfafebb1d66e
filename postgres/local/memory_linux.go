package local

import (
	"bufio"
	"fmt"
	"os"
	"syscall"
)

const (
	sharedMemoryDir = "/dev/shm"
	tmpfsMagic      = 0x01021994 // TMPFS_MAGIC of statfs(2)

	// minMemoryDir is the minimum free space of a directory in memory. The tests of this project use 1.5 GB at most,
	// while they migrate a million rows.
	minMemoryDir = 4 << 30
	// minMemory is the memory that must be available, since a file system in memory takes only the memory that it uses.
	// It is enough for these tests and a compiler at the same time.
	minMemory = 8 << 30
)

// MemoryDir returns a directory in memory for Config.DataDir of an ephemeral server, or "" if this machine has none
// with enough space. Tests create and drop thousands of databases, each with about 300 files: on ext4 the search for
// inodes that were not just deleted takes a third of the time of such tests.
func MemoryDir() string {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(sharedMemoryDir, &fs); err != nil || fs.Type != tmpfsMagic || fs.Bavail*uint64(fs.Bsize) < minMemoryDir {
		return ""
	}
	if availableMemory() < minMemory {
		return ""
	}
	return sharedMemoryDir
}

// availableMemory returns the kernel's estimate of the memory available to programs, in bytes, or 0 if it is unknown.
func availableMemory() uint64 {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var kilobytes uint64
		if _, err := fmt.Sscanf(lines.Text(), "MemAvailable: %d kB", &kilobytes); err == nil {
			return kilobytes << 10
		}
	}
	return 0
}

//go:build !linux

package local

// MemoryDir returns "": this system has no directory in memory that every user can use.
func MemoryDir() string { return "" }

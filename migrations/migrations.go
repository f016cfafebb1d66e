// Package migrations contains the history of the database's schema.
//
// The directory contains files in Atlas' format, <timestamp>_<name>.sql, and atlas.sum with their
// checksums. It is append-only: a file that was applied to a database is never edited. It contains
// tables, policies, functions, triggers and grants. Roles belong to the server, not to one
// database, so Bootstrap creates them.
//
// Package apply applies the files. It uses the revision table and the advisory lock of the Atlas
// CLI, so that both can be used alternately on one database. It differs from the CLI in this: every
// session runs as the owner with row_security off; `-- atlas:txmode none` is supported; an applied
// file that was edited is rejected even if the directory was hashed again; a dry run and ReadStatus
// write nothing.
package migrations

import (
	"embed"
	"fmt"
	"io/fs"

	"ariga.io/atlas/sql/migrate"
)

//go:embed *.sql atlas.sum
var files embed.FS

// Embedded returns the migration directory that is built into this program.
func Embedded() (migrate.Dir, error) {
	return readDir(files)
}

// readDir copies a directory into memory unchanged. Validate checks it.
func readDir(from fs.FS) (migrate.Dir, error) {
	names, err := fs.Glob(from, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migration files: %w", err)
	}
	dir := new(migrate.MemDir)
	for _, name := range append(names, migrate.HashFileName) {
		b, err := fs.ReadFile(from, name)
		if err != nil {
			return nil, fmt.Errorf("read migration file: %w", err)
		}
		if err := dir.WriteFile(name, b); err != nil {
			return nil, err
		}
	}
	return dir, nil
}

// Head returns the version of the last file in dir, or "" if there is none.
func Head(dir migrate.Dir) (string, error) {
	files, err := dir.Files()
	if err != nil || len(files) == 0 {
		return "", err
	}
	return files[len(files)-1].Version(), nil
}

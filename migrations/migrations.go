// Package migrations is the history of the database's schema, and what applies it.
//
// The directory holds Atlas-format files, <timestamp>_<name>.sql, and atlas.sum, their checksums. It is append-only: a
// file that was applied anywhere is never edited. Tables, policies, functions, triggers and grants stand in it together;
// roles do not, because they belong to the cluster and not to one database: Bootstrap makes those.
//
// The record of what was applied is the Atlas CLI's own table, row for row, and both take the same advisory lock, so that
// this package and the CLI can be used in turn on one database. What this package adds: every session is the owner, with
// row_security off; `-- atlas:txmode none` is honoured; an applied file that was edited is refused even if the directory
// was hashed again; a dry run and Status write nothing at all.
package migrations

import (
	"embed"
	"fmt"
	"io/fs"

	"ariga.io/atlas/sql/migrate"
)

//go:embed *.sql atlas.sum
var files embed.FS

// Embedded returns the migration directory that this program was built with.
func Embedded() (migrate.Dir, error) {
	return readDir(files)
}

// readDir copies a directory into memory as it is, without judging it: Validate does that.
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

// Head returns the version of the last file in dir, which is "" if it has none.
func Head(dir migrate.Dir) (string, error) {
	files, err := dir.Files()
	if err != nil || len(files) == 0 {
		return "", err
	}
	return files[len(files)-1].Version(), nil
}

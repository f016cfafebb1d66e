package policies

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed roles.sql
var roles string

//go:embed schema.sql functions/*.sql rows.sql erasure.sql tables/*.sql
var files embed.FS

// File is one file of the desired state.
type File struct {
	// Name is the path below policies, such as "tables/audit_logs.sql".
	Name string
	SQL  string
}

// Roles returns the idempotent SQL that creates the cluster's roles and the memberships among them. Migrations do not
// contain it: bootstrap runs it, or prints it for a DBA.
func Roles() string { return roles }

// SQL returns the files of the desired state in addition to the tables themselves: first the schemas, then the
// functions, which generated columns and checks use, then the policies, triggers and privileges of each table.
func SQL() []File {
	var out []File
	for _, pattern := range []string{"schema.sql", "functions/*.sql", "rows.sql", "erasure.sql", "tables/*.sql"} {
		names, err := fs.Glob(files, pattern)
		if err != nil {
			panic(fmt.Sprintf("policies: %v", err))
		}
		for _, name := range names {
			text, err := files.ReadFile(name)
			if err != nil {
				panic(fmt.Sprintf("policies: embedded %s: %v", name, err))
			}
			out = append(out, File{Name: name, SQL: string(text)})
		}
	}
	return out
}

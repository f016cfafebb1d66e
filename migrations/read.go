package migrations

import "ariga.io/atlas/sql/migrate"

// File is a migration file as Apply understands it.
type File struct {
	Name, Version string
	Transaction   bool // false for -- atlas:txmode none
	Text          string
	Statements    []Statement
}

// Read reads a directory and validates it as Validate does. Files come in the order in which they apply.
func Read(dir migrate.Dir) ([]File, error) {
	loaded, err := load(dir)
	if err != nil {
		return nil, err
	}
	files := make([]File, len(loaded))
	for i, f := range loaded {
		files[i] = File{Name: f.Name(), Version: f.Version(), Transaction: !f.alone, Text: string(f.Bytes())}
		for n := range f.statements {
			files[i].Statements = append(files[i].Statements, f.statement(n))
		}
	}
	return files, nil
}

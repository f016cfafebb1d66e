package migrations

import (
	"cmp"
	"fmt"
	"io"

	"ariga.io/atlas/sql/migrate"
)

// Validation is the result of checking a directory.
type Validation struct {
	Valid   bool   `json:"valid"`
	Files   int    `json:"files"`   // number of files
	Version string `json:"version"` // of the last file; "" if there is none
	// Problem is the error of [Validate]; "" if the directory is valid.
	Problem string `json:"problem,omitempty"`
}

// ValidationOf checks a directory and describes it. The error is that of [Validate]; then there is a
// Validation too, unless the files cannot be listed.
func ValidationOf(dir migrate.Dir) (*Validation, error) {
	invalid := Validate(dir)
	files, err := dir.Files()
	if err != nil {
		return nil, cmp.Or(invalid, fmt.Errorf("read migration directory: %w", err))
	}
	v := &Validation{Valid: true, Files: len(files)}
	if len(files) > 0 {
		v.Version = files[len(files)-1].Version()
	}
	if invalid != nil {
		v.Valid, v.Problem = false, invalid.Error()
	}
	return v, invalid
}

// Text writes the result for a terminal.
func (v *Validation) Text(w io.Writer) error {
	text := "the directory is not valid: " + v.Problem
	if v.Valid {
		text = fmt.Sprintf("the directory is valid: %s, last version %s", Count(v.Files, "file"), ShownVersion(v.Version))
	}
	if _, err := fmt.Fprintln(w, text); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

package plan

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"ariga.io/atlas/sql/migrate"
)

// versionLayout is the form of a version in Atlas: a UTC time in seconds.
const versionLayout = "20060102150405"

var nameForm = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)

// checkName returns the name in the form of file names.
func checkName(name string) (string, error) {
	as := strings.ToLower(strings.NewReplacer(" ", "_", "-", "_").Replace(strings.TrimSpace(name)))
	if !nameForm.MatchString(as) {
		return "", fmt.Errorf("invalid migration name %q: use a few words of a-z and 0-9 that state the intent, such as add_note_folders", name)
	}
	return as, nil
}

// nextVersion returns the current time, or one second after the newest file if that is later: versions must increase
// even if clocks differ.
func nextVersion(dir migrate.Dir, now time.Time) (string, error) {
	if err := migrate.Validate(dir); err != nil {
		return "", fmt.Errorf("migration directory: %w: if the files are as intended, run `chenu migrate hash`", err)
	}
	files, err := dir.Files()
	if err != nil {
		return "", fmt.Errorf("read the migration directory: %w", err)
	}
	if now.IsZero() {
		now = time.Now()
	}
	version := now.UTC().Format(versionLayout)
	for _, file := range files {
		if file.Version() >= version {
			version = after(file.Version())
		}
	}
	return version, nil
}

// after returns the version one second later.
func after(version string) string {
	t, err := time.Parse(versionLayout, version)
	if err != nil {
		return version + "1" // not a time; the result sorts after it
	}
	return t.Add(time.Second).Format(versionLayout)
}

// Write writes the files of the plan to the directory at path and updates its atlas.sum. Each file
// is written completely or not at all. Write returns an error if the directory has changed since
// Diff read it.
func Write(path string, planned *Plan) (err error) {
	dir, err := migrate.NewLocalDir(path)
	if err != nil {
		return fmt.Errorf("write migration: %w", err)
	}
	if err := migrate.Validate(dir); err != nil {
		return fmt.Errorf("write migration: %w", err)
	}
	existing, err := dir.Files()
	if err != nil {
		return fmt.Errorf("write migration: %w", err)
	}
	files := planned.Files
	if len(files) == 0 {
		return nil
	}
	for _, file := range existing {
		if first := migrate.NewLocalFile(files[0].Name, nil); file.Version() >= first.Version() {
			return fmt.Errorf("write migration: %s was added during planning: plan again", file.Name())
		}
	}
	var written []string
	defer func() {
		if err != nil {
			for _, name := range written {
				err = errors.Join(err, os.Remove(name))
			}
		}
	}()
	for _, file := range files {
		name := filepath.Join(path, file.Name)
		if err := writeWhole(name, []byte(file.SQL)); err != nil {
			return fmt.Errorf("write migration: %w", err)
		}
		written = append(written, name)
	}
	sum, err := dir.Checksum()
	if err != nil {
		return fmt.Errorf("write migration: %w", err)
	}
	text, err := sum.MarshalText()
	if err != nil {
		return fmt.Errorf("write migration: %w", err)
	}
	if err := writeWhole(filepath.Join(path, migrate.HashFileName), text); err != nil {
		return fmt.Errorf("write migration: %w", err)
	}
	planned.Written = true
	return nil
}

// writeWhole writes a temporary file and renames it, so that a reader sees the old content or the
// new.
func writeWhole(name string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	if _, err = f.Write(content); err != nil {
		return err
	}
	if err = f.Chmod(0o644); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

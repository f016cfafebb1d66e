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

// versionLayout is Atlas' form of a version: a UTC time to the second.
const versionLayout = "20060102150405"

var nameForm = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)

// checkName gives the name as it stands in file names.
func checkName(name string) (string, error) {
	as := strings.ToLower(strings.NewReplacer(" ", "_", "-", "_").Replace(strings.TrimSpace(name)))
	if !nameForm.MatchString(as) {
		return "", fmt.Errorf("invalid migration name %q: use a few words of a-z and 0-9 that state the intent, such as add_note_folders", name)
	}
	return as, nil
}

// nextVersion is the time now, or one second after the newest file if that is
// later: versions must grow, whatever the clock of whoever wrote that file.
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

// after is the version one second later.
func after(version string) string {
	t, err := time.Parse(versionLayout, version)
	if err != nil {
		return version + "1" // not a time; it sorts after
	}
	return t.Add(time.Second).Format(versionLayout)
}

// Write puts the plan's files into the directory at path and renews its
// atlas.sum. Each file appears whole or not at all. It refuses when the
// directory has changed since the plan was made.
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
	return nil
}

// writeWhole writes beside the file and renames, so that a reader sees the
// old content or the new.
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

package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
)

// writeDir writes migration files, whose names are given without ".sql", and atlas.sum.
func writeDir(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name+".sql"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := migrations.Hash(dir); err != nil {
		t.Fatal(err)
	}
}

// versionsOf returns the versions that a selection contains.
func versionsOf(s *selected) string {
	var versions []string
	for _, f := range s.files {
		if s.want(f) {
			versions = append(versions, f.Version)
		}
	}
	return strings.Join(versions, " ")
}

func TestSelection(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeDir(t, dir, map[string]string{"1_a": "SELECT 1;", "2_b": "SELECT 2;", "3_c": "SELECT 3;", "4_d": "SELECT 4;"})
	for _, tt := range []struct {
		name       string
		selection  selection
		want, what string
	}{
		{"no flag", selection{}, "4", "the last file"},
		{"latest", selection{latest: 2}, "3 4", "the last 2 files"},
		{"more than exist", selection{latest: 9}, "1 2 3 4", "the last 9 files"},
		{"from", selection{from: "3"}, "3 4", "the versions from 3"},
		{"to", selection{to: "2"}, "1 2", "the versions to 2"},
		{"from and to", selection{from: "2", to: "3"}, "2 3", "the versions from 2 to 3"},
		{"all", selection{all: true}, "1 2 3 4", "all files"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.selection.files(t.Context(), &target{dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			if versionsOf(got) != tt.want || got.what != tt.what {
				t.Errorf("%s: %s", got.what, versionsOf(got))
			}
		})
	}
}

func TestSelection_Wrong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeDir(t, dir, map[string]string{"1_a": "SELECT 1;"})
	for _, s := range []selection{{latest: 1, all: true}, {from: "1", gitBase: "main"}, {latest: -1}} {
		var usage usageError
		if _, err := s.files(t.Context(), &target{dir: dir}); !errors.As(err, &usage) {
			t.Errorf("%+v: %v", s, err)
		}
	}
	for _, s := range []selection{{from: "2"}, {to: "0"}, {gitBase: "main"}} {
		if _, err := s.files(t.Context(), &target{dir: dir}); err == nil {
			t.Errorf("%+v: no error", s)
		}
	}
}

func TestSelection_Pending(t *testing.T) {
	t.Parallel()
	db, dir := dbtest.Empty(t), t.TempDir()
	writeDir(t, dir, map[string]string{"1_a": "SELECT 1;", "3_c": "SELECT 3;"})
	at := &target{dir: dir, url: db.MigrateURL}
	open, err := at.open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := apply.Apply(t.Context(), at.url, apply.Options{Conventions: &policies.Conventions, Dir: open, To: "1"}); err != nil {
		t.Fatal(err)
	}
	got, err := new(selection).files(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	if versionsOf(got) != "3" || got.what != "the pending files" {
		t.Errorf("%s: %s", got.what, versionsOf(got))
	}
	if _, err := apply.Apply(t.Context(), at.url, apply.Options{Conventions: &policies.Conventions, Dir: open}); err != nil {
		t.Fatal(err)
	}
	// A file that was added out of order is refused by apply, so the selection contains it.
	writeDir(t, dir, map[string]string{"2_b": "SELECT 2;"})
	if got, err = new(selection).files(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	if versionsOf(got) != "2" || got.status.State != apply.Conflict {
		t.Errorf("%s: %s", got.status.State, versionsOf(got))
	}
}

// gitRepository creates a repository with an empty migration directory. It returns the directory, and functions that
// run git and commit everything.
func gitRepository(t *testing.T) (dir string, run func(args ...string), commit func()) {
	t.Helper()
	repository := t.TempDir()
	dir = filepath.Join(repository, "db")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	run = func(args ...string) {
		t.Helper()
		if _, err := git(t.Context(), repository, args...); err != nil {
			t.Fatal(err)
		}
	}
	commit = func() {
		t.Helper()
		run("add", "-A")
		run("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false", "commit", "-q", "-m", "more")
	}
	run("init", "-q", "-b", "main")
	return dir, run, commit
}

func TestSelection_GitBase(t *testing.T) {
	t.Parallel()
	dir, run, commit := gitRepository(t)
	writeDir(t, dir, map[string]string{"1_a": "SELECT 1;", "2_b": "SELECT 2;", "3_c": "SELECT 3;"})
	commit()
	run("branch", "topic")
	writeDir(t, dir, map[string]string{"6_theirs": "SELECT 6;"})
	commit()
	run("checkout", "-q", "topic")
	if err := os.Remove(filepath.Join(dir, "3_c.sql")); err != nil {
		t.Fatal(err)
	}
	writeDir(t, dir, map[string]string{"2_b": "SELECT 22;", "5_e": "SELECT 5;"})
	commit()
	writeDir(t, dir, map[string]string{"7_g": "SELECT 7;"}) // not committed

	got, err := (&selection{gitBase: "main"}).files(t.Context(), &target{dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if versionsOf(got) != "2 5 7" || got.what != "the changes since main" {
		t.Errorf("%s: %s", got.what, versionsOf(got))
	}
	for _, tt := range []struct{ got, want []string }{
		{got.base.same, []string{"1_a.sql"}},
		{got.base.edited, []string{"2_b.sql"}},
		{got.base.removed, []string{"3_c.sql"}},
		{got.base.merged, []string{"6_theirs.sql"}},
	} {
		if !slices.Equal(tt.got, tt.want) {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
	if _, err := (&selection{gitBase: "--all"}).files(t.Context(), &target{dir: dir}); err == nil || !strings.Contains(err.Error(), "find --all") {
		t.Error(err)
	}
}

func TestRemovedFileIsReviewed(t *testing.T) {
	t.Parallel()
	dir, run, commit := gitRepository(t)
	writeDir(t, dir, map[string]string{"1_a": "SELECT 1;", "2_b": "SELECT 2;"})
	commit()
	run("checkout", "-q", "-b", "topic")
	chosen := func() *selected {
		t.Helper()
		got, err := (&selection{gitBase: "main"}).files(t.Context(), &target{dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if !chosen().nothing() {
		t.Error("something to review, although nothing changed")
	}
	if err := os.Remove(filepath.Join(dir, "2_b.sql")); err != nil {
		t.Fatal(err)
	}
	writeDir(t, dir, nil) // writes atlas.sum again
	if chosen().nothing() {
		t.Error("nothing to review, although a file was removed")
	}
}

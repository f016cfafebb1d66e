package apply

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"ariga.io/atlas/sql/migrate"

	"github.com/chenu/chenu/migrations"
)

// dirOf returns a directory with the files and their atlas.sum.
func dirOf(t *testing.T, files map[string]string) migrate.Dir {
	t.Helper()
	dir := new(migrate.MemDir)
	var all []migrate.File
	for name, text := range files {
		all = append(all, migrate.NewLocalFile(name, []byte(text)))
	}
	slices.SortFunc(all, func(a, b migrate.File) int { return strings.Compare(a.Name(), b.Name()) })
	if err := dir.CopyFiles(all); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestPlan(t *testing.T) {
	t.Parallel()
	three := map[string]string{"1_a.sql": "SELECT 1;", "2_b.sql": "SELECT 2;\nSELECT 22;", "3_c.sql": "SELECT 3;"}
	edit := func(name, text string) map[string]string {
		files := maps.Clone(three)
		if files[name] = text; text == "" {
			delete(files, name)
		}
		return files
	}
	// applied returns the revisions of a database that applied these versions of the three files.
	applied := func(t *testing.T, versions ...string) []*migrate.Revision {
		t.Helper()
		files, err := migrations.Read(dirOf(t, three))
		if err != nil {
			t.Fatal(err)
		}
		var revisions []*migrate.Revision
		for _, f := range files {
			if slices.Contains(versions, f.Version) {
				n := len(f.Statements)
				revisions = append(revisions, &migrate.Revision{Version: f.Version, Description: f.Description, Type: migrate.RevisionTypeExecute,
					Applied: n, Total: n, Hash: f.Hash, ExecutedAt: time.Unix(0, 0)})
			}
		}
		return revisions
	}
	stopped := func(t *testing.T) []*migrate.Revision {
		t.Helper()
		revisions := applied(t, "1", "2")
		revisions[1].Applied = 1
		files, err := migrations.Read(dirOf(t, three))
		if err != nil {
			t.Fatal(err)
		}
		revisions[1].PartialHashes = []string{"h1:" + files[1].Statements[0].Sum}
		return revisions
	}

	for _, test := range []struct {
		name      string
		files     map[string]string
		revisions func(t *testing.T) []*migrate.Revision
		pending   string // names, joined
		unknown   string
		partial   bool
		refused   error
		says      string // part of the refusal
	}{
		{name: "nothing applied", files: three, pending: "1_a.sql 2_b.sql 3_c.sql"},
		{name: "an empty directory", files: map[string]string{}},
		{name: "everything applied", files: three, revisions: func(t *testing.T) []*migrate.Revision { return applied(t, "1", "2", "3") }},
		{name: "one pending", files: three, revisions: func(t *testing.T) []*migrate.Revision { return applied(t, "1", "2") }, pending: "3_c.sql"},
		{name: "out of order in the middle", files: three, revisions: func(t *testing.T) []*migrate.Revision { return applied(t, "1", "3") },
			refused: migrations.ErrOutOfOrder, says: "2_b.sql is not applied, but is older than version 3"},
		{name: "out of order before the first", files: three, revisions: func(t *testing.T) []*migrate.Revision { return applied(t, "2", "3") },
			refused: migrations.ErrOutOfOrder, says: "1_a.sql"},
		{name: "before the baseline", files: three, revisions: func(*testing.T) []*migrate.Revision {
			return []*migrate.Revision{{Version: "2", Type: migrate.RevisionTypeBaseline}}
		}, pending: "3_c.sql"},
		{name: "an applied file was edited", files: edit("2_b.sql", "SELECT 0;"), revisions: func(t *testing.T) []*migrate.Revision { return applied(t, "1", "2", "3") },
			refused: migrations.ErrChanged, says: "2_b.sql differs from the file that was applied"},
		{name: "a pending file was edited", files: edit("3_c.sql", "SELECT 0;"), revisions: func(t *testing.T) []*migrate.Revision { return applied(t, "1", "2") }, pending: "3_c.sql"},
		{name: "an applied file is missing", files: edit("2_b.sql", ""), revisions: func(t *testing.T) []*migrate.Revision { return applied(t, "1", "2", "3") },
			refused: migrations.ErrMissing, says: "version 2 (b) was applied to this database, but its file is missing"},
		{name: "diverged histories", files: map[string]string{"1_a.sql": "SELECT 1;", "25_x.sql": "SELECT 2;"}, revisions: func(t *testing.T) []*migrate.Revision { return applied(t, "1", "2", "3") },
			refused: migrations.ErrMissing, says: "has applied 2, 3, which this directory does not contain, and has not applied 25_x.sql"},
		{name: "the database is newer", files: edit("3_c.sql", ""), revisions: func(t *testing.T) []*migrate.Revision { return applied(t, "1", "2", "3") }, unknown: "3"},
		{name: "resumed", files: three, revisions: stopped, pending: "2_b.sql 3_c.sql", partial: true},
		{name: "resumed after the rest was corrected", files: edit("2_b.sql", "SELECT 2;\nSELECT 222;\nSELECT 2222;"), revisions: stopped, pending: "2_b.sql 3_c.sql", partial: true},
		{name: "an applied statement was changed", files: edit("2_b.sql", "SELECT 0;\nSELECT 22;"), revisions: stopped,
			refused: migrations.ErrChanged, says: "2_b.sql stopped after statement 1 of 2, and statement 1 has changed since"},
		{name: "the applied statements are missing", files: edit("2_b.sql", "-- nothing\n"), revisions: stopped, refused: migrations.ErrChanged},
		{name: "the stopped file is missing", files: map[string]string{"1_a.sql": "SELECT 1;"}, revisions: stopped, refused: migrations.ErrMissing, says: "is only partly applied to this database"},
		{name: "stopped, and others after it", files: three, revisions: func(t *testing.T) []*migrate.Revision {
			return append(stopped(t), applied(t, "3")...)
		}, refused: migrations.ErrMissing, says: "3 was applied after it"},
		{name: "finished by hand with the CLI's migrate set", files: edit("2_b.sql", "SELECT 0;"), revisions: func(t *testing.T) []*migrate.Revision {
			revisions := stopped(t)
			revisions[1].Type |= migrate.RevisionTypeResolved
			return revisions
		}, pending: "3_c.sql"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			files, err := migrations.Read(dirOf(t, test.files))
			if err != nil {
				t.Fatal(err)
			}
			var revisions []*migrate.Revision
			if test.revisions != nil {
				revisions = test.revisions(t)
			}
			got, err := plan(files, revisions)
			if !errors.Is(err, test.refused) || test.refused == nil && err != nil {
				t.Fatalf("error %v, want %v", err, test.refused)
			}
			if test.says != "" && !strings.Contains(err.Error(), test.says) {
				t.Errorf("the refusal %q does not contain %q", err, test.says)
			}
			var pending []string
			for _, f := range got.pending {
				pending = append(pending, f.Name)
			}
			if got := strings.Join(pending, " "); got != test.pending {
				t.Errorf("pending %q, want %q", got, test.pending)
			}
			if got := strings.Join(got.unknown, " "); got != test.unknown {
				t.Errorf("unknown %q, want %q", got, test.unknown)
			}
			if test.refused == nil && (got.partial != nil) != test.partial {
				t.Errorf("partial %v", got.partial)
			}
		})
	}
}

package report_test

import (
	"testing"

	"ariga.io/atlas/sql/migrate"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/migrations/devdb"
	"github.com/chenu/chenu/migrations/lint"
	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/migrations/report"
)

// plan reports on files that come after a first one, which is not reported on.
func plan(t *testing.T, first string, files ...string) *report.Report {
	t.Helper()
	dir := &migrate.MemDir{}
	for i, text := range append([]string{first}, files...) {
		if err := dir.WriteFile(string(rune('1'+i))+"_file.sql", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	sum, err := dir.Checksum()
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate.WriteSumFile(dir, sum); err != nil {
		t.Fatal(err)
	}
	read, err := migrations.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	dev, err := devdb.Open(t.Context(), dbtest.ServerURL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := dev.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	record, err := replay.Run(t.Context(), dev, replay.Input{Files: read, Want: func(f migrations.File) bool { return f.Version != "1" }, Tables: true})
	if err != nil {
		t.Fatal(err)
	}
	r, err := report.New(t.Context(), record, lint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

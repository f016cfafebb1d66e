package report_test

import (
	"testing"

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
	named := map[string]string{}
	for i, text := range append([]string{first}, files...) {
		named[string(rune('1'+i))+"_file.sql"] = text
	}
	read, err := migrations.Read(dbtest.Dir(t, named))
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

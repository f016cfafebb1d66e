package review_test

import (
	"testing"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/migrations/lint"
	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/migrations/review"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/dev"
)

// plan returns the report on the files that follow a first one, which is not part of the report.
func plan(t *testing.T, first string, files ...string) *review.Report {
	t.Helper()
	named := map[string]string{}
	for i, text := range append([]string{first}, files...) {
		named[string(rune('1'+i))+"_file.sql"] = text
	}
	read, err := migrations.Read(dbtest.Dir(t, named))
	if err != nil {
		t.Fatal(err)
	}
	server, err := dev.Open(t.Context(), dbtest.ServerURL(t), &policies.Conventions)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	record, err := replay.Run(t.Context(), server, replay.Input{Files: read, Want: func(f migrations.File) bool { return f.Version != "1" }, Tables: true})
	if err != nil {
		t.Fatal(err)
	}
	r, err := review.New(t.Context(), record, lint.Options{Conventions: &policies.Conventions})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

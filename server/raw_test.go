package server_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/policies/verify"
)

// sqlstate is the error's SQLSTATE; empty when there is no error.
func sqlstate(err error) string {
	if err == nil {
		return ""
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return fmt.Sprint(err)
}

// wantSound verifies all that the database holds.
func (s *service) wantSound(t *testing.T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.db.AuditURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	report, err := verify.Database(t.Context(), conn, func(f verify.Finding) { t.Error(f) })
	if err != nil || report.Rows["threads"] == 0 || report.Rows["audit_logs"] == 0 {
		t.Errorf("verified %v: %v", report.Rows, err)
	}
}

package access_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/postgres/catalog"
)

// Hardening item 1: roles that other packages created on the shared server appeared in the access diff.
//
// TestRolesOfOtherDatabasesAreNotCompared compares two states while another session creates and drops roles with the
// names and rights that made the diff fail: a superuser, a role that bypasses row-level security, and a member of one
// of the project's roles.
func TestRolesOfOtherDatabasesAreNotCompared(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(base)
	foreign := "chenu_foreign_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	stop := createForeignRoles(t, foreign)
	defer stop()
	for n := range 20 {
		sql := fmt.Sprintf("CREATE TABLE tags%d (owner uuid, name text); GRANT SELECT ON tags%[1]d TO chenu_agent", n)
		before := b.state()
		b.exec(sql)
		after := b.state()
		after.Roles = catalog.RolesAfter(before.Roles, after.Roles, sql)
		for _, c := range b.compare(before, after) {
			if strings.Contains(fmt.Sprint(c), foreign) {
				t.Fatalf("a role of another database is compared: %+v", c)
			}
		}
	}
}

// TestARoleThatAFileNamesIsCompared checks that ignoring foreign roles hides no added access: that of a role that a
// file makes a member, of a role to which it grants something, and of a member that no policy limits.
func TestARoleThatAFileNamesIsCompared(t *testing.T) {
	t.Parallel()
	role := "chenu_named_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	for name, test := range map[string]struct{ first, sql, want string }{
		"made a member": {"CREATE ROLE %s NOLOGIN", "GRANT chenu_human TO %s", "role %s"},
		"granted":       {"CREATE ROLE %s NOLOGIN; CREATE POLICY all_insert ON notes FOR INSERT TO PUBLIC WITH CHECK (owner = me())", "GRANT INSERT ON notes TO %s", "public.notes %s INSERT"},
		"bypassing":     {"CREATE ROLE %s NOLOGIN BYPASSRLS; GRANT chenu_human TO %[1]s", "GRANT INSERT ON notes TO chenu_human", "public.notes %s INSERT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, role := setup(t), role+"_"+strings.ReplaceAll(name, " ", "_")
			b.exec(base + "RESET ROLE; " + fmt.Sprintf(test.first, role))
			t.Cleanup(func() { dropRole(t, b.conn.Config().Database, role) })
			before := b.state()
			sql := strings.ReplaceAll(test.sql, "%s", role)
			b.exec(sql)
			after := b.state()
			after.Roles = catalog.RolesAfter(before.Roles, after.Roles, sql)
			want := fmt.Sprintf(test.want, role)
			var got []string
			for _, c := range b.compare(before, after) {
				got = append(got, text(c))
			}
			if !strings.Contains(strings.Join(got, "\n"), "widening "+want) {
				t.Errorf("no widening of %s in:\n%s", want, strings.Join(got, "\n"))
			}
		})
	}
}

// createForeignRoles repeatedly creates and drops the roles until the returned function is called.
func createForeignRoles(t *testing.T, prefix string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	conn, err := pgx.Connect(ctx, dbtest.ServerURL(t))
	if err != nil {
		t.Fatal(err)
	}
	const create = `CREATE ROLE %[1]s_super SUPERUSER; CREATE ROLE %[1]s_bypass BYPASSRLS; CREATE ROLE %[1]s_member LOGIN; GRANT chenu_human TO %[1]s_member`
	const drop = `DROP ROLE %[1]s_super, %[1]s_bypass, %[1]s_member`
	created, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for n := 0; ctx.Err() == nil; n++ {
			if _, err := conn.Exec(context.WithoutCancel(ctx), fmt.Sprintf(create, prefix)); err != nil {
				t.Error(err)
				break
			}
			if n == 0 {
				close(created)
			}
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(n%7) * time.Millisecond):
			}
			if _, err := conn.Exec(context.WithoutCancel(ctx), fmt.Sprintf(drop, prefix)); err != nil {
				t.Error(err)
				break
			}
		}
	}()
	<-created
	return func() {
		cancel()
		<-ended
		_ = conn.Close(context.WithoutCancel(ctx))
	}
}

func dropRole(t *testing.T, database, role string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	config, err := pgx.ParseConfig(dbtest.ServerURL(t))
	if err != nil {
		t.Error(err)
		return
	}
	config.Database = database
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, fmt.Sprintf("DROP OWNED BY %s; DROP ROLE %[1]s", role)); err != nil {
		t.Error(err)
	}
}

package planner_test

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func serverURL(t *testing.T) string {
	t.Helper()
	return os.Getenv("CHENU_TEST_DATABASE_URL")
}

func emptyDatabase(t *testing.T) string {
	t.Helper()
	name := "t_" + strings.ToLower(rand.Text()[:10])
	exec(t, serverURL(t), "CREATE DATABASE "+name+" TEMPLATE template0 OWNER chenu_owner")
	t.Cleanup(func() {
		c, err := pgx.Connect(context.Background(), serverURL(t))
		if err == nil {
			_, _ = c.Exec(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)")
			_ = c.Close(context.Background())
		}
	})
	return strings.TrimSuffix(serverURL(t), "postgres") + name
}

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/planner"
)

func runMigrateDrift(ctx context.Context, args []string, env environment) (err error) {
	var (
		t   target
		dev development
		in  planner.DriftInput
	)
	set := newFlags(env, "chenu migrate drift [flags]", `Says how the database differs from what its migrations make: objects that were
changed by hand, privileges that were given, roles that gained power. Reads only.

Exits with 0 when nothing differs, 2 when something does, 1 when it could not tell,
64 when called wrongly.`)
	t.register(set, env)
	dev.register(set)
	if err := parseAll(set, args); err != nil {
		return err
	}
	if err := t.needURL(); err != nil {
		return err
	}
	in.URL = t.url
	if in.Dir, err = t.open(); err != nil {
		return err
	}
	standing, err := migrations.Status(ctx, t.url, in.Dir)
	if err != nil {
		return err
	}
	if standing.State != migrations.Current {
		return fmt.Errorf("the database is not at the last version, but %s: see chenu migrate status", standing.State)
	}
	major, err := majorVersion(ctx, t.url)
	if err != nil {
		return err
	}
	var stop func() error
	if in.DevURL, stop, err = dev.start(ctx, env, major); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	found, err := planner.Drift(ctx, in)
	if err != nil {
		return err
	}
	for _, line := range found {
		fmt.Fprintln(env.Stdout, line)
	}
	if len(found) > 0 {
		return foundf("the database differs from its migrations")
	}
	fmt.Fprintln(env.Stdout, "the database is what its migrations make")
	return nil
}

// majorVersion asks a server for the major version of its PostgreSQL.
func majorVersion(ctx context.Context, url string) (major int, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, fmt.Errorf("connect to the database: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	if err := conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int / 10000").Scan(&major); err != nil {
		return 0, fmt.Errorf("read the server's version: %w", err)
	}
	return major, nil
}

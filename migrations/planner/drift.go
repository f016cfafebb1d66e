package planner

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ariga.io/atlas/sql/migrate"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/chenu/chenu/migrations/catalog"
)

// DriftInput is what Drift compares.
type DriftInput struct {
	// URL is the live database, with a login that is a member of Owner. It is
	// only read, in one read-only transaction.
	URL string
	// Dir is the migration directory that the database should have applied.
	Dir migrate.Dir
	// DevURL is as in Input; its server must have the live one's major version.
	DevURL string
}

// Drift says in sentences how a live database differs from what its
// migrations make: objects that were changed by hand, privileges that were
// given, roles that gained power. None means that it is as it should be.
// Views and the like that somebody added are reported too.
func Drift(ctx context.Context, in DriftInput) (_ []string, err error) {
	config, err := pgx.ParseConfig(in.URL)
	if err != nil {
		return nil, fmt.Errorf("read the database's URL: %w", err)
	}
	dev, err := openServer(ctx, in.DevURL)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dev.close(ctx)) }()
	replayed, err := dev.create(ctx)
	if err != nil {
		return nil, err
	}
	live := &Session{pool: openPool(config)}
	defer func() { err = errors.Join(err, live.close()) }()
	if err := live.connect(ctx); err != nil {
		return nil, err
	}
	var (
		is, should      *inspection
		group, groupCtx = errgroup.WithContext(ctx)
	)
	group.Go(func() (err error) {
		is, err = live.inspect(groupCtx)
		return err
	})
	group.Go(func() (err error) {
		if err := replayed.replay(groupCtx, in.Dir); err != nil {
			return err
		}
		should, err = replayed.inspect(groupCtx)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	// Postgres writes definitions in the words of its version.
	if a, b := is.state.Version/10000, should.state.Version/10000; a != b {
		return nil, fmt.Errorf("the database is PostgreSQL %d and the development server %d: compare on a development server of the same version", a, b)
	}
	all, err := differences(replayed.driver, is, should)
	if err != nil {
		return nil, err
	}
	for _, d := range catalog.Compare(is.state, should.state) {
		if d.To == nil && isOther(d.From) && madeByHand(d.From) {
			all = append(all, d.String())
		}
	}
	// Logins are each cluster's own.
	should.state.Roles = slices.DeleteFunc(should.state.Roles, func(r *catalog.Role) bool { return slices.Contains(r.Attributes, "LOGIN") })
	return append(all, catalog.CompareRoles(is.state, should.state)...), nil
}

package planner

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ariga.io/atlas/sql/migrate"
	"golang.org/x/sync/errgroup"

	"github.com/chenu/chenu/migrations/catalog"
	"github.com/chenu/chenu/migrations/devdb"
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
	dev, err := devdb.Open(ctx, in.DevURL)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dev.Close(ctx)) }()
	replayed, err := dev.Create(ctx)
	if err != nil {
		return nil, err
	}
	live, err := devdb.Connect(ctx, in.URL)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, live.Close()) }()
	var (
		is, should      *devdb.Inspection
		group, groupCtx = errgroup.WithContext(ctx)
	)
	group.Go(func() (err error) {
		is, err = live.Inspect(groupCtx)
		return err
	})
	group.Go(func() (err error) {
		if err := replayed.Replay(groupCtx, in.Dir); err != nil {
			return err
		}
		should, err = replayed.Inspect(groupCtx)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	// Postgres writes definitions in the words of its version.
	if a, b := is.State.Version/10000, should.State.Version/10000; a != b {
		return nil, fmt.Errorf("the database is PostgreSQL %d and the development server %d: compare on a development server of the same version", a, b)
	}
	all, err := differences(replayed.Driver(), is, should)
	if err != nil {
		return nil, err
	}
	for _, d := range catalog.Compare(is.State, should.State) {
		if d.To == nil && isOther(d.From) && madeByHand(d.From) {
			all = append(all, d.String())
		}
	}
	// Logins are each cluster's own.
	should.State.Roles = slices.DeleteFunc(should.State.Roles, func(r *catalog.Role) bool { return slices.Contains(r.Attributes, "LOGIN") })
	return append(all, catalog.CompareRoles(is.State, should.State)...), nil
}

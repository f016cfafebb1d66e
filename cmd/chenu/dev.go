package main

import (
	"context"
	"errors"

	"github.com/spf13/pflag"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/dev"
	"github.com/chenu/chenu/postgres/local"
)

// development is the server on which a command replays migrations and runs statements
// for review.
type development struct{ url string }

func (d *development) register(flags *pflag.FlagSet) {
	flags.StringVar(&d.url, "dev-url", "", "`URL` of a development server, with a login that can create databases and roles; by default a temporary server that the command starts")
}

// start returns the URL of the server: that of the configured server, or that of a temporary server with the major
// version, which runs until stop is called. Version 0 selects the newest version.
func (d *development) start(ctx context.Context, env environment, major int) (url string, stop func() error, err error) {
	if d.url != "" {
		return d.url, func() error { return nil }, nil
	}
	server, err := local.Start(ctx, local.Config{Ephemeral: true, Progress: env.Stderr, Version: major})
	if err != nil {
		return "", nil, err
	}
	return server.URL("postgres"), func() error { return server.Stop(context.WithoutCancel(ctx)) }, nil
}

// replayed returns the state of an empty database after the migrations of the target's
// directory.
func replayed(ctx context.Context, t *target, d *development, env environment) (_ *dev.Inspection, err error) {
	dir, err := t.open()
	if err != nil {
		return nil, err
	}
	if err := migrations.Validate(dir); err != nil {
		return nil, err
	}
	url, stop, err := d.start(ctx, env, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	server, err := dev.Open(ctx, url, &policies.Conventions)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Close(ctx)) }()
	session, err := server.Create(ctx)
	if err != nil {
		return nil, err
	}
	if err := session.Replay(ctx, dir); err != nil {
		return nil, err
	}
	return session.Inspect(ctx)
}

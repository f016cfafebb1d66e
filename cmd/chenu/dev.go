package main

import (
	"context"
	"flag"

	"github.com/chenu/chenu/migrations/localpg"
)

// development is the server on which a command replays migrations and tries
// statements out.
type development struct{ url string }

func (d *development) register(set *flag.FlagSet) {
	set.StringVar(&d.url, "dev-url", "", "`URL` of a development server, whose login may create databases and roles;\nby default one that is started for the purpose")
}

// start gives the server's URL: that of the one which was named, or of one with
// the major version, 0 for the newest, which runs until stop is called.
func (d *development) start(ctx context.Context, env environment, major int) (url string, stop func() error, err error) {
	if d.url != "" {
		return d.url, func() error { return nil }, nil
	}
	server, err := localpg.Start(ctx, localpg.Config{Ephemeral: true, Progress: env.Stderr, Version: major})
	if err != nil {
		return "", nil, err
	}
	return server.URL("postgres"), func() error { return server.Stop(context.WithoutCancel(ctx)) }, nil
}

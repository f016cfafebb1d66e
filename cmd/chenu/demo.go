package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/chenu/chenu/server"
	"github.com/chenu/chenu/server/account"
)

func newDemo(env environment) *cobra.Command {
	var email string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "create sample data in the embedded database",
		Long: `Creates sample data in every sphere for an identity, and the identity if it does not
exist. It works only on the embedded database, whether or not the service is running.
It fails if the identity already has data.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return createDemo(cmd.Context(), env, email) },
	}
	cmd.Flags().StringVar(&email, "email", "ada@example.org", "`address` of the identity")
	describeExits(cmd, "the data was created", "the command failed", "")
	return cmd
}

// createDemo creates sample data for an identity of the embedded database. It uses the
// API, so that every rule is checked.
func createDemo(ctx context.Context, env environment, email string) error {
	s, closeServer, err := openEmbeddedServer(ctx, env)
	if err != nil {
		return err
	}
	defer closeServer()
	token, _, err := s.Accounts().MakeDevelopmentToken(ctx, account.DevelopmentToken{Email: email})
	if err != nil {
		return fmt.Errorf("create a token for %s: %w", email, err)
	}

	ctx, stop := context.WithCancel(ctx)
	listening, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() { ended <- s.Run(ctx, func(addr net.Addr) { listening <- addr }) }()
	select {
	case addr := <-listening:
		err = demo{"http://" + addr.String(), token, map[string]string{}}.fill(ctx, email, env.Stdout)
		stop()
		return errors.Join(err, <-ended)
	case err := <-ended:
		stop()
		return err
	}
}

// openEmbeddedServer starts a server in this process on the embedded database, found as in openEmbeddedAccounts. It
// listens on any free port.
func openEmbeddedServer(ctx context.Context, env environment) (*server.Server, func(), error) {
	c, err := loadConfig(env)
	if err != nil {
		return nil, nil, err
	}
	if c.DatabaseURL != "" {
		return nil, nil, errors.New("CHENU_DATABASE_URL is set: sample data can be created only in the embedded database; unset the variable")
	}
	c.ListenAddr = "127.0.0.1:0"
	if env.Getenv("CHENU_LOG_LEVEL") == "" {
		c.LogLevel = slog.LevelWarn // The log of its requests would hide the output of the command.
	}
	log := c.logger(env.Stderr)
	if noted(&c) {
		if s, err := server.New(ctx, c.server("", log)); err == nil {
			return s, s.Close, nil
		}
		c.DatabaseURL = "" // The note is from a service that has ended.
	}
	own, err := startEmbedded(ctx, &c, env.Stderr)
	if err != nil {
		return nil, nil, err
	}
	stop := func() {
		if err := own.stop(ctx); err != nil {
			log.WarnContext(ctx, "the database did not stop cleanly", slog.Any("error", err))
		}
	}
	s, err := server.New(ctx, c.server("", log))
	if err != nil {
		stop()
		return nil, nil, err
	}
	return s, func() {
		s.Close()
		stop()
	}, nil
}

// demo is a client that creates an identity's sample data.
type demo struct {
	base, token string
	ids         map[string]string // ids by the names of the steps
}

// fill creates the data and prints the number of rows of each collection.
func (d demo) fill(ctx context.Context, email string, progress io.Writer) error {
	steps := demoSteps(time.Now().UTC())
	for _, s := range steps {
		if strings.Contains(s.path, "{") {
			continue // A row that refers to a row of an earlier step cannot exist before that row.
		}
		var answer struct{ Count int }
		if err := d.call(ctx, http.MethodGet, s.path+"/count", nil, &answer); err != nil {
			return err
		}
		if answer.Count > 0 {
			return fmt.Errorf("%s already has data (%d in %s): set --email to another address", email, answer.Count, s.path)
		}
	}
	counts, waiting := map[string]int{}, 0
	for i, s := range steps {
		target, body := s.path, map[string]any{}
		for name, value := range s.body {
			if ref, ok := value.(ref); ok {
				value = d.ids[string(ref)]
			}
			body[name] = value
		}
		for name, id := range d.ids {
			target = strings.ReplaceAll(target, "{"+name+"}", id)
		}
		var row struct{ ID string }
		err := d.call(ctx, http.MethodPost, target, body, &row)
		var refused refusal
		switch {
		case errors.As(err, &refused) && refused.status == http.StatusLocked && s.gated:
			waiting++
		case err != nil:
			return err
		default:
			counts[s.path]++
			d.ids[s.name] = row.ID
		}
		if i == len(steps)-1 || steps[i+1].path != s.path {
			sphere, kind := path.Split(strings.TrimPrefix(s.path, "/v1/"))
			if sphere, _, _ = strings.Cut(sphere, "/"); sphere == "" {
				sphere = kind
			}
			fmt.Fprintf(progress, "%-14s %3d %s\n", sphere, counts[s.path], strings.ReplaceAll(kind, "-", " "))
		}
	}
	if waiting > 0 {
		fmt.Fprintf(progress, "%d more require the approval of a human: GET /v1/checkpoints\n", waiting)
	}
	_, err := fmt.Fprintf(progress, "\n%[1]s now has sample data in every sphere. To list the habits while chenu serve is running:\n\n"+
		"  TOKEN=$(chenu token --email %[1]s)\n"+
		"  curl -s http://127.0.0.1:8080/v1/personal/habits -H \"Authorization: Bearer $TOKEN\"\n", email)
	return err
}

// refusal is a response with an error status.
type refusal struct {
	request string
	status  int
	body    string
}

func (r refusal) Error() string { return fmt.Sprintf("%s: %d: %s", r.request, r.status, r.body) }

// maxDemoAnswer is larger than any response. The OpenAPI document, the largest, has 1 MiB.
const maxDemoAnswer = 16 << 20

func (d demo) call(ctx context.Context, method, target string, body, into any) (err error) {
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		reader = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(ctx, method, d.base+target, reader)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+d.token)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxDemoAnswer))
	switch {
	case err != nil:
		return fmt.Errorf("%s %s: %w", method, target, err)
	case answer.StatusCode >= http.StatusMultipleChoices:
		return refusal{method + " " + target, answer.StatusCode, string(data)}
	}
	return json.Unmarshal(data, into)
}

// Command compare compares the speed of two builds of the service:
//
//	go run ./server/compare [-rounds 60] [-seconds 0.5] [-connections 8] [-limit 1.03] [-data DIR] BASE HEAD
//
// BASE and HEAD are two chenu programs. Each serves its own new database on 127.0.0.1. In each round, both receive
// the same kinds of requests, one program after the other, in alternating order. Each connection uses a different
// identity, and every response is checked. For each kind of request, compare prints the median over the rounds of the
// ratio of the time per request at HEAD to that at BASE, and the quartiles. Both values of a ratio are measured
// within a second, so that changes in the speed of the machine affect both.
//
// For two identical programs, a median over 60 rounds is between 0.98 and 1.02.
//
// The exit code is 1 if a median is above the limit or an error occurred, and 2 if the arguments are invalid.
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
	}
	os.Exit(code)
}

type options struct {
	rounds, connections int
	seconds, limit      float64
}

func run(ctx context.Context, args []string) (int, error) {
	const failed, misused = 1, 2
	var o options
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.IntVar(&o.rounds, "rounds", 60, "how many `times` each kind of request is measured")
	flags.Float64Var(&o.seconds, "seconds", 0.5, "how many `seconds` each measurement lasts")
	flags.IntVar(&o.connections, "connections", 8, "over how many `connections`")
	flags.Float64Var(&o.limit, "limit", 1.03, "the largest `ratio` of times that passes")
	data := flags.String("data", "", "the `directory` for databases and logs (default: a temporary one)")
	if err := flags.Parse(args); err != nil {
		return misused, nil // flags has printed the error
	}
	if flags.NArg() != 2 || o.rounds < 1 || o.connections < 1 || o.seconds <= 0 {
		flags.Usage()
		return misused, errors.New("two programs are needed: BASE HEAD")
	}
	if *data == "" {
		dir, err := os.MkdirTemp("", "chenu-compare-")
		if err != nil {
			return failed, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		if err := os.Chmod(dir, readable); err != nil {
			return failed, err
		}
		*data = dir
	}
	var services [2]*service
	for i, name := range []string{"base", "head"} {
		s, err := start(ctx, name, flags.Arg(i), filepath.Join(*data, name))
		if err != nil {
			return failed, err
		}
		defer s.stop()
		for client := range o.connections {
			if err := s.register(ctx, client); err != nil {
				return failed, fmt.Errorf("%s: %w", name, err)
			}
		}
		services[i] = s
	}
	slower, err := o.compare(ctx, os.Stdout, services[0], services[1])
	if err != nil {
		return failed, err
	}
	if len(slower) > 0 {
		return failed, fmt.Errorf("slower than the limit of %.2f: %s", o.limit, strings.Join(slower, ", "))
	}
	return 0, nil
}

// compare measures both services, prints the results to w and returns the kinds of requests whose ratio is above the
// limit.
func (o options) compare(ctx context.Context, w io.Writer, base, head *service) (slower []string, err error) {
	ratios := map[string][]float64{}
	rate := map[*service]map[string][]float64{base: {}, head: {}}
	for round := range o.rounds {
		fmt.Fprintf(os.Stderr, "compare: round %d of %d\n", round+1, o.rounds)
		for _, k := range kinds {
			order := []*service{base, head}
			if round%2 == 1 {
				slices.Reverse(order)
			}
			for _, s := range order {
				perSecond, err := o.measure(ctx, s, k)
				if err != nil {
					return nil, fmt.Errorf("%s: %s: %w", s.name, k.name, err)
				}
				rate[s][k.name] = append(rate[s][k.name], perSecond)
			}
			ratios[k.name] = append(ratios[k.name], rate[base][k.name][round]/rate[head][k.name][round])
		}
	}
	fmt.Fprintf(w, "%-8s %10s %10s %8s %15s\n", "request", "base/s", "head/s", "ratio", "quartiles")
	for _, k := range kinds {
		ratio := quantile(ratios[k.name], 0.5)
		fmt.Fprintf(w, "%-8s %10.0f %10.0f %8.3f %7.3f %7.3f\n", k.name, quantile(rate[base][k.name], 0.5), quantile(rate[head][k.name], 0.5),
			ratio, quantile(ratios[k.name], 0.25), quantile(ratios[k.name], 0.75))
		if ratio > o.limit {
			slower = append(slower, k.name)
		}
	}
	return slower, nil
}

// quantile returns the value at the rank of the quantile q, rounded to the nearest rank.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

// measure returns the number of requests per second that s handles.
func (o options) measure(ctx context.Context, s *service, k kind) (float64, error) {
	for _, as := range s.identities {
		if err := s.login(ctx, as); err != nil {
			return 0, err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var answered atomic.Int64
	var clients sync.WaitGroup
	began := time.Now()
	until := began.Add(time.Duration(o.seconds * float64(time.Second)))
	for client := range o.connections {
		clients.Go(func() {
			for n := 0; time.Now().Before(until); n++ {
				if err := k.do(ctx, s, s.identities[client], n); err != nil {
					cancel(err)
					return
				}
				answered.Add(1)
			}
		})
	}
	clients.Wait()
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	return float64(answered.Load()) / time.Since(began).Seconds(), nil
}

// A kind is a kind of request, or a sequence of requests.
type kind struct {
	name string
	do   func(ctx context.Context, s *service, as *identity, n int) error
}

var kinds = []kind{
	{"get", func(ctx context.Context, s *service, as *identity, n int) error {
		_, err := s.do(ctx, as.token, request{method: http.MethodGet, path: "/v1/personal/notes/" + as.notes[n%len(as.notes)]})
		return err
	}},
	{"list", func(ctx context.Context, s *service, as *identity, _ int) error {
		_, err := s.do(ctx, as.token, request{method: http.MethodGet, path: "/v1/personal/notes?page_size=20"})
		return err
	}},
	{"create", func(ctx context.Context, s *service, as *identity, n int) error {
		_, err := s.do(ctx, as.token, request{
			method: http.MethodPost, path: "/v1/personal/notes",
			body: map[string]any{"title": fmt.Sprintf("another note %d", n), "content": "hello"},
		})
		return err
	}},
	{"append", func(ctx context.Context, s *service, as *identity, n int) error {
		event := map[string]any{"type": "note.added", "payload": map[string]any{"text": "hello"}}
		_, err := s.do(ctx, as.token, request{
			method: http.MethodPost, path: "/v1/threads/" + as.threads[n%len(as.threads)] + "/events",
			body: map[string]any{"events": []any{event}},
		})
		return err
	}},
	// A write that needs an approval: the request that gets a 423, the approval, and the repeated request.
	{"approve", func(ctx context.Context, s *service, as *identity, _ int) error {
		publish := request{
			method: http.MethodPatch, path: "/v1/threads/" + as.published,
			header: http.Header{"If-Match": {"*"}},
			body:   map[string]any{"visibility": map[bool]string{false: "public", true: "private"}[as.public]},
		}
		asked := publish
		asked.want = http.StatusLocked
		problem, err := s.do(ctx, as.token, asked)
		if err != nil {
			return err
		}
		checkpoint, _ := problem["checkpoint"].(map[string]any)
		id, _ := checkpoint["id"].(string)
		if _, err := s.do(ctx, as.token, request{
			method: http.MethodPost, path: "/v1/checkpoints/" + id + "/approve",
			body: map[string]any{"digest": checkpoint["digest"]},
		}); err != nil {
			return err
		}
		publish.header = http.Header{"If-Match": {"*"}, "Checkpoint": {id}}
		if _, err := s.do(ctx, as.token, publish); err != nil {
			return err
		}
		as.public = !as.public
		return nil
	}},
}

// An identity is a registered identity, with the rows that its requests use.
type identity struct {
	email, token   string
	authenticated  time.Time
	notes, threads []string
	published      string // a thread that is made public and private alternately
	public         bool   // whether it is public
}

// A request is an HTTP request. The response must have the status want; 0 means any 2xx status.
type request struct {
	method, path string
	header       http.Header
	body         any
	want         int
}

// A service is one of the two programs while it runs.
type service struct {
	name, url  string
	identities []*identity
	client     *http.Client
	process    *exec.Cmd
	log        *os.File
}

const (
	readable     = 0o755 // if compare runs as root, the database runs as another user
	startTimeout = 2 * time.Minute
	idleClients  = 64
	password     = "violet lantern quiet harbor"
	recent       = 2 * time.Minute // shorter than the five minutes in which an identity can approve
)

// start starts a program with a new database and waits until it is ready.
func start(ctx context.Context, name, program, dir string) (*service, error) {
	if err := os.MkdirAll(dir, readable); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	s := &service{
		name: name, url: "http://" + address, log: log,
		client:  &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: idleClients}},
		process: exec.Command(program, "serve"), //nolint:noctx // stop ends it
	}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "CHENU_") {
			s.process.Env = append(s.process.Env, variable)
		}
	}
	s.process.Env = append(s.process.Env, "CHENU_DATA_DIR="+filepath.Join(dir, "data"), "CHENU_LISTEN_ADDR="+address,
		"CHENU_LOG_LEVEL=error", "CHENU_LIMIT_IDENTITY=off", "CHENU_LIMIT_REGISTER_ADDRESS=off")
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, errors.New("it did not become ready"))
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := s.do(ctx, "", request{method: http.MethodGet, path: "/readyz"}); err == nil {
			return s, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.stop()
			printed, _ := os.ReadFile(log.Name())
			return nil, fmt.Errorf("%s: %w; it printed:\n%s", name, context.Cause(ctx), printed)
		}
	}
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (s *service) stop() {
	_ = s.process.Process.Signal(os.Interrupt)
	_ = s.process.Wait()
	_ = s.log.Close()
}

// register creates an identity with the rows that its requests use.
func (s *service) register(ctx context.Context, client int) error {
	const notes, threads = 200, 16
	as := &identity{email: fmt.Sprintf("ada%d@example.org", client)}
	if _, err := s.do(ctx, "", request{
		method: http.MethodPost, path: "/v1/auth/register",
		body: map[string]any{"email": as.email, "name": "Ada", "password": password},
	}); err != nil {
		return err
	}
	if err := s.login(ctx, as); err != nil {
		return err
	}
	add := func(path string, body any) (string, error) {
		row, err := s.do(ctx, as.token, request{method: http.MethodPost, path: path, body: body})
		id, _ := row["id"].(string)
		return id, cmp.Or(err, notEmpty(id))
	}
	for n := range notes {
		id, err := add("/v1/personal/notes", map[string]any{"title": fmt.Sprintf("note %d", n), "content": strings.Repeat("x", 200)})
		if err != nil {
			return err
		}
		as.notes = append(as.notes, id)
	}
	for range threads {
		id, err := add("/v1/threads", map[string]any{"founding_intent": "Begin", "sphere": "personal"})
		if err != nil {
			return err
		}
		as.threads = append(as.threads, id)
	}
	as.published = as.threads[0]
	as.threads = as.threads[1:]
	s.identities = append(s.identities, as)
	return nil
}

// login logs in, unless the identity did so recently: only a recent login can approve requests.
func (s *service) login(ctx context.Context, as *identity) error {
	if time.Since(as.authenticated) < recent {
		return nil
	}
	answer, err := s.do(ctx, "", request{
		method: http.MethodPost, path: "/v1/auth/login", body: map[string]any{"email": as.email, "password": password},
	})
	if err != nil {
		return err
	}
	as.authenticated = time.Now()
	as.token, _ = answer["access_token"].(string)
	return nil
}

func notEmpty(id string) error {
	if id == "" {
		return errors.New("the response has no id")
	}
	return nil
}

// do sends a request, with the token unless it is empty, and returns the JSON object of the response.
func (s *service) do(ctx context.Context, token string, r request) (map[string]any, error) {
	var body io.Reader
	if r.body != nil {
		encoded, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(encoded)
	}
	q, err := http.NewRequestWithContext(ctx, r.method, s.url+r.path, body)
	if err != nil {
		return nil, err
	}
	maps.Copy(q.Header, r.header)
	q.Header.Set("Content-Type", "application/json")
	if token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := s.client.Do(q)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if wanted := response.StatusCode == r.want || r.want == 0 && response.StatusCode/100 == 2; !wanted {
		return nil, fmt.Errorf("%s %s: %s: %.200s", r.method, r.path, response.Status, content)
	}
	var object map[string]any
	if err := json.Unmarshal(content, &object); err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	return object, nil
}

package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server"
	"github.com/chenu/chenu/server/account"
	"github.com/chenu/chenu/server/api/apitest"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/ratelimit"
	"github.com/chenu/chenu/server/session"
)

// TestNoTwoOperationsDeadlock sends every operation of the OpenAPI document concurrently with itself and with each of
// its neighbors, for one identity, and checks that Postgres counted no deadlocks. A deadlock stalls other users: FOR
// UPDATE after the KEY SHARE lock of a foreign key once made concurrent check-ins deadlock, for a second each time.
// Operations are neighbors if they change the same tables: see neighborhoods. Every operation that changes data must
// have a racer, and every operation a neighborhood, so that a new operation is either tested or fails the test.
//
// DELETE /v1/me runs concurrently only with itself. It waits for all other transactions of the identity, which is
// intended: see app.erase_identity.
func TestNoTwoOperationsDeadlock(t *testing.T) {
	t.Parallel()
	all := operations(t)
	for _, o := range all {
		if o.method != http.MethodGet && racers[o.ID] == nil {
			t.Errorf("%s (%s %s) has no racer: add one to racers", o.ID, o.method, o.path)
		}
		if !slices.ContainsFunc(neighborhoods, func(n neighborhood) bool { return n.has(o) }) {
			t.Errorf("%s (%s %s) is in no neighborhood: add its path to neighborhoods", o.ID, o.method, o.path)
		}
	}
	for id := range racers {
		if !slices.ContainsFunc(all, func(o operationOf) bool { return o.ID == id }) {
			t.Errorf("the racer %s is not an operation of the document", id)
		}
	}
	for _, n := range neighborhoods {
		t.Run(n.name, func(t *testing.T) {
			t.Parallel()
			n.race(t, all)
		})
	}
}

// TestADeadlockIsCounted checks that TestNoTwoOperationsDeadlock can fail: the count that it uses includes a
// deadlock.
func TestADeadlockIsCounted(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	detectDeadlocksQuickly(t, db)
	admin := db.Pool(t, db.AdminURL)
	ctx := t.Context()
	if _, err := admin.Exec(ctx, "CREATE TABLE d (id integer PRIMARY KEY); INSERT INTO d VALUES (1), (2)"); err != nil {
		t.Fatal(err)
	}
	const lock = "SELECT FROM d WHERE id = $1 FOR UPDATE"
	first, second := begin(t, db), begin(t, db)
	if _, err := first.Exec(ctx, lock, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Exec(ctx, lock, 2); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	go func() { _, err := first.Exec(ctx, lock, 2); _ = first.Rollback(ctx); ended <- err }()
	go func() { _, err := second.Exec(ctx, lock, 1); _ = second.Rollback(ctx); ended <- err }()
	if one, two := <-ended, <-ended; (one == nil) == (two == nil) {
		t.Fatalf("the transactions ended with %v and %v", one, two)
	}
	for _, conn := range []pgx.Tx{first, second} {
		if err := conn.Conn().Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if n := deadlocks(t, db); n != 1 {
		t.Errorf("%d deadlocks are counted, want 1", n)
	}
}

// neighborhood is a set of operations that change the same tables: those whose paths have one of the prefixes, and
// those listed in besides.
type neighborhood struct {
	name     string
	prefixes []string
	besides  []string
	// prepare, if not nil, creates the rows that the races start with.
	prepare func(w *world)
	// shared uses one world for all races, because in this neighborhood each world costs a password hash.
	shared bool
	// scenes are further races, each of several requests that depend on each other. Each scene is run several times.
	scenes map[string]func(w *world, n int) []request
}

var neighborhoods = []neighborhood{
	{
		// A password reset expires pending requests for approval.
		name: "accounts", prefixes: []string{"/v1/auth/", "/v1/me", "/.well-known/"}, besides: []string{"create-checkpoint", "approve-checkpoint"}, shared: true,
		prepare: func(w *world) {
			w.register()
		},
	},
	{name: "personal", prefixes: []string{"/v1/personal/"}},
	{name: "business", prefixes: []string{"/v1/business/"}},
	{name: "creative", prefixes: []string{"/v1/creative/"}},
	{name: "entertainment", prefixes: []string{"/v1/entertainment/"}},
	{
		name: "community", prefixes: []string{"/v1/community/"}, besides: []string{"delete-contact", "update-contact"},
		prepare: func(w *world) {
			// Two contacts that have answered two events, in two groups, in opposite orders.
			for n := range 2 {
				w.id("/v1/community/events", n)
				w.id("/v1/business/contacts", n)
			}
			for _, n := range [][2]int{{0, 0}, {1, 0}, {1, 1}, {0, 1}} {
				w.client.Post(w.path("/v1/community/events", n[0])+"/rsvps",
					object{"contact_id": w.id("/v1/business/contacts", n[1]), "status": "going"})
			}
		},
		scenes: map[string]func(*world, int) []request{"the publication of a group with changes of its events": groupPublication},
	},
	{name: "social", prefixes: []string{"/v1/social/"}},
	{name: "scholar", prefixes: []string{"/v1/scholar/"}},
	{name: "government", prefixes: []string{"/v1/government/"}},
	{name: "team", prefixes: []string{"/v1/team/"}, besides: []string{"create-agent-token", "create-checkpoint"}},
	{
		name: "threads", prefixes: []string{"/v1/threads", "/v1/checkpoints"}, besides: []string{"dismiss-hired-agent"},
		scenes: map[string]func(*world, int) []request{"the use of a pending checkpoint with its decision": undecidedAppend},
	},
	{name: "service", prefixes: []string{"/healthz", "/readyz", "/openapi.json", "/docs", "/v1/meta", "/v1/audit-logs"}, besides: []string{"create-note"}},
}

func (n neighborhood) has(o operationOf) bool {
	return slices.Contains(n.besides, o.ID) ||
		slices.ContainsFunc(n.prefixes, func(prefix string) bool { return strings.HasPrefix(o.path, prefix) })
}

// race runs every pair of write operations of the neighborhood concurrently, and its scenes.
func (n neighborhood) race(t *testing.T, all []operationOf) {
	db := dbtest.New(t)
	detectDeadlocksQuickly(t, db)
	box := make(letters, 1000)
	unlimited := ratelimit.Limits{}
	for _, rule := range ratelimit.Rules {
		unlimited[rule.Name()] = ratelimit.Limit{}
	}
	s, err := server.New(t.Context(), server.Config{
		DevelopmentTokens: true,
		Session:           session.Config{HumanURL: db.ServiceURL, AgentURL: db.AgentURL, MaxConns: 6}, Secret: auth.NewSecret(), PasswordHash: quickHash,
		ListenAddr: "127.0.0.1:0", Limits: unlimited, Mail: box, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	document, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	admin := db.Pool(t, db.AdminURL)
	service := &service{s, db, apitest.New(t, s.Handler(), document)}
	stop := func() { s.Close() }
	if n.shared { // The service must run to send the mails with the tokens.
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		listening := make(chan struct{})
		go func() { ended <- s.Run(ctx, func(net.Addr) { close(listening) }) }()
		<-listening
		stop = func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			s.Close()
		}
	}
	var slow []string // races that took longer than deadlockTimeout
	defer func() {
		stop()
		if n := deadlocks(t, db); n != 0 {
			t.Errorf("Postgres counted %d deadlocks; these took longer than %s: %s", n, deadlockTimeout, strings.Join(slow, ", "))
		}
	}()

	var writes, reads []operationOf
	for _, o := range all {
		switch {
		case !n.has(o):
		case o.method == http.MethodGet:
			reads = append(reads, o)
		default:
			writes = append(writes, o)
		}
	}
	races := 0
	var common *world
	for i, a := range writes {
		for _, b := range writes[i:] {
			if a.ID != b.ID && (racers[a.ID].alone || racers[b.ID].alone) {
				continue
			}
			races++
			w := common
			if w == nil || racers[a.ID].alone {
				w = newWorld(t, service, admin, box, fmt.Sprintf("%s%d", n.name, races))
				if n.prepare != nil {
					n.prepare(w)
				}
				if n.shared && !racers[a.ID].alone {
					common = w
				}
			}
			if n.shared { // The last race may have ended the session.
				w.client = service.as(t, account.DevelopmentToken{Email: w.email})
			}
			// All requests are prepared before any is sent, so that they start together.
			var requests []request
			for k := range 6 {
				o := a
				if k%2 == 1 {
					o = b
				}
				requests = append(requests, racers[o.ID].make(w, k/2))
			}
			for k := range min(len(reads), 2) {
				o := reads[(races*2+k)%len(reads)]
				requests = append(requests, request{method: o.method, path: w.fill(o.path)})
			}
			if took := w.race(a.ID+" with "+b.ID, requests); took > deadlockTimeout {
				slow = append(slow, a.ID+" with "+b.ID)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(n.scenes)) {
		w := newWorld(t, service, admin, box, n.name+"-scene")
		for k := range 8 {
			if took := w.race(name, n.scenes[name](w, k)); took > deadlockTimeout {
				slow = append(slow, name)
			}
		}
	}
}

// race sends the requests concurrently and returns how long all of them took.
func (w *world) race(name string, requests []request) time.Duration {
	started := time.Now()
	var all sync.WaitGroup
	start := make(chan struct{})
	for _, r := range requests {
		all.Go(func() {
			<-start
			client := w.client
			if r.client != nil {
				client = r.client
			}
			defer func() {
				// A stream is aborted when the other request ends its session.
				if cut := recover(); cut != nil && cut != http.ErrAbortHandler { //nolint:errorlint // net/http compares the panic's value the same way.
					panic(cut)
				}
			}()
			response := client.Do(r.method, r.path, r.body, r.header...)
			if response.Status >= 500 && response.Status != http.StatusServiceUnavailable {
				w.t.Errorf("%s: %s %s: %d %s", name, r.method, r.path, response.Status, response.Body)
			}
		})
	}
	close(start)
	all.Wait()
	return time.Since(started)
}

// deadlockTimeout is how long a transaction of these tests waits before Postgres checks for a deadlock. It is short,
// so that a deadlock does not take a second, but longer than any of these requests waits without a deadlock.
const deadlockTimeout = 300 * time.Millisecond

// detectDeadlocksQuickly sets the database's deadlock_timeout.
func detectDeadlocksQuickly(t *testing.T, db *dbtest.DB) {
	t.Helper()
	statement := fmt.Sprintf("ALTER DATABASE %s SET deadlock_timeout = %d", pgx.Identifier{db.Name}.Sanitize(), deadlockTimeout.Milliseconds())
	if _, err := db.Pool(t, db.AdminURL).Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// deadlocks returns the number of deadlocks that Postgres counted in the database. A connection reports its count at
// the latest when it ends, so the connections of the service must be closed first.
func deadlocks(t *testing.T, db *dbtest.DB) (n int) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, db.AdminURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for deadline := time.Now().Add(30 * time.Second); ; {
		var open int
		if err := conn.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND usename IN (SELECT rolname FROM pg_roles WHERE NOT rolsuper)`).Scan(&open); err != nil {
			t.Fatal(err)
		}
		if open == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d connections of the service are still open", open)
		}
		<-time.After(10 * time.Millisecond)
	}
	if err := conn.QueryRow(ctx, `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func begin(t *testing.T, db *dbtest.DB) pgx.Tx {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db.AdminURL)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// world is the data of one race: an identity, and two rows of each collection, which are created when racers request
// them.
type world struct {
	t       *testing.T
	service *service
	admin   *pgxpool.Pool
	box     letters
	email   string
	client  *apitest.Client

	rows     map[string]string // ids, by collection and row number
	password string
	refresh  string

	credentials [2]credential
}

func newWorld(t *testing.T, s *service, admin *pgxpool.Pool, box letters, name string) *world {
	w := &world{t: t, service: s, admin: admin, box: box, email: name + "@example.org", rows: map[string]string{}}
	w.client = s.as(t, account.DevelopmentToken{Email: w.email})
	return w
}

// register registers a new identity with a password.
func (w *world) register() {
	w.email, w.password = "with-password-"+strings.ToLower(uuid.NewString())+"@example.org", racePassword
	w.service.client.For(w.t).Post("/v1/auth/register", object{"email": w.email, "password": w.password, "name": "Ada"}).Want(http.StatusCreated)
	if _, err := w.admin.Exec(w.t.Context(), "UPDATE identities SET email_verified_at = now() WHERE email = $1", w.email); err != nil {
		w.t.Fatal(err)
	}
	w.client = w.service.as(w.t, account.DevelopmentToken{Email: w.email})
}

const racePassword = "copper meadow distant violin"

// newSession opens a session of the identity, without using its password.
func (w *world) newSession() (*apitest.Client, string) {
	client := w.service.as(w.t, account.DevelopmentToken{Email: w.email})
	var list struct {
		Items []struct {
			ID      string `json:"id"`
			Current bool   `json:"current"`
		} `json:"items"`
	}
	client.Get("/v1/me/sessions").Want(http.StatusOK).JSON(&list)
	for _, item := range list.Items {
		if item.Current {
			return client, item.ID
		}
	}
	w.t.Fatalf("the session is not listed: %v", list)
	return nil, ""
}

// allowMail makes the identity's earlier mails old enough for another mail to be sent.
func (w *world) allowMail() {
	if _, err := w.admin.Exec(w.t.Context(), `UPDATE app.account_tokens SET created_at = created_at - interval '1 hour'`); err != nil {
		w.t.Fatal(err)
	}
}

// mailedToken returns a token that the operation mails to the identity.
func (w *world) mailedToken(subject string) string {
	for deadline := time.After(30 * time.Second); ; {
		select {
		case m := <-w.box:
			if token := mailedTokenPattern.FindString(m.Text); m.To == w.email && strings.Contains(m.Subject, subject) && token != "" {
				return token
			}
		case <-deadline:
			w.t.Fatalf("no mail about %q reached %s", subject, w.email)
		}
	}
}

var mailedTokenPattern = regexp.MustCompile(`(?m)^[A-Za-z0-9_-]{40,}$`)

// id returns the id of row n of the collection. The row is created on first use.
func (w *world) id(path string, n int) string {
	n %= 2
	key := fmt.Sprint(path, n)
	if id, ok := w.rows[key]; ok {
		return id
	}
	var id string
	switch path {
	case "/v1/team/agents":
		id = strings.TrimPrefix(hire(w.t, w.client, "team", "business"), path+"/")
	default:
		id = w.client.Post(path, w.body(path, n)).Want(http.StatusCreated).Object()["id"].(string)
	}
	w.rows[key] = id
	return id
}

func (w *world) path(collection string, n int) string { return collection + "/" + w.id(collection, n) }

// body returns a body for the collection that refers to rows of the world where it can.
func (w *world) body(path string, n int) object {
	for _, c := range collections {
		if c.path != path {
			continue
		}
		body := object{}
		if path != "/v1/business/invoices" && path != "/v1/social/schedules" && path != "/v1/team/tasks" {
			body = maps.Clone(c.body(nil))
		}
		switch path {
		case "/v1/business/invoices":
			body = object{
				"number": uuid.NewString(), "currency": "EUR", "contact_id": w.id("/v1/business/contacts", n),
				"line_items": []object{{"description": "Work", "quantity": "1.5", "unit_price": "33.33", "tax_rate": "0.19"}},
			}
		case "/v1/business/projects":
			body["contact_id"] = w.id("/v1/business/contacts", n)
		case "/v1/creative/assets":
			body["project_id"] = w.id("/v1/creative/projects", n)
		case "/v1/community/events":
			body["group_id"] = w.id("/v1/community/groups", n)
		case "/v1/social/schedules":
			body = object{"post_id": w.id("/v1/social/posts", n), "platform": "mastodon", "scheduled_at": "2090-01-01T09:00:00Z"}
		case "/v1/team/tasks":
			body = object{"title": "Proofread", "member_id": w.id("/v1/team/members", n)}
		}
		return body
	}
	w.t.Fatalf("no body for %s", path)
	return nil
}

// fill replaces the parameters of a path with the ids of rows of the world.
func (w *world) fill(path string) string {
	if !strings.Contains(path, "{") {
		return path
	}
	collection, rest, _ := strings.Cut(path, "/{id}")
	id := dbtest.NewID().String()
	if slices.ContainsFunc(collections, func(c collectionRow) bool { return c.path == collection }) {
		id = w.id(collection, 0)
	}
	return collection + "/" + id + strings.NewReplacer("{credential}", uuid.NewString()).Replace(rest)
}

type collectionRow = collection

// checkpoint requests an approval of an action in a thread that all racers use, and approves it if approve is set.
func (w *world) checkpoint(n int, approve bool) (id, digest string) {
	r := w.client.Post("/v1/checkpoints", object{
		"type": "cross_sphere", "action": fmt.Sprintf("share %d", n), "resource_type": "report",
		"thread_id": w.id("/v1/threads", 0), "content": object{"copy": len(w.rows)},
	})
	if r.Status != http.StatusCreated && r.Status != http.StatusOK {
		w.t.Fatalf("request a checkpoint: %d %s", r.Status, r.Body)
	}
	id, digest = r.Object()["id"].(string), r.Object()["digest"].(string)
	if approve && r.Object()["status"] == "pending" {
		w.client.Post("/v1/checkpoints/"+id+"/approve", object{"digest": digest}).Want(http.StatusOK)
	}
	return id, digest
}

// credential returns the credential of agent n, which all requests share.
func (w *world) credential(n int) credential {
	if w.credentials[n%2] == (credential{}) {
		w.credentials[n%2] = newCredential(w.t, w.client, w.path("/v1/team/agents", n))
	}
	return w.credentials[n%2]
}

// request is a request of a race. If client is nil, the client of the world sends it.
type request struct {
	client       *apitest.Client
	method, path string
	body         any
	header       []string
}

// racer prepares requests of one operation. make is called before the race starts, with 0 and 1 for two requests that
// use the same rows in opposite roles.
type racer struct {
	make func(w *world, n int) request
	// alone is set for an operation that runs concurrently only with itself.
	alone bool
}

func post(path string, body func(w *world, n int) any) *racer {
	return &racer{make: func(w *world, n int) request {
		return request{method: http.MethodPost, path: w.fill(path), body: body(w, n)}
	}}
}

func creation(path string) *racer {
	return &racer{make: func(w *world, n int) request {
		return request{method: http.MethodPost, path: path, body: w.body(path, n)}
	}}
}

func update(path string, body func(w *world, n int) object) *racer {
	return &racer{make: func(w *world, n int) request {
		return request{
			method: http.MethodPatch, path: w.path(path, n), body: body(w, n),
			header: []string{"If-Match", "*", "Content-Type", "application/merge-patch+json"},
		}
	}}
}

func deletion(path string) *racer {
	return &racer{make: func(w *world, n int) request {
		return request{method: http.MethodDelete, path: w.path(path, n) + "?detach=true", header: []string{"If-Match", "*"}}
	}}
}

// changing returns a patch with a different value in each request, so that each request changes the row.
func changing(field string, value func(n int) any) func(*world, int) object {
	return func(_ *world, n int) object { return object{field: value(n)} }
}

func word(n int) any { return fmt.Sprintf("word %d %s", n, uuid.NewString()) }

// decision returns a racer that decides or uses a checkpoint.
func decision(verb string, approved bool, body object) *racer {
	return &racer{make: func(w *world, n int) request {
		id, digest := w.checkpoint(n, approved)
		all := object{}
		maps.Copy(all, body)
		if verb != "withdraw" {
			all["digest"] = digest
		}
		return request{method: http.MethodPost, path: "/v1/checkpoints/" + id + "/" + verb, body: all}
	}}
}

// racers has the racers of all operations that are not a GET, by operation id.
var racers map[string]*racer

func init() { //nolint:gochecknoinits // The racers refer to functions that refer to the racers.
	racers = map[string]*racer{
		"register": post("/v1/auth/register", func(*world, int) any {
			return object{"email": strings.ToLower(uuid.NewString()) + "@example.org", "password": racePassword, "name": "Ada"}
		}),
		"login": post("/v1/auth/login", func(w *world, _ int) any { return object{"email": w.email, "password": w.password} }),
		"logout": {make: func(w *world, _ int) request {
			client, _ := w.newSession()
			return request{client: client, method: http.MethodPost, path: "/v1/auth/logout"}
		}},
		"refresh-session": post("/v1/auth/refresh", func(w *world, n int) any {
			if w.refresh == "" || n == 0 {
				w.refresh = w.service.client.For(w.t).Post("/v1/auth/login", object{"email": w.email, "password": w.password}).
					Want(http.StatusOK).Object()["refresh_token"].(string)
			}
			return object{"refresh_token": w.refresh}
		}),
		"request-email-verification": post("/v1/auth/request-email-verification", func(*world, int) any { return nil }),
		"verify-email": post("/v1/auth/verify-email", func(*world, int) any {
			return object{"token": strings.Repeat("A", 64)}
		}),
		"request-password-reset": post("/v1/auth/request-password-reset", func(w *world, _ int) any { return object{"email": w.email} }),
		"reset-password": post("/v1/auth/reset-password", func(w *world, _ int) any {
			w.allowMail()
			w.service.client.For(w.t).Post("/v1/auth/request-password-reset", object{"email": w.email}).Want(http.StatusAccepted)
			return object{"token": w.mailedToken("assword"), "password": w.password}
		}),
		"step-up": post("/v1/auth/step-up", func(w *world, _ int) any { return object{"password": w.password} }),
		"change-password": post("/v1/me/password", func(w *world, _ int) any {
			return object{"current_password": w.password, "new_password": w.password}
		}),
		"update-me": {make: func(_ *world, n int) request {
			return request{
				method: http.MethodPatch, path: "/v1/me", body: object{"name": word(n)},
				header: []string{"If-Match", "*", "Content-Type", "application/merge-patch+json"},
			}
		}},
		"delete-me": {alone: true, make: func(w *world, _ int) request {
			tag := w.client.Get("/v1/me").ETag()
			return request{method: http.MethodDelete, path: "/v1/me", header: []string{"If-Match", tag, "Checkpoint", w.approve(w.client.Delete("/v1/me", tag))}}
		}},
		"revoke-session": {make: func(w *world, _ int) request {
			_, id := w.newSession()
			return request{method: http.MethodDelete, path: "/v1/me/sessions/" + id}
		}},

		"create-note":    creation("/v1/personal/notes"),
		"update-note":    update("/v1/personal/notes", changing("title", word)),
		"delete-note":    deletion("/v1/personal/notes"),
		"create-task":    creation("/v1/personal/tasks"),
		"update-task":    update("/v1/personal/tasks", changing("title", word)),
		"delete-task":    deletion("/v1/personal/tasks"),
		"create-habit":   creation("/v1/personal/habits"),
		"update-habit":   update("/v1/personal/habits", func(_ *world, n int) object { return object{"target_per_period": n + 1} }),
		"delete-habit":   deletion("/v1/personal/habits"),
		"check-in-habit": post("/v1/personal/habits/{id}/check-ins", func(*world, int) any { return object{} }),

		"create-contact": creation("/v1/business/contacts"),
		"update-contact": update("/v1/business/contacts", changing("name", word)),
		"delete-contact": deletion("/v1/business/contacts"),
		"create-invoice": creation("/v1/business/invoices"),
		"update-invoice": update("/v1/business/invoices", func(w *world, n int) object {
			return object{"contact_id": w.id("/v1/business/contacts", n+1)}
		}),
		"delete-invoice": deletion("/v1/business/invoices"),
		"create-project": creation("/v1/business/projects"),
		"update-project": update("/v1/business/projects", func(w *world, n int) object {
			return object{"contact_id": w.id("/v1/business/contacts", n+1)}
		}),
		"delete-project": deletion("/v1/business/projects"),

		"create-creative-asset": creation("/v1/creative/assets"),
		"update-creative-asset": update("/v1/creative/assets", func(w *world, n int) object {
			return object{"project_id": w.id("/v1/creative/projects", n+1)}
		}),
		"delete-creative-asset":   deletion("/v1/creative/assets"),
		"create-creative-project": creation("/v1/creative/projects"),
		"update-creative-project": update("/v1/creative/projects", func(w *world, n int) object {
			return object{"cover_asset_id": w.id("/v1/creative/assets", n+1)}
		}),
		"delete-creative-project": deletion("/v1/creative/projects"),

		"create-playlist":       creation("/v1/entertainment/playlists"),
		"update-playlist":       update("/v1/entertainment/playlists", changing("name", word)),
		"delete-playlist":       deletion("/v1/entertainment/playlists"),
		"create-stream-history": creation("/v1/entertainment/stream-history"),

		"create-community-group": creation("/v1/community/groups"),
		"update-community-group": update("/v1/community/groups", changing("rules", word)),
		"delete-community-group": deletion("/v1/community/groups"),
		"create-community-event": creation("/v1/community/events"),
		"update-community-event": update("/v1/community/events", func(w *world, n int) object {
			return object{"group_id": w.id("/v1/community/groups", n+1)}
		}),
		"delete-community-event": deletion("/v1/community/events"),
		"answer-event": {make: func(w *world, n int) request {
			return request{
				method: http.MethodPost, path: w.path("/v1/community/events", n) + "/rsvps",
				body: object{"contact_id": w.id("/v1/business/contacts", n+1), "status": "declined"},
			}
		}},

		"create-social-post": creation("/v1/social/posts"),
		"update-social-post": update("/v1/social/posts", func(w *world, n int) object {
			return object{"reply_to_id": w.id("/v1/social/posts", n+1)}
		}),
		"delete-social-post":     deletion("/v1/social/posts"),
		"create-social-schedule": creation("/v1/social/schedules"),
		"update-social-schedule": update("/v1/social/schedules", changing("attempts", func(n int) any { return n + 1 })),
		"delete-social-schedule": deletion("/v1/social/schedules"),

		"create-reference": creation("/v1/scholar/references"),
		"update-reference": update("/v1/scholar/references", changing("title", word)),
		"delete-reference": deletion("/v1/scholar/references"),
		"cite-reference": {make: func(w *world, n int) request {
			return request{
				method: http.MethodPost, path: w.path("/v1/scholar/references", n) + "/citations",
				body: object{"cited_id": w.id("/v1/scholar/references", n+1)},
			}
		}},
		"delete-citation": {make: func(w *world, n int) request {
			path := w.path("/v1/scholar/references", n) + "/citations"
			w.client.Post(path, object{"cited_id": w.id("/v1/scholar/references", n+1)})
			return request{method: http.MethodDelete, path: path + "?cited_id=" + w.id("/v1/scholar/references", n+1)}
		}},
		"create-manuscript": creation("/v1/scholar/manuscripts"),
		"update-manuscript": update("/v1/scholar/manuscripts", changing("target_journal", word)),
		"delete-manuscript": deletion("/v1/scholar/manuscripts"),

		"create-compliance-item": creation("/v1/government/compliance-items"),
		"update-compliance-item": update("/v1/government/compliance-items", changing("name", word)),
		"delete-compliance-item": deletion("/v1/government/compliance-items"),
		"create-clinical-trial":  creation("/v1/government/clinical-trials"),
		"update-clinical-trial":  update("/v1/government/clinical-trials", changing("title", word)),
		"delete-clinical-trial":  deletion("/v1/government/clinical-trials"),

		"create-team-member":  creation("/v1/team/members"),
		"update-team-member":  update("/v1/team/members", changing("name", word)),
		"delete-team-member":  deletion("/v1/team/members"),
		"create-hired-agent":  creation("/v1/team/agents"),
		"update-hired-agent":  update("/v1/team/agents", changing("model", word)),
		"delete-hired-agent":  deletion("/v1/team/agents"),
		"dismiss-hired-agent": {make: dismissal},
		"suspend-all-hired-agents": {make: func(*world, int) request {
			return request{method: http.MethodPost, path: "/v1/team/agents/suspend-all"}
		}},
		"create-agent-credential": {make: func(w *world, n int) request {
			return request{method: http.MethodPost, path: w.path("/v1/team/agents", n) + "/credentials", body: object{"name": "raced"}}
		}},
		"revoke-agent-credential": {make: func(w *world, n int) request {
			agent := w.path("/v1/team/agents", n)
			return request{method: http.MethodDelete, path: agent + "/credentials/" + newCredential(w.t, w.client, agent).ID}
		}},
		"create-agent-token": {make: func(w *world, n int) request {
			return request{
				client: w.service.client.For(w.t), method: http.MethodPost, path: "/v1/auth/agent-token",
				body: w.credential(n).ask(),
			}
		}},
		"create-team-task": creation("/v1/team/tasks"),
		"update-team-task": update("/v1/team/tasks", func(w *world, n int) object {
			return object{"member_id": nil, "agent_id": w.id("/v1/team/agents", n)}
		}),
		"delete-team-task": deletion("/v1/team/tasks"),

		"create-thread": {make: func(w *world, n int) request {
			body := w.body("/v1/threads", n)
			body["parent_thread_id"] = w.id("/v1/threads", n)
			return request{method: http.MethodPost, path: "/v1/threads", body: body}
		}},
		"update-thread": update("/v1/threads", func(w *world, n int) object {
			return object{"parent_thread_id": w.id("/v1/threads", n+1), "title": word(n)}
		}),
		"append-thread-events": {make: publication},
		"create-checkpoint": post("/v1/checkpoints", func(w *world, _ int) any {
			return object{
				"type": "cross_sphere", "action": "share the same", "resource_type": "report", "thread_id": w.id("/v1/threads", 0),
			}
		}),
		"approve-checkpoint":  decision("approve", false, nil),
		"reject-checkpoint":   decision("reject", false, object{"reason": "Not this month."}),
		"withdraw-checkpoint": decision("withdraw", false, nil),
		"consume-checkpoint":  decision("consume", true, nil),
	}
}

// dismissal dismisses an agent that has pending requests in two threads. The order of the threads differs between the
// two agents.
func dismissal(w *world, n int) request {
	agent := w.path("/v1/team/agents", n)
	if _, ok := w.rows["worker"+agent]; !ok {
		w.rows["worker"+agent] = "dismissed below"
		worker := w.service.worker(w.t, w.credential(n))
		for k := range 2 {
			worker.Post("/v1/checkpoints", object{
				"type": "cross_sphere", "action": fmt.Sprintf("share %d", k), "resource_type": "report",
				"thread_id": w.id("/v1/threads", n+k), "sphere": "business",
			})
		}
	}
	return request{method: http.MethodPost, path: agent + "/dismiss", body: object{"reason": "The contract ended."}}
}

// publication appends an event under an approval, or a note without one, to the same thread.
func publication(w *world, n int) request {
	path := w.path("/v1/threads", 0) + "/events"
	if n == 1 {
		return request{method: http.MethodPost, path: path, body: object{"events": []object{{"type": "note.added", "payload": object{"text": "Called."}}}}}
	}
	body := object{"events": []object{{"type": "thread.updated", "payload": object{"visibility": "public"}}}}
	refused := w.client.Post(path, body)
	if refused.Status != http.StatusLocked {
		return request{method: http.MethodPost, path: path, body: body}
	}
	return request{method: http.MethodPost, path: path, body: body, header: []string{"Checkpoint", w.approve(refused)}}
}

// approve approves the checkpoint of a rejected request, unless it is already approved, and returns the checkpoint's
// id.
func (w *world) approve(refused *apitest.Response) string {
	c := refused.WantProblem(http.StatusLocked, "checkpoint_required").Checkpoint
	if c.Status == "pending" {
		w.client.Post("/v1/checkpoints/"+c.ID.String()+"/approve", object{"digest": c.Digest}).Want(http.StatusOK)
	}
	return c.ID.String()
}

// undecidedAppend appends to a public thread with a pending checkpoint while a human decides on it, the most common
// way to use a checkpoint.
func undecidedAppend(w *world, n int) []request {
	thread := w.path("/v1/threads", 0)
	public := []string{"If-Match", "*", "Content-Type", "application/merge-patch+json"}
	if n == 0 {
		refused := w.client.Do(http.MethodPatch, thread, object{"visibility": "public"}, public...)
		w.client.Do(http.MethodPatch, thread, object{"visibility": "public"}, append(public, "Checkpoint", w.approve(refused))...).Want(http.StatusOK)
	}
	events := object{"events": []object{{"type": "note.added", "payload": object{"text": word(n)}}}}
	c := w.client.Post(thread+"/events", events).WantProblem(http.StatusLocked, "checkpoint_required").Checkpoint
	use := request{method: http.MethodPost, path: thread + "/events", body: events, header: []string{"Checkpoint", c.ID.String()}}
	decide := request{method: http.MethodPost, path: "/v1/checkpoints/" + c.ID.String() + "/approve", body: object{"digest": c.Digest}}
	if n%2 == 1 {
		decide.path = "/v1/checkpoints/" + c.ID.String() + "/reject"
		decide.body = object{"digest": c.Digest, "reason": "Not this month."}
	}
	return []request{use, use, decide, use, use, decide}
}

// groupPublication makes a group public under an approval, while events are moved into the
// group, changed in it and deleted from it.
func groupPublication(w *world, n int) []request {
	const groups, events = "/v1/community/groups", "/v1/community/events"
	create := func(path string, change object) string {
		body := w.body(path, 0)
		maps.Copy(body, change)
		return path + "/" + w.client.Post(path, body).Want(http.StatusCreated).Object()["id"].(string)
	}
	group := create(groups, nil)
	id := strings.TrimPrefix(group, groups+"/")
	var requests []request
	patch := func(path string, body object, header ...string) request {
		return request{
			method: http.MethodPatch, path: path, body: body,
			header: append([]string{"If-Match", "*", "Content-Type", "application/merge-patch+json"}, header...),
		}
	}
	for k := range 2 {
		requests = append(requests, patch(create(events, object{"group_id": nil}), object{"group_id": id}),
			patch(create(events, object{"group_id": id}), object{"title": word(k)}))
	}
	requests = append(requests, request{method: http.MethodDelete, path: create(events, object{"group_id": id}), header: []string{"If-Match", "*"}})
	publish := patch(group, object{"visibility": "public"})
	refused := w.client.Do(publish.method, publish.path, publish.body, publish.header...)
	publish.header = append(publish.header, "Checkpoint", w.approve(refused))
	return slices.Insert(requests, n%len(requests), publish)
}

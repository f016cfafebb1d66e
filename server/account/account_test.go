package account

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/api/apitest"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/refusal"
	"github.com/chenu/chenu/server/session"
)

// quick are argon2id parameters with which a hash takes almost no time.
var quick = argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

const password = "copper meadow distant violin"

// bundle is an instance of the service with the account operations, on its own database.
type bundle struct {
	db      *dbtest.DB
	secret  auth.Secret
	session *session.DB
	keys    *auth.Keys
	service *Service
	client  *apitest.Client
	admin   *pgxpool.Pool
}

func newBundle(t testing.TB) *bundle {
	t.Helper()
	b := &bundle{db: dbtest.New(t), secret: auth.NewSecret()}
	b.admin = b.db.Pool(t, b.db.AdminURL)
	return b.instance(t)
}

// testHashers is how many passwords the instance of a test hashes concurrently.
const testHashers = 4

// instance starts another instance on b's database. Its pool has one connection, so that an operation that needs a
// second one fails (Hardening item 2).
func (b *bundle) instance(t testing.TB) *bundle {
	t.Helper()
	i := *b
	var err error
	i.session, err = session.Open(t.Context(), session.Config{HumanURL: b.db.ServiceURL, AgentURL: b.db.AgentURL, MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.session.Close)
	if i.keys, err = auth.OpenKeys(t.Context(), KeyStore{DB: i.session}, slog.Default(), i.secret); err != nil { //nolint:forbidigo // TestMain checks the log
		t.Fatal(err)
	}
	authenticator := auth.NewAuthenticator(auth.NewVerifier(i.keys, auth.Config{}), Sessions{DB: i.session, DevelopmentTokens: true})
	recorded := refusal.New(i.session, slog.Default()) //nolint:forbidigo // TestMain checks the log
	i.service = New(Config{
		DB: recorded, Keys: i.keys, Issuer: auth.NewIssuer(i.keys, auth.Config{}),
		Authenticator: authenticator, DevelopmentTokens: true, Hash: quick, HashConcurrency: testHashers,
	})
	i.service.refusals = time.Millisecond
	a, err := api.New(api.Config{
		Transactor: recorded, Authenticate: authenticator.Authenticate,
		PageKey: i.secret.Derive("page-tokens"), Log: slog.Default(), //nolint:forbidigo // TestMain checks the log
	})
	if err != nil {
		t.Fatal(err)
	}
	i.service.Mount(a)
	handler, err := a.Handler()
	if err != nil {
		t.Fatal(err)
	}
	i.client = apitest.New(t, handler, a.Document())
	return &i
}

// answer is the response to a request.
type answer struct {
	*apitest.Response
	t testing.TB
}

// send sends a request and checks the response against the OpenAPI document; headers alternates names and values.
func (b *bundle) send(t testing.TB, method, path, body string, headers ...string) answer {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return answer{b.client.For(t).Serve(r), t}
}

func (a answer) want(status int) answer {
	a.t.Helper()
	a.Want(status)
	return a
}

func (a answer) text() string { return string(a.Body) }

// problem checks the status and code of a problem and returns the pointer of its first field error.
func (a answer) problem(status int, code string) string {
	a.t.Helper()
	p := a.want(status).Object()
	if p["code"] != code || a.Header.Get("Content-Type") != "application/problem+json" {
		a.t.Fatalf("code %v, want %s: %s", p["code"], code, a.Body)
	}
	errs, _ := p["errors"].([]any)
	if len(errs) == 0 {
		return ""
	}
	first, _ := errs[0].(map[string]any)
	pointer, _ := first["pointer"].(string)
	return pointer
}

func credentials(email, password string) string {
	text, _ := json.Marshal(map[string]string{"email": email, "password": password})
	return string(text)
}

func registration(email, password, name string) string {
	text, _ := json.Marshal(map[string]string{"email": email, "password": password, "name": name})
	return string(text)
}

// person is a registered human with an access token.
type person struct{ id, email, token, bearer string }

func (b *bundle) register(t testing.TB, email string) person {
	t.Helper()
	v := b.send(t, http.MethodPost, "/v1/auth/register", registration(email, password, "Ada Lovelace")).want(http.StatusCreated).Object()
	me, _ := v["identity"].(map[string]any)
	id, _ := me["id"].(string)
	token, _ := v["access_token"].(string)
	return person{id: id, email: email, token: token, bearer: "Bearer " + token}
}

// trail returns the audit entries of an identity, oldest first, without those of created and updated rows.
func (b *bundle) trail(t testing.TB, id string) []string {
	t.Helper()
	rows, err := b.admin.Query(t.Context(), `SELECT action || ' ' || outcome || ' ' || resource_type || ' ' || db_role
		FROM audit_logs WHERE created_by = $1 AND action NOT IN ('create', 'update') ORDER BY id`, id)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

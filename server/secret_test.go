package server_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server"
	"github.com/chenu/chenu/server/account"
	"github.com/chenu/chenu/server/api/apitest"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

// TestTheSecretIsRotatedWithoutDowntime follows the procedure of chenu keys. An instance with the old secret keeps
// running throughout, and no token becomes invalid.
func TestTheSecretIsRotatedWithoutDowntime(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	document, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	before, after := auth.NewSecret(), auth.NewSecret()
	open := func(secret, previous auth.Secret) (*server.Server, *apitest.Client, error) {
		s, err := server.New(t.Context(), server.Config{
			DevelopmentTokens: true,
			Session:           session.Config{HumanURL: db.ServiceURL, AgentURL: db.AgentURL, MaxConns: 2}, Secret: secret, PreviousSecret: previous,
			Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			return nil, nil, err
		}
		t.Cleanup(s.Close)
		return s, apitest.New(t, s.Handler(), document), nil
	}
	mustOpen := func(secret, previous auth.Secret) (*server.Server, *apitest.Client) {
		t.Helper()
		s, client, err := open(secret, previous)
		if err != nil {
			t.Fatal(err)
		}
		return s, client
	}
	old, oldClient := mustOpen(before, auth.Secret{})
	token, _, err := old.Accounts().MakeDevelopmentToken(t.Context(), account.DevelopmentToken{Email: "ada@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	ada := oldClient.As(token)
	for range 2 {
		ada.Post("/v1/personal/notes", object{"title": "Groceries"}).Want(http.StatusCreated)
	}
	page := ada.Get("/v1/personal/notes?page_size=1").Want(http.StatusOK).Object()["next_page_token"].(string)

	if _, _, err := open(after, auth.Secret{}); err == nil {
		t.Fatal("an instance of another secret opens the signing keys")
	}
	both, bothClient := mustOpen(after, before)
	bothClient.As(token).Get("/v1/personal/notes?page_size=1&page_token=" + page).Want(http.StatusOK)

	if n, err := both.Accounts().Keys.Reseal(t.Context(), operator{db.Pool(t, db.AdminURL)}); err != nil || n != 1 {
		t.Fatalf("%d keys were encrypted again, %v", n, err)
	}
	ada.Get("/v1/me").Want(http.StatusOK)
	bothClient.As(token).Get("/v1/me").Want(http.StatusOK)
	_, newClient := mustOpen(after, auth.Secret{})
	newClient.As(token).Get("/v1/me").Want(http.StatusOK)
	newClient.As(token).Get("/v1/personal/notes?page_size=1&page_token="+page).WantProblem(http.StatusBadRequest, "invalid_page_token")
	if _, _, err := open(before, auth.Secret{}); err == nil {
		t.Error("the old secret still opens the signing keys")
	}
}

// operator stores keys in the same way as chenu keys rotate-secret.
type operator struct{ pool *pgxpool.Pool }

func (o operator) ResealSigningKeys(ctx context.Context, keys []auth.StoredKey) error {
	ids, sealed := make([]string, len(keys)), make([][]byte, len(keys))
	for i, k := range keys {
		ids[i], sealed[i] = k.ID.String(), k.Sealed
	}
	_, err := o.pool.Exec(ctx, "SELECT app.reseal_signing_keys($1::text[]::uuid[], $2)", ids, sealed)
	return err
}

package server_test

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server"
	"github.com/chenu/chenu/server/api/apitest"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/mailer"
	"github.com/chenu/chenu/server/session"
)

// letters receives the mail of a running service.
type letters chan mailer.Message

func (l letters) Send(_ context.Context, m mailer.Message) error {
	l <- m
	return nil
}

// TestRunning checks what a running service does without requests: it rotates the signing keys by age, and sends
// queued mail before it stops.
func TestRunning(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	box := make(letters, 10)
	s, err := server.New(t.Context(), server.Config{
		Session: session.Config{HumanURL: db.ServiceURL, AgentURL: db.AgentURL, MaxConns: 4}, Secret: auth.NewSecret(),
		ListenAddr: "127.0.0.1:0", Mail: box, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	admin := db.Pool(t, db.AdminURL)
	if _, err := admin.Exec(t.Context(), `UPDATE app.signing_keys SET created_at = created_at - $1::interval`, auth.KeyMaxAge); err != nil {
		t.Fatal(err)
	}
	document, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	client := apitest.New(t, s.Handler(), document)
	client.Post("/v1/auth/register", object{"email": "ada@example.org", "name": "Ada", "password": "copper meadow distant violin"}).Want(201)

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, func(net.Addr) {}) }()
	var statuses string
	for deadline := time.Now().Add(20 * time.Second); statuses != "active next"; {
		if err := admin.QueryRow(t.Context(), `SELECT string_agg(status, ' ' ORDER BY status) FROM app.signing_keys`).Scan(&statuses); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("the keys are %q", statuses)
		}
		<-time.After(10 * time.Millisecond)
	}
	client.Post("/v1/auth/request-password-reset", object{"email": "ada@example.org"}).Want(202)
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	close(box)
	var subjects []string
	for m := range box {
		subjects = append(subjects, m.To+": "+m.Subject)
	}
	if len(subjects) != 2 {
		t.Errorf("mails %q", subjects)
	}
}

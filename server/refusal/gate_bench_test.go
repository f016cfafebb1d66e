package refusal_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/postgres/pgtest"
)

// BenchmarkWrite measures the cost of the audit trigger and of the gate, as ratios to the bare write, without either.
// Each write is a separate transaction as the serving role, including its settings.
//
//	go test -run - -bench BenchmarkWrite -benchtime 2000x ./server/refusal
func BenchmarkWrite(b *testing.B) {
	var bare float64
	for _, stage := range []struct {
		name, visibility string
		without          []string // triggers
	}{
		{"bare", "private", []string{"audit", "approve_insert", "approve_update", "approve_delete"}},
		{"gate, no approval needed", "private", []string{"audit"}},
		{"audit", "private", []string{"approve_insert", "approve_update", "approve_delete"}},
		{"audit and gate, no approval needed", "private", nil},
		{"audit and gate, approved", "public", nil},
	} {
		b.Run(stage.name, func(b *testing.B) {
			g := setupGated(b)
			for _, trigger := range stage.without {
				g.exec(b, "DROP TRIGGER "+trigger+" ON entertainment_playlists")
			}
			conn := pgtest.Connect(b, g.database.ServiceURL)
			checkpoints := make([]uuid.UUID, b.N)
			if stage.visibility == "public" {
				for i := range checkpoints {
					checkpoints[i] = g.approved(b, fmt.Sprint(i)).ID
				}
			}
			b.ResetTimer()
			for i := range b.N { // not b.Loop: the approvals are created before
				batch := &pgx.Batch{}
				batch.Queue(`SELECT set_config('role', 'chenu_agent', true), set_config('app.identity_id', $1, true), set_config('app.actor_id', $2, true), set_config('app.checkpoint_id', $3, true)`,
					g.adaID.String(), g.agentID.String(), checkpoints[i].String())
				batch.Queue("INSERT INTO entertainment_playlists (id, created_by, name, visibility) VALUES ($1, $2, $3, $4)", dbtest.NewID(), g.adaID, fmt.Sprint(i), stage.visibility)
				if err := conn.SendBatch(b.Context(), batch).Close(); err != nil {
					b.Fatal(err)
				}
			}
			each := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			if stage.name == "bare" {
				bare = each
			}
			b.ReportMetric(each/bare, "x-bare")
		})
	}
}

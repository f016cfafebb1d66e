package api

import (
	"context"

	"github.com/chenu/chenu/ent"
)

// NoContent is the result of an operation whose response has no body.
func NoContent() (*struct{}, error) {
	return nil, nil //nolint:nilnil // There is no output.
}

// AfterCommit calls fn after tx.Commit, whether the commit succeeded or failed.
func AfterCommit(tx *ent.Tx, fn func()) {
	tx.OnCommit(func(next ent.Committer) ent.Committer {
		return ent.CommitFunc(func(ctx context.Context, tx *ent.Tx) error {
			err := next.Commit(ctx, tx)
			fn()
			return err
		})
	})
}

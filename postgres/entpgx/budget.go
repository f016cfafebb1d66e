package entpgx

import "context"

// RowBudget limits how many bytes of rows a statement returns, so that a page of large rows
// takes no more memory than one of small rows. It is for one transaction at a time.
type RowBudget struct {
	bytes int
	cut   bool
}

// NewRowBudget returns a budget of so many bytes for each statement.
func NewRowBudget(bytes int) *RowBudget { return &RowBudget{bytes: bytes} }

// Cut reports whether a statement had more rows than it returned. Its first row is returned
// whatever its size.
func (b *RowBudget) Cut() bool { return b != nil && b.cut }

// Reset makes Cut false again, for another attempt of the transaction.
func (b *RowBudget) Reset() {
	if b != nil {
		b.cut = false
	}
}

type rowBudgetKey struct{}

// WithRowBudget returns a context whose statements keep within the budget: they return the
// first rows that fit, and drop the others as they arrive. The caller looks at Cut before it
// takes rows for all rows.
func WithRowBudget(ctx context.Context, b *RowBudget) context.Context {
	return context.WithValue(ctx, rowBudgetKey{}, b)
}

func rowBudgetOf(ctx context.Context) *RowBudget {
	b, _ := ctx.Value(rowBudgetKey{}).(*RowBudget)
	return b
}

// exceeded reports whether the values do not fit behind what is there already.
func (b *RowBudget) exceeded(present int, values [][]byte) bool {
	if b == nil {
		return false
	}
	for _, v := range values {
		present += len(v)
	}
	return present > b.bytes
}

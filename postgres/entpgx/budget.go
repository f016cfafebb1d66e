package entpgx

import "context"

// RowBudget limits how many bytes of rows a statement returns, so that a page of large rows takes no more memory than a
// page of small rows. A RowBudget must not be used by several transactions at the same time.
type RowBudget struct {
	bytes int
	cut   bool
}

// NewRowBudget returns a budget of the given number of bytes for each statement.
func NewRowBudget(bytes int) *RowBudget { return &RowBudget{bytes: bytes} }

// Cut reports whether a statement had more rows than it returned. The first row is always returned, whatever its size.
func (b *RowBudget) Cut() bool { return b != nil && b.cut }

// Reset makes Cut false again, for another attempt of the transaction.
func (b *RowBudget) Reset() {
	if b != nil {
		b.cut = false
	}
}

type rowBudgetKey struct{}

// WithRowBudget returns a context whose statements respect the budget: they return the first rows that fit, and discard
// the others on arrival. Callers that need all rows must check Cut.
func WithRowBudget(ctx context.Context, b *RowBudget) context.Context {
	return context.WithValue(ctx, rowBudgetKey{}, b)
}

func rowBudgetOf(ctx context.Context) *RowBudget {
	b, _ := ctx.Value(rowBudgetKey{}).(*RowBudget)
	return b
}

// exceeded reports whether the values do not fit in addition to the bytes already used.
func (b *RowBudget) exceeded(used int, values [][]byte) bool {
	if b == nil {
		return false
	}
	for _, v := range values {
		used += len(v)
	}
	return used > b.bytes
}

package policies_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/chenu/chenu/migrations/dbtest"
)

// TestTotals computes the totals of invoices in Go with exact arithmetic and compares them with those of the database:
// each line is rounded separately, half away from zero.
func TestTotals(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	admin := db.Pool(t, db.AdminURL)
	rapid.Check(t, func(t *rapid.T) {
		subtotal, tax := decimal.Zero, decimal.Zero
		var lines []string
		for range rapid.IntRange(1, 8).Draw(t, "lines") {
			quantity := decimal.New(rapid.Int64Range(1, 1_000_000).Draw(t, "quantity"), -4)
			price := decimal.New(rapid.Int64Range(-10_000_000, 100_000_000).Draw(t, "price"), -4)
			rate := decimal.New(rapid.Int64Range(0, 10_000).Draw(t, "rate"), -4)
			amount := quantity.Mul(price).Round(2)
			subtotal, tax = subtotal.Add(amount), tax.Add(amount.Mul(rate).Round(2))
			lines = append(lines, fmt.Sprintf(`{"description":"x","quantity":"%s","unit_price":"%s","tax_rate":"%s"}`, quantity, price, rate))
		}
		var gotSubtotal, gotTax string
		err := admin.QueryRow(context.Background(), "SELECT app.line_items_subtotal(l)::text, app.line_items_tax(l)::text FROM (SELECT $1::jsonb AS l) AS x",
			"["+strings.Join(lines, ",")+"]").Scan(&gotSubtotal, &gotTax)
		if err != nil {
			t.Fatal(err)
		}
		if gotSubtotal != subtotal.StringFixed(2) || gotTax != tax.StringFixed(2) {
			t.Fatalf("subtotal %s, tax %s; want %s, %s", gotSubtotal, gotTax, subtotal.StringFixed(2), tax.StringFixed(2))
		}
	})
}

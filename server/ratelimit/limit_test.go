package ratelimit

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Limit{
		"30/10m": {30, 10 * time.Minute}, "1/1s": {1, time.Second}, "5/1h": {5, time.Hour}, "7/90s": {7, 90 * time.Second},
		"1000000/24h": {1_000_000, 24 * time.Hour}, "off": {},
	} {
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if again, err := Parse(got.String()); err != nil || again != got {
			t.Errorf("%s is formatted as %s", text, got)
		}
	}
	for _, text := range []string{"", "30", "0/1m", "-1/1m", "30/0s", "30/1500ms", "30/25h", "x/1m", "30/x", "1000001/1m", "30/-1m", "none"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q is parsed as %+v", text, got)
		}
	}
	for _, r := range Rules {
		if parsed, err := Parse(r.Default.String()); err != nil || parsed != r.Default {
			t.Errorf("%s: the default %s cannot be parsed: %v", r.Name(), r.Default, err)
		}
	}
}

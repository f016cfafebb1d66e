package apply_test

import (
	"testing"

	"github.com/chenu/chenu/internal/language"
)

func TestLanguage(t *testing.T) {
	t.Parallel()
	findings, err := language.Messages(".", "bootstrap.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range findings {
		t.Error(finding)
	}
}

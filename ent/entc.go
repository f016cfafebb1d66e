//go:build ignore

// Command entc generates this package and the access rules in policies.
package main

import (
	"log"

	"github.com/chenu/chenu/ent/generator"
)

func main() {
	log.SetFlags(0)
	if err := generator.Run("./schema", "template", "../policies"); err != nil {
		log.Fatalf("generate: %v", err)
	}
}

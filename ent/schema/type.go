package schema

import "entgo.io/ent/dialect"

// Column types that Ent has no builder for.
var (
	textArray = map[string]string{dialect.Postgres: "text[]"}
	date      = map[string]string{dialect.Postgres: "date"}
	money     = map[string]string{dialect.Postgres: "numeric(14,2)"}
	bytea     = map[string]string{dialect.Postgres: "bytea"}
)

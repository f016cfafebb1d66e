package entpgx

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// classify returns an error of the server in the form that Ent recognizes. errors.As still finds the *pgconn.PgError.
func (c *Driver) classify(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	switch pg.Code {
	case "23505":
		return &constraintError{"unique", pg}
	case "23503":
		return &constraintError{"foreign key", pg}
	case "23514":
		return &constraintError{"check", pg}
	case "26000", "42P05": // invalid_sql_statement_name, duplicate_prepared_statement
		return fmt.Errorf("entpgx: the connection loses its prepared statements: if a pooler is in front of Postgres, %s: %w", c.config.PoolerAdvice, err)
	}
	return err
}

// constraintError is a violated constraint. Ent recognizes it by an English phrase in the message
// (sqlgraph.IsConstraintError), but the server's messages may be in another language (lc_messages), so this type adds
// the phrase.
type constraintError struct {
	kind string
	pg   *pgconn.PgError
}

// Error implements error.
func (e *constraintError) Error() string {
	return fmt.Sprintf("violates %s constraint %q (SQLSTATE %s): %s", e.kind, e.pg.ConstraintName, e.pg.Code, e.pg.Message)
}

// Unwrap returns the server's error.
func (e *constraintError) Unwrap() error { return e.pg }

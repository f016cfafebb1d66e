package plan

import (
	"context"
	"fmt"

	"github.com/chenu/chenu/postgres/dev"
)

type plainSQL []File

// Build implements Desired.
func (f plainSQL) Build(ctx context.Context, s *dev.Session) (*Declaration, error) {
	d := &Declaration{}
	for _, file := range f {
		statements, err := Parse(file)
		if err != nil {
			return nil, err
		}
		if err := declare(ctx, s, statements...); err != nil {
			return nil, err
		}
		d.Statements = append(d.Statements, statements...)
	}
	return d, nil
}

// build builds the desired state in one transaction. Postgres checks the bodies of functions at its
// end, because the bodies can refer to tables that are created later.
func build(ctx context.Context, s *dev.Session, desired Desired) (declaration *Declaration, err error) {
	err = s.Transaction(ctx, func() error {
		if err := s.Exec(ctx, "SET LOCAL check_function_bodies = off"); err != nil {
			return err
		}
		if declaration, err = desired.Build(ctx, s); err != nil {
			return err
		}
		return s.Exec(ctx, "SET LOCAL check_function_bodies = on")
	})
	if err != nil {
		return nil, fmt.Errorf("build the desired state: %w", err)
	}
	if err := s.CheckBodies(ctx); err != nil {
		return nil, fmt.Errorf("build the desired state: %w", err)
	}
	return declaration, nil
}

// declare runs statements of the declaration in order.
func declare(ctx context.Context, s *dev.Session, statements ...*Statement) error {
	for _, statement := range statements {
		for _, sql := range statement.execution() {
			if err := s.Exec(ctx, sql); err != nil {
				return fmt.Errorf("%s: %w", statement.Position, dev.Describe(err))
			}
		}
	}
	return nil
}

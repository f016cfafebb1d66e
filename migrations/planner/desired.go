package planner

import "context"

type plainSQL []File

// Build implements Desired.
func (f plainSQL) Build(ctx context.Context, s *Session) (*Declaration, error) {
	d := &Declaration{}
	for _, file := range f {
		statements, err := Parse(file)
		if err != nil {
			return nil, err
		}
		if err := s.Exec(ctx, statements...); err != nil {
			return nil, err
		}
		d.Statements = append(d.Statements, statements...)
	}
	return d, nil
}

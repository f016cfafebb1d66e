package bind

import (
	"fmt"
	"net/http"

	"github.com/chenu/chenu/server/problem"
)

// A Header is a header that many operations have in common and that is not part of their input structs, such as
// Idempotency-Key. It is safe for concurrent use.
type Header struct {
	name      string
	validator *Validator
}

// Header returns a Header for the name. Its schema is that of the named parameter in the components of the document.
func (c *Compiler) Header(name, component string) (*Header, error) {
	validator, err := c.compile(problem.Pointer("components", "parameters", component, "schema"))
	if err != nil {
		return nil, fmt.Errorf("header %s: %w", name, err)
	}
	return &Header{name, validator}, nil
}

// Read returns the value of the header, and false if the request does not have it. The status of a problem is 400 if
// the header is repeated, and 422 if its value is invalid.
func (h *Header) Read(from http.Header) (text string, given bool, err error) {
	values := from.Values(h.name)
	switch {
	case len(values) == 0:
		return "", false, nil
	case len(values) > 1:
		return "", false, problem.Malformed(problem.In(h.name, "repeated_parameter", repeatedHeader))
	}
	if errs := h.validator.Check(values[0]); len(errs) > 0 {
		return "", false, problem.Invalid(problem.In(h.name, errs[0].Code, errs[0].Detail))
	}
	return values[0], true, nil
}

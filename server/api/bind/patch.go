package bind

import (
	stdjson "encoding/json"
	"fmt"
	"reflect"

	"github.com/chenu/chenu/server/api/body"
	"github.com/chenu/chenu/server/problem"
)

// mergePatchType is the media type of RFC 7396.
const mergePatchType = "application/merge-patch+json"

// Patch is the body of a request that changes a T by a merge patch (RFC 7396): the
// fields to change with their new values, null to remove one. T is the whole of what may
// be changed; a field that is not in it is refused. The request's media type is
// application/merge-patch+json or application/json.
type Patch[T any] struct {
	document map[string]any
	target   *Validator
}

// Has tells whether the patch says anything about the field.
func (p Patch[T]) Has(field string) bool {
	_, ok := p.document[field]
	return ok
}

// Empty tells whether the patch changes nothing.
func (p Patch[T]) Empty() bool { return len(p.document) == 0 }

// Apply returns current as the patch changes it. The result is validated like a T that a
// client sends; its error is a problem of status 422 with pointers.
func (p Patch[T]) Apply(current T) (T, error) {
	var result T
	data, err := body.Marshal(current)
	if err != nil {
		return result, fmt.Errorf("marshal what is patched: %w", err)
	}
	tree, malformed := body.ParseStored(data)
	if malformed != nil {
		return result, fmt.Errorf("read what is patched: %s", malformed.Error())
	}
	tree = MergePatch(tree, p.document)
	if errs := p.target.Check(tree); len(errs) > 0 {
		return result, problem.Invalid(errs...)
	}
	if data, err = stdjson.Marshal(tree); err != nil {
		return result, fmt.Errorf("marshal what was patched: %w", err)
	}
	if errs := body.Decode(data, &result); len(errs) > 0 {
		return result, problem.Invalid(errs...)
	}
	return result, nil
}

// MergePatch applies a merge patch to a document, both as parsed JSON (maps, slices and
// scalars), as RFC 7396 section 2 defines. The document is changed in place where it is a
// map; the patch is not changed, but the result may share parts of it.
func MergePatch(target, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	object, ok := target.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	for name, change := range changes {
		if change == nil {
			delete(object, name)
			continue
		}
		object[name] = MergePatch(object[name], change)
	}
	return object
}

// patchBody is what the package knows of any Patch.
type patchBody interface {
	patched() reflect.Type
	bind(document any, target *Validator)
}

func (*Patch[T]) patched() reflect.Type { return reflect.TypeFor[T]() }

func (p *Patch[T]) bind(document any, target *Validator) {
	p.document, _ = document.(map[string]any) // The schema admits nothing else.
	p.target = target
}

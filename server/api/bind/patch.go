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

// Patch is the body of a request that changes a T by a merge patch (RFC 7396): the fields to change with their new
// values, and null for fields to remove. T has all fields that can be changed; other fields are rejected. The media
// type of the request is application/merge-patch+json or application/json.
type Patch[T any] struct {
	document map[string]any
	target   *Validator
}

// Has reports whether the patch includes the field.
func (p Patch[T]) Has(field string) bool {
	_, ok := p.document[field]
	return ok
}

// Empty reports whether the patch has no fields.
func (p Patch[T]) Empty() bool { return len(p.document) == 0 }

// Apply returns current with the patch applied. The result is validated like a T that a client sends; the error is a
// problem of status 422 with pointers.
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

// MergePatch applies a merge patch to a document as defined by RFC 7396 section 2. Both are parsed JSON (maps, slices
// and scalars). A document that is a map is changed in place. The patch is not changed, but the result may share
// parts of it.
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

// patchBody is implemented by all instances of Patch.
type patchBody interface {
	patched() reflect.Type
	bind(document any, target *Validator)
}

func (*Patch[T]) patched() reflect.Type { return reflect.TypeFor[T]() }

func (p *Patch[T]) bind(document any, target *Validator) {
	p.document, _ = document.(map[string]any) // The schema allows only objects.
	p.target = target
}

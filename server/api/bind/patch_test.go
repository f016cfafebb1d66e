package bind_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/chenu/chenu/server/api/bind"
)

// parsed parses JSON in the same way as Patch.
func parsed(t testing.TB, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestMergePatchExamples checks the examples of RFC 7396, appendix A.
func TestMergePatchExamples(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ original, patch, result string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`},
		{`{"a":"foo"}`, `null`, `null`},
		{`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
	} {
		t.Run(test.original+" "+test.patch, func(t *testing.T) {
			t.Parallel()
			if got := bind.MergePatch(parsed(t, test.original), parsed(t, test.patch)); !reflect.DeepEqual(got, parsed(t, test.result)) {
				t.Errorf("got %v, want %s", got, test.result)
			}
		})
	}
}

// values generates JSON values, with or without nulls.
func values(null bool) *rapid.Generator[any] {
	leaves := []*rapid.Generator[any]{
		rapid.Bool().AsAny(), rapid.StringN(0, 3, -1).AsAny(), rapid.Map(rapid.IntRange(0, 9), func(n int) float64 { return float64(n) }).AsAny(),
	}
	if null {
		leaves = append(leaves, rapid.Just[any](nil))
	}
	value := rapid.OneOf(leaves...)
	for range 3 {
		inner := value
		value = rapid.OneOf(inner,
			rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c"}), inner, 0, 3).AsAny(),
			rapid.Map(rapid.SliceOfN(inner, 0, 2), func(v []any) []any { return v }).AsAny())
	}
	return value
}

func copied(v any) any {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var out any
	if err := json.Unmarshal(data, &out); err != nil {
		panic(err)
	}
	return out
}

func withoutNull(v any) bool {
	object, ok := v.(map[string]any)
	for _, inner := range object {
		if !withoutNull(inner) {
			return false
		}
	}
	return ok || v != nil
}

// TestMergePatchLaws checks that applying a patch again changes nothing, that the empty patch changes nothing, that a
// document without nulls, applied as a patch to nothing, results in the document, that fields that the patch does not
// include are unchanged, and that the patch itself is not changed.
func TestMergePatchLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		target := copied(values(true).Draw(rt, "target"))
		patch := copied(values(true).Draw(rt, "patch"))
		before := copied(patch)
		once := bind.MergePatch(copied(target), patch)
		if !reflect.DeepEqual(patch, before) {
			rt.Fatal("the patch was changed")
		}
		if twice := bind.MergePatch(copied(once), patch); !reflect.DeepEqual(once, twice) {
			rt.Fatalf("once %v, twice %v", once, twice)
		}
		object, ok := target.(map[string]any)
		if !ok {
			return
		}
		if same := bind.MergePatch(copied(target), map[string]any{}); !reflect.DeepEqual(same, target) {
			rt.Fatalf("the empty patch returned %v for %v", same, target)
		}
		if changes, ok := patch.(map[string]any); ok {
			result, _ := once.(map[string]any)
			for name, v := range object {
				if _, named := changes[name]; !named && !reflect.DeepEqual(result[name], v) {
					rt.Fatalf("%s was changed to %v", name, result[name])
				}
			}
			for name, change := range changes {
				if _, there := result[name]; there == (change == nil) {
					rt.Fatalf("%s: patched with %v, in the result: %v", name, change, there)
				}
			}
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		document := copied(values(false).Draw(rt, "document"))
		if !withoutNull(document) {
			return
		}
		if got := bind.MergePatch(nil, document); !reflect.DeepEqual(got, document) {
			rt.Fatalf("%v became %v", document, got)
		}
	})
}

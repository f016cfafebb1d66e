package api_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/chenu/chenu/server/api"
)

// parsed reads JSON as Patch sees it.
func parsed(t testing.TB, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestMergePatchExamples are those of RFC 7396, appendix A.
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
			if got := api.MergePatch(parsed(t, test.original), parsed(t, test.patch)); !reflect.DeepEqual(got, parsed(t, test.result)) {
				t.Errorf("got %v, want %s", got, test.result)
			}
		})
	}
}

// values are JSON values, with null or without.
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

// TestMergePatchLaws: applying a patch again changes nothing more; the empty patch changes
// nothing; a document without nulls, as a patch on nothing, is itself; what a patch does
// not name stays; the patch itself is not changed.
func TestMergePatchLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		target := copied(values(true).Draw(rt, "target"))
		patch := copied(values(true).Draw(rt, "patch"))
		before := copied(patch)
		once := api.MergePatch(copied(target), patch)
		if !reflect.DeepEqual(patch, before) {
			rt.Fatal("the patch was changed")
		}
		if twice := api.MergePatch(copied(once), patch); !reflect.DeepEqual(once, twice) {
			rt.Fatalf("once %v, twice %v", once, twice)
		}
		object, ok := target.(map[string]any)
		if !ok {
			return
		}
		if same := api.MergePatch(copied(target), map[string]any{}); !reflect.DeepEqual(same, target) {
			rt.Fatalf("the empty patch made %v of %v", same, target)
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
					rt.Fatalf("%s: patched with %v, present %v", name, change, there)
				}
			}
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		document := copied(values(false).Draw(rt, "document"))
		if !withoutNull(document) {
			return
		}
		if got := api.MergePatch(nil, document); !reflect.DeepEqual(got, document) {
			rt.Fatalf("%v became %v", document, got)
		}
	})
}

func TestPatches(t *testing.T) {
	t.Parallel()
	const full = `{"name":"x","email":"a@example.org","count":7,"color":"red","tags":["a"],"owner":{"label":"o","size":3,"note":"n"},"parts":[{"label":"p"}],"extra":{"a":{"b":1,"c":2}}}`
	for _, test := range []struct {
		name, patch string
		status      int
		want        string // the result, or what is wrong
	}{
		{"nothing", `{}`, 200, `{}`},
		{"a value", `{"name":"y"}`, 200, `{"name":"y"}`},
		{"remove", `{"email":null,"color":null,"tags":null}`, 200, `{"email":null,"color":null,"tags":null}`},
		{"inside an object", `{"owner":{"size":4}}`, 200, `{"owner":{"label":"o","size":4,"note":"n"}}`},
		{"remove inside", `{"owner":{"size":null,"note":null}}`, 200, `{"owner":{"label":"o"}}`},
		{"lists are replaced", `{"parts":[{"label":"q"}]}`, 200, `{"parts":[{"label":"q"}]}`},
		{"free objects are merged", `{"extra":{"a":{"b":null,"d":3}}}`, 200, `{"extra":{"a":{"c":2,"d":3}}}`},
		{"required", `{"name":null}`, 422, "/name null_not_allowed"},
		{"required inside", `{"owner":{"label":null}}`, 422, "/owner/label null_not_allowed"},
		{"unknown", `{"version":3,"created_at":null}`, 422, "/created_at unknown_field, /version unknown_field"},
		{"invalid", `{"name":"","count":101,"owner":{"size":0}}`, 422, "/count out_of_range, /name too_short, /owner/size out_of_range"},
		{"a part that lacks something", `{"parts":[{}]}`, 422, "/parts/0/label required"},
		{"null in a list is a value", `{"parts":[null]}`, 422, "/parts/0 null_not_allowed"},
		{"no object", `[]`, 422, " wrong_type"},
		{"null", `null`, 422, " null_not_allowed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			location := b.Post("/v1/things", full).Want(http.StatusCreated).Header.Get("Location")
			r := b.For(t).Patch(location, "*", test.patch).Want(test.status)
			if test.status == http.StatusUnprocessableEntity {
				if got := wrong(r.WantProblem(test.status, "validation_failed")); got != test.want {
					t.Errorf("wrong is %q, want %q", got, test.want)
				}
				return
			}
			before, _ := parsed(t, full).(map[string]any)
			changes, _ := parsed(t, test.want).(map[string]any)
			after := r.Object()
			for name, value := range before {
				if change, ok := changes[name]; ok {
					value = change
				}
				if !reflect.DeepEqual(after[name], value) {
					t.Errorf("%s is %v, want %v", name, after[name], value)
				}
			}
		})
	}
}

// TestEmptyPatchKeepsEmptyTexts: what the client never named stays as it is.
func TestEmptyPatchKeepsEmptyTexts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	location := b.Post("/v1/things", `{"name":"x","owner":{"label":"o","note":""}}`).Want(http.StatusCreated).Header.Get("Location")
	got := b.Patch(location, "*", `{"owner":{"size":2}}`).Want(http.StatusOK).Object()["owner"]
	if want := map[string]any{"label": "o", "note": "", "size": 2.0}; !reflect.DeepEqual(got, want) {
		t.Errorf("owner %v, want %v", got, want)
	}
}

// TestPatchOfAnObjectThatIsNotThere: the whole result must be valid, not only the patch.
func TestPatchOfAnObjectThatIsNotThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	location := b.Post("/v1/things", `{"name":"x"}`).Want(http.StatusCreated).Header.Get("Location")
	p := b.Patch(location, "*", `{"owner":{"size":1}}`).WantProblem(http.StatusUnprocessableEntity, "validation_failed")
	if got := wrong(p); got != "/owner/label required" {
		t.Errorf("wrong is %q", got)
	}
}

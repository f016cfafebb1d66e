package api_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"testing"
)

func TestPatches(t *testing.T) {
	t.Parallel()
	const full = `{"name":"x","email":"a@example.org","count":7,"color":"red","tags":["a"],"owner":{"label":"o","size":3,"note":"n"},"parts":[{"label":"p"}],"extra":{"a":{"b":1,"c":2}}}`
	for _, test := range []struct {
		name, patch string
		status      int
		want        string // the result, or the field errors
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
			var before, changes map[string]any
			for text, into := range map[string]*map[string]any{full: &before, test.want: &changes} {
				if err := json.Unmarshal([]byte(text), into); err != nil {
					t.Fatal(err)
				}
			}
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

// TestEmptyPatchKeepsEmptyTexts checks that fields that the patch does not include stay unchanged.
func TestEmptyPatchKeepsEmptyTexts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	location := b.Post("/v1/things", `{"name":"x","owner":{"label":"o","note":""}}`).Want(http.StatusCreated).Header.Get("Location")
	got := b.Patch(location, "*", `{"owner":{"size":2}}`).Want(http.StatusOK).Object()["owner"]
	if want := map[string]any{"label": "o", "note": "", "size": 2.0}; !reflect.DeepEqual(got, want) {
		t.Errorf("owner %v, want %v", got, want)
	}
}

// TestPatchOfAnObjectThatIsNotThere checks that the whole result is validated, not only the patch.
func TestPatchOfAnObjectThatIsNotThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	location := b.Post("/v1/things", `{"name":"x"}`).Want(http.StatusCreated).Header.Get("Location")
	p := b.Patch(location, "*", `{"owner":{"size":1}}`).WantProblem(http.StatusUnprocessableEntity, "validation_failed")
	if got := wrong(p); got != "/owner/label required" {
		t.Errorf("wrong is %q", got)
	}
}

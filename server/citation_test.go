package server_test

import (
	"net/http"
	"testing"
)

// TestCitations checks the lists of references that cite and are cited by a reference.
func TestCitations(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ada, eve := s.person(t, "ada"), s.person(t, "eve")
	body := func(key string) object {
		return object{"title": "T", "authors": []string{"A"}, "citation_key": key}
	}
	one := ada.Post("/v1/scholar/references", body("one")).Want(http.StatusCreated).Object()["id"].(string)
	two := ada.Post("/v1/scholar/references", body("two")).Want(http.StatusCreated).Object()["id"].(string)
	hers := eve.Post("/v1/scholar/references", body("one")).Want(http.StatusCreated).Object()["id"].(string)
	path := "/v1/scholar/references/" + one + "/citations"

	ada.Post(path, object{"cited_id": two, "locator": "p. 4"}).Want(http.StatusCreated)
	ada.Post(path, object{"cited_id": two}).WantProblem(http.StatusConflict, "already_exists")
	ada.Post(path, object{"cited_id": one}).WantProblem(http.StatusUnprocessableEntity, "validation_failed")
	ada.Post(path, object{"cited_id": hers}).WantProblem(http.StatusUnprocessableEntity, "reference_not_found")
	eve.Post(path, object{"cited_id": hers}).WantProblem(http.StatusNotFound, "not_found")
	if ids := listed(ada, path); len(ids) != 1 {
		t.Errorf("%d citations, want 1", len(ids))
	}
	ada.Do(http.MethodDelete, path+"?cited_id="+two, nil).Want(http.StatusNoContent)
	ada.Do(http.MethodDelete, path+"?cited_id="+two, nil).WantProblem(http.StatusNotFound, "not_found")
	ada.Post("/v1/scholar/references", object{"title": "T", "authors": []string{"A"}, "citation_key": "doi1", "doi": "10.1000/AbC"}).Want(http.StatusCreated)
	ada.Post("/v1/scholar/references", object{"title": "T", "authors": []string{"A"}, "citation_key": "doi2", "doi": "10.1000/aBc"}).
		WantProblem(http.StatusConflict, "already_exists")
}

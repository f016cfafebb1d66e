package server_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestExportOfReferences checks that an export has all references of the caller, in more than one batch, and none of
// others, and that it is recorded in the audit trail.
func TestExportOfReferences(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ada, eve := s.person(t, "ada"), s.person(t, "eve")
	const path, count = "/v1/scholar/references/export?format=", 501
	for i := range count {
		ada.Post("/v1/scholar/references", object{"title": "On {this} & that", "authors": []string{"Lovelace, Ada"}, "citation_key": fmt.Sprint("k", i), "year": 1843}).Want(http.StatusCreated)
	}
	eve.Post("/v1/scholar/references", object{"title": "Hers", "authors": []string{"Eve"}, "citation_key": "hers"}).Want(http.StatusCreated)

	bib := ada.Get(path + "bibtex").Want(http.StatusOK)
	if n := bytes.Count(bib.Body, []byte("@article{")); n != count || bytes.Contains(bib.Body, []byte("hers")) {
		t.Errorf("the export has %d entries, want %d of the caller's", n, count)
	}
	if !strings.HasPrefix(string(bib.Body), fmt.Sprintf("@article{k%d,\n  author = {Lovelace, Ada},\n  title = {On \\textbraceleft{}this\\textbraceright{} \\& that},\n", count-1)) {
		t.Errorf("the export starts with %.200s", bib.Body)
	}
	if got := bib.Header.Get("Content-Type") + "; " + bib.Header.Get("Content-Disposition"); got != `application/x-bibtex; charset=utf-8; attachment; filename="references.bib"` {
		t.Errorf("headers: %s", got)
	}
	var items []struct {
		ID     string `json:"id"`
		Issued struct {
			DateParts [][]int `json:"date-parts"`
		} `json:"issued"`
	}
	ada.Get(path + "csl-json").Want(http.StatusOK).JSON(&items)
	if len(items) != count || items[0].ID != fmt.Sprint("k", count-1) || items[0].Issued.DateParts[0][0] != 1843 {
		t.Errorf("the export has %d items, the first %+v", len(items), items[0])
	}

	var trail struct {
		Items []struct {
			ActorKind string         `json:"actor_kind"`
			Details   map[string]any `json:"details"`
		} `json:"items"`
	}
	s.agentOf(t, "ada").Get(path + "bibtex").Want(http.StatusOK)
	ada.Get("/v1/audit-logs?action=read&resource_type=reference").Want(http.StatusOK).JSON(&trail)
	if got, want := fmt.Sprint(trail.Items), "[{agent map[count:501 export:bibtex]} {human map[count:501 export:csl-json]} {human map[count:501 export:bibtex]}]"; got != want {
		t.Errorf("the audit trail has %s, want %s", got, want)
	}

	nobody := s.person(t, "bob")
	if r := nobody.Get(path + "bibtex").Want(http.StatusOK); len(r.Body) != 0 {
		t.Errorf("BibTeX of nothing is %q", r.Body)
	}
	nobody.Get(path + "csl-json").Want(http.StatusOK).JSON(&items)
	if len(items) != 0 {
		t.Errorf("CSL-JSON of nothing is %v", items)
	}
	ada.Get(path+"ris").WantProblem(http.StatusUnprocessableEntity, "validation_failed")
	ada.Get("/v1/scholar/references/export").WantProblem(http.StatusUnprocessableEntity, "validation_failed")
	s.client.Get(path+"bibtex").WantProblem(http.StatusUnauthorized, "unauthenticated")
}

// An export may be larger than 32 MiB, and is streamed instead of built in memory.
func TestExportOfManyReferences(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ada := s.person(t, "ada")
	const count = 120 // 41 MB of BibTeX
	if _, err := s.db.Pool(t, s.db.AdminURL).Exec(t.Context(), `INSERT INTO scholar_references (id, created_by, title, authors, citation_key, abstract)
		SELECT app.uuid_v7(), $1, 'n', '{a}', 'k' || n, repeat('~', 20000) FROM generate_series(1, $2::integer) n`, ada.Get("/v1/me").Object()["id"], count); err != nil {
		t.Fatal(err)
	}
	bib := ada.Get("/v1/scholar/references/export?format=bibtex").Want(http.StatusOK)
	if n := bytes.Count(bib.Body, []byte("@article{")); n != count || len(bib.Body) < 32<<20 || !bytes.HasSuffix(bib.Body, []byte("\n}\n")) {
		t.Errorf("%d of %d references in %d bytes", n, count, len(bib.Body))
	}
	var items []struct{ ID string }
	ada.Get("/v1/scholar/references/export?format=csl-json").Want(http.StatusOK).JSON(&items)
	if len(items) != count || items[0].ID != fmt.Sprint("k", count) || items[count-1].ID != "k1" {
		t.Errorf("%d of %d items", len(items), count)
	}
}

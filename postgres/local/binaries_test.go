package local

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func TestChooseMajor(t *testing.T) {
	t.Parallel()
	at := func(majors ...int) (found []binaries) {
		for _, m := range majors {
			found = append(found, binaries{major: m})
		}
		return found
	}
	for _, tt := range []struct {
		name    string
		data    []int
		found   []binaries
		version int
		want    int
		err     string
	}{
		{name: "nothing at all", want: fetchMajor},
		{name: "newest found", found: at(17, 15), want: 17},
		{name: "version of the data", data: []int{15}, found: at(17, 15), want: 15},
		{name: "version of the data, to be downloaded", data: []int{16}, found: at(17, 15), want: 16},
		{name: "newest data", data: []int{15, 17}, found: at(17, 15), want: 17},
		{name: "requested", found: at(17, 15), version: 15, want: 15},
		{name: "requested, to be downloaded", found: at(17, 15), version: 16, want: 16},
		{name: "requested and installed", data: []int{15, 17}, found: at(17), version: 15, want: 15},
		{name: "requested in conflict with the data", data: []int{15}, found: at(17), version: 17, err: "contains data of PostgreSQL 15"},
		{name: "too old", version: 14, err: "use 15 or newer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := chooseMajor("dir", tt.data, tt.found, tt.version)
			if tt.err != "" {
				wantError(t, err, tt.err)
				return
			}
			if err != nil || got != tt.want {
				t.Errorf("got %d, %v; want %d", got, err, tt.want)
			}
		})
	}
}

func TestFindBinaries(t *testing.T) {
	t.Parallel()
	root := dataDir(t)
	for dir, version := range map[string]string{
		"14/bin": "postgres (PostgreSQL) 14.9", "15/bin": "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)",
		"15-newer/bin": "postgres (PostgreSQL) 15.20", "17/bin": "postgres (PostgreSQL) 17.11",
		"18/bin": "postgres (PostgreSQL) 18beta1", "other/bin": "something else",
	} {
		script(t, filepath.Join(root, dir, "postgres"), version)
		script(t, filepath.Join(root, dir, "initdb"), version)
	}
	script(t, filepath.Join(root, "client-only/bin/postgres"), "postgres (PostgreSQL) 17.12")
	if err := os.Symlink(filepath.Join(root, "17"), filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	found := findBinaries(t.Context(), Config{CacheDir: t.TempDir(), places: []string{filepath.Join(root, "*", "bin"), filepath.Join(root, "none")}})
	var got []string
	for _, b := range found {
		got = append(got, b.version)
	}
	if want := "17.11 15.20 15.18"; strings.Join(got, " ") != want {
		t.Errorf("found %v, want %s", got, want)
	}
}

func script(t *testing.T, name, says string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("#!/bin/sh\necho '"+says+"'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// archive is the inner archive of a build, created with
//
//	tar -cJf build.txz bin lib
//
// in a directory where bin/postgres and bin/initdb are scripts that print "postgres (PostgreSQL) 16.15", and lib/link
// is a symbolic link to them.
//
//go:embed testdata/build.txz
var archive []byte

// repository serves one build as Maven Central does, and counts the downloads.
func repository(t *testing.T, corrupt bool, wait <-chan struct{}) (url string, downloads *atomic.Int32) {
	t.Helper()
	var jar bytes.Buffer
	z := zip.NewWriter(&jar)
	w, err := z.Create("postgres-linux-x86_64.txz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(archive); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(jar.Bytes())
	if corrupt {
		sum[0]++
	}
	downloads = new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !strings.Contains(r.URL.Path, "/"+string(builds()[16])+"/"):
			http.NotFound(w, r)
		case strings.HasSuffix(r.URL.Path, ".sha256"):
			_, _ = w.Write([]byte(hex.EncodeToString(sum[:])))
		default:
			downloads.Add(1)
			if wait != nil {
				<-wait
			}
			_, _ = w.Write(jar.Bytes())
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, downloads
}

func TestFetch(t *testing.T) {
	t.Parallel()
	wait := make(chan struct{})
	url, downloads := repository(t, false, wait)
	cache := filepath.Join(dataDir(t), "cache")
	var progress lockedBuffer
	cfg := Config{CacheDir: cache, Progress: &progress, repository: url, places: []string{}}

	// Two calls at once: the second one waits for the first and downloads nothing.
	type result struct {
		bin binaries
		err error
	}
	results := make(chan result, 2)
	for range 2 {
		go func() {
			bin, err := obtain(t.Context(), cfg, "dir", []int{16})
			results <- result{bin, err}
		}()
	}
	eventually(t, "a line of progress", func() bool { return strings.Contains(progress.String(), "still downloading") })
	close(wait)
	for range 2 {
		r := <-results
		if r.err != nil {
			t.Fatal(r.err)
		}
		if want := (binaries{dir: filepath.Join(cache, "postgresql-16.15", "bin"), major: 16, minor: 15, version: "16.15"}); r.bin != want {
			t.Errorf("got %v, want %v", r.bin, want)
		}
	}
	if n := downloads.Load(); n != 1 {
		t.Errorf("%d downloads", n)
	}
	if !strings.Contains(progress.String(), "downloading PostgreSQL 16.15 from Maven Central") {
		t.Errorf("progress = %q", progress.String())
	}
	// From then on the installation is found.
	if found := findBinaries(t.Context(), cfg); len(found) != 1 || found[0].version != "16.15" {
		t.Errorf("found %v", found)
	}
	if left, err := filepath.Glob(filepath.Join(cache, ".fetch-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestFetchFails(t *testing.T) {
	t.Parallel()
	corrupt, _ := repository(t, true, nil)
	for _, tt := range []struct {
		name       string
		repository string
		data       []int
		version    int
		want       []string
	}{
		{name: "no network", repository: "http://127.0.0.1:1", want: []string{"no PostgreSQL 15 or newer", "unable to connect", "apt-get install postgresql"}},
		{name: "no network, version requested", repository: "http://127.0.0.1:1", version: 17, want: []string{"no PostgreSQL 17 ", "unable to connect"}},
		{name: "damaged download", repository: corrupt, data: []int{16}, want: []string{"contains data of PostgreSQL 16", "checksums do not match", "install PostgreSQL 16"}},
		{name: "unknown version", repository: corrupt, data: []int{19}, want: []string{"contains data of PostgreSQL 19", "only the versions [15 16 17 18] can be downloaded"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := obtain(t.Context(), Config{
				CacheDir: dataDir(t), Progress: &lockedBuffer{}, Version: tt.version, repository: tt.repository, places: []string{},
			}, "dir", tt.data)
			wantError(t, err, tt.want...)
		})
	}
}

func TestFetchIsCancelled(t *testing.T) {
	t.Parallel()
	wait := make(chan struct{})
	url, downloads := repository(t, false, wait)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg := Config{CacheDir: dataDir(t), Progress: &lockedBuffer{}, repository: url, places: []string{}}
	ended := make(chan error, 1)
	go func() {
		_, err := obtain(ctx, cfg, "dir", []int{16})
		ended <- err
	}()
	eventually(t, "the download", func() bool { return downloads.Load() == 1 })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
	close(wait)
	eventually(t, "the removal of what was fetched", func() bool {
		left, err := filepath.Glob(filepath.Join(cfg.CacheDir, ".fetch-*"))
		return err == nil && len(left) == 0
	})
}

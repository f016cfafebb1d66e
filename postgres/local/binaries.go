package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"

	"github.com/chenu/chenu/postgres/release"
)

const (
	// minMajor is the oldest version that is used.
	minMajor = release.Oldest
	// fetchMajor is the version to download if no other version is requested.
	fetchMajor = release.Newest
)

// usualPlaces are the directories in which the packages of Debian, Red Hat, Alpine, Homebrew,
// Postgres.app and PostgreSQL itself install the server's programs, which are often not on the
// PATH.
var usualPlaces = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/usr/libexec/postgresql*",
	"/opt/homebrew/opt/postgresql*/bin",
	"/usr/local/opt/postgresql*/bin",
	"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
	"/usr/local/pgsql/bin",
}

// binaries is a directory with the programs of one PostgreSQL version.
type binaries struct {
	dir     string
	major   int
	minor   int
	version string // as it is displayed: 17.11
}

// obtain finds or downloads the programs for a data directory with data of the given major
// versions.
func obtain(ctx context.Context, cfg Config, home string, data []int) (binaries, error) {
	found := findBinaries(ctx, cfg)
	if ctx.Err() != nil { // the search was interrupted, so its result is incomplete
		return binaries{}, fmt.Errorf("find PostgreSQL: %w", context.Cause(ctx))
	}
	major, err := chooseMajor(home, data, found, cfg.Version)
	if err != nil {
		return binaries{}, err
	}
	if i := slices.IndexFunc(found, func(b binaries) bool { return b.major == major }); i >= 0 {
		return found[i], nil
	}
	bin, err := fetch(ctx, cfg, major)
	if err == nil {
		return bin, nil
	}
	if ctx.Err() != nil {
		return binaries{}, fmt.Errorf("download PostgreSQL %d: %w", major, context.Cause(ctx))
	}
	have := "none"
	if len(found) > 0 {
		var versions []string
		for _, b := range found {
			versions = append(versions, b.version)
		}
		have = strings.Join(versions, ", ")
	}
	if len(data) > 0 {
		return binaries{}, fmt.Errorf("%s contains data of PostgreSQL %d, this machine has PostgreSQL %s, and downloading %d failed (%w): install PostgreSQL %d, or use another data directory",
			home, major, have, major, err, major)
	}
	return binaries{}, fmt.Errorf("this machine has no PostgreSQL %s (found: %s), and downloading %d failed (%w): install PostgreSQL %d or newer (Debian: apt-get install postgresql; macOS: brew install postgresql@%d)",
		wanted(cfg.Version), have, major, err, minMajor, fetchMajor)
}

func wanted(version int) string {
	if version == 0 {
		return fmt.Sprintf("%d or newer", minMajor)
	}
	return strconv.Itoa(version)
}

// chooseMajor returns the major version to run: the requested version, or that of the existing data (the newest, if an
// upgrade kept old data), or the newest installed version, or the version to download. found is sorted from new to old.
func chooseMajor(home string, data []int, found []binaries, version int) (int, error) {
	switch {
	case version != 0 && version < minMajor:
		return 0, fmt.Errorf("PostgreSQL %d is not supported: use %d or newer", version, minMajor)
	case version != 0 && len(data) > 0 && !slices.Contains(data, version):
		return 0, fmt.Errorf("%s contains data of PostgreSQL %d, but version %d was requested: request %d, or use another data directory", home, slices.Max(data), version, slices.Max(data))
	case version != 0:
		return version, nil
	case len(data) > 0:
		return slices.Max(data), nil
	case len(found) > 0:
		return found[0].major, nil
	}
	return fetchMajor, nil
}

// findBinaries returns the PostgreSQL installations of this machine, including downloaded ones,
// sorted from new to old.
func findBinaries(ctx context.Context, cfg Config) []binaries {
	patterns := cfg.places
	if patterns == nil {
		patterns = append(slices.Clone(usualPlaces), filepath.SplitList(os.Getenv("PATH"))...)
	}
	if dir, err := cacheDir(cfg); err == nil {
		patterns = append(slices.Clone(patterns), filepath.Join(dir, "postgresql-*", "bin"))
	}
	var found []binaries
	seen := map[string]bool{}
	for _, pattern := range patterns {
		dirs, err := filepath.Glob(pattern)
		if err != nil {
			continue // an invalid PATH
		}
		for _, dir := range dirs {
			program, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
			if err != nil || seen[program] {
				continue
			}
			seen[program] = true
			// The target of the link is in the directory of initdb. In a directory of root, the
			// server's user could not run it.
			bin, err := inspect(ctx, filepath.Dir(program))
			if err == nil && bin.major >= minMajor && anyone().reach(bin.dir, "") == nil {
				found = append(found, bin)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b binaries) int {
		if a.major != b.major {
			return b.major - a.major
		}
		return b.minor - a.minor
	})
	return found
}

var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) ((\d+)\.(\d+))`)

// inspect returns the version of the programs in dir. Beta versions (18beta1) are rejected.
func inspect(ctx context.Context, dir string) (binaries, error) {
	if _, err := exec.LookPath(filepath.Join(dir, "initdb")); err != nil {
		return binaries{}, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version")
	cmd.Env = serverEnv()
	out, err := cmd.Output()
	if err != nil {
		return binaries{}, fmt.Errorf("%s --version: %w", cmd.Path, err)
	}
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return binaries{}, fmt.Errorf("%s --version returned %q", cmd.Path, out)
	}
	major, err := strconv.Atoi(string(m[2]))
	if err != nil {
		return binaries{}, err
	}
	minor, err := strconv.Atoi(string(m[3]))
	if err != nil {
		return binaries{}, err
	}
	return binaries{dir: dir, major: major, minor: minor, version: string(m[1])}, nil
}

// builds are the newest builds of https://github.com/zonkyio/embedded-postgres-binaries by major
// version, as of November 2026. embedded-postgres downloads them from Maven Central.
func builds() map[int]embeddedpostgres.PostgresVersion {
	m := map[int]embeddedpostgres.PostgresVersion{15: "15.19.0", 16: "16.15.0", 17: "17.11.0", 18: "18.4.0"}
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		m[18] = "18.6.0" // not built for the other platforms
	}
	return m
}

// fetch downloads and unpacks PostgreSQL once and keeps it in the cache directory.
func fetch(ctx context.Context, cfg Config, major int) (binaries, error) {
	build, ok := builds()[major]
	if !ok {
		return binaries{}, fmt.Errorf("only the versions %v can be downloaded", slices.Sorted(maps.Keys(builds())))
	}
	version := strings.TrimSuffix(string(build), ".0")
	cache, err := cacheDir(cfg)
	if err != nil {
		return binaries{}, err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return binaries{}, fmt.Errorf("create the cache directory: %w", err)
	}
	release, err := waitForLock(ctx, filepath.Join(cache, lockName))
	if err != nil {
		return binaries{}, err
	}
	defer release()
	dir := filepath.Join(cache, "postgresql-"+version)
	if bin, err := inspect(ctx, filepath.Join(dir, "bin")); err == nil {
		return bin, nil // another process was faster
	}
	left, err := filepath.Glob(filepath.Join(cache, ".fetch-*"))
	if err != nil {
		return binaries{}, err
	}
	for _, work := range left { // by processes that were killed: the lock is held
		_ = os.RemoveAll(work)
	}
	work, err := os.MkdirTemp(cache, ".fetch-")
	if err != nil {
		return binaries{}, fmt.Errorf("create a directory for the download: %w", err)
	}
	fmt.Fprintf(cfg.Progress, "postgres: downloading PostgreSQL %s from Maven Central into %s\n", version, cache)
	start := time.Now()
	var result error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		result = fetchInto(cfg, build, work)
	}()
	tick := time.NewTicker(progressInterval)
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-ended:
			running = false
		case <-tick.C:
			fmt.Fprintf(cfg.Progress, "postgres: still downloading, %.0fs\n", time.Since(start).Seconds())
		case <-ctx.Done():
			// The library cannot be interrupted. If this process exits first, the next download
			// removes the rest.
			go func() {
				<-ended
				_ = os.RemoveAll(work)
			}()
			return binaries{}, ctx.Err()
		}
	}
	defer os.RemoveAll(work)
	unpacked := filepath.Join(work, "postgresql")
	if _, inspectErr := inspect(ctx, filepath.Join(unpacked, "bin")); inspectErr != nil {
		return binaries{}, errors.Join(result, inspectErr)
	}
	if err := openToAll(unpacked); err != nil {
		return binaries{}, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return binaries{}, fmt.Errorf("replace a damaged copy: %w", err)
	}
	if err := os.Rename(unpacked, dir); err != nil {
		return binaries{}, fmt.Errorf("move the downloaded programs: %w", err)
	}
	fmt.Fprintf(cfg.Progress, "postgres: downloaded PostgreSQL %s in %.0fs\n", version, time.Since(start).Seconds())
	return inspect(ctx, filepath.Join(dir, "bin"))
}

// fetchInto uses embedded-postgres to download, verify and unpack a build into work/postgresql. The
// library does this as the first part of starting a server. It cannot start one as root and has no
// option to stop after unpacking. So it gets a data directory that cannot exist and always returns
// an error after unpacking; the download succeeded if the programs exist.
func fetchInto(cfg Config, build embeddedpostgres.PostgresVersion, work string) error {
	file := filepath.Join(work, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return err
	}
	c := embeddedpostgres.DefaultConfig().
		Version(build).
		Port(0).
		CachePath(filepath.Join(work, "archive")).
		RuntimePath(filepath.Join(work, "run")).
		BinariesPath(filepath.Join(work, "postgresql")).
		DataPath(filepath.Join(file, "data")).
		Logger(io.Discard)
	if cfg.repository != "" {
		c = c.BinaryRepositoryURL(cfg.repository)
	}
	return embeddedpostgres.NewDatabase(c).Start()
}

// openToAll allows every user to run the programs below dir, whatever the umask was when they were
// unpacked.
func openToAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o444
		if d.IsDir() || mode&0o100 != 0 {
			mode |= 0o111
		}
		return os.Chmod(path, mode)
	})
}

func cacheDir(cfg Config) (string, error) {
	if cfg.CacheDir != "" {
		return filepath.Abs(cfg.CacheDir)
	}
	if os.Geteuid() == 0 {
		return "/var/cache/chenu", nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a directory for the programs: %w", err)
	}
	return filepath.Join(dir, "chenu"), nil
}

// waitForLock waits until no other process holds the lock in the named file.
func waitForLock(ctx context.Context, name string) (release func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		held, err := tryLock(f)
		if err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", name, err)
		}
		if held {
			return func() { unlock(f) }, nil
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

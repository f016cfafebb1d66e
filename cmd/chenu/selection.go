package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/policies"
)

// selection selects files of the migration directory.
type selection struct {
	latest   int
	from, to string
	gitBase  string
	all      bool
}

func (s *selection) register(flags *pflag.FlagSet) {
	flags.IntVar(&s.latest, "latest", 0, "select the last `N` files")
	flags.StringVar(&s.from, "from", "", "select the files from this `version`")
	flags.StringVar(&s.to, "to", "", "select the files up to this `version`")
	flags.StringVar(&s.gitBase, "git-base", "", "select the files that were added or changed since the current branch diverged from this `commit` or branch, such as origin/main")
	flags.BoolVar(&s.all, "all", false, "select all files")
}

// completes makes the shell complete the versions of the target's directory.
func (*selection) completes(cmd *cobra.Command, t *target) {
	completes(cmd, "from", t.versions)
	completes(cmd, "to", t.versions)
}

// selectionHelp is the part of a command's help about the flags of a selection.
const selectionHelp = `Select files with --latest, --from and --to, --git-base, or --all. By default the
command selects the files that are pending in the database, or the last file if no
database is set.`

// selected is the result of a selection.
type selected struct {
	files  []migrations.File // the whole directory
	wanted map[string]bool   // the files to check, by name
	what   string            // describes the selection in the output
	status *apply.Status     // of the database; nil without a database
	base   *gitBase          // nil without --git-base
}

// want reports whether the file was selected.
func (s *selected) want(f migrations.File) bool { return s.wanted[f.Name] }

// nothing reports whether there is nothing to review: no file, no file that was removed, and no
// contradiction between the database and the directory.
func (s *selected) nothing() bool {
	return len(s.wanted) == 0 && (s.status == nil || s.status.Problem == "") && (s.base == nil || len(s.base.removed) == 0)
}

// files reads the directory, and the status of the database if one is given.
func (s *selection) files(ctx context.Context, t *target) (*selected, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if s.gitBase != "" && t.dir == "" {
		t.dir = migrationsDir
	}
	dir, err := t.open()
	if err != nil {
		return nil, err
	}
	chosen := &selected{wanted: map[string]bool{}}
	if chosen.files, err = migrations.Read(dir); err != nil {
		return nil, err
	}
	if t.url != "" {
		if chosen.status, err = apply.ReadStatus(ctx, t.url, &policies.Conventions, dir); err != nil {
			return nil, err
		}
	}
	if s.gitBase != "" {
		if chosen.base, err = readGitBase(ctx, t.dir, s.gitBase, chosen.files); err != nil {
			return nil, err
		}
	}
	return chosen, s.choose(chosen)
}

func (s *selection) check() error {
	ways := 0
	for _, given := range []bool{s.latest != 0, s.from != "" || s.to != "", s.gitBase != "", s.all} {
		if given {
			ways++
		}
	}
	switch {
	case ways > 1:
		return usagef("--latest, --from and --to, --git-base and --all exclude each other: use one of them")
	case s.latest < 0:
		return usagef("--latest: %d is not a valid number of files: use a positive number", s.latest)
	}
	return nil
}

func (s *selection) choose(c *selected) error {
	var in func(i int, f migrations.File) bool
	switch {
	case s.all:
		c.what, in = "all files", func(int, migrations.File) bool { return true }
	case s.gitBase != "":
		c.what = "the changes since " + s.gitBase
		in = func(_ int, f migrations.File) bool { return !slices.Contains(c.base.same, f.Name) }
	case s.from != "" || s.to != "":
		for _, version := range []string{s.from, s.to} {
			if version != "" && !slices.ContainsFunc(c.files, func(f migrations.File) bool { return f.Version == version }) {
				return fmt.Errorf("unknown version %s: the migration directory has no such version", version)
			}
		}
		c.what = strings.TrimSpace("the versions" + prefixed(" from ", s.from) + prefixed(" to ", s.to))
		in = func(_ int, f migrations.File) bool { return f.Version >= s.from && (s.to == "" || f.Version <= s.to) }
	case s.latest == 0 && c.status != nil:
		c.what, in = "the pending files", c.pending
	default:
		n := max(s.latest, 1)
		c.what = "the last " + migrations.Count(n, "file")
		if n == 1 {
			c.what = "the last file"
		}
		in = func(i int, _ migrations.File) bool { return i >= len(c.files)-n }
	}
	for i, f := range c.files {
		if in(i, f) {
			c.wanted[f.Name] = true
		}
	}
	return nil
}

// pending reports whether applying would run the file, or would refuse because of it.
func (s *selected) pending(_ int, f migrations.File) bool {
	if s.status.State != apply.Conflict {
		return slices.Contains(s.status.Pending, f.Name)
	}
	return !slices.ContainsFunc(s.status.Applied, func(a apply.Applied) bool { return a.Version == f.Version })
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// gitBase compares the directory with another branch.
type gitBase struct {
	ref string
	// same, edited and removed are files of the common ancestor.
	same, edited, removed []string
	// merged are the files that were added to the other branch since then.
	merged []string
}

func readGitBase(ctx context.Context, dir, ref string, files []migrations.File) (*gitBase, error) {
	commit, err := git(ctx, dir, "rev-parse", "--verify", "--end-of-options", ref+"^{commit}")
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", ref, err)
	}
	fork, err := git(ctx, dir, "merge-base", strings.TrimSpace(commit), "HEAD")
	if err != nil {
		return nil, fmt.Errorf("find the common ancestor with %s (a shallow clone may not contain it): %w", ref, err)
	}
	ancestor, err := gitFiles(ctx, dir, strings.TrimSpace(fork))
	if err != nil {
		return nil, err
	}
	tip, err := gitFiles(ctx, dir, strings.TrimSpace(commit))
	if err != nil {
		return nil, err
	}
	now := map[string]string{}
	if len(files) > 0 {
		args := []string{"hash-object", "--"}
		for _, f := range files {
			args = append(args, f.Name)
		}
		out, err := git(ctx, dir, args...)
		if err != nil {
			return nil, fmt.Errorf("hash the migration files: %w", err)
		}
		for i, hash := range strings.Fields(out) {
			now[files[i].Name] = hash
		}
	}
	base := &gitBase{ref: ref}
	for name, hash := range ancestor {
		switch now[name] {
		case hash:
			base.same = append(base.same, name)
		case "":
			base.removed = append(base.removed, name)
		default:
			base.edited = append(base.edited, name)
		}
	}
	for name := range tip {
		if _, ok := ancestor[name]; !ok {
			base.merged = append(base.merged, name)
		}
	}
	for _, names := range [][]string{base.same, base.edited, base.removed, base.merged} {
		slices.Sort(names)
	}
	return base, nil
}

// gitFiles returns the migration files in the directory at a commit, with their hashes by name.
func gitFiles(ctx context.Context, dir, commit string) (map[string]string, error) {
	out, err := git(ctx, dir, "ls-tree", "-z", commit, "./")
	if err != nil {
		return nil, fmt.Errorf("list the migration files of %s: %w", commit, err)
	}
	all := map[string]string{}
	for entry := range strings.SplitSeq(out, "\x00") {
		about, name, ok := strings.Cut(entry, "\t")
		if fields := strings.Fields(about); ok && len(fields) == 3 && fields[1] == "blob" && strings.HasSuffix(name, ".sql") {
			all[name] = fields[2]
		}
	}
	return all, nil
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		if text := strings.TrimSpace(problem.String()); text != "" {
			err = errors.New(text)
		}
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return out.String(), nil
}

package migrations

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
)

// Validate reports whether dir can be applied: atlas.sum is of exactly these files, and each is well-formed. The error
// is a *Refusal of kind ErrDirectory. It needs no database.
func Validate(dir migrate.Dir) error {
	_, err := load(dir)
	return err
}

// Hash writes atlas.sum anew for the files that stand in the directory at path. It does not look into them, and says
// nothing about databases that have applied some already: Apply refuses those that were edited all the same.
func Hash(path string) error {
	dir, err := migrate.NewLocalDir(path)
	if err != nil {
		return fmt.Errorf("hash migration directory: %w", err)
	}
	sum, err := dir.Checksum()
	if err != nil {
		return fmt.Errorf("hash migration directory: %w", err)
	}
	if err := migrate.WriteSumFile(dir, sum); err != nil {
		return fmt.Errorf("hash migration directory: %w", err)
	}
	return nil
}

// file is one migration file, read and understood.
type file struct {
	migrate.File
	hash       string // as atlas.sum has it: of this file and all before it
	statements []*migrate.Stmt
	sums       []string // sums[i] is the hash of statements 0..i, as the revision table keeps it for resuming
	alone      bool     // each statement commits by itself: -- atlas:txmode none
	offset     int      // where the statements' positions count from
}

// line returns the line of the file, from 1, at which byte n of statement i stands.
func (f *file) line(i, n int) int {
	n = min(max(n, 0), len(f.statements[i].Text))
	at := min(f.offset+f.statements[i].Pos+n, len(f.Bytes()))
	return 1 + strings.Count(string(f.Bytes()[:at]), "\n")
}

// sets reports whether a statement of the file is a SET of that setting.
func (f *file) sets(setting string) bool {
	return slices.ContainsFunc(f.statements, func(s *migrate.Stmt) bool {
		return reSetting.MatchString(s.Text) && strings.Contains(strings.ToLower(s.Text), setting)
	})
}

// load reads and validates a directory.
func load(dir migrate.Dir) ([]*file, error) {
	if err := checkSum(dir); err != nil {
		return nil, err
	}
	sum, err := dir.Checksum()
	if err != nil {
		return nil, fmt.Errorf("hash migration directory: %w", err)
	}
	all, err := dir.Files()
	if err != nil {
		return nil, fmt.Errorf("read migration directory: %w", err)
	}
	files := make([]*file, 0, len(all))
	for i, f := range all {
		hash, err := sum.SumByName(f.Name())
		if err != nil { // -- atlas:sum ignore
			return nil, invalid(f.Name(), "is left out of atlas.sum", "remove its atlas:sum directive and run `chenu migrate hash`")
		}
		read, err := parse(f, hash)
		if err != nil {
			return nil, err
		}
		// Versions are what the revision table is keyed by, and compare as text: that must be the files' order too.
		if i > 0 && cmp.Compare(all[i-1].Version(), f.Version()) >= 0 {
			return nil, invalid(f.Name(), fmt.Sprintf("has version %s, which does not come after %s of %s", f.Version(), all[i-1].Version(), all[i-1].Name()),
				"rename it so that its timestamp is later, and run `chenu migrate hash`")
		}
		files = append(files, read)
	}
	return files, nil
}

func checkSum(dir migrate.Dir) error {
	err := migrate.Validate(dir)
	if err == nil {
		return nil
	}
	const advice = "if that is intended, run `chenu migrate hash` and review the change of atlas.sum; else restore the file"
	var sum *migrate.ChecksumError
	switch {
	case errors.As(err, &sum):
		return &Refusal{Kind: ErrDirectory, Reason: fmt.Sprintf("atlas.sum does not match: %s was %s", sum.File, sum.Reason), Advice: advice}
	case errors.Is(err, migrate.ErrChecksumNotFound):
		return &Refusal{Kind: ErrDirectory, Reason: "atlas.sum is missing", Advice: "run `chenu migrate hash`"}
	case errors.Is(err, migrate.ErrChecksumFormat), errors.Is(err, migrate.ErrChecksumMismatch):
		return &Refusal{Kind: ErrDirectory, Reason: "atlas.sum was edited or merged by hand", Advice: "check that the files are as intended, and run `chenu migrate hash`"}
	case errors.Is(err, fs.ErrNotExist):
		return &Refusal{Kind: ErrDirectory, Reason: "the migration directory cannot be read", Err: err}
	}
	return fmt.Errorf("validate migration directory: %w", err)
}

func invalid(file, problem, advice string) error {
	return &Refusal{Kind: ErrDirectory, Reason: file + " " + problem, Advice: advice}
}

var (
	reName      = regexp.MustCompile(`^[0-9]+_[^/]+\.sql$`)
	reDirective = regexp.MustCompile(`(?m)^-- *atlas:(\w+)[ \t]*([^\r\n]*?)[ \t\r]*$`)

	// A statement of ours would end in the middle of the file's transaction, or run as someone else than the owner.
	reForbidden = regexp.MustCompile(`(?i)^(BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK|ABORT|PREPARE\s+TRANSACTION|` +
		`SET\s+(SESSION\s+|LOCAL\s+)?(ROLE|SESSION\s+AUTHORIZATION)|RESET\s+(ROLE|SESSION\s+AUTHORIZATION|ALL)|DISCARD)\b`)
)

func parse(f migrate.File, hash string) (*file, error) {
	name, text := f.Name(), string(f.Bytes())
	if !reName.MatchString(name) {
		return nil, invalid(name, "is not named <timestamp>_<name>.sql", "rename it and run `chenu migrate hash`")
	}
	if !slices.Equal([]byte(strings.ToValidUTF8(text, "")), f.Bytes()) {
		return nil, invalid(name, "is not UTF-8", "save it as UTF-8 and run `chenu migrate hash`")
	}
	// The scanner of the driver, which the CLI uses too: resuming depends on both cutting a file in the same places.
	statements, err := new(postgres.Driver).ScanStmts(text)
	if err != nil {
		return nil, &Refusal{Kind: ErrDirectory, Reason: name + " cannot be split into statements", Err: err}
	}
	read := &file{File: f, hash: hash, statements: statements}
	if err := read.directives(text); err != nil {
		return nil, err
	}
	h := sha256.New()
	for i, s := range statements {
		if m := reForbidden.FindString(s.Text); m != "" {
			return nil, invalid(fmt.Sprintf("%s:%d", name, read.line(i, 0)), fmt.Sprintf("says %s", strings.Join(strings.Fields(strings.ToUpper(m)), " ")),
				"leave it out: a file is one transaction of the owner already (or none, with `-- atlas:txmode none`)")
		}
		h.Write([]byte(s.Text)) // never fails
		read.sums = append(read.sums, base64.StdEncoding.EncodeToString(h.Sum(nil)))
	}
	return read, nil
}

// directives acts on the file's `-- atlas:` lines and refuses those that mean something that this package does not do,
// rather than apply a file as it was not meant.
func (f *file) directives(text string) error {
	var modes []string
	if l, ok := f.File.(interface{ Directive(string) []string }); ok {
		modes = l.Directive("txmode")
	}
	for _, m := range reDirective.FindAllStringSubmatch(text, -1) {
		switch name, value := m[1], m[2]; name {
		case "nolint":
		case "delimiter":
			if !strings.HasPrefix(text, m[0]) {
				return invalid(f.Name(), "has an atlas:delimiter below its first line", "move it to the first line and run `chenu migrate hash`")
			}
			f.offset = len(text) - len(strings.SplitN(text, "\n", 2)[1])
		case "txmode":
			// Atlas takes a directive that touches a statement for that statement's comment, and ignores it here.
			if len(modes) == 0 {
				return invalid(f.Name(), "has an atlas:txmode that is not followed by an empty line",
					"put it at the top of the file with an empty line below it, and run `chenu migrate hash`")
			}
			switch {
			case len(modes) > 1:
				return invalid(f.Name(), "has more than one atlas:txmode", "leave one of them")
			case value == "none":
				f.alone = true
			case value != "file":
				return invalid(f.Name(), fmt.Sprintf("has atlas:txmode %q", value), "say `none`, or leave it out for one transaction")
			}
		default:
			return invalid(f.Name(), "has the directive atlas:"+name+", which is not supported here", "leave it out")
		}
	}
	return nil
}

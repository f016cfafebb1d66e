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
	"unicode/utf8"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
)

// Validate reports whether dir can be applied: atlas.sum matches exactly these files, and each file is well-formed. The
// error is a *Refusal of kind ErrDirectory. Validate needs no database.
func Validate(dir migrate.Dir) error {
	_, err := Read(dir)
	return err
}

// Hash writes atlas.sum for the files in the directory at path. It neither reads the files' statements nor knows which
// databases have applied them: applying refuses a file that was edited after it was applied, whatever atlas.sum says.
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

// File is a migration file that was read and validated.
type File struct {
	Name, Version string
	Description   string // the part of the name after the version
	Hash          string // of this file and all files before it, as atlas.sum has it
	Transaction   bool   // false for -- atlas:txmode none
	Text          string
	Statements    []Statement

	offset int // of Text, from which Atlas counts the positions of the statements
}

// Statement is a statement of a file.
type Statement struct {
	Line int    `json:"line"` // of the file, from 1
	SQL  string `json:"sql"`
	// Sum is the hash of the file's statements up to this one. The revision table stores it, so that a partly applied
	// file is resumed only if the applied statements have not changed.
	Sum string `json:"-"`
	// NoLockTimeout reports whether the statement waits for locks without limit, unless the caller sets a lock timeout:
	// reads and writes do not queue behind the locks that it waits for.
	NoLockTimeout bool `json:"-"`

	position int
}

// LineAt returns the line of the file, from 1, that contains byte n of statement i.
func (f *File) LineAt(i, n int) int {
	n = min(max(n, 0), len(f.Statements[i].SQL))
	at := min(f.offset+f.Statements[i].position+n, len(f.Text))
	return 1 + strings.Count(f.Text[:at], "\n")
}

// Sets reports whether a statement of the file is a SET of the setting.
func (f *File) Sets(setting string) bool {
	return slices.ContainsFunc(f.Statements, func(s Statement) bool {
		return s.ChangesSession() && strings.Contains(strings.ToLower(s.SQL), setting)
	})
}

// ChangesSession reports whether the statement is a SET or RESET, which changes the session and nothing else.
func (s Statement) ChangesSession() bool { return reSetting.MatchString(s.SQL) }

// Read reads a directory and validates it as Validate does. The files are in the order in which they are applied.
func Read(dir migrate.Dir) ([]File, error) {
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
	files := make([]File, 0, len(all))
	for i, f := range all {
		hash, err := sum.SumByName(f.Name())
		if err != nil { // -- atlas:sum ignore
			return nil, invalid(f.Name(), "is excluded from atlas.sum", "remove its atlas:sum directive and run `chenu migrate hash`")
		}
		read, err := parse(f, hash)
		if err != nil {
			return nil, err
		}
		// The revision table's key is the version, compared as text: the files must be in the same order.
		if i > 0 && cmp.Compare(all[i-1].Version(), f.Version()) >= 0 {
			return nil, invalid(f.Name(), fmt.Sprintf("has version %s, which is not later than version %s of %s", f.Version(), all[i-1].Version(), all[i-1].Name()),
				"rename it to a later timestamp, and run `chenu migrate hash`")
		}
		files = append(files, *read)
	}
	return files, nil
}

func checkSum(dir migrate.Dir) error {
	err := migrate.Validate(dir)
	if err == nil {
		return nil
	}
	const advice = "if the change is intended, run `chenu migrate hash` and review atlas.sum; otherwise restore the file"
	var sum *migrate.ChecksumError
	switch {
	case errors.As(err, &sum):
		return &Refusal{Kind: ErrDirectory, Reason: fmt.Sprintf("atlas.sum does not match: %s was %s", sum.File, sum.Reason), Advice: advice}
	case errors.Is(err, migrate.ErrChecksumNotFound):
		return &Refusal{Kind: ErrDirectory, Reason: "atlas.sum is missing", Advice: "run `chenu migrate hash`"}
	case errors.Is(err, migrate.ErrChecksumFormat), errors.Is(err, migrate.ErrChecksumMismatch):
		return &Refusal{Kind: ErrDirectory, Reason: "atlas.sum was edited or merged manually", Advice: "check the files, and run `chenu migrate hash`"}
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
	reSetting   = regexp.MustCompile(`(?i)^(SET|RESET)\s`)

	// reConcurrently matches the statements that wait for other sessions without blocking reads and writes of the
	// table.
	reConcurrently = regexp.MustCompile(`(?i)^(CREATE\s+(UNIQUE\s+)?INDEX|DROP\s+INDEX|REINDEX\s+(\([^)]*\)\s*)?(INDEX|TABLE|SCHEMA|DATABASE))\s+CONCURRENTLY\b`)

	// reForbidden matches the statements that would end the file's transaction, or run later statements as another
	// role.
	reForbidden = regexp.MustCompile(`(?i)^(BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK|ABORT|PREPARE\s+TRANSACTION|` +
		`SET\s+(SESSION\s+|LOCAL\s+)?(ROLE|SESSION\s+AUTHORIZATION)|RESET\s+(ROLE|SESSION\s+AUTHORIZATION|ALL)|DISCARD)\b`)
)

func parse(f migrate.File, hash string) (*File, error) {
	name, text := f.Name(), string(f.Bytes())
	if !reName.MatchString(name) {
		return nil, invalid(name, "is not named <timestamp>_<name>.sql", "rename it and run `chenu migrate hash`")
	}
	if !utf8.ValidString(text) {
		return nil, invalid(name, "is not UTF-8", "save it as UTF-8 and run `chenu migrate hash`")
	}
	// This is the driver's scanner, which the Atlas CLI uses too: resuming requires that both split a file in the same
	// way.
	statements, err := new(postgres.Driver).ScanStmts(text)
	if err != nil {
		return nil, &Refusal{Kind: ErrDirectory, Reason: name + " cannot be split into statements", Err: err}
	}
	read := &File{Name: name, Version: f.Version(), Description: f.Desc(), Hash: hash, Transaction: true, Text: text}
	if err := read.directives(f); err != nil {
		return nil, err
	}
	h := sha256.New()
	for i, s := range statements {
		h.Write([]byte(s.Text)) // never fails
		read.Statements = append(read.Statements, Statement{SQL: s.Text, Sum: base64.StdEncoding.EncodeToString(h.Sum(nil)), position: s.Pos})
		read.Statements[i].Line = read.LineAt(i, 0)
		if m := reForbidden.FindString(s.Text); m != "" {
			return nil, invalid(fmt.Sprintf("%s:%d", name, read.Statements[i].Line), fmt.Sprintf("contains %s", strings.Join(strings.Fields(strings.ToUpper(m)), " ")),
				"remove the statement: the file runs in one transaction of the owner (or, with `-- atlas:txmode none`, without a transaction)")
		}
	}
	if !read.Transaction && !read.Sets("lock_timeout") {
		for i := range read.Statements {
			read.Statements[i].NoLockTimeout = reConcurrently.MatchString(read.Statements[i].SQL)
		}
	}
	return read, nil
}

// directives evaluates the file's `-- atlas:` lines. It rejects the directives that this package does not support, so
// that no file is applied differently than its author intended.
func (f *File) directives(file migrate.File) error {
	var modes []string
	if l, ok := file.(interface{ Directive(string) []string }); ok {
		modes = l.Directive("txmode")
	}
	for _, m := range reDirective.FindAllStringSubmatch(f.Text, -1) {
		switch name, value := m[1], m[2]; name {
		case "nolint":
		case "delimiter":
			if !strings.HasPrefix(f.Text, m[0]) {
				return invalid(f.Name, "has an atlas:delimiter below its first line", "move it to the first line and run `chenu migrate hash`")
			}
			f.offset = len(f.Text) - len(strings.SplitN(f.Text, "\n", 2)[1])
		case "txmode":
			// Atlas treats a directive directly above a statement as a comment of that statement, and ignores it.
			if len(modes) == 0 {
				return invalid(f.Name, "has an atlas:txmode that is not followed by an empty line",
					"put it at the top of the file with an empty line below it, and run `chenu migrate hash`")
			}
			switch {
			case len(modes) > 1:
				return invalid(f.Name, "has more than one atlas:txmode", "keep one of them")
			case value == "none":
				f.Transaction = false
			case value != "file":
				return invalid(f.Name, fmt.Sprintf("has atlas:txmode %q", value), "use `none`, or remove it for one transaction")
			}
		default:
			return invalid(f.Name, "has the directive atlas:"+name+", which is not supported", "remove it")
		}
	}
	return nil
}

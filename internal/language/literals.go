package language

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
)

// Literal is a string literal of a Go file.
type Literal struct {
	Position token.Position
	Text     string
}

// Literals returns the string literals in the Go files of the directory and the directories below
// it, without tests, tags of fields and import paths. Files whose name matches one of the skipped
// names are not read.
func Literals(dir string, skip ...string) ([]Literal, error) {
	var literals []Literal
	files := token.NewFileSet()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, name := range skip {
			if entry.Name() == name {
				return nil
			}
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec:
				return false
			case *ast.Field:
				n.Tag = nil
			case *ast.BasicLit:
				if n.Kind != token.STRING {
					break
				}
				if text, err := strconv.Unquote(n.Value); err == nil {
					literals = append(literals, Literal{files.Position(n.Pos()), text})
				}
			}
			return true
		})
		return nil
	})
	return literals, err
}

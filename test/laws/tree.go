// Package laws checks the source of this repository: which package may import which, what a machine may use, where a
// topic may be named, how long a function may be. The tests run every law over the repository, and over small samples
// that break it. Every violation names the reason for its law and what to do.
package laws

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Module is the path of this module.
const Module = "github.com/parley-im/parley"

// maxFile is the largest file that is read, in bytes. What is larger was not written by hand.
const maxFile = 1 << 20

// skipped are names of what is not source: output of tools, what package managers fetched, data of tests.
var skipped = []string{".git", ".bin", ".data", ".cache", "bin", "node_modules", "dist", "testdata"}

// Tree is the source of a repository.
type Tree struct {
	Fset  *token.FileSet
	Files []*File // sorted by path
}

// File is one text file.
type File struct {
	Path      string // from the root, with '/'
	Text      []byte
	Go        *ast.File // nil when it is not Go
	Generated bool
}

// Folder is where the file is: "" for the root.
func (f *File) Folder() string {
	if dir := path.Dir(f.Path); dir != "." {
		return dir
	}
	return ""
}

// Test reports whether only go test compiles the file.
func (f *File) Test() bool { return strings.HasSuffix(f.Path, "_test.go") }

// Violation is one line that breaks a law.
type Violation struct {
	Path    string
	Line    int
	Message string
}

func (v Violation) String() string { return fmt.Sprintf("%s:%d: %s", v.Path, v.Line, v.Message) }

// Load reads the repository that has its root there.
func Load(root string) (*Tree, error) {
	sources := map[string][]byte{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != root && slices.Contains(skipped, entry.Name()):
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil // .git is a file in a work tree of git
		case !entry.Type().IsRegular():
			return nil
		}
		if info, err := entry.Info(); err != nil || info.Size() > maxFile {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err == nil && !bytes.ContainsRune(text, 0) {
			sources[filepath.ToSlash(relative)] = text
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return Parse(sources)
}

// Parse makes a tree of sources by path.
func Parse(sources map[string][]byte) (*Tree, error) {
	t := &Tree{Fset: token.NewFileSet()}
	for name, text := range sources {
		f := &File{Path: name, Text: text}
		if path.Ext(name) == ".go" {
			parsed, err := parser.ParseFile(t.Fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return nil, fmt.Errorf("%s does not parse, correct it first: %w", name, err)
			}
			f.Go, f.Generated = parsed, ast.IsGenerated(parsed)
		}
		t.Files = append(t.Files, f)
	}
	slices.SortFunc(t.Files, func(a, b *File) int { return strings.Compare(a.Path, b.Path) })
	return t, nil
}

// written are the Go files that are not generated.
func (t *Tree) written() []*File {
	var files []*File
	for _, f := range t.Files {
		if f.Go != nil && !f.Generated {
			files = append(files, f)
		}
	}
	return files
}

// at is a violation at a node.
func (t *Tree) at(f *File, pos token.Pos, format string, args ...any) Violation {
	return Violation{f.Path, t.Fset.Position(pos).Line, fmt.Sprintf(format, args...)}
}

// Style: how long files and functions may be, a first sentence for every file, names of things instead of kinds, and no
// words that belong to somebody's workplace.

package laws

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

const (
	maxFileLines     = 500
	maxFunctionLines = 70
	maxPackageFiles  = 20 // tests too
)

// Lengths finds files and functions that are too long.
func Lengths(t *Tree) []Violation {
	var found []Violation
	for _, f := range t.written() {
		if lines := bytes.Count(f.Text, []byte("\n")); lines > maxFileLines {
			found = append(found, Violation{f.Path, maxFileLines, fmt.Sprintf("the file has %d lines, more than %d: split it by topic", lines, maxFileLines)})
		}
		for _, function := range t.Functions(f) {
			if function.Lines > maxFunctionLines {
				found = append(found, t.at(f, function.Pos, "%s has %d lines, more than %d: move parts of it into functions of their own",
					function.Name, function.Lines, maxFunctionLines))
			}
		}
	}
	return found
}

// Function is a function or method with a body.
type Function struct {
	Name  string
	Pos   token.Pos
	Lines int
}

// Functions are the functions of a file. In tests the rows of a table count as one line: a long table is read row by row.
func (t *Tree) Functions(f *File) []Function {
	var functions []Function
	for _, declaration := range f.Go.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok || function.Body == nil {
			continue
		}
		lines := span(t.Fset, function)
		if f.Test() {
			lines -= tableLines(t.Fset, function.Body)
		}
		functions = append(functions, Function{function.Name.Name, function.Pos(), lines})
	}
	return functions
}

// reason begins the sentence with which the comment of a large package says why it is one.
const reason = "has more than twenty files because"

// PackageSizes finds packages of so many files that nobody knows where a line belongs, unless the package's comment says why.
func PackageSizes(t *Tree) []Violation {
	var found []Violation
	files, excused := map[string][]*File{}, map[string]bool{}
	for _, f := range t.written() {
		folder := f.Folder()
		files[folder] = append(files[folder], f)
		if doc := strings.Join(strings.Fields(f.Go.Doc.Text()), " "); strings.Contains(doc, reason) {
			excused[folder] = true
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(files)) {
		if n := len(files[folder]); n > maxPackageFiles && !excused[folder] {
			found = append(found, Violation{files[folder][0].Path, 1, fmt.Sprintf("the package has %d files, more than %d: split it by things, or say in its comment that it %s ...",
				n, maxPackageFiles, reason)})
		}
	}
	return found
}

// span is how many lines a node covers.
func span(fset *token.FileSet, node ast.Node) int {
	return fset.Position(node.End()).Line - fset.Position(node.Pos()).Line + 1
}

// tableLines is how many lines the tables in a body have beyond one each.
func tableLines(fset *token.FileSet, body ast.Node) int {
	lines := 0
	ast.Inspect(body, func(node ast.Node) bool {
		literal, ok := node.(*ast.CompositeLit)
		if !ok {
			return true
		}
		switch literal.Type.(type) {
		case *ast.ArrayType, *ast.MapType:
			lines += span(fset, literal) - 1
			return false
		}
		return true
	})
	return lines
}

// minSentence is the length of the shortest sentence that can describe a file.
const minSentence = 20

// FirstComments finds Go files that do not begin with what they are for.
func FirstComments(t *Tree) []Violation {
	var found []Violation
	for _, f := range t.written() {
		comment := ""
		for _, group := range f.Go.Comments {
			if group.Pos() < f.Go.Package {
				comment += group.Text() // without directives such as //go:build
			}
		}
		if len(strings.TrimSpace(comment)) < minSentence {
			found = append(found, t.at(f, f.Go.Package, "the file must begin with a comment of one sentence that describes it"))
		}
	}
	return found
}

// vague are names that fit any content.
var vague = []string{"util", "utils", "helper", "helpers", "common", "types", "misc"}

// Names finds files and folders that are named for a kind instead of a thing.
func Names(t *Tree) []Violation {
	var found []Violation
	for _, f := range t.Files {
		for part := range strings.SplitSeq(f.Path, "/") {
			stem := strings.TrimSuffix(strings.TrimSuffix(part, path.Ext(part)), "_test")
			if slices.Contains(vague, strings.ToLower(stem)) {
				found = append(found, Violation{f.Path, 1, fmt.Sprintf("%q fits any content; name it for the thing that it is about", part)})
			}
		}
	}
	return found
}

// foreign are words that do not belong in the repository. They are concatenated here, so that this file has none of them.
var foreign = []struct {
	word   *regexp.Regexp
	except []string // folders in which the word is a term of this system
	why    string
}{
	{regexp.MustCompile(`(^|[^\w.$}])/` + `(work|root|tmp|home)` + `/`), nil, "a path of somebody's machine; use a path in the repository, t.TempDir() or a setting"},
	{regexp.MustCompile(`(?i)\b(registry\.npmjs|proxy\.golang|sum\.golang|repo1?\.maven|files\.pythonhosted)` + `\.`), nil, "a registry's host; each machine is configured with its own"},
	{regexp.MustCompile(`(?i)\bthis ` + `session\b`), []string{"gateways...", "topology/wire...", "views...", "clients..."}, "describe what is there, not when it was written"},
	{regexp.MustCompile(`(?i)\b(language ` + `model|as an ` + `ai|sub-?` + `agent)\b`), nil, "describe what the system does, not who wrote it"},
}

// Words finds words that do not belong in the repository.
func Words(t *Tree) []Violation {
	var found []Violation
	for _, f := range t.Files {
		if f.Generated {
			continue
		}
		number := 0
		for line := range bytes.Lines(f.Text) {
			number++
			for _, w := range foreign {
				excepted := slices.ContainsFunc(w.except, func(pattern string) bool { return matches(pattern, f.Folder()) })
				if hit := w.word.Find(line); hit != nil && !excepted {
					found = append(found, Violation{f.Path, number, fmt.Sprintf("%q does not belong here: %s", bytes.TrimSpace(hit), w.why)})
				}
			}
		}
	}
	return found
}

// A finding of nilaway, without the line numbers, so that it stays the same when code moves within its package.

package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Finding is what nilaway reports of a function. Two equal flows of nil in one function are one finding.
type Finding struct {
	Package  string `json:"package"`
	Function string `json:"function"`
	Message  string `json:"message"`
	Reason   string `json:"reason"` // why it is accepted

	position string // where it is now
}

func (f Finding) key() string { return f.Package + "\n" + f.Function + "\n" + f.Message }

// parse reads what go vet -json prints: an object for each package.
func parse(text []byte) ([]Finding, error) {
	var findings []Finding
	for decoder := json.NewDecoder(bytes.NewReader(text)); decoder.More(); {
		var packages map[string]map[string]json.RawMessage
		if err := decoder.Decode(&packages); err != nil {
			return nil, err
		}
		for pkg, analyzers := range packages {
			for _, result := range analyzers {
				var diagnostics []struct{ Posn, Message string }
				err := json.Unmarshal(result, &diagnostics)
				if err != nil {
					return nil, fmt.Errorf("%s: %s", pkg, result) // an analyzer that failed
				}
				for _, d := range diagnostics {
					f := Finding{Package: pkg, Message: withoutPositions(d.Message), position: inModule(pkg, d.Posn)}
					if f.Function, err = functionAt(f.position); err != nil {
						return nil, err
					}
					findings = append(findings, f)
				}
			}
		}
	}
	slices.SortFunc(findings, func(a, b Finding) int { return cmp.Compare(a.key()+a.position, b.key()+b.position) })
	return slices.CompactFunc(findings, func(a, b Finding) bool { return a.key() == b.key() }), nil
}

var (
	prefix   = regexp.MustCompile(`^Potential nil panic detected\. Observed nil flow from source to dereference point:\s*`)
	others   = regexp.MustCompile(`(?s)\s*\(Same nil source could also cause.*$`)
	position = regexp.MustCompile(`(at )?\S+\.go:\d+:\d+:? ?`)
	space    = regexp.MustCompile(`[\s,-]*\n[\s-]*`)
)

// withoutPositions is a message on one line and without files and lines.
func withoutPositions(message string) string {
	message = others.ReplaceAllString(prefix.ReplaceAllString(message, ""), "")
	message = space.ReplaceAllString(position.ReplaceAllString(message, ""), "; ")
	return strings.Trim(message, "- ;\t\n")
}

// module is the path of this module, from whose folder the command is run.
const module = "github.com/parley-im/parley/"

// inModule is a position seen from the module's folder: go vet gives the file's name alone, or with any path before it.
func inModule(pkg, position string) string {
	return path.Join(strings.TrimPrefix(pkg, module), path.Base(position))
}

// functionAt names the function that has a position "file:line:column"; "" when the position is in another package, of
// which go vet does not give the folder.
func functionAt(position string) (string, error) {
	parts := strings.Split(position, ":")
	if len(parts) < 3 {
		return "", fmt.Errorf("%q is no position", position)
	}
	file := strings.Join(parts[:len(parts)-2], ":")
	line, err := strconv.Atoi(parts[len(parts)-2])
	if err != nil {
		return "", err
	}
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	for _, declaration := range parsed.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if ok && fset.Position(function.Pos()).Line <= line && line <= fset.Position(function.End()).Line {
			return function.Name.Name, nil
		}
	}
	return "", nil
}

// Purity: what imports do not show. A range over a map visits its keys in another order each time, goroutines run in
// another, and a package that is imported for its types can also read the clock.

package laws

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// ordered is the comment that excuses a range over a map, on its line or the one above, followed by the reason.
const ordered = "//laws:ordered "

// clock are the functions of package time that read the clock or wait for it.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// unsorted are the functions of package maps that return keys or values in any order.
var unsorted = []string{"All", "Keys", "Values"}

// Purity finds ranges over maps, goroutines and readings of the clock in the packages under a folder. exports has their imports.
func Purity(t *Tree, folder string, exports Exports) ([]Violation, error) {
	packages := map[string][]*File{}
	var order []string
	for _, f := range t.written() {
		if matches(folder+"...", f.Folder()) && !f.Test() {
			if packages[f.Folder()] == nil {
				order = append(order, f.Folder())
			}
			packages[f.Folder()] = append(packages[f.Folder()], f)
		}
	}
	var found []Violation
	for _, of := range order {
		violations, err := impurities(t, packages[of], exports)
		if err != nil {
			return nil, err
		}
		found = append(found, violations...)
	}
	return found, nil
}

// impurities checks one package.
func impurities(t *Tree, files []*File, exports Exports) ([]Violation, error) {
	parsed := make([]*ast.File, len(files))
	for i, f := range files {
		parsed[i] = f.Go
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: exports.Importer(t.Fset)}
	if _, err := config.Check(files[0].Folder(), t.Fset, parsed, info); err != nil {
		return nil, fmt.Errorf("%s does not compile, correct it first: %w", files[0].Folder(), err)
	}
	var found []Violation
	for _, f := range files {
		sorted := sortedAtOnce(f.Go, info)
		ast.Inspect(f.Go, func(node ast.Node) bool {
			switch n := node.(type) {
			case *ast.RangeStmt:
				if isMap(info.TypeOf(n.X)) && !excused(t.Fset, f.Go, n) {
					found = append(found, t.at(f, n.Pos(), "ranges over a map: its order differs on each member, and so would their events; "+
						"range over slices.Sorted(maps.Keys(m)), or add %q with the reason why the order has no effect", ordered+"..."))
				}
			case *ast.GoStmt, *ast.SelectStmt, *ast.SendStmt:
				found = append(found, t.at(f, n.Pos(), "uses goroutines: what runs beside something else runs in another order each time"))
			case *ast.CallExpr:
				if is(info, n.Fun, "maps", unsorted) && !sorted[n] && !excused(t.Fset, f.Go, n) {
					found = append(found, t.at(f, n.Pos(), "takes keys of a map in any order: sort them at once, slices.Sorted(maps.Keys(m))"))
				}
			case *ast.SelectorExpr:
				if is(info, n, "time", clock) {
					found = append(found, t.at(f, n.Pos(), "uses time.%s: a replay would decide differently from the first run; use the time of the record", n.Sel.Name))
				}
			}
			return true
		})
	}
	return found, nil
}

func isMap(of types.Type) bool {
	if of == nil {
		return false
	}
	_, ok := of.Underlying().(*types.Map)
	return ok
}

// is reports whether an expression names one of the functions of a package.
func is(info *types.Info, expr ast.Expr, pkg string, names []string) bool {
	selector, ok := expr.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	function, ok := info.Uses[selector.Sel].(*types.Func)
	return ok && function.Pkg() != nil && function.Pkg().Path() == pkg && function.Signature().Recv() == nil && slices.Contains(names, function.Name())
}

// sortedAtOnce are the calls that are the argument of slices.Sorted and its kin.
func sortedAtOnce(file *ast.File, info *types.Info) map[*ast.CallExpr]bool {
	sorted := map[*ast.CallExpr]bool{}
	ast.Inspect(file, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if ok && len(call.Args) > 0 && is(info, call.Fun, "slices", []string{"Sorted", "SortedFunc", "SortedStableFunc"}) {
			if argument, ok := call.Args[0].(*ast.CallExpr); ok {
				sorted[argument] = true
			}
		}
		return true
	})
	return sorted
}

// excused reports whether the node's line, or the one above, has a comment with a reason.
func excused(fset *token.FileSet, file *ast.File, node ast.Node) bool {
	line := fset.Position(node.Pos()).Line
	for _, group := range file.Comments {
		for _, c := range group.List {
			reason, ok := strings.CutPrefix(c.Text, ordered)
			at := fset.Position(c.Pos()).Line
			if ok && strings.TrimSpace(reason) != "" && (at == line || at == line-1) {
				return true
			}
		}
	}
	return false
}

// Exports are the compiled forms of packages: import path -> file.
type Exports map[string]string

// Importer gives the type checker the compiled forms.
func (e Exports) Importer(fset *token.FileSet) types.Importer {
	return importer.ForCompiler(fset, "gc", e.open)
}

func (e Exports) open(imported string) (io.ReadCloser, error) {
	file, ok := e[imported]
	if !ok {
		return nil, errors.New(imported + " was not compiled")
	}
	return os.Open(file)
}

// Compile asks the go command for the compiled forms of packages and of all they import.
func Compile(root string, patterns ...string) (Exports, error) {
	command := exec.Command("go", append([]string{"list", "-export", "-deps", "-json=ImportPath,Export"}, patterns...)...)
	command.Dir = root
	var complaint bytes.Buffer
	command.Stderr = &complaint
	list, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("compile %v: %w\n%s", patterns, err, complaint.String())
	}
	exports := Exports{}
	for decoder := json.NewDecoder(bytes.NewReader(list)); decoder.More(); {
		var p struct{ ImportPath, Export string }
		if err := decoder.Decode(&p); err != nil {
			return nil, err
		}
		exports[p.ImportPath] = p.Export
	}
	return exports, nil
}

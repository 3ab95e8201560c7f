// References between the files of a package: one file uses what another declares.

package main

import (
	"go/ast"
	"go/types"
	"strings"

	"github.com/parley-im/parley/test/laws"
)

// references is the graph of a package's files without its tests. Files for other systems are among them, whose
// declarations collide, so the type checker's complaints do not count.
func references(tree *laws.Tree, files []*laws.File, exports laws.Exports) graph {
	var parsed []*ast.File
	for _, f := range files {
		if !f.Test() {
			parsed = append(parsed, f.Go)
		}
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: exports.Importer(tree.Fset), Error: func(error) {}}
	pkg, _ := config.Check(files[0].Folder(), tree.Fset, parsed, info)

	g := graph{}
	for _, f := range parsed {
		from := tree.Fset.File(f.Pos()).Name()
		ast.Inspect(f, func(node ast.Node) bool {
			ident, ok := node.(*ast.Ident)
			if !ok {
				return true
			}
			used := info.Uses[ident]
			if used == nil || used.Pkg() != pkg || !used.Pos().IsValid() {
				return true
			}
			to := tree.Fset.File(used.Pos()).Name()
			if from != to && strings.HasSuffix(to, ".go") {
				g.add(from, to)
			}
			return true
		})
	}
	return g
}

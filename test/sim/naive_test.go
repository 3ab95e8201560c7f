// The naive model is independent: it knows the schema and the names, and nothing that folds.

package sim_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// shared is what the model may have in common with the house: the words of the log, and how names are written.
var shared = []string{
	"github.com/parley-im/parley/schemas/gen/parleyv1", "github.com/parley-im/parley/schemas/name",
	"github.com/parley-im/parley/test/check", "github.com/parley-im/parley/topology",
}

// ofTopology is what it may take from topology, which also declares folds; the rest is refused.
var ofTopology = []string{"HeaderCause", "PartitionOf", "RulesKey", "DeadLetters"}

// folding are names of this package and of machines through which it could ask the production fold after all.
var folding = []string{"Fold", "RulesAt", "real", "machine", "straight", "straights", "foldStraight", "mutated", "variant", "ruled"}

func TestNaiveModelSharesNoCodeWithTheFold(t *testing.T) {
	files, err := filepath.Glob("naive*.go")
	if err != nil || len(files) < 3 {
		t.Fatal("the naive model is not where it was", files, err)
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			name, _ := strconv.Unquote(i.Path.Value)
			if strings.Contains(name, ".") && !slices.Contains(shared, name) {
				t.Errorf("%s imports %s: the model must not ask the house what is right", path, name)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, _ := s.X.(*ast.Ident)
			if x != nil && x.Name == "topology" && !slices.Contains(ofTopology, s.Sel.Name) || slices.Contains(folding, s.Sel.Name) {
				t.Errorf("%s uses .%s: the model must not ask the house what is right", path, s.Sel.Name)
			}
			return true
		})
	}
}

// Topic names are written in the plan. Other code takes them from the plan, or, in a room that may not import the plan,
// from one constant that this law compares with the plan.

package laws

import (
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
	"strings"

	"github.com/parley-im/parley/topology"
)

// likeTopic matches the name of a topic, or its end.
var likeTopic = regexp.MustCompile(`^([a-z][a-z0-9-]*)?\.(commands|events)$|^dead\.letters$`)

// planFolder is the package that names the topics.
const planFolder = "topology"

// TopicNames finds topic names that are written where they may not be. Tests may write them: a test that took the name from
// the plan could not find it wrong there.
func TopicNames(t *Tree, p topology.Plan) []Violation {
	var found []Violation
	named := map[string]Violation{}
	for _, f := range t.written() {
		if f.Test() || f.Folder() == planFolder || matches("test...", f.Folder()) || isSuite(f.Folder()) {
			continue
		}
		constants := constantValues(f.Go)
		ast.Inspect(f.Go, func(node ast.Node) bool {
			literal, ok := node.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			name, err := strconv.Unquote(literal.Value)
			if err != nil || !likeTopic.MatchString(name) {
				return true
			}
			here := t.at(f, literal.Pos(), "")
			_, known := p.Topic(name)
			switch first, twice := named[name]; {
			case strings.HasPrefix(name, "."):
				here.Message = strconv.Quote(name) + " builds a topic's name; take the name from the plan, where renaming a topic is one change"
			case !known:
				here.Message = strconv.Quote(name) + " looks like a topic, but the plan has no topic of that name; correct it or add the topic to topology/plan.go"
			case !constants[literal]:
				here.Message = strconv.Quote(name) + " is written in the middle of code; take it from the plan, or, in a room that may not import the plan, from a constant"
			case twice:
				here.Message = strconv.Quote(name) + " is written twice, first at " + first.Path + ":" + strconv.Itoa(first.Line) + "; two names drift apart: use the first"
			default:
				named[name] = here
				return true
			}
			found = append(found, here)
			return true
		})
	}
	return found
}

// constantValues are the literals that are the whole value of a constant.
func constantValues(file *ast.File) map[*ast.BasicLit]bool {
	constants := map[*ast.BasicLit]bool{}
	ast.Inspect(file, func(node ast.Node) bool {
		declaration, ok := node.(*ast.GenDecl)
		if !ok || declaration.Tok != token.CONST {
			return true
		}
		for _, spec := range declaration.Specs {
			for _, value := range spec.(*ast.ValueSpec).Values {
				if literal, ok := value.(*ast.BasicLit); ok {
					constants[literal] = true
				}
			}
		}
		return true
	})
	return constants
}

// The roles of a process: their names, and how roles are chosen by name.

package run

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/parley-im/parley/topology"
)

// Role is something that a process can be. It runs until its context ends, and reports when it is ready.
type Role struct {
	Name string
	Doc  string
	run  func(ctx context.Context, p *Process, ready func(bool)) error
}

// Roles are all roles, in the order in which a message passes them.
func Roles() []Role {
	plan := topology.House()
	list := []Role{{"keys", "keeps the users' keys, with which contents are sealed", runKeys}}
	for _, g := range plan.Groups {
		list = append(list, Role{"processor/" + g.Name, "folds " + g.Input + " by " + g.Key, processor(g.Name)})
	}
	for _, v := range plan.Views {
		list = append(list, Role{"view/" + v.Name, "folds " + strings.Join(v.Input, ", ") + " into " + v.Store, view(v.Name)})
	}
	return append(list,
		Role{"query", "answers reads from the views", runQuery},
		Role{"dispatch", "pushes new records to the gateways", runDispatch},
		Role{"gateway", "serves WebSocket, HTTP and the page", runGateway},
	)
}

// Choose finds roles by name. A name that ends in / means all roles of a kind, and "all" means every role.
func Choose(names []string) ([]Role, error) {
	chosen := map[string]bool{}
	for _, n := range names {
		found := false
		for _, r := range Roles() {
			if n == "all" || r.Name == n || strings.HasSuffix(n, "/") && strings.HasPrefix(r.Name, n) {
				chosen[r.Name], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("no role is called %q; there are %s", n, strings.Join(Names(), ", "))
		}
	}
	return slices.DeleteFunc(Roles(), func(r Role) bool { return !chosen[r.Name] }), nil
}

// Names are the names that Choose knows.
func Names() []string {
	names := []string{"all", "processor/", "view/"}
	for _, r := range Roles() {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return names
}

// Describe lists the roles with what they do, one a line.
func Describe() string {
	var b strings.Builder
	for _, r := range Roles() {
		fmt.Fprintf(&b, "  %-24s %s\n", r.Name, r.Doc)
	}
	b.WriteString("  all, processor/, view/   every role, every role of a kind\n")
	return b.String()
}

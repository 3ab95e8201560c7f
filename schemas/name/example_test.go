// Examples of names, for godoc.

package name_test

import (
	"fmt"

	"github.com/parley-im/parley/schemas/name"
)

// A direct conversation has one name, whoever opens it: its home is chosen by hash.
func ExampleDirect() {
	fmt.Println(name.Direct("ann", "bob") == name.Direct("bob", "ann"))
	fmt.Println(name.Peer(name.Direct("ann", "bob"), "ann"))
	// Output:
	// true
	// bob
}

// A group is a user of its own and the home of its conversation.
func ExampleGroup() {
	fmt.Println(name.Group("hike"))
	fmt.Println(name.IsGroup("g-hike/main"), name.IsGroup("ann/bob"))
	// Output:
	// g-hike/main
	// true false
}

// Command licences checks the licence of every module in bin/sbom.json, which make sbom writes: one that is not in the
// list below fails.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// allowed are licences under which a module may be linked into a binary under the Apache License 2.0.
var allowed = map[string]string{
	"Apache-2.0": "the licence of Parley itself", "MIT": "asks for its notice", "ISC": "asks for its notice", "BSD-2-Clause": "asks for its notice",
	"BSD-3-Clause": "asks for its notice", "BSD-Source-Code": "what the detector calls some texts of BSD-3-Clause", "0BSD": "asks for nothing",
	"Unlicense": "asks for nothing", "MPL-2.0": "binds changes of its own files alone, and none is changed",
}

// read are modules whose licence the detector does not know, and what somebody read in them.
var read = map[string]string{
	"github.com/fatih/structtag":     "BSD-3-Clause",
	"github.com/rcrowley/go-metrics": "BSD-2-Clause",
}

func main() {
	text, err := os.ReadFile("bin/sbom.json")
	if err != nil {
		fmt.Fprintln(os.Stderr, "licences: run make sbom first:", err)
		os.Exit(1)
	}
	var bom struct {
		Components []struct {
			Name     string
			Licenses []struct{ License struct{ ID string } }
		}
	}
	if err := json.Unmarshal(text, &bom); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
	failed := 0
	for _, c := range bom.Components {
		ids := []string{}
		for _, l := range c.Licenses {
			ids = append(ids, l.License.ID)
		}
		if len(ids) == 0 {
			ids = append(ids, read[c.Name])
		}
		for _, id := range ids {
			if allowed[id] == "" {
				failed++
				fmt.Printf("%s: licence %q is not allowed, or unknown: read it, and see test/licences/main.go\n", c.Name, id)
			}
		}
	}
	fmt.Printf("%d modules, %d failed\n", len(bom.Components), failed)
	if failed > 0 || len(bom.Components) == 0 {
		os.Exit(1)
	}
}

// The comparison of what was found with what is accepted.

package main

import "fmt"

// maxAccepted is the most findings that may be accepted. It follows the list down.
const maxAccepted = 29

// compare returns what has to be done.
func compare(known, found []Finding) []string {
	var complaints []string
	if len(known) > maxAccepted {
		complaints = append(complaints, fmt.Sprintf("%s has %d findings, more than %d: correct some", accepted, len(known), maxAccepted))
	}
	open := map[string]bool{}
	for _, k := range known {
		if k.Reason == "" {
			complaints = append(complaints, fmt.Sprintf("%s: no reason for %s in %s: %s", accepted, k.Function, k.Package, k.Message))
		}
		open[k.key()] = true
	}
	for _, f := range found {
		if !open[f.key()] {
			complaints = append(complaints, fmt.Sprintf("%s: %s: %s", f.position, f.Function, f.Message))
		}
		delete(open, f.key())
	}
	for _, k := range known {
		if open[k.key()] {
			complaints = append(complaints, fmt.Sprintf("%s: remove this, nilaway does not report it any more: %s in %s: %s", accepted, k.Function, k.Package, k.Message))
		}
	}
	return complaints
}

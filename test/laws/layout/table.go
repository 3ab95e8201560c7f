// The table for people.

package main

import (
	"fmt"
	"io"
	"path"
	"strings"
	"text/tabwriter"
)

// legend explains the columns.
const legend = `
FILES       hand-written Go files, tests too; TESTS of them
IMPORTS     packages of this module that are imported by code other than tests: within the same room + in other rooms
UP          those of them that the import law forbids
REFS        pairs of files of a package of which one uses what the other declares, without tests
CIRCULAR    those of them that run in circles
FEEDBACK    how many of them would have to go to leave no circle (found by a heuristic)
`

func (l *Layout) print(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "FILES\tTESTS\tLINES\tIMPORTS\tUP\tREFS\tCIRCULAR\tFEEDBACK\tLONGEST FUNCTION\tLONGEST FILE\t  PACKAGE")
	at := 0
	for _, r := range l.Rooms {
		for ; at < len(l.Packages) && room(l.Packages[at].Folder) == r.Folder; at++ {
			l.Packages[at].print(w, l.Packages[at].Folder)
		}
		r.print(w, "= "+r.Folder+"/...")
		fmt.Fprintln(w, strings.Repeat("\t", 10))
	}
	l.Total.print(w, "= total")
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprint(to, legend)
	for _, file := range l.Unplaced {
		fmt.Fprintf(to, "\nthe import law has no room for %s\n", path.Dir(file))
	}
	return nil
}

func (p *Package) print(w io.Writer, name string) {
	fmt.Fprintf(w, "%d\t%d\t%d\t%d+%d\t%d\t%d\t%d\t%d\t%s\t%s\t  %s\n", p.Files, p.Tests, p.Lines, p.ImportsWithin, p.ImportsBetween, p.Upward,
		p.References, p.Circular, p.Feedback, p.LongestFunction, p.LongestFile, name)
}

// String is the name without its folder, and the length.
func (l Longest) String() string {
	_, function, isFunction := strings.Cut(path.Base(l.Name), ".")
	if isFunction && function != "go" {
		return fmt.Sprintf("%s %d", function, l.Lines)
	}
	return fmt.Sprintf("%s %d", path.Base(l.Name), l.Lines)
}

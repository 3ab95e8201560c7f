// Generations and rebuilds as text.

package generations

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/parley-im/parley/cmd/parley/output"
	"github.com/parley-im/parley/views/prove"
)

// Print prints the generations of views.
func Print(w io.Writer, list []View) error {
	tab := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tab, "VIEW\tGENERATION\tSTATE\tRECORDS\tMADE\tSWITCHED")
	at := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.Format(time.RFC3339)
	}
	for _, v := range list {
		if v.Why != "" {
			fmt.Fprintf(tab, "%s\t?\t%s\n", v.View, v.Why)
			continue
		}
		for _, g := range v.List {
			state := g.State
			if g.Number == v.Current {
				state = "read"
			}
			fmt.Fprintf(tab, "%s\t%d\t%s\t%d\t%s\t%s\n", v.View, g.Number, state, v.Records[g.Number], at(g.Made), at(g.Switched))
		}
	}
	return tab.Flush()
}

// PrintRebuild prints the report of a rebuild, and fails when the view was not switched. A rebuild that failed before it
// compared is not printed: its error says all.
func PrintRebuild(w io.Writer, format string, report *prove.RebuildReport, failed error) error {
	if failed != nil && report.Comparison == nil {
		return nil
	}
	err := output.Print(w, format, report, func(w io.Writer) error { return rebuildText(w, report) })
	if err == nil && failed == nil && !report.Switched {
		err = output.Failedf("generation %d of view %s differs from %d in %d keys, and %d is still read: check the differences, "+
			"then run parley views rebuild %s --accept-differences, or parley views drop %s %d", report.To, report.View, report.From, report.Comparison.Total,
			report.From, report.View, report.View, report.To)
	}
	return err
}

func rebuildText(w io.Writer, r *prove.RebuildReport) error {
	fmt.Fprintf(w, "view %s: %d records folded into generation %d in %.1f s (%.0f records/s)\n", r.View, r.Records, r.To, r.Seconds, r.Rate)
	if len(r.Gone) > 0 {
		fmt.Fprintf(w, "retention has deleted the beginning of the log in %d partitions: only older generations hold what it made\n", len(r.Gone))
	}
	if c := r.Comparison; c != nil {
		fmt.Fprintf(w, "%d keys compared with generation %d: %d differ\n", c.Keys[r.View], r.From, c.Total)
		for _, d := range c.Differences {
			fmt.Fprintf(w, "DIFFERS %s\n", d)
		}
		if more := c.Total - len(c.Differences); more > 0 {
			fmt.Fprintf(w, "and %d more\n", more)
		}
	}
	if !r.Switched {
		return nil
	}
	_, err := fmt.Fprintf(w, "generation %d is read now; to go back: parley views rebuild %s --back; to delete the old one: parley views drop %s %d\n",
		r.To, r.View, r.View, r.From)
	return err
}

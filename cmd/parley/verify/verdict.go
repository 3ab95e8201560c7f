// The verdict of an auditor, as JSON and as text.

package verify

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/parley-im/parley/processors/audit"
)

// verdict is what parley verify prints.
type verdict struct {
	Clean   bool           `json:"clean"`
	Topics  []topicVerdict `json:"topics"`
	Until   time.Time      `json:"verified_until"` // everything written before is verified; zero = not yet
	Late    []lateStart    `json:"began_late,omitempty"`
	Counts  audit.Counts   `json:"counts"`
	Views   *samples       `json:"view_samples,omitempty"`
	Pending *pendingSince  `json:"oldest_pending,omitempty"`
	Took    string         `json:"took"`
}

// topicVerdict says how far a topic is verified: by partition, the offset below which everything is.
type topicVerdict struct {
	Topic   string  `json:"topic"`
	Through []int64 `json:"verified_through"`
	Ends    []int64 `json:"ends"`
}

// lateStart is a topic whose beginning retention has deleted.
type lateStart struct {
	Topic   string    `json:"topic"`
	Offsets []int64   `json:"offsets"` // by partition; 0 = everything is there
	Time    time.Time `json:"time"`    // of the latest of the first records that are there, plus the clocks' difference
}

// samples counts samples of views. Stores may be repaired, so nothing of it is remembered when the auditor ends.
type samples struct {
	Samples     int64    `json:"samples"`
	Differences int64    `json:"differences"`
	NotSampled  []string `json:"not_sampled,omitempty"` // what could not be read, and why
}

type pendingSince struct {
	Since time.Time `json:"since"`
	Age   string    `json:"age"`
}

func (v verdict) print(w io.Writer) error {
	tab := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tab, "TOPIC\tVERIFIED THROUGH")
	for _, t := range v.Topics {
		fmt.Fprintf(tab, "%s\t%s\n", t.Topic, offsetsText(t.Through, t.Ends))
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	c := v.Counts
	fmt.Fprintf(w, "\n%d records; %d outputs and %d rows are as the fold produces them; %d repeats\n", c.Records, c.Verified, c.Rows, c.Repeats)
	if !v.Until.IsZero() {
		fmt.Fprintf(w, "verified until %s\n", v.Until.Format(time.RFC3339))
	}
	v.printLate(w)
	if c.Unseen > 0 {
		fmt.Fprintf(w, "%d outputs are not written yet\n", c.Unseen)
	}
	if v.Pending != nil {
		fmt.Fprintf(w, "%d commands have no outcome yet, the oldest for %s\n", c.Pending, v.Pending.Age)
	}
	for _, cause := range slices.Sorted(maps.Keys(c.DeadLetters)) {
		fmt.Fprintf(w, "%d dead letters of %s\n", c.DeadLetters[cause], cause)
	}
	for _, k := range c.Kept {
		fmt.Fprintf(w, "VIOLATED %s\n", k)
	}
	if more := c.Total() - int64(len(c.Kept)); more > 0 {
		fmt.Fprintf(w, "and %d more\n", more)
	}
	if v.Clean {
		_, err := fmt.Fprintf(w, "nothing is violated (%s)\n", v.Took)
		return err
	}
	return nil
}

// printLate prints from where on what is proved.
func (v verdict) printLate(w io.Writer) {
	if len(v.Late) == 0 {
		return
	}
	fmt.Fprintln(w, "\nRetention has deleted the beginning of the log, so nothing is verified there:")
	for _, b := range v.Late {
		fmt.Fprintf(w, "  %s begins at %s\n", b.Topic, offsetsText(b.Offsets, b.Offsets))
	}
	c := v.Counts
	fmt.Fprintf(w, "%d rows were taken from the changelogs without proof. Not proved: %d inputs that are older than the row that is known,\n"+
		"%d outputs and %d outcomes and %d deliveries that lead back to what is deleted\n", c.Adopted,
		c.Unproved["inputs"], c.Unproved["outputs"], c.Unproved["outcomes"], c.Unproved["deliveries"])
}

// shownPartitions is how many partitions of a topic are printed one by one.
const shownPartitions = 8

// offsetsText is the offset of each partition, or, of many, their sum.
func offsetsText(through, ends []int64) string {
	sum, end := int64(0), int64(0)
	var each []string
	for p, offset := range through {
		sum, end = sum+offset, end+ends[p]
		each = append(each, fmt.Sprintf("%d@%d", p, offset))
	}
	if len(each) > shownPartitions {
		return fmt.Sprintf("%d of %d in %d partitions", sum, max(end, sum), len(each))
	}
	return strings.Join(each, " ")
}

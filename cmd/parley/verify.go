// parley verify: the log is folded again and held against itself, and the views against the log.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/parley-im/parley/processors/audit"
)

// verifyOptions are the flags of parley verify.
type verifyOptions struct {
	follow, views, fromStart bool
	replay                   bool
	state, admin, output     string

	every       time.Duration // between two looks of --follow at how far it is
	sampleEvery time.Duration // between two samples of views; 0 = none
	seed        uint64        // of who is sampled
	failFast    bool
}

func verifyCommand() *cobra.Command {
	var path string
	var o verifyOptions
	c := &cobra.Command{
		Use:   "verify",
		Short: "Fold the log again and tell everything that does not stand in it as the fold says; exit 2 then",
		Long: `Fold the log again, with the fold that the processors run, and compare: each output of each group stands in the log once, as
the fold says, in its order; repeats are the same bytes; numbers are dense; each command of a device has one outcome; each
event of a conversation reached each of its people once; the changelogs hold the rows of the fold.

It reads what it has not read yet up to the end of the log and remembers that in a folder. Violations are remembered too: the
log does not change. Nothing is repaired. Where retention has deleted the beginning it begins with what is there, takes the rows
of then from the changelogs, and says what it cannot prove.

With --follow it goes on: it prints through where everything is verified, by partition and as a time, a line for each violation,
compares users and conversations of the live views with the log, one after the other, and serves metrics. With --output json each
line is an object: progress has "verified_until", a violation has "law", a difference of a view has "view".

With --views the views are folded anew and compared with what Redis and the documents hold, every key. With --replay the tables
are folded from the log's beginning too, and every row is compared with the changelogs, byte for byte; the speed is told.
Exit codes: 0 all is well, 2 something is violated, 1 it could not be verified.`,
		Example: `  parley verify                          # once, up to the end of the log; for CI
  parley verify --follow --fail-fast     # until something is violated
  parley verify --views --output json
  parley verify --replay                 # everything from offset 0 into empty tables and views`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := load(path)
			if err != nil {
				return err
			}
			if s, err = s.withPartitionsOf(c.Context()); err != nil {
				return err
			}
			return verify(c.Context(), s, c.OutOrStdout(), o)
		},
	}
	settingsFlag(c, &path)
	outputFlag(c, &o.output)
	c.Flags().BoolVar(&o.follow, "follow", false, "go on with what comes, print each violation, serve metrics")
	c.Flags().BoolVar(&o.views, "views", false, "compare the views with the log instead")
	c.Flags().BoolVar(&o.replay, "replay", false, "fold everything from the beginning into empty tables and views instead, and compare both")
	c.Flags().BoolVar(&o.failFast, "fail-fast", false, "end --follow at the first violation, with exit code 2")
	c.Flags().DurationVar(&o.every, "every", 10*time.Second, "how often --follow prints how far it is; 0 = never")
	c.Flags().DurationVar(&o.sampleEvery, "sample-every", time.Second, "how often --follow compares a user or conversation of a live view; 0 = never")
	c.Flags().Uint64Var(&o.seed, "seed", 1, "of the choice of who is sampled, for a new --state")
	c.Flags().BoolVar(&o.fromStart, "from-start", false, "forget what was verified before")
	c.Flags().StringVar(&o.state, "state", "", "folder that remembers what is verified (default: audit under the data folder)")
	c.Flags().StringVar(&o.admin, "admin", "", "address for /readyz and /metrics of --follow (default: the setting)")
	_ = c.MarkFlagDirname("state")
	return c
}

// verify does what the flags ask for.
func verify(ctx context.Context, s Settings, out io.Writer, o verifyOptions) error {
	if o.admin != "" {
		s.Admin = o.admin
	}
	if o.state == "" {
		o.state = s.dir("audit")
	}
	log, err := logger(s)
	if err != nil {
		return err
	}
	switch {
	case (o.views || o.replay) && o.follow:
		return errors.New("--views and --replay compare once: leave --follow out")
	case o.replay:
		return verifyReplay(ctx, s, log, out, o.output)
	case o.views:
		return verifyViews(ctx, s, log, out, o.output)
	case o.follow:
		return verifyFollow(ctx, s, log, out, o)
	}
	return verifyOnce(ctx, s, log, out, o)
}

// verdict is what parley verify prints.
type verdict struct {
	Clean   bool           `json:"clean"`
	Topics  []topicVerdict `json:"topics"`
	Until   time.Time      `json:"verified_until"` // everything written before is verified; zero = not yet
	Late    []beganLate    `json:"began_late,omitempty"`
	Counts  audit.Counts   `json:"counts"`
	Views   *viewed        `json:"view_samples,omitempty"`
	Pending *pendingSince  `json:"oldest_pending,omitempty"`
	Took    string         `json:"took"`
}

// topicVerdict says how far a topic is verified: by partition, the offset below which everything is.
type topicVerdict struct {
	Topic   string  `json:"topic"`
	Through []int64 `json:"verified_through"`
	Ends    []int64 `json:"ends"`
}

type pendingSince struct {
	Since time.Time `json:"since"`
	Age   string    `json:"age"`
}

func (w *auditing) verdict(took time.Duration) verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.viewed
	v := verdict{Counts: w.auditor.Counts(), Until: w.until, Late: w.beganLate(), Views: &seen, Took: took.Round(time.Millisecond).String()}
	v.Clean = v.Counts.Total() == 0 && seen.Differences == 0
	through := w.auditor.Verified()
	for _, name := range w.auditor.Topics() {
		t := topicVerdict{Topic: name}
		for p := range w.plan.Partitions {
			at := audit.Place{Topic: name, Partition: p}
			t.Through, t.Ends = append(t.Through, through[at]), append(t.Ends, w.ends[at])
		}
		v.Topics = append(v.Topics, t)
	}
	if oldest := w.auditor.OldestPending(); oldest > 0 {
		since := time.UnixMilli(oldest).UTC()
		v.Pending = &pendingSince{since, time.Since(since).Round(time.Second).String()}
	}
	return v
}

// shownPartitions is how many partitions of a topic are shown one by one.
const shownPartitions = 8

func (v verdict) print(w io.Writer) error {
	tab := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tab, "TOPIC\tVERIFIED THROUGH")
	for _, t := range v.Topics {
		fmt.Fprintf(tab, "%s\t%s\n", t.Topic, t.words())
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	c := v.Counts
	fmt.Fprintf(w, "\n%d records; %d outputs and %d rows stand as the fold says; %d repeats\n", c.Records, c.Verified, c.Rows, c.Repeats)
	if !v.Until.IsZero() {
		fmt.Fprintf(w, "verified until %s\n", v.Until.Format(time.RFC3339))
	}
	v.printBeginnings(w)
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
		_, err := fmt.Fprintf(w, "all is well (%s)\n", v.Took)
		return err
	}
	return nil
}

// words are the offsets of each partition, or, of many, their sum.
func (t topicVerdict) words() string {
	sum, ends := int64(0), int64(0)
	var each []string
	for p, offset := range t.Through {
		sum, ends = sum+offset, ends+t.Ends[p]
		each = append(each, fmt.Sprintf("%d@%d", p, offset))
	}
	if len(each) > shownPartitions {
		return fmt.Sprintf("%d of %d in %d partitions", sum, max(ends, sum), len(each))
	}
	return strings.Join(each, " ")
}

// violated is the error for a log or views with violations.
func violated(n int64) error {
	if n == 0 {
		return nil
	}
	return exitCode{drift, fmt.Errorf("%d violations", n)}
}

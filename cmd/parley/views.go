// parley views: generations of views. One is built anew beside the one that is read, compared, switched to, and the old one is
// kept for the way back.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/prove"
	"github.com/parley-im/parley/views/store"
)

func viewsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "views",
		Short: "Build a view anew beside the one that is read, switch, go back, and delete old ones",
		Long: `A view may be built anew beside the one that is read: another generation, under other names in the same store. Processors of
views and query services go on meanwhile and notice a switch within a second.

Views:
` + describeViews(),
	}
	c.AddCommand(viewsList(), viewsRebuild(), viewsDrop())
	return c
}

func describeViews() string {
	var b strings.Builder
	for _, v := range topology.House().Views {
		fmt.Fprintf(&b, "  %-10s folds %s into %s: %s\n", v.Name, strings.Join(v.Input, ", "), v.Store, v.Keeps)
	}
	return b.String()
}

func viewNames() []string {
	var names []string
	for _, v := range topology.House().Views {
		names = append(names, v.Name)
	}
	return names
}

// completeViews completes the first argument to a view.
func completeViews(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return viewNames(), cobra.ShellCompDirectiveNoFileComp
}

// onViews makes a command that works on the live stores.
func onViews(c *cobra.Command, run func(ctx context.Context, s Settings, live views.Stores, args []string) error) *cobra.Command {
	var path string
	c.RunE = func(c *cobra.Command, args []string) error {
		s, err := load(path)
		if err != nil {
			return err
		}
		if s, err = s.withPartitionsOf(c.Context()); err != nil {
			return err
		}
		if len(args) > 0 {
			if _, ok := s.plan().View(args[0]); !ok {
				return fmt.Errorf("no view is called %q; there are %s", args[0], strings.Join(viewNames(), ", "))
			}
		}
		live, notOpen, err := s.liveStores(c.Context())
		if err != nil {
			return err
		}
		defer live.Close()
		err = run(c.Context(), s, live, args)
		if errors.Is(err, views.ErrNotOpen) && len(notOpen) > 0 {
			err = fmt.Errorf("%w: %s; stop that process for as long as this takes", err, strings.Join(notOpen, "; "))
		}
		return err
	}
	settingsFlag(c, &path)
	return c
}

// viewShown is a view with its generations.
type viewShown struct {
	View string `json:"view"`
	store.Pointer
	Records map[int]int64 `json:"records_below_places"` // by generation
	Why     string        `json:"not_looked_at,omitempty"`
}

func viewsList() *cobra.Command {
	var output string
	c := &cobra.Command{Use: "list", Short: "Show the generations of every view, and which one is read", Args: cobra.NoArgs}
	onViews(c, func(ctx context.Context, s Settings, live views.Stores, _ []string) error {
		var list []viewShown
		for _, v := range s.plan().Views {
			shown := viewShown{View: v.Name, Records: map[int]int64{}}
			var err error
			if shown.Pointer, err = live.PointerOf(ctx, v); err != nil {
				shown.Pointer, shown.Why = store.Pointer{}, err.Error()
			}
			for _, g := range shown.List {
				if shown.Records[g.Number], err = live.Folded(ctx, s.plan(), v, g.Number); err != nil {
					return err
				}
			}
			list = append(list, shown)
		}
		return render(c.OutOrStdout(), output, list, func(w io.Writer) error { return printViews(w, list) })
	})
	outputFlag(c, &output)
	return c
}

func printViews(w io.Writer, list []viewShown) error {
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

func viewsRebuild() *cobra.Command {
	var output string
	var back, accept bool
	c := &cobra.Command{
		Use:   "rebuild NAME",
		Short: "Fold a view anew beside the one that is read, compare, switch, and keep the old one; exit 2 when they differ",
		Long: `Fold a view anew from the beginning of its log, beside the one that is read, compare every key of the two, and switch readers and
followers to the new one. The old one stays as it is: --back folds it up to the end of the log, compares, and switches to it.

When the two differ it does not switch, and exits with 2: the old one was damaged, or, if retention has deleted the beginning of
the log, the new one lacks what was said then. Look at the differences; --accept-differences switches all the same, and goes on
with what is built already. A rebuild that was killed goes on where it was.`,
		Example:           "  parley views rebuild inbox\n  parley views rebuild inbox --back\n  parley views drop inbox 1",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeViews,
	}
	onViews(c, func(ctx context.Context, s Settings, live views.Stores, args []string) error {
		log, err := logger(s)
		if err != nil {
			return err
		}
		h := s.history("compare")
		h.bar = &bar{} // one bar is enough
		bar := newBar("fold " + args[0])
		report, err := prove.Rebuild(ctx, prove.RebuildConfig{
			Plan: s.plan(), View: args[0], Stores: live, Log: log, Back: back, Accept: accept,
			Read: h.span, ReadAll: h.readAll, Ends: h.ends, Progress: bar.set,
		})
		bar.done()
		if report == nil {
			return err
		}
		return errors.Join(err, renderRebuild(c.OutOrStdout(), output, report, err))
	})
	outputFlag(c, &output)
	c.Flags().BoolVar(&back, "back", false, "go back to the generation that was read before")
	c.Flags().BoolVar(&accept, "accept-differences", false, "switch even if the two differ")
	return c
}

// renderRebuild prints what came of a rebuild; a failure is printed by itself.
func renderRebuild(w io.Writer, output string, report *prove.RebuildReport, failed error) error {
	if failed != nil && report.Comparison == nil {
		return nil
	}
	err := render(w, output, report, func(w io.Writer) error { return printRebuild(w, report) })
	if err == nil && failed == nil && !report.Switched {
		err = exitCode{drift, fmt.Errorf("generation %d of view %s differs from %d in %d keys, and %d is read as before: look at the differences, "+
			"then parley views rebuild %s --accept-differences, or parley views drop %s %d", report.To, report.View, report.From, report.Comparison.Total,
			report.From, report.View, report.View, report.To)}
	}
	return err
}

func printRebuild(w io.Writer, r *prove.RebuildReport) error {
	fmt.Fprintf(w, "view %s: %d records folded into generation %d in %.1f s (%.0f records/s)\n", r.View, r.Records, r.To, r.Seconds, r.Rate)
	if len(r.Gone) > 0 {
		fmt.Fprintf(w, "the beginning of the log is gone in %d partitions: what was said then is in older generations alone\n", len(r.Gone))
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
	_, err := fmt.Fprintf(w, "generation %d is read now; the way back: parley views rebuild %s --back; to forget the old one: parley views drop %s %d\n",
		r.To, r.View, r.View, r.From)
	return err
}

func viewsDrop() *cobra.Command {
	c := &cobra.Command{
		Use:               "drop NAME GENERATION",
		Short:             "Delete a generation of a view that is not read",
		Example:           "  parley views list\n  parley views drop inbox 1",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeViews,
	}
	return onViews(c, func(ctx context.Context, s Settings, live views.Stores, args []string) error {
		number, err := strconv.Atoi(args[1])
		if err != nil {
			return fmt.Errorf("%q is no generation; parley views list shows them", args[1])
		}
		if err := prove.DropGeneration(ctx, s.plan(), live, args[0], number); err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "generation %d of view %s is deleted\n", number, args[0])
		return err
	})
}

// ends are the offsets of a topic's oldest records and of its end.
func (h *history) ends(ctx context.Context, topic string) (begins, ends map[int32]int64, err error) {
	spans, err := wire.Ends(ctx, h.s.cluster(), topic)
	begins, ends = map[int32]int64{}, map[int32]int64{}
	for p, span := range spans {
		begins[p], ends[p] = span.Oldest, span.End
	}
	return begins, ends, err
}

// begins are the offsets of a topic's oldest records.
func (h *history) begins(ctx context.Context, topic string) (map[int32]int64, error) {
	begins, _, err := h.ends(ctx, topic)
	return begins, err
}

// readAll gives the records of a topic from given offsets to its end.
func (h *history) readAll(ctx context.Context, topic string, from map[int32]int64, each func(*topology.Record) error) error {
	return wire.ReadFrom(ctx, h.s.cluster(), topic, from, nil, each)
}

// parley views: generations of views.

package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/parley-im/parley/cmd/parley/generations"
	"github.com/parley-im/parley/cmd/parley/output"
	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/topology"
)

func viewsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "views",
		Short: "Build a view anew beside the one that is read, switch, go back, and delete old ones",
		Long: `A view can be built anew beside the one that is read, as another generation, under other names in the same store. View
processors and query services keep running and notice a switch within a second.

Views:
` + describeViews(),
		Example: `  parley views list
  parley views rebuild inbox`,
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

// onViews makes a command that works on the live stores.
func onViews(c *cobra.Command, do func(m *generations.Manager, args []string) error) *cobra.Command {
	var path string
	c.RunE = func(c *cobra.Command, args []string) error {
		s, err := settings.Load(path)
		if err != nil {
			return err
		}
		m, err := generations.Open(c.Context(), s)
		if err != nil {
			return err
		}
		defer m.Close()
		return do(m, args)
	}
	settingsFlag(c, &path)
	return c
}

func viewsList() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "list",
		Short: "Show the generations of every view, and which one is read",
		Example: `  parley views list
  parley views list --output json`,
		Args: cobra.NoArgs,
	}
	outputFlag(c, &format)
	return onViews(c, func(m *generations.Manager, _ []string) error {
		list, err := m.List(c.Context())
		if err != nil {
			return err
		}
		return output.Print(c.OutOrStdout(), format, list, func(w io.Writer) error { return generations.Print(w, list) })
	})
}

func viewsRebuild() *cobra.Command {
	var format string
	var o generations.RebuildOptions
	c := &cobra.Command{
		Use:   "rebuild NAME",
		Short: "Build a view anew beside the one that is read, compare, switch, and keep the old one; exit 2 when they differ",
		Long: `Build a view anew from the beginning of its log, beside the one that is read, compare every key of the two, and switch readers and
view processors to the new one. The old one is kept: --back folds it up to the end of the log, compares, and switches to it.

When the two differ it does not switch, and exits with 2: the old one was damaged, or, if retention has deleted the beginning of
the log, the new one lacks what was in it. Check the differences; --accept-differences switches all the same, and continues
with what is built already. A rebuild that was killed continues where it was.`,
		Example: `  parley views rebuild inbox
  parley views rebuild inbox --back
  parley views drop inbox 1`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(viewNames()),
	}
	outputFlag(c, &format)
	c.Flags().BoolVar(&o.Back, "back", false, "go back to the generation that was read before")
	c.Flags().BoolVar(&o.Accept, "accept-differences", false, "switch even if the two differ")
	return onViews(c, func(m *generations.Manager, args []string) error {
		report, err := m.Rebuild(c.Context(), args[0], o)
		if report == nil {
			return err
		}
		return errors.Join(err, generations.PrintRebuild(c.OutOrStdout(), format, report, err))
	})
}

func viewsDrop() *cobra.Command {
	c := &cobra.Command{
		Use:   "drop NAME GENERATION",
		Short: "Delete a generation of a view that is not read",
		Example: `  parley views list
  parley views drop inbox 1`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeFirst(viewNames()),
	}
	return onViews(c, func(m *generations.Manager, args []string) error {
		number, err := strconv.Atoi(args[1])
		if err != nil {
			return fmt.Errorf("%q is no generation; parley views list shows them", args[1])
		}
		if err := m.Drop(c.Context(), args[0], number); err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "generation %d of view %s is deleted\n", number, args[0])
		return err
	})
}

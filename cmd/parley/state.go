// parley state: a row as it is, or as it was.

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/parley-im/parley/cmd/parley/output"
	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/cmd/parley/state"
	"github.com/parley-im/parley/topology"
)

func stateCommand() *cobra.Command {
	var path, at, format string
	c := &cobra.Command{
		Use:   "state TABLE KEY",
		Short: "Show a row as it is, or as it was at a time or offset",
		Long: "Show a row of a table, as it is or as it was, by folding the table's input again. When retention has deleted the beginning of\n" +
			"the input, the changelog is read instead, which is sure to keep only the newest row.\n\nTables:\n" + describeTables(),
		Example: `  parley state inbox ann
  parley state conversation ann/bob --at 2026-01-31T12:00:00Z
  parley state bookmark ann/ann/bob --at 120`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeFirst(groupNames()),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := settings.Load(path)
			if err != nil {
				return err
			}
			shown, err := state.Of(c.Context(), s, args[0], args[1], at)
			if err != nil {
				return err
			}
			return output.Print(c.OutOrStdout(), format, shown, shown.Print)
		},
	}
	settingsFlag(c, &path)
	outputFlag(c, &format)
	c.Flags().StringVar(&at, "at", "", "time (2026-01-31T12:00:00Z: every input before it) or offset of the key's input partition (every input below it)")
	return c
}

func describeTables() string {
	var b strings.Builder
	for _, g := range topology.House().Groups {
		fmt.Fprintf(&b, "  %-14s by %s: %s\n", g.Name, g.Key, g.Row)
	}
	return b.String()
}

// parley settings: every setting, documented.

package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/parley-im/parley/cmd/parley/output"
	"github.com/parley-im/parley/cmd/parley/settings"
)

func settingsCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "settings",
		Short: "List every setting with its default and its environment variable",
		Example: `  parley settings
  parley settings --output json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return output.Print(c.OutOrStdout(), format, settings.Documented(), func(w io.Writer) error {
				tab := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
				fmt.Fprintln(tab, "SETTING\tENVIRONMENT\tDEFAULT\tMEANING")
				for _, s := range settings.Documented() {
					fmt.Fprintf(tab, "%s\t%s\t%s\t%s\n", s.Name, s.Env, s.Default, s.Doc)
				}
				return tab.Flush()
			})
		},
	}
	outputFlag(c, &format)
	return c
}

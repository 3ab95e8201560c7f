// parley dev: a whole deployment in one process.

package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/parley-im/parley/cmd/parley/dev"
)

func devCommand() *cobra.Command {
	var o dev.Options
	c := &cobra.Command{
		Use:   "dev",
		Short: "Run a whole deployment in this process and chat in a browser",
		Long: `Run a whole deployment in this process: an in-process Kafka (kfake), Redis (miniredis) and document store (Pebble), every role,
and a few users with conversations. It is for development on one machine: nothing is replicated. Without --data everything is
deleted when it ends.`,
		Example: `  parley dev
  parley dev --http 127.0.0.1:0 --output json
  parley dev --data ./parley-data --log-level info`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Kept = o.Data != ""
			if !o.Kept {
				var err error
				if o.Data, err = os.MkdirTemp("", "parley-"); err != nil {
					return err
				}
				defer os.RemoveAll(o.Data)
			}
			return dev.Run(c.Context(), c.OutOrStdout(), o)
		},
	}
	c.Flags().StringVar(&o.HTTP, "http", "127.0.0.1:8080", "address of the page; port 0 = any")
	c.Flags().StringVar(&o.Data, "data", "", "folder that keeps everything (default: nothing is kept)")
	c.Flags().StringVar(&o.LogLevel, "log-level", "warn", "debug, info, warn or error")
	outputFlag(c, &o.Output)
	_ = c.MarkFlagDirname("data")
	_ = c.RegisterFlagCompletionFunc("log-level", cobra.FixedCompletions([]string{"debug", "info", "warn", "error"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// Flags that several commands share.

package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/parley-im/parley/cmd/parley/output"
	"github.com/parley-im/parley/cmd/parley/settings"
)

// settingsFlag adds --settings, the same on every command that reads settings.
func settingsFlag(c *cobra.Command, path *string) {
	c.Flags().StringVar(path, "settings", os.Getenv(settings.FileVariable), "settings file (YAML); the environment wins over it")
	_ = c.MarkFlagFilename("settings", "yaml", "yml")
}

// outputFlag adds --output text|json, the same on every command that prints data.
func outputFlag(c *cobra.Command, format *string) {
	c.Flags().StringVarP(format, "output", "o", output.Text, "text or json")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{output.Text, output.JSON}, cobra.ShellCompDirectiveNoFileComp))
}

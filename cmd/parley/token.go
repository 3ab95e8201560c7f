// parley token: a signed token for development.

package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/cmd/parley/tokens"
)

func tokenCommand() *cobra.Command {
	var path, data string
	var life time.Duration
	c := &cobra.Command{
		Use:   "token USER",
		Short: "Sign a token for development",
		Long: `Sign a token for development with the key pair under the data folder, which is created when there is none. Gateways check tokens
against its public key. When the setting token-key names another public key, tokens come from the owner of its private key, and
tokens of this command are refused.`,
		Example: `  parley token ann
  parley token ann --data ./parley-data --lifetime 1h`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			s, err := settings.Load(path)
			if err != nil {
				return err
			}
			if data != "" {
				s.Data = data
			}
			t, err := tokens.Mint(s, args[0], life)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), t)
			return err
		},
	}
	settingsFlag(c, &path)
	c.Flags().StringVar(&data, "data", "", "folder that holds the key pair (default: the setting)")
	c.Flags().DurationVar(&life, "lifetime", tokens.Lifetime, "how long the token is valid")
	_ = c.MarkFlagDirname("data")
	return c
}

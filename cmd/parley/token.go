// parley token: a signed token for development, from the key pair under the data folder.

package main

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/parley-im/parley/gateways/token"
)

const devLifetime = 30 * 24 * time.Hour

func tokenCommand() *cobra.Command {
	var path, data string
	var life time.Duration
	c := &cobra.Command{
		Use:   "token USER",
		Short: "Mint a token for development",
		Long: `Mint a token for development, signed with the key pair under the data folder (made when there is none).
Gateways check tokens against the public half, or against the key that the setting token-key names: then tokens come from
whoever holds the private half, and this command is of no use.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := load(path)
			if err != nil {
				return err
			}
			if data != "" {
				s.Data = data
			}
			t, err := s.mintFor(args[0], life)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), t)
			return err
		},
	}
	settingsFlag(c, &path)
	c.Flags().StringVar(&data, "data", "", "folder that holds the key pair (default: the setting)")
	c.Flags().DurationVar(&life, "lifetime", devLifetime, "how long the token is good")
	_ = c.MarkFlagDirname("data")
	return c
}

// tokenDir is where the development key pair lies, under the data folder.
const tokenDir = "token"

func (s Settings) tokens() token.Settings {
	return token.Settings{Issuer: s.Issuer, Audience: s.Audience}
}

func (s Settings) mintFor(user string, life time.Duration) (string, error) {
	private, _, err := token.Pair(s.dir(tokenDir))
	if err != nil {
		return "", err
	}
	return token.Mint(private, s.tokens(), user, time.Now(), life)
}

func (s Settings) mint(user string) (string, error) { return s.mintFor(user, devLifetime) }

// verifier checks tokens against the key that the settings name, or the development key.
func (s Settings) verifier() (*token.Verifier, error) {
	var public ed25519.PublicKey
	var err error
	if s.TokenKey != "" {
		public, err = token.Public(s.TokenKey)
	} else {
		_, public, err = token.Pair(s.dir(tokenDir))
	}
	if err != nil {
		return nil, err
	}
	return token.NewVerifier(s.tokens(), public)
}

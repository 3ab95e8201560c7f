// parley doctor: checks of everything that a process needs.

package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/parley-im/parley/cmd/parley/doctor"
	"github.com/parley-im/parley/cmd/parley/output"
	"github.com/parley-im/parley/cmd/parley/settings"
)

func doctorCommand() *cobra.Command {
	var path, format string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check everything that Parley needs, and what to do about what is missing; exit 2 when a check fails",
		Example: `  parley doctor
  parley doctor --settings parley.yaml --output json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := settings.Load(path)
			if err != nil {
				return err
			}
			findings, failed := doctor.Examine(c.Context(), s)
			err = output.Print(c.OutOrStdout(), format, findings, func(w io.Writer) error { return doctor.Print(w, findings) })
			if err == nil && failed > 0 {
				err = output.Failedf("%d of %d checks failed; the advice is above", failed, len(findings))
			}
			return err
		},
	}
	settingsFlag(c, &path)
	outputFlag(c, &format)
	return c
}

// parley run: any roles of a deployment in one process, against real servers.

package main

import (
	"github.com/spf13/cobra"

	"github.com/parley-im/parley/cmd/parley/run"
	"github.com/parley-im/parley/cmd/parley/settings"
)

func runCommand() *cobra.Command {
	var path, data, instance, admin string
	c := &cobra.Command{
		Use:   "run ROLE...",
		Short: "Run roles of a deployment in this process, against real servers",
		Long:  "Run roles of a deployment in this process, against real servers.\n\nRoles:\n" + run.Describe(),
		Example: `  parley run all
  parley run processor/ --instance processors-0
  parley run view/ query --settings parley.yaml
  parley run gateway`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeAny(run.Names()),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := settings.Load(path)
			if err != nil {
				return err
			}
			for value, to := range map[*string]*string{&data: &s.Data, &instance: &s.Instance, &admin: &s.Admin} {
				if *value != "" {
					*to = *value
				}
			}
			roles, err := run.Choose(args)
			if err != nil {
				return err
			}
			p, err := run.New(s, roles)
			if err != nil {
				return err
			}
			go p.LogReady(c.Context())
			return p.Run(c.Context())
		},
	}
	settingsFlag(c, &path)
	c.Flags().StringVar(&data, "data", "", "folder for local stores and keys (default: the setting)")
	c.Flags().StringVar(&instance, "instance", "", "stable name of this process (default: the setting)")
	c.Flags().StringVar(&admin, "admin", "", "address for /livez, /readyz and /metrics (default: the setting)")
	_ = c.MarkFlagDirname("data")
	return c
}

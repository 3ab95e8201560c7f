// parley run: any roles of the house in one process, against real servers.

package main

import (
	"fmt"
	"sort"
	"strings"

	"github.com/spf13/cobra"
)

func runCommand() *cobra.Command {
	var path, data, instance, admin string
	c := &cobra.Command{
		Use:   "run ROLE...",
		Short: "Run roles of the house against real servers",
		Long:  "Run roles of the house against real servers.\n\nRoles:\n" + describeRoles(),
		Args:  cobra.MinimumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return roleNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			s, err := load(path)
			if err != nil {
				return err
			}
			for value, to := range map[*string]*string{&data: &s.Data, &instance: &s.Instance, &admin: &s.Admin} {
				if *value != "" {
					*to = *value
				}
			}
			roles, err := choose(args)
			if err != nil {
				return err
			}
			p, err := newProcess(s, roles)
			if err != nil {
				return err
			}
			go p.announce(c.Context())
			return p.run(c.Context(), roles)
		},
	}
	settingsFlag(c, &path)
	c.Flags().StringVar(&data, "data", "", "folder for local stores and keys (default: the setting)")
	c.Flags().StringVar(&instance, "instance", "", "stable name of this process (default: the setting)")
	c.Flags().StringVar(&admin, "admin", "", "address for /livez, /readyz and /metrics (default: the setting)")
	return c
}

// choose finds roles by name; a name that ends in / means all of its kind, and "all" means the house.
func choose(names []string) ([]role, error) {
	chosen := map[string]role{}
	for _, n := range names {
		found := false
		for _, r := range roles() {
			if n == "all" || r.name == n || strings.HasSuffix(n, "/") && strings.HasPrefix(r.name, n) {
				chosen[r.name], found = r, true
			}
		}
		if !found {
			return nil, fmt.Errorf("no role is called %q; there are %s", n, strings.Join(roleNames(), ", "))
		}
	}
	var list []role
	for _, r := range roles() {
		if _, ok := chosen[r.name]; ok {
			list = append(list, r)
		}
	}
	return list, nil
}

func roleNames() []string {
	names := []string{"all", "processor/", "view/"}
	for _, r := range roles() {
		names = append(names, r.name)
	}
	sort.Strings(names)
	return names
}

func describeRoles() string {
	var b strings.Builder
	for _, r := range roles() {
		fmt.Fprintf(&b, "  %-24s %s\n", r.name, r.why)
	}
	b.WriteString("  all, processor/, view/   all of them, all of a kind\n")
	return b.String()
}

// Completion of arguments in a shell, from the plan.

package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/parley-im/parley/topology"
)

// completion is what cobra calls to complete an argument.
type completion = func(c *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective)

// completeFirst completes the first argument from a list; further ones are not completed.
func completeFirst(list []string) completion {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return list, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeAny completes any number of arguments from a list, each once.
func completeAny(list []string) completion {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		left := slices.DeleteFunc(slices.Clone(list), func(name string) bool { return slices.Contains(args, name) })
		return left, cobra.ShellCompDirectiveNoFileComp
	}
}

func topicNames() []string {
	var names []string
	for _, t := range topology.House().Topics {
		names = append(names, t.Name)
	}
	return names
}

func groupNames() []string {
	var names []string
	for _, g := range topology.House().Groups {
		names = append(names, g.Name)
	}
	return names
}

func viewNames() []string {
	var names []string
	for _, v := range topology.House().Views {
		names = append(names, v.Name)
	}
	return names
}

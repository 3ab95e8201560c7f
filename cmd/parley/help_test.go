// Help texts are kept as a golden file, because people read them and scripts cut them up; -update writes it anew. Every command has
// an example, and arguments from the plan complete in a shell.

package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	"gotest.tools/v3/golden"
)

func TestHelpGolden(t *testing.T) {
	var b strings.Builder
	for _, tool := range []string{"verify", "views", "views list", "views rebuild", "views drop"} {
		fmt.Fprintf(&b, "# parley %s --help\n", tool)
		c := command()
		c.SetOut(&b)
		c.SetArgs(append(strings.Fields(tool), "--help"))
		require.NoError(t, c.ExecuteContext(t.Context()))
		fmt.Fprintln(&b)
	}
	golden.Assert(t, b.String(), "help.txt")
}

func TestEveryCommandHasAnExample(t *testing.T) {
	var check func(c *cobra.Command)
	check = func(c *cobra.Command) {
		require.Contains(t, c.Example, "parley", c.CommandPath())
		require.NotEmpty(t, c.Short, c.CommandPath())
		for _, sub := range c.Commands() {
			check(sub)
		}
	}
	check(command())
}

func TestArgumentsComplete(t *testing.T) {
	for _, c := range []struct {
		args string
		want []string
	}{
		{"run ", []string{"all", "processor/", "processor/outbox", "view/inbox", "gateway"}},
		{"run gateway ", []string{"query"}},
		{"state ", []string{"outbox", "conversation", "inbox"}},
		{"views rebuild ", []string{"inbox", "history"}},
		{"views drop ", []string{"inbox", "history"}},
		{"explain ", []string{"outbox.commands/", "inbox.events/"}},
		{"topology print --format ", []string{"mermaid", "acls"}},
		{"capacity --preset ", []string{"small", "10m"}},
		{"doctor --output ", []string{"text", "json"}},
	} {
		var out bytes.Buffer
		root := command()
		root.SetOut(&out)
		root.SetErr(&out)
		root.SetArgs(append([]string{cobra.ShellCompRequestCmd}, strings.Split(c.args, " ")...))
		require.NoError(t, root.Execute(), c.args)
		require.Subset(t, strings.Split(out.String(), "\n"), c.want, c.args)
	}
}

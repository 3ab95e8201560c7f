// Command parley is the whole platform in one binary: every role, and every operator's tool. Its files hold a command each, with
// flags, help and one call; the packages below do the work.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/parley-im/parley/cmd/parley/output"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command().ExecuteContext(ctx)
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "parley:", err)
	var exit output.ExitError
	if errors.As(err, &exit) {
		os.Exit(exit.Code)
	}
	os.Exit(1)
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "parley",
		Short: "An event-sourced messaging platform whose only memory is the log",
		Example: `  parley dev                        # a whole deployment in one process
  parley doctor                     # what is missing before it can run
  source <(parley completion bash)  # complete commands, roles, topics and views`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(devCommand(), runCommand(), topologyCommand(), tokenCommand(), doctorCommand(), settingsCommand(), versionCommand(),
		verifyCommand(), viewsCommand(), stateCommand(), explainCommand(), capacityCommand())
	return root
}

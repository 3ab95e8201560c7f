// Command parley is the whole platform in one binary: every role, and every tool of its operators.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// exitCode is an error that chooses the exit code: 2 = drift or a failed check, 1 = everything else.
type exitCode struct {
	code int
	err  error
}

func (e exitCode) Error() string { return e.err.Error() }
func (e exitCode) Unwrap() error { return e.err }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command().ExecuteContext(ctx)
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "parley:", err)
	var code exitCode
	if errors.As(err, &code) {
		os.Exit(code.code)
	}
	os.Exit(1)
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "parley",
		Short:         "An event-sourced messaging platform whose only memory is the log",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(devCommand(), runCommand(), topologyCommand(), tokenCommand(), doctorCommand(), settingsCommand(), versionCommand(),
		verifyCommand(), viewsCommand(), stateCommand(), explainCommand(), capacityCommand())
	return root
}

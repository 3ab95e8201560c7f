// Programs that are run to their end.

package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// run runs a program in a folder ("" = here) and gives what it printed; an error tells what it complained of too.
func run(ctx context.Context, dir, program string, args ...string) (string, error) {
	var printed, complained bytes.Buffer
	command := exec.CommandContext(ctx, program, args...)
	command.Dir, command.Stdout, command.Stderr = dir, &printed, &complained
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", strings.Join(command.Args, " "), err, printed.Bytes(), complained.Bytes())
	}
	return strings.TrimSpace(printed.String()), nil
}

// build builds the binary from the files in a folder.
func build(ctx context.Context, dir, binary string) error {
	_, err := run(ctx, dir, "go", "build", "-o", binary, "github.com/parley-im/parley/cmd/parley")
	return err
}

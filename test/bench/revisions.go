// Revisions of this repository, each in a work tree of its own while it is built, and the files as they are.

package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// Names of the files as they are: what is asked for, and what they are called.
const (
	asItIs     = "."
	inTheFiles = "files"
)

// revisions are those asked for; of none, the last commit and the files as they are.
func revisions(asked []string) []string {
	if len(asked) == 0 {
		return []string{"HEAD", asItIs}
	}
	return asked
}

// tree is where a revision's files are.
type tree struct{ name, dir string }

// checkOut puts a revision's files into a folder.
func checkOut(ctx context.Context, revision, dir string) (t tree, err error) {
	if revision == asItIs {
		return tree{name: inTheFiles}, nil
	}
	t.dir = dir
	if t.name, err = run(ctx, "", "git", "rev-parse", "--short", "--verify", revision+"^{commit}"); err == nil {
		_, err = run(ctx, "", "git", "worktree", "add", "--detach", dir, t.name)
	}
	return t, err
}

// leave takes the files away again, if they were put there.
func (t tree) leave() error {
	if t.dir == "" {
		return nil
	}
	_, err := run(context.Background(), "", "git", "worktree", "remove", "--force", t.dir)
	return err
}

// run runs a program and tells what it printed.
func run(ctx context.Context, dir, program string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, program, args...)
	command.Dir = dir
	out, err := command.CombinedOutput()
	if out = bytes.TrimSpace(out); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(command.Args, " "), err, out)
	}
	return string(out), nil
}

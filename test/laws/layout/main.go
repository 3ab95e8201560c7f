// Command layout prints the shape of the code: for each package how many files it has, what it imports, how many
// references between its files run in circles, and its longest function and file.
//
//	go run ./test/laws/layout                  the files as they are
//	go run ./test/laws/layout -rev v1.2        a revision, measured with the same code
//	go run ./test/laws/layout -output json
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
)

func main() {
	revision := flag.String("rev", "", "measure this revision instead of the files as they are")
	output := flag.String("output", "text", "text or json")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *revision, *output); err != nil {
		fmt.Fprintln(os.Stderr, "layout:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, revision, output string) error {
	root, err := git(ctx, ".", "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	if revision != "" {
		dir, err := os.MkdirTemp("", "layout")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if err := extract(ctx, root, revision, dir); err != nil {
			return err
		}
		root = dir
	}
	layout, err := measure(root)
	if err != nil {
		return err
	}
	switch output {
	case "text":
		return layout.print(os.Stdout)
	case "json":
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(layout)
	}
	return fmt.Errorf("unknown output %q: text or json", output)
}

// extract writes the files of a revision into a folder.
func extract(ctx context.Context, root, revision, dir string) error {
	archive := filepath.Join(dir, "files.tar")
	if _, err := git(ctx, root, "archive", "--output", archive, revision); err != nil {
		return err
	}
	if text, err := exec.CommandContext(ctx, "tar", "-xf", archive, "-C", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("extract %s: %w\n%s", revision, err, text)
	}
	return os.Remove(archive)
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "git", args...)
	command.Dir = dir
	text, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %v: %w\n%s", args, err, text)
	}
	return string(trimNewline(text)), nil
}

func trimNewline(text []byte) []byte {
	if n := len(text); n > 0 && text[n-1] == '\n' {
		return text[:n-1]
	}
	return text
}

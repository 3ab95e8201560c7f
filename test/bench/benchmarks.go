// Go's own benchmarks of what a message passes, at two revisions in turn, told apart by benchstat: the machines' step and fold,
// the wire, codecs and sessions, the doors, tokens, and what a view does with an event. None of them needs a server.
//
//	go run ./test/bench benchmarks             the last commit, and the files as they are
//	go run ./test/bench benchmarks v1 v2       two revisions

package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// benched are the packages with such benchmarks. A revision that does not have one, or has no tests in it, is measured
// without.
var benched = []string{"processors", "clients/go/frames", "topology/wire/follow", "topology/wire/group", "topology/wire/produce", "gateways", "gateways/session", "gateways/token", "gateways/translate", "views/inbox", "views/mongo"}

// benchstat compares them, in a version that is known to be there.
const benchstat = "golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da"

func benchmarksCommand(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("benchmarks", flag.ExitOnError)
	only := flags.String("only", ".", "regular expression of the benchmarks")
	count := flags.Int("count", 6, "runs of each; benchstat wants six to be sure of something")
	lasts := flags.Duration("time", 300*time.Millisecond, "time of a run")
	report := flags.String("report", "-", "file of the comparison; - = standard output")
	_ = flags.Parse(args) // it ends the process itself
	asked := revisions(flags.Args())
	if len(asked) != 2 {
		return fmt.Errorf("%d revisions: benchmarks are compared of two", len(asked))
	}
	dir, err := os.MkdirTemp("", "parley-benchmarks-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var sides []*benchedTree
	for i, revision := range asked {
		side, err := openBenched(ctx, revision, filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			return fmt.Errorf("%s: %w", revision, err)
		}
		sides = append(sides, side)
	}
	asks := []string{"-test.run", "^$", "-test.bench", *only, "-test.benchmem", "-test.benchtime", lasts.String()}
	show, done := progress("benchmarks", int64(*count*len(benched)))
	for i := range *count * len(benched) {
		for _, side := range sides {
			if err := side.bench(ctx, benched[i%len(benched)], asks); err != nil {
				done()
				return err
			}
		}
		show(int64(i + 1))
	}
	done()
	told, err := run(ctx, dir, "go", "run", benchstat, sides[0].named(), sides[1].named())
	if err != nil {
		return err
	}
	return toReport(*report, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, told)
		return err
	})
}

// benchedTree is a revision whose benchmarks are built.
type benchedTree struct {
	tree
	binaries string
}

func openBenched(ctx context.Context, revision, dir string) (*benchedTree, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	t, err := checkOut(ctx, revision, filepath.Join(dir, "source"))
	if err != nil {
		return nil, err
	}
	b := &benchedTree{t, dir}
	for _, p := range benched {
		if !exists(filepath.Join(t.dir, p)) {
			continue
		}
		if _, err := run(ctx, t.dir, "go", "test", "-c", "-o", b.binary(p), "./"+p); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func (b *benchedTree) binary(of string) string {
	return filepath.Join(b.binaries, strings.ReplaceAll(of, "/", "-")+".test")
}

// results is the file of what was measured.
func (b *benchedTree) results() string { return filepath.Join(b.binaries, "results.txt") }

// named is that file as benchstat takes it: with the name that it shows.
func (b *benchedTree) named() string { return b.name + "=" + b.results() }

// bench runs a package's benchmarks once, where the package is.
func (b *benchedTree) bench(ctx context.Context, of string, asks []string) error {
	if !exists(b.binary(of)) {
		return nil
	}
	results, err := os.OpenFile(b.results(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer results.Close()
	command := exec.CommandContext(ctx, b.binary(of), asks...)
	var logged bytes.Buffer
	command.Dir, command.Stdout, command.Stderr = filepath.Join(b.dir, of), results, &logged
	if err := command.Run(); err != nil {
		return fmt.Errorf("benchmarks of %s at %s: %w\n%s", of, b.name, err, logged.Bytes())
	}
	return nil
}

// Every benchmark that needs no server is among those that are compared.

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// loaded are packages whose benchmarks need real servers.
var loaded = []string{"views"}

func TestBenchmarksAreCompared(t *testing.T) {
	root := filepath.Join("..", "..")
	var found []string
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "\nfunc Benchmark") {
			in, _ := filepath.Rel(root, filepath.Dir(path))
			found = append(found, filepath.ToSlash(in))
		}
		return err
	}))
	slices.Sort(found)
	require.ElementsMatch(t, slices.Compact(found), slices.Concat(benched, loaded))
}

func TestRevisions(t *testing.T) {
	require.Equal(t, []string{"HEAD", asItIs}, revisions(nil))
	require.Equal(t, []string{"v1", "v2", "v3"}, revisions([]string{"v1", "v2", "v3"}))
	here, err := checkOut(t.Context(), asItIs, t.TempDir())
	require.NoError(t, err)
	require.Equal(t, tree{name: inTheFiles}, here)
	if _, err := run(t.Context(), "", "git", "rev-parse", "HEAD"); err != nil {
		t.Skip("no revision can be had here: ", err)
	}
	last, err := checkOut(t.Context(), "HEAD", filepath.Join(t.TempDir(), "source"))
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(last.dir, "go.mod"), "all of it, wherever it is asked for")
}

func TestRunTellsApartWhatIsPrinted(t *testing.T) {
	printed, err := run(t.Context(), "", "sh", "-c", "echo found; echo downloading >&2")
	require.NoError(t, err)
	require.Equal(t, "found", printed)
	_, err = run(t.Context(), "", "sh", "-c", "echo found; echo broken >&2; exit 3")
	require.ErrorContains(t, err, "found\nbroken")
}

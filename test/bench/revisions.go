// Revisions of this repository, each with its files in a folder of its own, and the files as they are.

package main

import (
	"context"
	"errors"
	"os"
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

// tree is where a revision's files are; "" = here.
type tree struct{ name, dir string }

// checkOut puts a revision's files into a folder that is not there yet. The repository keeps nothing of it.
func checkOut(ctx context.Context, revision, dir string) (tree, error) {
	if revision == asItIs {
		return tree{name: inTheFiles}, nil
	}
	name, err := run(ctx, "", "git", "rev-parse", "--short", "--verify", revision+"^{commit}")
	if err != nil {
		return tree{}, err
	}
	root, err := run(ctx, "", "git", "rev-parse", "--show-toplevel") // below it an archive would hold a part
	if err != nil {
		return tree{}, err
	}
	packed := dir + ".tar"
	_, err = run(ctx, root, "git", "archive", "--output", packed, name)
	if err = errors.Join(err, os.MkdirAll(dir, 0o755)); err == nil {
		_, err = run(ctx, "", "tar", "-xf", packed, "-C", dir)
	}
	return tree{name, dir}, err
}

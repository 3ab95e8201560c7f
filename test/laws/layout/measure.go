// The measures of a package, of a room (a top-level folder with all below it) and of the whole.

package main

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/parley-im/parley/test/laws"
)

// Layout is what was measured.
type Layout struct {
	Packages []*Package `json:"packages"` // sorted by folder
	Rooms    []*Package `json:"rooms"`    // sums
	Total    *Package   `json:"total"`
	Unplaced []string   `json:"unplaced,omitempty"` // folders that the import law has no room for
}

// Package is the measures of a package, or of several.
type Package struct {
	Folder string `json:"folder"`
	Files  int    `json:"files"` // hand-written Go files, tests too
	Tests  int    `json:"tests"` // of them
	Lines  int    `json:"lines"`

	// Imports of packages of this module, in files that are not tests; and those that the import law forbids.
	ImportsWithin  int `json:"importsWithinRoom"`
	ImportsBetween int `json:"importsBetweenRooms"`
	Upward         int `json:"importsUpward"`

	// Pairs of files (no tests) of which one uses what the other declares; those of them that are part of a circle; and
	// how many would have to go to leave no circle.
	References int `json:"references"`
	Circular   int `json:"circularReferences"`
	Feedback   int `json:"feedbackReferences"`

	LongestFunction Longest `json:"longestFunction"` // of all files, tests too
	LongestFile     Longest `json:"longestFile"`
}

// Longest is the longest function or file.
type Longest struct {
	Name  string `json:"name"`
	Lines int    `json:"lines"`
}

// measure measures the source tree at a root.
func measure(root string) (*Layout, error) {
	tree, err := laws.Load(root)
	if err != nil {
		return nil, err
	}
	exports, err := laws.Compile(root, "./...")
	if err != nil {
		return nil, err
	}
	layout := &Layout{}
	for _, v := range laws.Unplaced(tree) {
		layout.Unplaced = append(layout.Unplaced, v.Path)
	}
	files := map[string][]*laws.File{}
	for _, f := range tree.Files {
		if f.Go != nil {
			files[f.Folder()] = append(files[f.Folder()], f)
		}
	}
	imports := countImports(tree)
	for folder, in := range files {
		p := &Package{Folder: folder}
		p.measureFiles(tree, in)
		if p.Files == 0 {
			continue // generated
		}
		p.ImportsWithin, p.ImportsBetween, p.Upward = imports[folder].within, imports[folder].between, imports[folder].upward
		g := references(tree, in, exports)
		circular := g.circular()
		p.References, p.Circular, p.Feedback = g.size(), circular.size(), circular.feedback()
		layout.Packages = append(layout.Packages, p)
	}
	slices.SortFunc(layout.Packages, func(a, b *Package) int { return cmp.Compare(a.Folder, b.Folder) })
	layout.sum()
	return layout, nil
}

// measureFiles counts files and lines.
func (p *Package) measureFiles(tree *laws.Tree, files []*laws.File) {
	for _, f := range files {
		if f.Generated {
			continue
		}
		p.Files++
		if f.Test() {
			p.Tests++
		}
		lines := bytes.Count(f.Text, []byte("\n"))
		p.Lines += lines
		p.LongestFile = longer(p.LongestFile, Longest{f.Path, lines})
		for _, function := range tree.Functions(f) {
			p.LongestFunction = longer(p.LongestFunction, Longest{p.Folder + "." + function.Name, function.Lines})
		}
	}
}

func longer(a, b Longest) Longest {
	if b.Lines > a.Lines {
		return b
	}
	return a
}

type importCount struct{ within, between, upward int }

// countImports counts, by folder, the packages of this module that others import.
func countImports(tree *laws.Tree) map[string]importCount {
	type edge struct{ from, to string }
	seen, counts := map[edge]bool{}, map[string]importCount{}
	for _, i := range tree.ImportSpecs() {
		to, ours := strings.CutPrefix(i.Path, laws.Module+"/")
		e := edge{i.File.Folder(), to}
		if !ours || i.File.Test() || i.File.Generated || e.from == to || seen[e] {
			continue
		}
		seen[e] = true
		count := counts[e.from]
		if room(e.from) == room(to) {
			count.within++
		} else {
			count.between++
		}
		if i.Forbidden != "" {
			count.upward++
		}
		counts[e.from] = count
	}
	return counts
}

// room is the top-level folder.
func room(folder string) string {
	top, _, _ := strings.Cut(folder, "/")
	return top
}

// sum adds packages up to rooms and to the total.
func (l *Layout) sum() {
	l.Total = &Package{Folder: "total"}
	for _, p := range l.Packages {
		if n := len(l.Rooms); n == 0 || l.Rooms[n-1].Folder != room(p.Folder) {
			l.Rooms = append(l.Rooms, &Package{Folder: room(p.Folder)})
		}
		l.Rooms[len(l.Rooms)-1].add(p)
		l.Total.add(p)
	}
}

func (p *Package) add(q *Package) {
	p.Files += q.Files
	p.Tests += q.Tests
	p.Lines += q.Lines
	p.ImportsWithin += q.ImportsWithin
	p.ImportsBetween += q.ImportsBetween
	p.Upward += q.Upward
	p.References += q.References
	p.Circular += q.Circular
	p.Feedback += q.Feedback
	p.LongestFunction = longer(p.LongestFunction, q.LongestFunction)
	p.LongestFile = longer(p.LongestFile, q.LongestFile)
}

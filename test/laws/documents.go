// The documents beside the code: links that lead somewhere, a README of one sitting, a glossary that says each word once.

package laws

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"strings"
)

const maxReadmeLines = 120

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	glossary = regexp.MustCompile(`(?m)^\| ([^|]+) \| [^|]+ \|$`)
)

// Documents finds links in Markdown files that lead to nothing in the repository (exists says what there is), and a README that
// has become too long to be read.
func Documents(t *Tree, exists func(path string) bool) []Violation {
	var found []Violation
	for _, f := range t.Files {
		if path.Ext(f.Path) != ".md" {
			continue
		}
		for i, line := range bytes.Split(f.Text, []byte("\n")) {
			for _, match := range link.FindAllSubmatch(line, -1) {
				to, _, _ := strings.Cut(string(match[1]), "#")
				if to == "" || strings.Contains(to, "://") || exists(path.Join(f.Folder(), to)) {
					continue
				}
				found = append(found, Violation{f.Path, i + 1, fmt.Sprintf("the link to %s leads to nothing: what it meant was moved or renamed", to)})
			}
		}
		if lines := bytes.Count(f.Text, []byte("\n")); f.Path == "README.md" && lines > maxReadmeLines {
			found = append(found, Violation{f.Path, maxReadmeLines, fmt.Sprintf("the README has %d lines, more than %d: move what one reader needs into their document", lines, maxReadmeLines)})
		}
	}
	return found
}

// Glossary finds words that ARCHITECTURE.md explains twice, and words that it should explain and does not.
func Glossary(t *Tree, words []string) []Violation {
	const page = "ARCHITECTURE.md"
	var found []Violation
	explained := map[string]bool{}
	for _, f := range t.Files {
		if f.Path != page {
			continue
		}
		_, text, _ := bytes.Cut(f.Text, []byte("## Glossary"))
		for _, match := range glossary.FindAllSubmatch(text, -1) {
			for word := range strings.SplitSeq(string(match[1]), " / ") {
				if explained[word] {
					found = append(found, Violation{page, 1, fmt.Sprintf("the glossary explains %q twice", word)})
				}
				explained[word] = true
			}
		}
	}
	for _, word := range words {
		if !explained[word] {
			found = append(found, Violation{page, 1, fmt.Sprintf("the glossary lacks %q, which the plan uses", word)})
		}
	}
	return found
}

// An explanation as an indented tree.

package main

import (
	"fmt"
	"io"
	"strings"
)

const shownWord = 150 // letters of a record or row in a line; --output json has all of it

func (e *explanation) print(w io.Writer) error {
	t := &tree{w: w}
	for i, b := range e.Because {
		t.line(0, "%s%s", map[bool]string{true: "because of ", false: "        so "}[i == 0], b)
	}
	t.step(e.First, "", "")
	if len(e.Deliveries) > 0 {
		t.line(0, "")
		t.line(0, "told to")
		for _, d := range e.Deliveries {
			t.line(1, "%-16s inbox_seq %-6d %-10s %s", d.User, d.InboxSeq, d.After, d.Word)
		}
	}
	t.line(0, "\nfrom the first record to the last: %s", e.Took)
	return t.err
}

// tree prints lines and keeps the first error.
type tree struct {
	w   io.Writer
	err error
}

func (t *tree) line(depth int, format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, strings.Repeat("  ", depth)+format+"\n", args...)
	}
}

// step prints a step behind the branches that lead to it, and what came of it below.
func (t *tree) step(s *step, first, rest string) {
	switch {
	case s.Missing:
		t.line(0, "%sNOT IN THE LOG (yet): %s for %s", first, "what the fold says", s.Key)
	case s.After != "":
		t.line(0, "%s%s  %s  key %s", first, s.At, s.After, s.Key)
	default:
		t.line(0, "%s%s  %s  key %s", first, s.At, s.Time, s.Key)
	}
	inner := rest + "   "
	if len(s.Said) > 0 {
		inner = rest + "│  "
	}
	t.line(0, "%s%s", inner, brief(s.Word, shownWord))
	if s.Copies > 0 {
		t.line(0, "%sstands there %d times; receivers drop repeats", inner, s.Copies)
	}
	if s.Group != "" {
		t.line(0, "%s%s %s", inner, strings.ToUpper(s.Group), s.Decided)
		t.line(0, "%s  row before %s", inner, rowWords(s.Before))
		t.line(0, "%s  row after  %s", inner, rowWords(s.Changed))
	}
	for _, v := range s.Views {
		t.line(0, "%s%s", inner, v)
	}
	for i, said := range s.Said {
		if i == len(s.Said)-1 {
			t.step(said, rest+"└─ ", rest+"   ")
		} else {
			t.step(said, rest+"├─ ", rest+"│  ")
		}
	}
}

func rowWords(row any) string {
	if row == nil {
		return "none"
	}
	return brief(row, shownWord)
}

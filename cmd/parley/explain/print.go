// A story as an indented tree.

package explain

import (
	"fmt"
	"io"
	"strings"

	"github.com/parley-im/parley/cmd/parley/output"
)

const shownCharacters = 150 // of a record or row on a line; --output json has all of it

// Print prints the story as text.
func (s *Story) Print(w io.Writer) error {
	t := &tree{w: w}
	for i, b := range s.Because {
		t.line(0, "%s%s", map[bool]string{true: "because of ", false: "        so "}[i == 0], b)
	}
	t.step(s.First, "", "")
	if len(s.Deliveries) > 0 {
		t.line(0, "")
		t.line(0, "delivered to")
		for _, d := range s.Deliveries {
			t.line(1, "%-16s inbox_seq %-6d %-10s %s", d.User, d.InboxSeq, d.After, d.Event)
		}
	}
	t.line(0, "\nfrom the first record to the last: %s", s.Took)
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
func (t *tree) step(s *Step, branch, rest string) {
	switch {
	case s.Missing:
		t.line(0, "%sNOT IN THE LOG (yet): an output of the fold for %s", branch, s.Key)
	case s.After != "":
		t.line(0, "%s%s  %s  key %s", branch, s.At, s.After, s.Key)
	default:
		t.line(0, "%s%s  %s  key %s", branch, s.At, s.Time, s.Key)
	}
	inner := rest + "   "
	if len(s.Produced) > 0 {
		inner = rest + "│  "
	}
	t.line(0, "%s%s", inner, output.Brief(s.Record, shownCharacters))
	if s.Copies > 0 {
		t.line(0, "%sin the log %d times; consumers drop repeats", inner, s.Copies)
	}
	if s.Group != "" {
		t.line(0, "%s%s %s", inner, strings.ToUpper(s.Group), s.Decided)
		t.line(0, "%s  row before %s", inner, rowText(s.Before))
		t.line(0, "%s  row after  %s", inner, rowText(s.Changed))
	}
	for _, v := range s.Views {
		t.line(0, "%s%s", inner, v)
	}
	for i, produced := range s.Produced {
		if i == len(s.Produced)-1 {
			t.step(produced, rest+"└─ ", rest+"   ")
		} else {
			t.step(produced, rest+"├─ ", rest+"│  ")
		}
	}
}

func rowText(row any) string {
	if row == nil {
		return "none"
	}
	return output.Brief(row, shownCharacters)
}

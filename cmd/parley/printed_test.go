// What the operators' tools say of themselves and how they print what they found are kept as golden files: people read them, and
// scripts cut them up. -update writes them anew.

package main

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gotest.tools/v3/golden"

	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/prove"
	"github.com/parley-im/parley/views/store"
)

func TestHelpGolden(t *testing.T) {
	var b strings.Builder
	for _, tool := range []string{"verify", "views", "views list", "views rebuild", "views drop"} {
		fmt.Fprintf(&b, "# parley %s --help\n", tool)
		c := command()
		c.SetOut(&b)
		c.SetArgs(append(strings.Fields(tool), "--help"))
		require.NoError(t, c.ExecuteContext(t.Context()))
		fmt.Fprintln(&b)
	}
	golden.Assert(t, b.String(), "help.txt")
}

func TestPrintedGolden(t *testing.T) {
	made := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	var b strings.Builder
	section := func(name string, print func(io.Writer) error) {
		fmt.Fprintf(&b, "# parley %s\n", name)
		require.NoError(t, print(&b))
		fmt.Fprintln(&b)
	}
	section("views list", func(w io.Writer) error {
		return printViews(w, []viewShown{
			{View: "inbox", Records: map[int]int64{1: 890, 2: 500}, Pointer: store.Pointer{Current: 1, Newest: 2, List: []store.Generation{
				{Number: 1, State: store.Whole, Made: made, Switched: made.Add(time.Hour)}, {Number: 2, State: store.Building, Made: made}}}},
			{View: "history", Why: "view history: " + views.ErrNotOpen.Error()},
		})
	})
	compared := &prove.VerifyReport{Keys: map[string]int{"inbox": 80}, Through: map[string][]int64{"inbox": {84, 126}}}
	rebuild := &prove.RebuildReport{View: "inbox", From: 1, To: 2, Switched: true, Records: 890, Seconds: 0.5, Rate: 1780, Comparison: compared}
	section("views rebuild inbox", func(w io.Writer) error { return printRebuild(w, rebuild) })
	harmed := &prove.VerifyReport{Keys: compared.Keys, Through: compared.Through, Total: 2,
		Differences: []prove.Difference{{View: "inbox", Key: "inbox:{1}:bob:head", Checkpoint: 126, Detail: "it is not there"}}}
	rebuild.Switched, rebuild.Gone, rebuild.Comparison = false, []int32{1}, harmed
	section("views rebuild inbox: they differ", func(w io.Writer) error { return printRebuild(w, rebuild) })
	replay := &replayVerdict{Clean: true, Records: 4840, Seconds: 1.2, Rate: 4033, Views: viewsVerdict{Clean: true, VerifyReport: compared, Took: "727ms"},
		Tables: []*tableVerdict{{Table: "outbox", Inputs: 440, Rows: 20, Seconds: 0.1, Rate: 4400}}}
	section("verify --replay", replay.print)
	replay.Views = viewsVerdict{VerifyReport: harmed, NotCompared: []string{"documents: their folder is in use"}, Took: "727ms"}
	replay.Tables[0].Moving, replay.Tables[0].Unproved = 3, []int32{0}
	replay.Tables[0].differs(rowAt(kindWrittenRow, 1, "bob"), "the changelog has another row")
	section("verify --replay: they differ", replay.print)
	golden.Assert(t, b.String(), "printed.txt")
}

// How a replay is printed is kept as a golden file. -update writes it anew.

package verify

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gotest.tools/v3/golden"

	"github.com/parley-im/parley/views/prove"
)

func TestPrintedGolden(t *testing.T) {
	var b strings.Builder
	section := func(name string, print func(io.Writer) error) {
		fmt.Fprintf(&b, "# parley %s\n", name)
		require.NoError(t, print(&b))
		fmt.Fprintln(&b)
	}
	compared := &prove.VerifyReport{Keys: map[string]int{"inbox": 80}, Through: map[string][]int64{"inbox": {84, 126}}}
	damaged := &prove.VerifyReport{Keys: compared.Keys, Through: compared.Through, Total: 2,
		Differences: []prove.Difference{{View: "inbox", Key: "inbox:{1}:bob:head", Checkpoint: 126, Detail: "it is not there"}}}
	replay := &replayVerdict{Clean: true, Records: 4840, Seconds: 1.2, Rate: 4033, Views: viewsVerdict{Clean: true, VerifyReport: compared, Took: "727ms"},
		Tables: []*tableVerdict{{Table: "outbox", Inputs: 440, Rows: 20, Seconds: 0.1, Rate: 4400}}}
	section("verify --replay", replay.print)
	replay.Views = viewsVerdict{VerifyReport: damaged, NotCompared: []string{"documents: their folder is in use"}, Took: "727ms"}
	replay.Tables[0].Moving, replay.Tables[0].Unproved = 3, []int32{0}
	replay.Tables[0].differs(rowKey(kindWrittenRow, 1, "bob"), "the changelog has another row")
	section("verify --replay: they differ", replay.print)
	golden.Assert(t, b.String(), "printed.txt")
}

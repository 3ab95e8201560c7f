// How generations and rebuilds are printed is kept as a golden file. -update writes it anew.

package generations

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

func TestPrintedGolden(t *testing.T) {
	made := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	var b strings.Builder
	section := func(name string, print func(io.Writer) error) {
		fmt.Fprintf(&b, "# parley %s\n", name)
		require.NoError(t, print(&b))
		fmt.Fprintln(&b)
	}
	section("views list", func(w io.Writer) error {
		return Print(w, []View{
			{View: "inbox", Records: map[int]int64{1: 890, 2: 500}, Pointer: store.Pointer{Current: 1, Newest: 2, List: []store.Generation{
				{Number: 1, State: store.Whole, Made: made, Switched: made.Add(time.Hour)}, {Number: 2, State: store.Building, Made: made}}}},
			{View: "history", Why: "view history: " + views.ErrNotOpen.Error()},
		})
	})
	compared := &prove.VerifyReport{Keys: map[string]int{"inbox": 80}, Through: map[string][]int64{"inbox": {84, 126}}}
	rebuild := &prove.RebuildReport{View: "inbox", From: 1, To: 2, Switched: true, Records: 890, Seconds: 0.5, Rate: 1780, Comparison: compared}
	section("views rebuild inbox", func(w io.Writer) error { return rebuildText(w, rebuild) })
	damaged := &prove.VerifyReport{Keys: compared.Keys, Through: compared.Through, Total: 2,
		Differences: []prove.Difference{{View: "inbox", Key: "inbox:{1}:bob:head", Checkpoint: 126, Detail: "it is not there"}}}
	rebuild.Switched, rebuild.Gone, rebuild.Comparison = false, []int32{1}, damaged
	section("views rebuild inbox: they differ", func(w io.Writer) error { return rebuildText(w, rebuild) })
	golden.Assert(t, b.String(), "printed.txt")
}

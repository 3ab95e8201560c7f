// The generator measures right: what it counts as lost, duplicate or out of order, and what its quantiles say.

package imload

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTextRoundTrip(t *testing.T) {
	b := encodeText(7, 42, 1<<40, 123456789)
	require.Len(t, b, TextSize)
	run, sender, seq, due, err := decodeText(b)
	require.NoError(t, err)
	require.Equal(t, []any{uint32(7), uint32(42), uint64(1 << 40), int64(123456789)}, []any{run, sender, seq, due})
	_, _, _, _, err = decodeText(b[:TextSize-1])
	require.Error(t, err, "a short text")
}

func TestQuantiles(t *testing.T) {
	var h Hist
	for i := int64(1); i <= 1000; i++ {
		h.Record(i * 1e6)
	}
	for _, c := range []struct{ q, want float64 }{{.5, 500}, {.99, 990}, {.999, 999}, {1, 1000}} {
		got := h.Quantile(c.q)
		require.GreaterOrEqual(t, got, c.want)
		require.LessOrEqual(t, got, c.want*1.02, "the width of a slot")
	}
}

func TestWhatIsWrongIsCounted(t *testing.T) {
	r := &run{id: 1, fanOut: 1}
	r.users = []*user{{run: r}, {run: r, number: 1, streams: map[uint32]*stream{}}}
	for _, seq := range []uint64{0, 2, 1, 1, 3} {
		r.users[1].Message(encodeText(1, 0, seq, 0))
	}
	r.users[1].Message(encodeText(2, 0, 4, 0)) // of another run
	r.users[1].Message(encodeText(1, 1, 0, 0)) // its own echo
	require.Equal(t, []int64{4, 1, 1, 1}, []int64{r.delivered.Load(), r.dup.Load(), r.reorder.Load(), r.stray.Load()})
}

func TestOwnProcessIsFound(t *testing.T) {
	s := NewSystem(map[string]int{"self": os.Getpid(), "gone": 1 << 30})
	require.NotEmpty(t, s.members()["self"])
	require.Empty(t, s.members()["gone"])
	for range 50_000_000 { // a few ticks
		_ = now()
	}
	require.Positive(t, s.CPU()["self"])
}

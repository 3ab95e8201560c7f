// A partition whose handler lost something is handled again from there, whatever the client has fetched or not.

package follow

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/logtest"
)

func TestRewindHandlesAgainWhatWasHandled(t *testing.T) {
	const records = 300
	for _, c := range []struct {
		name string
		lost func(handled int, batch []topology.Record) bool // once for each partition
	}{
		{"at the first batch", func(handled int, _ []topology.Record) bool { return handled == 0 }},
		{"in the middle", func(handled int, _ []topology.Record) bool { return handled > 0 }},
		{"when nothing comes any more", func(handled int, batch []topology.Record) bool { return handled > 0 && len(batch) == 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := logtest.New(t, 2)
			h.Send(records, 10)
			var s taken
			count, lost := map[int32]int{}, map[int32]bool{}
			stop := start(h, &s, func(cfg *Config) {
				cfg.IdleEvery = 200 * time.Millisecond
				cfg.Handle = func(_ context.Context, _ string, p int32, batch []topology.Record) error {
					s.mu.Lock()
					defer s.mu.Unlock()
					if !lost[p] && c.lost(count[p], batch) {
						lost[p], count[p] = true, 0
						var others []topology.Record
						for _, r := range s.records {
							if r.Partition != p {
								others = append(others, r)
							}
						}
						s.records = others
						return &Rewind{Offset: -1} // of a log that begins at 0
					}
					count[p] += len(batch)
					s.records = append(s.records, batch...)
					return nil
				}
			})
			h.Await("all, once more", func() bool {
				s.mu.Lock()
				defer s.mu.Unlock()
				return len(lost) == 2 && len(s.records) == records
			})
			h.Send(records, 10)
			h.Await("what comes behind", func() bool { return s.count() >= 2*records })
			require.NoError(t, stop())
			s.inOrder(t, 2*records)
		})
	}
}

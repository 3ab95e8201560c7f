// What a record costs in the sender, on an in-process Kafka.

package produce

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

// BenchmarkSender sends records to eight partitions, so many at once, until all are acked.
func BenchmarkSender(b *testing.B) {
	for _, atOnce := range []int{1, 100, 2_000} {
		b.Run(fmt.Sprintf("%d at once", atOnce), func(b *testing.B) {
			plan := wiretest.Plan(8, 1)
			c := cluster.Config{Brokers: wiretest.Kafka(b, plan).ListenAddrs()}
			var out sync.WaitGroup
			f, err := NewSender(c, "bench", wiretest.Log(b), Handlers[*Record]{
				Acked:  func(*Record, int64) { out.Done() },
				Failed: func(_ *Record, err error) { b.Error(err); out.Done() },
			})
			require.NoError(b, err)
			value := make([]byte, 200)
			n := 0
			for b.Loop() {
				out.Add(1)
				n++
				_ = f.Send(&Record{Topic: wiretest.Events, Partition: int32(n % 8), Key: "user", Value: value})
				if n%atOnce == 0 {
					out.Wait()
				}
			}
			out.Wait()
			f.Close()
		})
	}
}

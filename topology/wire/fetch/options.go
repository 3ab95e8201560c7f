// Limits of fetching that groups and followers share.

package fetch

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	PartitionBytes = 256 << 10              // of a partition in one fetch; a fetch of a partition that is paused meanwhile is thrown away
	brokerBytes    = 16 << 20               // of one fetch from a broker, all partitions together
	Wait           = 100 * time.Millisecond // a broker without records answers after that long; closing a partition waits for it
)

// Options limit the fetches of a client.
func Options() []kgo.Opt {
	return []kgo.Opt{kgo.FetchMaxBytes(brokerBytes), kgo.FetchMaxPartitionBytes(PartitionBytes), kgo.FetchMaxWait(Wait)}
}

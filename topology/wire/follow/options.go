// Every setting of franz-go's consumer group that differs from its default, each with its reason.

package follow

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/fetch"
)

// gatherBytes of all partitions together are enough for a broker to answer at once.
const gatherBytes = 1 << 20

// options are for members of a follower's group. A member that joins or leaves stops only the partitions that move.
func options(cfg Config) ([]kgo.Opt, error) {
	list, err := cfg.Cluster.Options(cfg.Plan.Consumer(cfg.Name), cfg.Log)
	list = append(list,
		kgo.ConsumerGroup(cfg.Plan.Consumer(cfg.Name)),
		kgo.ConsumeTopics(cfg.Topics...),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(cfg.SessionTimeout),
		kgo.HeartbeatInterval(cfg.SessionTimeout/cluster.HeartbeatShare),
		kgo.RebalanceTimeout(cluster.RebalanceTimeout),
		kgo.BlockRebalanceOnPoll(), // what was polled is queued before its partition can be revoked
		kgo.DisableAutoCommit(),    // what was polled is not handled yet
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
	)
	list = append(list, fetch.Options()...)
	if cfg.Gather > 0 {
		// Every fetch costs the broker, the network and the handler about the same, with one record in it or a thousand.
		list = append(list, kgo.FetchMinBytes(gatherBytes), kgo.FetchMaxWait(max(time.Millisecond, cfg.Gather)))
	}
	if cfg.Newest {
		return append(list, kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd())), err // only hints are read so; sync repairs a lost one
	}
	return append(list, kgo.ConsumeResetOffset(kgo.NoResetOffset())), err // an offset out of range must be noticed, never skipped
}

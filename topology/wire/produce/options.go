// Every setting of franz-go's producer that differs from its default, each with its reason.

package produce

import (
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/failpoint"
)

// maxMessageBytes of a produced record: Kafka's own limit, which topology.MaxValue stays below.
const maxMessageBytes = 1 << 20

// groupOptions keep the prefix law: one incarnation writes to each partition a prefix of what it emitted. The library's own
// defaults are a part of it: idempotence, acks of all in-sync replicas, no limit of retries or of time.
func groupOptions(c cluster.Config, clientID string, log *slog.Logger) ([]kgo.Opt, error) {
	options, err := commonOptions(c, clientID, log)
	return append(options,
		kgo.StopProducerOnDataLossDetected(), // any doubt about what the log holds is final
		kgo.UnknownTopicRetries(-1),          // a broker that comes back may not know its topics for a moment
	), err
}

// emitterOptions are for gateways, which must answer their clients in time: the client_seq of commands shows a hole, and
// the client sends again.
func emitterOptions(cfg EmitterConfig, log *slog.Logger) ([]kgo.Opt, error) {
	options, err := commonOptions(cfg.Cluster, cfg.Name, log)
	return append(options,
		kgo.RecordDeliveryTimeout(max(cfg.Deadline, time.Second)), // the least that the library accepts
		kgo.AllowIdempotentProduceCancellation(),                  // also of records that may be in the log already
	), err
}

func commonOptions(c cluster.Config, clientID string, log *slog.Logger) ([]kgo.Opt, error) {
	options, err := c.Options(clientID, log)
	if failpoint.Breached(failpoint.BreachAcks) {
		options = append(options, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	}
	return append(options,
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ManualFlushing(),                   // the sender makes the rounds
		kgo.MaxBufferedRecords(2*roundRecords), // never reached: a round is smaller
		kgo.ProducerBatchMaxBytes(maxMessageBytes),
		kgo.ProducerBatchCompression(kgo.NoCompression()), // values are small and mostly ciphertext
	), err
}

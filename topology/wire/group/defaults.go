// Every setting of sarama and goka that differs from its default, each with its reason.

package group

import (
	"log/slog"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/fetch"
)

// Limits of groups. Each bounds memory or waiting; none carries correctness.
const (
	defaultDrainLimit    = 15 * time.Second // from the end of a session to its last ack; longer ends the process
	defaultMaxInFlight   = 20_000           // records handed to the producer and not acked, all partitions together
	defaultInFlightBytes = 64 << 20         // bytes of the same

	commitInterval   = 250 * time.Millisecond // between commits; what is folded again after a crash, at most
	joinBackoffFirst = cluster.FirstBackoff
	joinBackoffMost  = 5 * time.Second
	joinPatience     = 2 * time.Minute // of failed attempts in a row, until the process ends and its supervisor decides
	recoveryWait     = 20 * time.Millisecond
	maxRecordBytes   = 960 << 10 // key and value of an output; leaves room for headers in maxMessageBytes
)

// saramaConfig is the common ground of consumers and admin requests.
func saramaConfig(c cluster.Config, clientID string) (*sarama.Config, error) {
	conf := sarama.NewConfig()
	conf.ClientID = clientID
	// goka sets 2.0: no static membership, no topic ids, no zstd. 2.8 is the first with topic ids.
	conf.Version = sarama.V2_8_0_0
	conf.Net.DialTimeout = cluster.NetworkTimeout
	conf.Net.ReadTimeout = cluster.RebalanceTimeout + cluster.NetworkTimeout // a join is answered when the last member has drained
	conf.Net.WriteTimeout = cluster.NetworkTimeout
	conf.Metadata.AllowAutoTopicCreation = false // a misspelt topic is an error, not a new topic
	conf.Metadata.Retry.Backoff = joinBackoffFirst
	conf.Metadata.Retry.Max = 5
	conf.Consumer.Return.Errors = true // else they are logged nowhere
	// goka sets newest: a partition without a commit would lose its records.
	conf.Consumer.Offsets.Initial = sarama.OffsetOldest
	conf.Consumer.Fetch.Default = fetch.PartitionBytes // sarama's 1 MiB, times 64 partitions, is memory; it grows for larger records
	conf.Consumer.MaxWaitTime = fetch.Wait             // closing a partition waits for its last fetch
	return conf, saramaConnection(c, conf)
}

// saramaConnection adds the connection to sarama's settings.
func saramaConnection(c cluster.Config, conf *sarama.Config) error {
	if c.User != "" {
		conf.Net.SASL.Enable = true
		conf.Net.SASL.Mechanism = sarama.SASLTypePlaintext
		conf.Net.SASL.User, conf.Net.SASL.Password = c.User, c.Password
	}
	secure, err := c.TLS()
	if err != nil || secure == nil {
		return err
	}
	conf.Net.TLS.Enable, conf.Net.TLS.Config = true, secure
	return nil
}

// recoveryConfig is for reading changelogs.
func recoveryConfig(c cluster.Config, clientID string) (*sarama.Config, error) {
	conf, err := saramaConfig(c, clientID)
	if err != nil {
		return nil, err
	}
	// A takeover closes one reader for each partition, and a close waits for the fetch: 600 ms with the default.
	conf.Consumer.MaxWaitTime = recoveryWait
	return conf, nil
}

// memberConfig is for the consumer group.
func memberConfig(s Settings, clientID string) (*sarama.Config, error) {
	conf, err := saramaConfig(s.Cluster, clientID)
	if err != nil {
		return nil, err
	}
	group := &conf.Consumer.Group
	group.Session.Timeout = s.SessionTimeout
	group.Heartbeat.Interval = s.SessionTimeout / cluster.HeartbeatShare
	group.Rebalance.Timeout = cluster.RebalanceTimeout
	group.Rebalance.Retry.Backoff = joinBackoffFirst // sarama's 2 s would be a pause in every rebalance
	group.Rebalance.Retry.Max = 20
	// The old field: goka and sarama prefer it, and one strategy means one protocol name on the wire. Members are
	// sorted by id, which begins with the instance id of static members, so a restart moves nothing.
	group.Rebalance.Strategy = goka.CopartitioningStrategy
	// Without static membership a member killed every few seconds stalls the whole group.
	group.InstanceId = s.InstanceID
	// sarama would jump to the oldest or newest record when the commit is out of range; law 7 demands a stop.
	group.ResetInvalidOffsets = false
	// Commits are ours: contiguous, after the store, with metadata. See commits.go.
	conf.Consumer.Offsets.AutoCommit.Enable = false
	return conf, nil
}

// gokaOptions are goka's defaults that we cannot live with. The builders replace its global configuration.
func (g *group) gokaOptions() []goka.ProcessorOption {
	options := []goka.ProcessorOption{
		goka.WithClientID(g.name),
		goka.WithLogger(gokaLog{g.log}),
		goka.WithHasher(topology.Hasher),
		goka.WithPartitionChannelSize(1),      // a message stands for all that is there
		goka.WithNilHandling(goka.NilProcess), // goka drops a nil value and commits past it; a fold makes a dead letter
		goka.WithStorageBuilder(g.buildStore),
		goka.WithUpdateCallback(g.recovered),
		goka.WithProducerBuilder(g.buildProducer),
		goka.WithTopicManagerBuilder(g.buildTopicManager), // goka's own creates topics, with two replicas
		goka.WithConsumerGroupBuilder(g.buildMembership),
		goka.WithConsumerSaramaBuilder(g.buildReader),
	}
	if g.settings.HotStandby {
		options = append(options, goka.WithHotStandby(), goka.WithRecoverAhead())
	}
	return options
}

// inputOptions are for fetching what a group folds.
func inputOptions(c cluster.Config, clientID string, log *slog.Logger) ([]kgo.Opt, error) {
	options, err := c.Options(clientID, log)
	options = append(options, fetch.Options()...)
	return append(options, kgo.ConsumeResetOffset(kgo.NoResetOffset())), err // out of range must be seen, never jumped over
}

// Package kafka is what the commands ask Kafka's brokers, besides reading records: topics, partitions and offsets.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
)

// Admin opens an admin client.
func Admin(s settings.Settings) (*kadm.Client, error) {
	options := []kgo.Opt{kgo.SeedBrokers(settings.List(s.Brokers)...)}
	secure, err := s.Cluster().TLS()
	if err != nil {
		return nil, err
	}
	if secure != nil {
		options = append(options, kgo.DialTLSConfig(secure))
	}
	if s.KafkaUser != "" {
		options = append(options, kgo.SASL(plain.Auth{User: s.KafkaUser, Pass: s.KafkaPassword}.AsMechanism()))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	return kadm.NewClient(client), nil
}

// WithPartitions are the settings with the number of partitions that the cluster's topics have, so that a command that only
// reads works without that setting.
func WithPartitions(ctx context.Context, s settings.Settings) (settings.Settings, error) {
	admin, err := Admin(s)
	if err != nil {
		return s, err
	}
	defer admin.Close()
	topic := s.Plan().Topics[0].Name
	details, err := admin.ListTopics(ctx, topic)
	if err != nil {
		return s, fmt.Errorf("ask %s for its topics: start Kafka or correct PARLEY_BROKERS: %w", s.Brokers, err)
	}
	d := details[topic]
	if d.Err != nil || len(d.Partitions) == 0 {
		return s, fmt.Errorf("%w: %s does not exist on %s", wire.ErrTopicMissing, topic, s.Brokers)
	}
	s.Partitions = int32(len(d.Partitions))
	return s, nil
}

// Starts are the oldest offsets of topics.
func Starts(ctx context.Context, admin *kadm.Client, topics []string) (map[topology.TopicPartition]int64, error) {
	return offsets(admin.ListStartOffsets(ctx, topics...))
}

// Ends are the offsets at which topics end.
func Ends(ctx context.Context, admin *kadm.Client, topics []string) (map[topology.TopicPartition]int64, error) {
	return offsets(admin.ListEndOffsets(ctx, topics...))
}

// Since are the offsets of the first records of a topic at a time or later.
func Since(ctx context.Context, admin *kadm.Client, topic string, t time.Time) (map[topology.TopicPartition]int64, error) {
	return offsets(admin.ListOffsetsAfterMilli(ctx, t.UnixMilli(), topic))
}

func offsets(listed kadm.ListedOffsets, err error) (map[topology.TopicPartition]int64, error) {
	if err = errors.Join(err, listed.Error()); err != nil {
		return nil, fmt.Errorf("ask for offsets: %w", err)
	}
	found := map[topology.TopicPartition]int64{}
	listed.Each(func(l kadm.ListedOffset) {
		found[topology.TopicPartition{Topic: l.Topic, Partition: l.Partition}] = l.Offset
	})
	return found, nil
}

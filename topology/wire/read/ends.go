// The offsets that the partitions of a topic hold.

package read

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
)

// Span is what a partition holds: from Oldest to before End.
type Span struct{ Oldest, End int64 }

// Ends asks which offsets each partition of a topic holds.
func Ends(ctx context.Context, c cluster.Config, topic string) (map[int32]Span, error) {
	consumer, err := newReader(c)
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	return ends(ctx, consumer, topic)
}

func ends(ctx context.Context, consumer *kafka.Consumer, topic string) (map[int32]Span, error) {
	partitions, err := partitionsOf(consumer, topic)
	if err != nil {
		return nil, err
	}
	oldest, err := listOffsets(ctx, consumer, partitions, kafka.EarliestOffsetSpec)
	if err != nil {
		return nil, err
	}
	newest, err := listOffsets(ctx, consumer, partitions, kafka.LatestOffsetSpec)
	if err != nil {
		return nil, err
	}
	spans := map[int32]Span{}
	for tp, o := range oldest {
		spans[tp.Partition] = Span{Oldest: o, End: newest[tp]}
	}
	return spans, nil
}

func partitionsOf(consumer *kafka.Consumer, topic string) ([]topology.TopicPartition, error) {
	answer, err := consumer.GetMetadata(&topic, false, int(cluster.QueryTimeout.Milliseconds()))
	if err != nil {
		return nil, fmt.Errorf("ask for the topic %s: %w", topic, err)
	}
	found := answer.Topics[topic]
	if len(found.Partitions) == 0 {
		return nil, fmt.Errorf("%w: %s does not exist (%v)", cluster.ErrTopicMissing, topic, found.Error)
	}
	list := make([]topology.TopicPartition, len(found.Partitions))
	for i, p := range found.Partitions {
		list[i] = topology.TopicPartition{Topic: topic, Partition: p.ID}
	}
	return list, nil
}

// listOffsets asks for one end of many partitions at once.
func listOffsets(ctx context.Context, consumer *kafka.Consumer, partitions []topology.TopicPartition, end kafka.OffsetSpec) (map[topology.TopicPartition]int64, error) {
	if len(partitions) == 0 {
		return map[topology.TopicPartition]int64{}, nil
	}
	admin, err := kafka.NewAdminClientFromConsumer(consumer)
	if err != nil {
		return nil, fmt.Errorf("ask for offsets: %w", err)
	}
	defer admin.Close()
	ask := map[kafka.TopicPartition]kafka.OffsetSpec{}
	for _, p := range partitions {
		ask[kafka.TopicPartition{Topic: &p.Topic, Partition: p.Partition}] = end
	}
	ctx, cancel := context.WithTimeout(ctx, cluster.QueryTimeout)
	defer cancel()
	for pause := cluster.QueryBackoff; ; pause *= 2 {
		found, err := listedOffsets(ctx, admin, ask)
		if !leaderMoved(err) {
			return found, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
	}
}

// leaderMoved reports an error that only means that the wrong broker was asked, or that too little was known of the right
// one: a retry uses fresh metadata.
func leaderMoved(err error) bool {
	var e kafka.Error
	return errors.As(err, &e) && slices.Contains([]kafka.ErrorCode{
		kafka.ErrFencedLeaderEpoch, kafka.ErrUnknownLeaderEpoch, kafka.ErrNotLeaderForPartition, kafka.ErrLeaderNotAvailable,
		kafka.ErrReplicaNotAvailable, kafka.ErrOffsetNotAvailable, kafka.ErrTransport,
	}, e.Code())
}

func listedOffsets(ctx context.Context, admin *kafka.AdminClient, ask map[kafka.TopicPartition]kafka.OffsetSpec) (map[topology.TopicPartition]int64, error) {
	found := map[topology.TopicPartition]int64{}
	answer, err := admin.ListOffsets(ctx, ask)
	if err != nil {
		return nil, fmt.Errorf("ask for offsets: %w", err)
	}
	var errs []error
	for tp, info := range answer.ResultInfos {
		if info.Error.Code() != kafka.ErrNoError {
			errs = append(errs, fmt.Errorf("ask for an offset of %s/%d: %w", *tp.Topic, tp.Partition, info.Error))
		}
		found[topology.TopicPartition{Topic: *tp.Topic, Partition: tp.Partition}] = int64(info.Offset)
	}
	return found, errors.Join(errs...)
}

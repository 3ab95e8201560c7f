// This file reads topics from one position to another, for tools and tests: replay, verify, explain.

package wire

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
)

// Limits of readers.
const (
	readBuffer    = 16 << 10               // KiB fetched ahead, all partitions together
	readFetch     = 1 << 20                // bytes of one fetch of one partition
	pollInterval  = 100 * time.Millisecond // how long an empty poll lasts
	askLimit      = 15 * time.Second       // for an answer about topics or offsets
	askPauseFirst = 50 * time.Millisecond  // before a question that went to the wrong broker is asked again; doubled each time
)

// Span is what a partition holds: from Oldest to before End.
type Span struct{ Oldest, End int64 }

// Ends asks which offsets every partition of a topic holds.
func Ends(ctx context.Context, c Cluster, topic string) (map[int32]Span, error) {
	consumer, err := newReader(c)
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	return ends(ctx, consumer, topic)
}

// Read calls fn with every record that a topic holds now, partition by partition in the order of offsets, partitions mixed.
// An error of fn ends it and is returned.
func Read(ctx context.Context, c Cluster, topic string, fn func(*topology.Record) error) error {
	return ReadFrom(ctx, c, topic, nil, nil, fn)
}

// ReadFrom is Read from given offsets (a partition that is not named begins at its oldest) to before given offsets (its
// end at the time of the call). With from == nil or to == nil none is named.
func ReadFrom(ctx context.Context, c Cluster, topic string, from, to map[int32]int64, fn func(*topology.Record) error) error {
	consumer, err := newReader(c)
	if err != nil {
		return err
	}
	defer consumer.Close()
	spans, err := ends(ctx, consumer, topic)
	if err != nil {
		return err
	}
	left := map[int32]int64{}
	var assignment []kafka.TopicPartition
	for _, p := range slices.Sorted(maps.Keys(spans)) {
		s := spans[p]
		if o, ok := from[p]; ok {
			if o < s.Oldest {
				return fmt.Errorf("%s/%d begins at %d: offset %d is gone", topic, p, s.Oldest, o)
			}
			s.Oldest = o
		}
		if o, ok := to[p]; ok {
			s.End = min(s.End, o)
		}
		if s.Oldest >= s.End {
			continue
		}
		left[p] = s.End
		assignment = append(assignment, kafka.TopicPartition{Topic: &topic, Partition: p, Offset: kafka.Offset(s.Oldest)})
	}
	if len(left) == 0 {
		return nil
	}
	if err := consumer.Assign(assignment); err != nil {
		return fmt.Errorf("read %s: %w", topic, err)
	}
	return readUntil(ctx, consumer, left, fn)
}

// readUntil polls until every partition has come to its end. A partition whose last records were compacted away says so by
// its end-of-partition event.
func readUntil(ctx context.Context, consumer *kafka.Consumer, left map[int32]int64, fn func(*topology.Record) error) error {
	for len(left) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch e := consumer.Poll(int(pollInterval.Milliseconds())).(type) {
		case *kafka.Message:
			p, offset := e.TopicPartition.Partition, int64(e.TopicPartition.Offset)
			if e.TopicPartition.Error != nil {
				return fmt.Errorf("read %s/%d: %w", *e.TopicPartition.Topic, p, e.TopicPartition.Error)
			}
			end, ok := left[p]
			if !ok {
				continue
			}
			if offset < end {
				r := rdkafkaRecord(e)
				if err := fn(&r); err != nil {
					return err
				}
			}
			if offset >= end-1 {
				delete(left, p)
			}
		case kafka.PartitionEOF:
			delete(left, e.Partition)
		case kafka.Error:
			if e.IsFatal() || e.Code() == kafka.ErrAutoOffsetReset {
				return fmt.Errorf("read: %w", e)
			}
		}
	}
	return nil
}

func newReader(c Cluster) (*kafka.Consumer, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	settings := readerSettings(c)
	consumer, err := kafka.NewConsumer(&settings)
	if err != nil {
		return nil, fmt.Errorf("start the reader: %w", err)
	}
	return consumer, nil
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
	answer, err := consumer.GetMetadata(&topic, false, int(askLimit.Milliseconds()))
	if err != nil {
		return nil, fmt.Errorf("ask for the topic %s: %w", topic, err)
	}
	found := answer.Topics[topic]
	if len(found.Partitions) == 0 {
		return nil, fmt.Errorf("%w: %s does not exist (%v)", ErrTopicMissing, topic, found.Error)
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
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	for pause := askPauseFirst; ; pause *= 2 {
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

// leaderMoved reports an answer that only says that we asked the wrong broker, or knew too little of the right one: the
// next question is asked with fresh knowledge.
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

// rdkafkaRecord is librdkafka's message as everybody sees it; appendRecords makes the same of franz-go's.
func rdkafkaRecord(m *kafka.Message) topology.Record {
	r := topology.Record{
		Topic: *m.TopicPartition.Topic, Partition: m.TopicPartition.Partition, Offset: int64(m.TopicPartition.Offset),
		Time: recordTime(m.Timestamp), Key: string(m.Key), Value: recordValue(m.Value),
	}
	for _, h := range m.Headers {
		r.Headers = append(r.Headers, topology.Header{Key: h.Key, Value: h.Value})
	}
	r.Headers = inOrder(r.Headers)
	return r
}

// appendRecords are records as everybody sees them. Their headers lie in one piece of memory.
func appendRecords(to []topology.Record, fetched []*kgo.Record) []topology.Record {
	count := 0
	for _, r := range fetched {
		count += len(r.Headers)
	}
	headers := make([]topology.Header, 0, count)
	to = slices.Grow(to, len(fetched))
	for _, r := range fetched {
		first := len(headers)
		for _, h := range r.Headers {
			headers = append(headers, topology.Header(h))
		}
		to = append(to, topology.Record{
			Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: recordTime(r.Timestamp), Key: string(r.Key), Value: recordValue(r.Value),
			Headers: inOrder(headers[first:len(headers):len(headers)]),
		})
	}
	return to
}

// inOrder sorts headers by name; the last of a name counts.
func inOrder(headers []topology.Header) []topology.Header {
	if len(headers) == 0 {
		return nil
	}
	slices.SortStableFunc(headers, func(a, b topology.Header) int { return strings.Compare(a.Key, b.Key) })
	kept := headers[:0]
	for i, h := range headers {
		if i+1 == len(headers) || headers[i+1].Key != h.Key {
			kept = append(kept, h)
		}
	}
	return kept
}

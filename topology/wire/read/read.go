// Reading a topic from one position to another, for tools and tests: replay, verify, explain.

// Package read reads what topics hold now, with librdkafka. It joins no consumer group and commits nothing.
package read

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/fetch"
)

// pollInterval is how long a poll waits for a record.
const pollInterval = 100 * time.Millisecond

// Topic calls fn with every record that a topic holds now: each partition in the order of its offsets, partitions mixed. An
// error of fn ends it and is returned.
func Topic(ctx context.Context, c cluster.Config, topic string, fn func(*topology.Record) error) error {
	return Range(ctx, c, topic, nil, nil, fn)
}

// Range is Topic from given offsets (a partition that is not named begins at its oldest) to before given offsets (a
// partition that is not named ends where it ended at the time of the call). Either may be nil.
func Range(ctx context.Context, c cluster.Config, topic string, from, to map[int32]int64, fn func(*topology.Record) error) error {
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

// readUntil polls until every partition has reached its end. A partition whose last records were compacted away reaches it
// by its end-of-partition event.
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
				r := record(e)
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

// record converts a message of librdkafka, to the same as fetch.Append makes of franz-go's.
func record(m *kafka.Message) topology.Record {
	r := topology.Record{
		Topic: *m.TopicPartition.Topic, Partition: m.TopicPartition.Partition, Offset: int64(m.TopicPartition.Offset),
		Time: fetch.Time(m.Timestamp), Key: string(m.Key), Value: fetch.Value(m.Value),
	}
	for _, h := range m.Headers {
		r.Headers = append(r.Headers, topology.Header{Key: h.Key, Value: h.Value})
	}
	r.Headers = fetch.Headers(r.Headers)
	return r
}

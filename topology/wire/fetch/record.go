// Records as every reader sees them, whichever library fetched them: the same record must fold to the same bytes everywhere.

// Package fetch turns what Kafka clients fetched into records of the plan, and queues them for each partition.
package fetch

import (
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
)

// Append converts what franz-go fetched. The headers of all records lie in one piece of memory.
func Append(to []topology.Record, fetched []*kgo.Record) []topology.Record {
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
			Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: Time(r.Timestamp), Key: string(r.Key), Value: Value(r.Value),
			Headers: Headers(headers[first:len(headers):len(headers)]),
		})
	}
	return to
}

// Headers sorts headers by name, in place. Of several with one name the last is kept.
func Headers(headers []topology.Header) []topology.Header {
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

// Value makes no difference between no value and an empty one, because librdkafka makes none.
func Value(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// Time is a broker's timestamp: in UTC, in milliseconds.
func Time(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

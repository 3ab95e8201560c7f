// The memory of a round's records.

package produce

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
)

// keptRecords is how many records of memory are kept for the next round: more than most rounds need.
const keptRecords = 2_048

// buffer holds what a round's records consist of: allocated for all of them at once, and used again for the next round.
type buffer struct {
	keys    []byte
	headers []kgo.RecordHeader
	records []kgo.Record
}

// fill makes the records of a round. Those of the round before are overwritten.
func fill[S Shipment](b *buffer, round []S) []kgo.Record {
	var keyBytes, headerCount int
	for _, s := range round {
		r := s.record()
		keyBytes, headerCount = keyBytes+len(r.Key), headerCount+1+len(r.Headers)
	}
	b.keys, b.headers, b.records = slices.Grow(b.keys[:0], keyBytes), slices.Grow(b.headers[:0], headerCount), slices.Grow(b.records[:0], len(round))
	now := time.Now()
	for _, s := range round {
		b.add(s.record(), now)
	}
	return b.records
}

func (b *buffer) add(r *Record, now time.Time) {
	key, first := len(b.keys), len(b.headers)
	b.keys = append(b.keys, r.Key...)
	if r.Cause != nil {
		b.headers = append(b.headers, kgo.RecordHeader{Key: topology.HeaderCause, Value: r.Cause})
	}
	for _, h := range r.Headers {
		b.headers = append(b.headers, kgo.RecordHeader(h))
	}
	b.records = append(b.records, kgo.Record{
		Topic: r.Topic, Partition: r.Partition, Key: b.keys[key:len(b.keys):len(b.keys)], Value: r.Value,
		Headers: b.headers[first:len(b.headers):len(b.headers)], Timestamp: now,
	})
}

// clear releases what the records refer to, and the memory of a large round.
func (b *buffer) clear() {
	if cap(b.records) > keptRecords {
		*b = buffer{}
	}
	clear(b.headers)
	clear(b.records)
}

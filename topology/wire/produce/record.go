// A record on its way to Kafka.

// Package produce sends records to Kafka with franz-go. A Sender keeps the prefix law for groups; an Emitter, built on one,
// answers gateways in time.
package produce

import (
	"sync/atomic"

	"github.com/parley-im/parley/topology"
)

// Record is a record on its way to Kafka.
type Record struct {
	Topic     string
	Partition int32
	Key       string
	Value     []byte            // nil = tombstone
	Cause     []byte            // the header of that name, before the others; nil = none
	Headers   []topology.Header // shared by all outputs of an input: they are never changed

	answered atomic.Bool // acked or failed
}

// Shipment is a record together with what its owner does when it is acked. Its type embeds Record.
type Shipment interface{ record() *Record }

func (r *Record) record() *Record { return r }

// Size is the record's size in bytes, without what Kafka adds.
func (r *Record) Size() int64 {
	n := len(r.Key) + len(r.Value) + len(r.Topic) + len(r.Cause)
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return int64(n)
}

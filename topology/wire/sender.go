// This file is the seam between the laws of the log and the library that carries records to Kafka.

package wire

import (
	"sync/atomic"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/parley-im/parley/topology"
)

// sender carries shipments to Kafka. There is one implementation, on franz-go; other libraries fit below the same seam
// when they are to be compared. What it must keep is the prefix law: of what was sent to a partition, a prefix gets there,
// once, in order.
type sender interface {
	// send hands a shipment over and never blocks. An error is final.
	send(*shipment) error
	// look says that nothing more comes at once: what waits for company may leave.
	look()
	// purge gives up everything that has not left, without waiting.
	purge()
	// close ends the sender; what is not acked is given up.
	close()
}

// sendHooks are what a sender calls, from one goroutine.
type sendHooks struct {
	acked  func(s *shipment, offset int64) // in order for each partition
	failed func(s *shipment, err error)    // s is nil for an error that concerns everything
}

// shipmentKind says how the lanes treat a record.
type shipmentKind uint8

const (
	output   shipmentKind = iota // leaves at once
	rowState                     // a changelog record of a row: waits for the outputs before it, and for its pace
	takeover                     // a takeover record or its tombstone: waits for the outputs and the rows before it
)

// shipment is a record on its way to Kafka, with what must happen when it is there.
type shipment struct {
	topic     string
	partition int32
	key       string
	value     []byte            // nil = tombstone
	cause     []byte            // the header of that name, before the others; nil = none
	headers   []topology.Header // of all outputs of an input together: nobody writes into them
	bytes     int64             // of the producer's budget

	kind   shipmentKind
	lane   *lane
	number uint64 // in the lane, among its outputs or its changelog records
	need   uint64 // changelog record: the outputs that must be acked before it leaves
	store  *partitionStore
	finish goka.PromiseFinisher // nil = nobody waits

	older      *shipment // row: the one that it supersedes, which is done when this one is
	superseded bool      // row: another one leaves in its place
	sequence   uint64    // row: its number in the store
	fresh      bool      // row: the key had none before

	answered atomic.Bool // by the sender: acked or failed
	pending  *pending    // whoever waits at an emitter
}

func (s *shipment) size() int64 {
	n := len(s.key) + len(s.value) + len(s.topic) + len(s.cause)
	for _, h := range s.headers {
		n += len(h.Key) + len(h.Value)
	}
	return int64(n)
}

// tell finishes a shipment, and those that it stands for.
func (s *shipment) tell(m *sarama.ProducerMessage, err error) {
	for ; s != nil; s = s.older {
		if s.finish != nil {
			s.finish(m, err)
		}
	}
}

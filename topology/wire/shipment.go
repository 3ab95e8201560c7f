// A record of a group on its way to Kafka, with what must happen when it is there.

package wire

import (
	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/parley-im/parley/topology/wire/produce"
)

// shipmentKind says how the lanes treat a record.
type shipmentKind uint8

const (
	output   shipmentKind = iota // leaves at once
	rowState                     // a changelog record of a row: waits for the outputs before it, and for its pace
	takeover                     // a takeover record or its tombstone: waits for the outputs and the rows before it
)

// shipment is a record on its way to Kafka, with what must happen when it is there.
type shipment struct {
	produce.Record
	bytes int64 // of the producer's budget

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
}

// tell finishes a shipment, and those that it stands for.
func (s *shipment) tell(m *sarama.ProducerMessage, err error) {
	for ; s != nil; s = s.older {
		if s.finish != nil {
			s.finish(m, err)
		}
	}
}

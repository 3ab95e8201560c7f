// A record of a group on its way to Kafka, with what must happen when it is there.

package wire

import (
	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/parley-im/parley/topology/wire/law"
	"github.com/parley-im/parley/topology/wire/produce"
)

// shipment is a record on its way to Kafka, with what must happen when it is there.
type shipment struct {
	produce.Record
	bytes int64 // of the producer's budget

	law.Slot[*shipment]
	track  *track
	store  *partitionStore
	finish goka.PromiseFinisher // nil = nothing waits

	sequence uint64 // row: its number in the store
	fresh    bool   // row: the key had none before
}

// tell finishes a shipment, and those that it stands for.
func (s *shipment) tell(m *sarama.ProducerMessage, err error) {
	for ; s != nil; s = s.Older {
		if s.finish != nil {
			s.finish(m, err)
		}
	}
}

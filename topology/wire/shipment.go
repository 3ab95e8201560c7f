// A record of a group on its way to Kafka, with what must happen when it is there.

package wire

import (
	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/parley-im/parley/topology/wire/law"
	"github.com/parley-im/parley/topology/wire/produce"
	"github.com/parley-im/parley/topology/wire/store"
)

// shipment is a record on its way to Kafka, with what must happen when it is there.
type shipment struct {
	produce.Record
	bytes int64 // of the producer's budget

	law.Slot[*shipment]
	track  *track
	store  *store.Partition
	finish goka.PromiseFinisher // nil = nothing waits

	receipt store.Receipt // of a row
}

// tell finishes a shipment, and those that it stands for.
func (s *shipment) tell(m *sarama.ProducerMessage, err error) {
	for ; s != nil; s = s.Older {
		if s.finish != nil {
			s.finish(m, err)
		}
	}
}

// ackStore lets the local store take the ack.
func (s *shipment) ackStore(offset int64) error {
	if s.Kind == law.Mark {
		return s.store.AckMark(s.Key, s.Value, s.Headers, offset)
	}
	for older := s.Older; older != nil; older = older.Older {
		s.receipt.Supersedes(older.receipt)
	}
	return s.store.AckRow(s.Key, s.Value, s.receipt, offset)
}

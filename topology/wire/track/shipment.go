// A record of a group on its way to Kafka, with what must happen when it is there.

package track

import (
	"github.com/parley-im/parley/topology/wire/law"
	"github.com/parley-im/parley/topology/wire/produce"
	"github.com/parley-im/parley/topology/wire/store"
)

// Shipment is a record on its way to Kafka, with what must happen when it is there.
type Shipment struct {
	produce.Record
	bytes int64 // of the producer's budget

	law.Slot[*Shipment]
	track  *track
	store  *store.Partition
	answer chan<- Answer // holds one; nil = nothing waits

	receipt store.Receipt // of a row
}

// Answer is the outcome of a record that somebody waits for.
type Answer struct {
	Offset int64
	Err    error
}

// finish answers whoever waits for a shipment, or for those that it supersedes. The first answer counts.
func (s *Shipment) finish(a Answer) {
	for ; s != nil; s = s.Older {
		select {
		case s.answer <- a:
		default:
		}
	}
}

// ackStore lets the local store take the ack.
func (s *Shipment) ackStore(offset int64) error {
	if s.Kind == law.Mark {
		return s.store.AckMark(s.Key, s.Value, s.Headers, offset)
	}
	for older := s.Older; older != nil; older = older.Older {
		s.receipt.Supersedes(older.receipt)
	}
	return s.store.AckRow(s.Key, s.Value, s.receipt, offset)
}

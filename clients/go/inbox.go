// The inbox: which events are delivered, and what to ask for when some are missing. It is pure, without a clock or a socket.

package parley

import (
	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// inbox is how far a device has followed its inbox.
type inbox struct {
	cursor   *pb.Cursor // last event delivered; nil = no snapshot yet
	head     uint64     // highest number that any frame named
	snapshot bool       // only a snapshot helps
	below    int        // heads below the cursor, in a row
	bridge   *pb.Cursor // after a snapshot: outcomes of commands are read from here; nil = no need
}

// behind reports that events are missing.
func (i *inbox) behind() bool { return i.cursor != nil && i.cursor.GetInboxSeq() < i.head }

// needSnapshot reports that the device cannot go on from its cursor.
func (i *inbox) needSnapshot() bool { return i.cursor == nil || i.snapshot }

// take reports whether an event comes next: it is to be delivered.
func (i *inbox) take(e *pb.Event) bool {
	i.head = max(i.head, e.GetInboxSeq())
	switch {
	case i.cursor == nil:
		return false
	case e.GetEpoch() != i.cursor.GetEpoch() && i.cursor.GetInboxSeq() > 0:
		i.snapshot = true
		return false
	case e.GetInboxSeq() != i.cursor.GetInboxSeq()+1:
		return false
	}
	i.cursor = &pb.Cursor{InboxSeq: e.GetInboxSeq(), Epoch: e.GetEpoch()}
	return true
}

// heads takes the head that a gateway named. One that stays below the cursor is of a deployment that began anew.
func (i *inbox) heads(head *pb.Cursor) {
	if i.cursor == nil || head == nil {
		return
	}
	switch {
	case head.GetEpoch() > 0 && i.cursor.GetInboxSeq() > 0 && head.GetEpoch() != i.cursor.GetEpoch():
		i.snapshot = true
	case head.GetInboxSeq() >= i.cursor.GetInboxSeq():
		i.head, i.below = max(i.head, head.GetInboxSeq()), 0
	default:
		if i.below++; i.below >= headsBelow {
			i.snapshot = true
		}
	}
}

// restart goes on from a snapshot. It reports that the deployment began anew, and whether outcomes of commands that wait
// can still be read from behind the snapshot.
func (i *inbox) restart(to *pb.Cursor) (anew, bridged bool) {
	from := i.bridge
	if from == nil {
		from = i.cursor
	}
	same := from.GetEpoch() == to.GetEpoch()
	anew = from != nil && same && from.GetInboxSeq() > to.GetInboxSeq()
	i.cursor = &pb.Cursor{InboxSeq: to.GetInboxSeq(), Epoch: to.GetEpoch()}
	i.head, i.snapshot, i.below, i.bridge = to.GetInboxSeq(), false, 0, nil
	if from != nil && same && !anew {
		i.bridge = proto.CloneOf(from)
	}
	return anew, i.bridge != nil
}

// A track keeps the outputs and changelog records of one partition in order: outputs before state.

package law

import "slices"

// Kind says how a track treats a record.
type Kind uint8

// The kinds.
const (
	Output Kind = iota // leaves at once
	Row                // the changelog record of a row: waits for the outputs before it, and for its pace
	Mark               // any other changelog record: waits for the outputs and the rows before it
)

// Shipment is a record on its way to the log: a pointer to a struct that embeds a Slot. It is a type parameter and not an
// interface, so that a track holds shipments without converting them.
type Shipment[S any] interface {
	comparable
	slot() *Slot[S]
}

// Slot is what a track keeps in a shipment.
type Slot[S any] struct {
	Kind  Kind
	Older S // of a row: the one that it supersedes, which is done when this one is

	superseded bool
	number     uint64 // in the track, among its outputs or its changelog records
	need       uint64 // of a changelog record: the outputs that must be acked before it leaves
}

func (s *Slot[S]) slot() *Slot[S] { return s }

// Track is the order of one partition's outputs and changelog records. Outputs leave at once and are acked in any order,
// because they go to many partitions. Changelog records are held until all outputs handed in before them are acked; rows
// are also held for their pace, because nothing waits for a row but commits, and of a key that is folded again meanwhile
// only the newest row is sent. That is the log as compaction would leave it.
//
// A track locks nothing: whoever has several goroutines locks around it.
type Track[S Shipment[S]] struct {
	send   func(S) error
	broken Broken

	outputs, states counter
	held            []S
	due             int          // this many of the first held ones leave as soon as their outputs are acked
	newest          map[string]S // held rows that are not due, by key
	barriers        []Barrier
	ended           error
	marked          counterMark // of the last barrier
}

// counterMark is how much had been handed in at some moment.
type counterMark struct{ outputs, states uint64 }

// Barrier is a function that waits for the acks of everything before it.
type Barrier struct {
	after counterMark
	Run   func(error)
}

// NewTrack is a track that hands records to send.
func NewTrack[S Shipment[S]](send func(S) error, broken Broken) *Track[S] {
	return &Track[S]{send: send, broken: broken, outputs: newCounter(), states: newCounter(), newest: map[string]S{}}
}

// Put hands a record in: it is sent now, or held. An error is final, and the track will not finish the shipment.
func (t *Track[S]) Put(s S, key string) error {
	if t.ended != nil {
		return t.ended
	}
	slot := s.slot()
	if slot.Kind == Output {
		slot.number = t.outputs.next()
		return t.send(s)
	}
	slot.number, slot.need = t.states.next(), t.outputs.in
	if t.broken.ChangelogBeforeOutputs {
		return t.send(s)
	}
	t.held = append(t.held, s)
	if slot.Kind == Mark {
		return t.hurry() // rows from before a mark do not merge with rows from behind it
	}
	if older, ok := t.newest[key]; ok {
		older.slot().superseded, slot.Older = true, older
	}
	t.newest[key] = s
	return nil
}

// Pace lets everything that is held leave as soon as its outputs are acked: the time to wait for newer rows is over.
func (t *Track[S]) Pace() error {
	if t.ended != nil {
		return nil
	}
	return t.hurry()
}

func (t *Track[S]) hurry() error {
	t.due = len(t.held)
	clear(t.newest) // what is due is not superseded any more, or a busy key's row would never leave
	return t.release()
}

// Ack takes the ack of a record and of those that it supersedes. It returns false when the track has ended. Release follows.
func (t *Track[S]) Ack(s S) bool {
	if t.ended != nil {
		return false
	}
	if slot := s.slot(); slot.Kind == Output {
		t.outputs.ack(slot.number)
		return true
	}
	var none S
	for s != none {
		slot := s.slot()
		t.states.ack(slot.number)
		s = slot.Older
	}
	return true
}

// OutputsAcked reports whether every output handed in is acked.
func (t *Track[S]) OutputsAcked() bool { return t.outputs.idle() }

// Release sends what waited for an ack, and returns the barriers that opened. Their functions are the caller's to run.
func (t *Track[S]) Release() ([]Barrier, error) {
	if t.ended != nil {
		return nil, nil
	}
	err := t.release()
	n := 0
	for n < len(t.barriers) && t.barriers[n].after.outputs <= t.outputs.acked && t.barriers[n].after.states <= t.states.acked {
		n++
	}
	open := t.barriers[:n:n]
	t.barriers = t.barriers[n:]
	return open, err
}

// release sends the due records whose outputs are acked. One that cannot be sent stays held, so that Fail finds it.
func (t *Track[S]) release() error {
	var none S
	for t.due > 0 {
		first := t.held[0]
		if slot := first.slot(); !slot.superseded {
			if slot.need > t.outputs.acked {
				return nil
			}
			if err := t.send(first); err != nil {
				return err
			}
		}
		t.held[0] = none
		t.held, t.due = t.held[1:], t.due-1
	}
	return nil
}

// Barrier returns true when the function may run at once, with the error: everything handed in so far is acked, or the
// track has ended. Otherwise Release or Fail returns it later. The commit of inputs is such a function: what is committed
// is therefore the contiguous prefix of inputs whose records are all acked.
func (t *Track[S]) Barrier(run func(error)) (now bool, err error) {
	if t.ended != nil {
		return true, t.ended
	}
	before, here := t.marked, counterMark{t.outputs.in, t.states.in}
	t.marked = here
	switch {
	case t.outputs.idle() && t.states.idle(), t.broken.CommitBeforeOutputs, t.broken.HoleInCommits && here == before:
		return true, nil
	}
	t.barriers = append(t.barriers, Barrier{here, run})
	return false, nil
}

// Fail ends the track: what is held is never sent. It returns what was held and the barriers that waited.
func (t *Track[S]) Fail(err error) ([]S, []Barrier) {
	if t.ended == nil {
		t.ended = err
	}
	held, barriers := slices.DeleteFunc(t.held, func(s S) bool { return s.slot().superseded }), t.barriers
	t.held, t.due, t.barriers = nil, 0, nil
	return held, barriers
}

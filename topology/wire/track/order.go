// The lock around a partition's track: folds hand records in on one goroutine, and acks come on another.

package track

import (
	"sync"

	"github.com/parley-im/parley/topology/wire/failpoint"
	"github.com/parley-im/parley/topology/wire/law"
)

// track is a law.Track under a lock. Barriers run outside of it.
type track struct {
	mu  sync.Mutex
	law *law.Track[*Shipment]
}

func newTrack(send func(*Shipment) error) *track {
	return &track{law: law.NewTrack(send, law.Broken{})}
}

// put hands a shipment in: it is sent now, or held. An error is final, and the shipment will not be finished by the track.
func (t *track) put(s *Shipment) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.track = t
	return t.law.Put(s, s.Key)
}

// pace lets everything that is held leave as soon as its outputs are acked.
func (t *track) pace() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.law.Pace()
}

// acked notes an ack, sends what waited for it, and runs the barriers that it opened.
func (t *track) acked(s *Shipment) error {
	t.mu.Lock()
	if t.law.Ack(s) && s.Kind == law.Output {
		failpoint.ReachOutputAcked(t.law.OutputsAcked())
	}
	open, err := t.law.Release()
	t.mu.Unlock()
	for _, b := range open {
		b.Run(nil)
	}
	return err
}

// barrier runs a function when everything handed in so far is acked, at once if it is.
func (t *track) barrier(run func(error)) {
	t.mu.Lock()
	now, err := t.law.Barrier(run)
	t.mu.Unlock()
	if now {
		run(err)
	}
}

// fail ends the track: what is held is never sent, and whoever waits gets the error. It returns what was held.
func (t *track) fail(err error) []*Shipment {
	t.mu.Lock()
	held, barriers := t.law.Fail(err)
	t.mu.Unlock()
	for _, b := range barriers {
		b.Run(err)
	}
	return held
}

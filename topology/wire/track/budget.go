// A budget bounds what is handed over and not acked.

package track

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

const drainPoll = 10 * time.Millisecond // between two samples of what is unacked

// budget bounds what is handed over and not acked, held records included. Whoever asks for more waits.
type budget struct {
	mu                  sync.Mutex
	room                *sync.Cond
	records, maxRecords int
	bytes, maxBytes     int64
	closed              error
}

func newBudget(records int, bytes int64) *budget {
	b := &budget{maxRecords: records, maxBytes: bytes}
	b.room = sync.NewCond(&b.mu)
	return b
}

// take waits for room. A record larger than the whole budget goes alone.
func (b *budget) take(s *Shipment) error {
	s.bytes = s.Size()
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.closed == nil && b.records > 0 && (b.records >= b.maxRecords || b.bytes+s.bytes > b.maxBytes) {
		b.room.Wait()
	}
	if b.closed != nil {
		return b.closed
	}
	b.records++
	b.bytes += s.bytes
	return nil
}

// giveAll gives back what a shipment took, and those that it supersedes.
func (b *budget) giveAll(s *Shipment) {
	b.mu.Lock()
	for ; s != nil; s = s.Older {
		b.records--
		b.bytes -= s.bytes
	}
	b.mu.Unlock()
	b.room.Broadcast()
}

// out is how many records are not acked.
func (b *budget) out() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.records
}

func (b *budget) close(err error) {
	b.mu.Lock()
	b.closed = err
	b.mu.Unlock()
	b.room.Broadcast()
}

var errNotDrained = errors.New("not all records were acked in time")

// drained waits until everything is acked, the producer stops, or the limit is over.
func (b *budget) drained(limit time.Duration) error {
	for end := time.Now().Add(limit); b.out() > 0; time.Sleep(drainPoll) {
		if err := b.ended(); err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d records are unacked after %v: %w", b.out(), limit, errNotDrained)
		}
	}
	return nil
}

func (b *budget) ended() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// This file carries shipments with franz-go, in rounds: one request for all topics and partitions of a broker.
//
// librdkafka sends a request for each partition, and a request costs the broker the same with one record in it or a
// hundred. Here everything that came while a round was on its way leaves with the next: no wait when idle, batches under
// load. A group knows when more comes at once, because it has fetched it, and its rounds wait for that; a gateway's rest.
//
// A partition's records are handed over when all of its earlier ones are acked, so nothing can overtake a record that
// failed. A partition whose leader is slow or gone waits alone: after a while the others go on without it.

package wire

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
)

// Limits of rounds.
const (
	roundRecords = 20_000                 // of one round; more waits for the next
	roundWait    = 50 * time.Millisecond  // for all of a round's records; those that are late hold their partitions back alone
	roomRecords  = 2_048                  // of whose room is kept for the next round
	restFree     = 4                      // records of a round behind which the next begins at once: little comes
	restOfRecord = 500 * time.Microsecond // from the begin of a round to the next, for each further record: more come soon,
	restMost     = 12 * time.Millisecond  // and a request costs the broker as much as its records
	holdMost     = 12 * time.Millisecond  // for which the first record of a round waits while more comes at once
	closeLimit   = time.Second            // from the client's end to the last answer about what it gave up
)

var errPurged = errors.New("the producer is stopped")

// What a failure of one record means for the others.
const (
	isFinal = false // nothing is sent after it
	mayFail = true  // the others go on: whoever reads can see the hole, and whoever wrote sends again
)

// franz is a sender on franz-go.
type franz struct {
	client *kgo.Client
	hooks  sendHooks
	fails  bool            // mayFail or isFinal
	more   func() bool     // whether more comes at once; nil = nobody knows, and rounds rest by their size
	ctx    context.Context // ends with purge
	cancel context.CancelFunc
	wake   chan struct{} // holds one: look at waiting
	done   sync.WaitGroup
	late   []*shipment // handed over, and not answered in time; belongs to run
	rest   time.Time   // no round begins before it; belongs to run
	spare  []*shipment // room for what waits next; belongs to run
	room   roundRoom   // of the next round; belongs to run

	mu      sync.Mutex
	waiting []*shipment // in the order of send
	since   time.Time   // when the first of them came
	broken  bool        // a record failed, or purge: no round begins
	closing bool
}

func newFranz(options []kgo.Opt, hooks sendHooks, fails bool, more func() bool) (*franz, error) {
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("start the producer: %w", err)
	}
	f := &franz{client: client, hooks: hooks, fails: fails, more: more, wake: make(chan struct{}, 1)}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.done.Go(f.run)
	return f, nil
}

func (f *franz) send(s *shipment) error {
	f.mu.Lock()
	if f.closing {
		f.mu.Unlock()
		return errPurged
	}
	first := len(f.waiting) == 0
	if first {
		f.since = time.Now()
	}
	f.waiting = append(f.waiting, s)
	f.mu.Unlock()
	if first {
		f.look()
	}
	return nil
}

func (f *franz) look() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// run sends round after round. After the last it fails whatever is left: first what the client holds, then what waits.
func (f *franz) run() {
	for {
		round := f.next()
		if round == nil {
			break
		}
		f.produce(round)
		if f.await(round) {
			f.room.clear()
		} else {
			f.room = roundRoom{} // the client still holds some of its records
		}
		clear(round)
		f.spare = round[:0]
	}
	f.client.Close()
	answered, cancel := context.WithTimeout(context.Background(), closeLimit)
	_ = f.client.Flush(answered)
	cancel()
	f.mu.Lock()
	left := f.waiting
	f.waiting, f.closing = nil, true
	f.mu.Unlock()
	for _, s := range left {
		f.hooks.failed(s, errPurged)
	}
}

// produce hands a round over.
func (f *franz) produce(round []*shipment) {
	records := f.room.fill(round)
	for i, s := range round {
		if s.answered.Load() {
			continue // its deadline is over
		}
		f.client.Produce(context.Background(), &records[i], func(r *kgo.Record, err error) { f.answered(s, r.Offset, err) })
	}
}

// await waits until the client holds no record any more, a while, and notes which are late.
func (f *franz) await(round []*shipment) (all bool) {
	ctx, cancel := context.WithTimeout(f.ctx, roundWait)
	defer cancel()
	if f.client.Flush(ctx) == nil {
		f.late = nil
		return true
	}
	f.late = slices.DeleteFunc(append(f.late, round...), func(s *shipment) bool { return s.answered.Load() })
	return false
}

// next waits until a round is due; nil = there will be none. While some records are late a round is due at once, and may
// be empty: the client sends only while somebody waits for its answers.
func (f *franz) next() []*shipment {
	for {
		f.mu.Lock()
		if f.broken {
			f.mu.Unlock()
			return nil
		}
		hold, some := f.hold(), len(f.waiting) > 0
		if len(f.late) > 0 || some && hold <= 0 {
			round := f.cut()
			f.mu.Unlock()
			f.rest = time.Now().Add(restAfter(len(round)))
			return round
		}
		f.mu.Unlock()
		var held <-chan time.Time
		if some {
			held = time.After(hold)
		}
		select {
		case <-f.wake:
		case <-held:
		}
	}
}

// hold is how long a round still waits for more.
func (f *franz) hold() time.Duration {
	switch {
	case f.more == nil:
		return time.Until(f.rest)
	case f.more():
		return time.Until(f.since.Add(holdMost))
	default:
		return 0
	}
}

// restAfter is how long a round of so many records makes the next one wait, where nobody knows what comes.
func restAfter(records int) time.Duration {
	return min(time.Duration(max(records-restFree, 0))*restOfRecord, restMost)
}

// cut takes a round off the queue: what waits for partitions that are not late.
func (f *franz) cut() []*shipment {
	held := map[topology.TopicPartition]bool{}
	for _, s := range f.late {
		held[topology.TopicPartition{Topic: s.topic, Partition: s.partition}] = true
	}
	round, left := []*shipment{}, []*shipment(nil)
	if len(held) == 0 && len(f.waiting) <= roundRecords {
		round, f.waiting = f.waiting, f.spare
	}
	for _, s := range f.waiting {
		if len(round) < roundRecords && !held[topology.TopicPartition{Topic: s.topic, Partition: s.partition}] {
			round = append(round, s)
		} else {
			left = append(left, s)
		}
	}
	f.waiting = left
	return round
}

// answered is called by the client's one goroutine for answers.
func (f *franz) answered(s *shipment, offset int64, err error) {
	s.answered.Store(true)
	if err == nil {
		f.hooks.acked(s, offset)
		return
	}
	if f.fails == isFinal {
		f.stop(false)
	}
	f.hooks.failed(s, err)
}

func (f *franz) stop(closing bool) {
	f.mu.Lock()
	f.broken, f.closing = true, f.closing || closing
	f.mu.Unlock()
	f.cancel()
	f.look()
}

func (f *franz) purge() { f.stop(true) }

func (f *franz) close() {
	f.stop(true)
	f.done.Wait()
}

// roundRoom is what a round's records consist of: allocated for all of them at once, and used again for the next round.
type roundRoom struct {
	keys    []byte
	headers []kgo.RecordHeader
	records []kgo.Record
}

// fill makes the records of a round. Those of the round before are gone then.
func (m *roundRoom) fill(round []*shipment) []kgo.Record {
	var keyBytes, headerCount int
	for _, s := range round {
		keyBytes, headerCount = keyBytes+len(s.key), headerCount+1+len(s.headers)
	}
	m.keys, m.headers, m.records = slices.Grow(m.keys[:0], keyBytes), slices.Grow(m.headers[:0], headerCount), slices.Grow(m.records[:0], len(round))
	now := time.Now()
	for _, s := range round {
		key, first := len(m.keys), len(m.headers)
		m.keys = append(m.keys, s.key...)
		if s.cause != nil {
			m.headers = append(m.headers, kgo.RecordHeader{Key: topology.HeaderCause, Value: s.cause})
		}
		for _, h := range s.headers {
			m.headers = append(m.headers, kgo.RecordHeader(h))
		}
		m.records = append(m.records, kgo.Record{
			Topic: s.topic, Partition: s.partition, Key: m.keys[key:len(m.keys):len(m.keys)], Value: s.value,
			Headers: m.headers[first:len(m.headers):len(m.headers)], Timestamp: now,
		})
	}
	return m.records
}

// clear lets go of what the records held, and of room for more than most rounds need.
func (m *roundRoom) clear() {
	if cap(m.records) > roomRecords {
		*m = roundRoom{}
	}
	clear(m.headers)
	clear(m.records)
}

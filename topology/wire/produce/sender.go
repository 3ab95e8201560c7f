// Shipments are sent in rounds: one request for all topics and partitions of a broker.
//
// librdkafka sends a request for each partition, and a request costs the broker the same with one record in it or a
// hundred. Here everything that arrived while a round was in flight leaves with the next: no wait when idle, batches under
// load. A group knows when more will follow at once, because it has fetched it, and its rounds wait for that; a gateway's
// rounds rest.
//
// A partition's records are handed over when all of its earlier ones are acked, so nothing can overtake a record that
// failed. A partition whose leader is slow or gone waits alone: after a while the others go on without it.

package produce

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
)

// Limits of rounds.
const (
	roundRecords  = 20_000                 // of one round; more waits for the next
	roundTimeout  = 50 * time.Millisecond  // for all of a round's records; those that are late hold back their partitions alone
	restFree      = 4                      // records of a round after which the next begins at once: the load is low
	restPerRecord = 500 * time.Microsecond // from the begin of a round to the next, for each further record: more will follow soon,
	maxRest       = 12 * time.Millisecond  // and a request costs the broker as much as its records
	maxHold       = 12 * time.Millisecond  // for which the first record of a round waits while more will follow at once
	closeTimeout  = time.Second            // from the client's end to the last answer about what it gave up
)

var errPurged = errors.New("the producer is stopped")

// Handlers are what a sender calls, Acked and Failed from one goroutine.
type Handlers[S Shipment] struct {
	Acked  func(s S, offset int64) // in order for each partition
	Failed func(s S, err error)
	More   func() bool // whether more will follow at once; nil = unknown, and rounds rest by their size
}

// Sender sends shipments to Kafka. Of what was sent to a partition, a prefix gets there, once, in order.
type Sender[S Shipment] struct {
	client   *kgo.Client
	handlers Handlers[S]
	mayFail  bool            // after a failure other records go on: readers see the hole, and the writer sends again
	ctx      context.Context // ends with Purge
	cancel   context.CancelFunc
	wake     chan struct{} // holds one: something waits
	done     sync.WaitGroup
	late     []S       // handed over, and not answered in time; belongs to run
	rest     time.Time // no round begins before it; belongs to run
	spare    []S       // memory for what waits next; belongs to run
	buffer   buffer    // of the next round; belongs to run

	mu      sync.Mutex
	waiting []S       // in the order of Send
	since   time.Time // when the first of them came
	broken  bool      // a record failed, or Purge: no round begins
	closing bool
}

// NewSender starts a producer for a group: idempotent, acks of all in-sync replicas, no time limit. After the first failure
// nothing more is sent.
func NewSender[S Shipment](c cluster.Config, clientID string, log *slog.Logger, handlers Handlers[S]) (*Sender[S], error) {
	options, err := groupOptions(c, clientID, log)
	if err != nil {
		return nil, err
	}
	return newSender(options, handlers, false)
}

func newSender[S Shipment](options []kgo.Opt, handlers Handlers[S], mayFail bool) (*Sender[S], error) {
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("start the producer: %w", err)
	}
	f := &Sender[S]{client: client, handlers: handlers, mayFail: mayFail, wake: make(chan struct{}, 1)}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.done.Go(f.run)
	return f, nil
}

// Send hands a shipment over and never blocks. An error is final.
func (f *Sender[S]) Send(s S) error {
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
		f.Wake()
	}
	return nil
}

// Wake makes the sender ask again whether more will follow: what waits for more may leave.
func (f *Sender[S]) Wake() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Purge gives up everything that was not sent, and does not wait.
func (f *Sender[S]) Purge() { f.stop(true) }

// Close ends the sender. What is not acked is given up: it fails.
func (f *Sender[S]) Close() {
	f.stop(true)
	f.done.Wait()
}

func (f *Sender[S]) stop(closing bool) {
	f.mu.Lock()
	f.broken, f.closing = true, f.closing || closing
	f.mu.Unlock()
	f.cancel()
	f.Wake()
}

// run sends round after round. After the last it fails whatever is left: first what the client holds, then what waits.
func (f *Sender[S]) run() {
	for {
		round := f.next()
		if round == nil {
			break
		}
		f.produce(round)
		if f.await(round) {
			f.buffer.clear()
		} else {
			f.buffer = buffer{} // the client still holds some of its records
		}
		clear(round)
		f.spare = round[:0]
	}
	f.client.Close()
	answered, cancel := context.WithTimeout(context.Background(), closeTimeout)
	_ = f.client.Flush(answered)
	cancel()
	f.mu.Lock()
	left := f.waiting
	f.waiting, f.closing = nil, true
	f.mu.Unlock()
	for _, s := range left {
		f.handlers.Failed(s, errPurged)
	}
}

// next waits until a round is due; nil = there will be none. While some records are late a round is due at once, and may
// be empty: the client sends only while its answers are awaited.
func (f *Sender[S]) next() []S {
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
func (f *Sender[S]) hold() time.Duration {
	switch {
	case f.handlers.More == nil:
		return time.Until(f.rest)
	case f.handlers.More():
		return time.Until(f.since.Add(maxHold))
	default:
		return 0
	}
}

// restAfter is how long a round of so many records delays the next one, where it is unknown whether more will follow.
func restAfter(records int) time.Duration {
	return min(time.Duration(max(records-restFree, 0))*restPerRecord, maxRest)
}

// cut takes a round off the queue: what waits for partitions that are not late.
func (f *Sender[S]) cut() []S {
	held := map[topology.TopicPartition]bool{}
	for _, s := range f.late {
		held[partitionOf(s)] = true
	}
	round, left := []S{}, []S(nil)
	if len(held) == 0 && len(f.waiting) <= roundRecords {
		round, f.waiting = f.waiting, f.spare
	}
	for _, s := range f.waiting {
		if len(round) < roundRecords && !held[partitionOf(s)] {
			round = append(round, s)
		} else {
			left = append(left, s)
		}
	}
	f.waiting = left
	return round
}

func partitionOf(s Shipment) topology.TopicPartition {
	return topology.TopicPartition{Topic: s.record().Topic, Partition: s.record().Partition}
}

// produce hands a round to the client.
func (f *Sender[S]) produce(round []S) {
	records := fill(&f.buffer, round)
	for i, s := range round {
		if s.record().answered.Load() {
			continue // its deadline is over
		}
		f.client.Produce(context.Background(), &records[i], func(r *kgo.Record, err error) { f.answered(s, r.Offset, err) })
	}
}

// answered is called by the client's one goroutine for answers.
func (f *Sender[S]) answered(s S, offset int64, err error) {
	s.record().answered.Store(true)
	if err == nil {
		f.handlers.Acked(s, offset)
		return
	}
	if !f.mayFail {
		f.stop(false)
	}
	f.handlers.Failed(s, err)
}

// await waits, for a limited time, until the client holds no record any more, and notes which are late.
func (f *Sender[S]) await(round []S) (all bool) {
	ctx, cancel := context.WithTimeout(f.ctx, roundTimeout)
	defer cancel()
	if f.client.Flush(ctx) == nil {
		f.late = nil
		return true
	}
	f.late = slices.DeleteFunc(append(f.late, round...), func(s S) bool { return s.record().answered.Load() })
	return false
}

// The producer of a group: it puts every record that a fold emits into the track of the partition that it comes from.

// Package track sends the outputs and changelog records of a group in the order that law.Track demands, and lets the local
// store take the acks.
//
//	producer.go  a group's producer, over one track for each partition
//	order.go     a track: the lock around law.Track
//	shipment.go  what a track carries
//	budget.go    how much may be on its way
//
// Everything in a shipment's life after the hand-over runs on the delivery goroutine and must not block; everything of one
// partition before it runs on that partition's goroutine.
package track

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lovoo/goka"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/failpoint"
	"github.com/parley-im/parley/topology/wire/law"
	"github.com/parley-im/parley/topology/wire/produce"
	"github.com/parley-im/parley/topology/wire/store"
	"github.com/parley-im/parley/topology/wire/ticker"
)

// Limits of a producer.
const (
	rowPace    = 100 * time.Millisecond // for which a row waits for a newer one of its key
	closeLimit = 15 * time.Second       // from Close to the last ack
)

// Producer implements goka.Producer.
type Producer struct {
	partitions int32
	table      string // changelog topic
	out        *produce.Sender[*Shipment]
	tracks     []*track
	budget     *budget
	broken     func(error) // ends the process; called on any failure

	unfolded    atomic.Int64                        // inputs that were fetched: their outputs come at once
	generations []atomic.Pointer[[]topology.Header] // of each changelog partition's rows: the offset of this owner's takeover record

	stopPacing context.CancelFunc
	pacing     sync.WaitGroup
}

// Limits bound what is handed over and not acked.
type Limits struct {
	Records int
	Bytes   int64
}

// New is a producer for a group of so many partitions, whose changelog is table. broken ends the process. Nothing is sent
// before Connect.
func New(partitions int32, table string, limits Limits, broken func(error)) *Producer {
	p := &Producer{
		partitions: partitions, table: table, budget: newBudget(limits.Records, limits.Bytes), broken: broken,
		generations: make([]atomic.Pointer[[]topology.Header], partitions),
	}
	for range partitions {
		p.tracks = append(p.tracks, newTrack(p.send))
	}
	return p
}

// send is how tracks send.
func (p *Producer) send(s *Shipment) error {
	err := p.out.Send(s)
	if s.Kind == law.Row {
		failpoint.ReachChangelogSent()
	}
	return err
}

// Connect begins to send records.
func (p *Producer) Connect(c cluster.Config, clientID string, log *slog.Logger) error {
	out, err := produce.NewSender(c, clientID, log, produce.Handlers[*Shipment]{
		Acked: p.acked, Failed: p.failed, More: func() bool { return p.unfolded.Load() > 0 },
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	p.out, p.stopPacing = out, stop
	p.pacing.Go(func() { ticker.Run(ctx, rowPace, p.pace) })
	return nil
}

// Fetched counts inputs whose outputs are still to come.
func (p *Producer) Fetched(inputs int) { p.unfolded.Add(int64(inputs)) }

// Forget is called when no fetched input will be folded any more.
func (p *Producer) Forget() { p.unfolded.Store(0) }

// Folded counts inputs whose outputs are handed over.
func (p *Producer) Folded(inputs int) {
	if p.unfolded.Add(-int64(inputs)) == 0 {
		p.out.Wake()
	}
}

// pace lets the rows leave that are held for a newer one.
func (p *Producer) pace() {
	for _, l := range p.tracks {
		if err := l.pace(); err != nil {
			p.broken(fmt.Errorf("hand over the rows: %w", err))
			return
		}
	}
}

// Outputs hands over the outputs of an input, in order, each with its cause: cause names the input. The outputs lie in one
// piece of memory, and so do their causes. Nothing waits for an output but the row behind it.
func (p *Producer) Outputs(cause topology.Cause, headers []topology.Header, out []topology.Output) {
	shipments, causes := make([]Shipment, len(out)), make([]byte, 0, len(out)*topology.CauseSize)
	for i, o := range out {
		cause.Index = uint32(i)
		from := len(causes)
		causes = cause.Append(causes)
		s := &shipments[i]
		s.Cause, s.Headers = causes[from:len(causes):len(causes)], headers
		s.Topic, s.Partition, s.Key, s.Value = o.Topic, topology.PartitionOf(o.Key, p.partitions), o.Key, o.Value
		p.put(cause.Partition, s)
	}
}

// Emit is a part of goka.Producer.
func (p *Producer) Emit(topic, key string, value []byte) *goka.Promise {
	return p.EmitWithHeaders(topic, key, value, nil)
}

// EmitWithHeaders refuses: goka emits what is not ours. What a fold emits has a track, and its row waits behind it.
func (p *Producer) EmitWithHeaders(topic, _ string, _ []byte, _ goka.Headers) *goka.Promise {
	_, finish := goka.NewPromiseWithFinisher()
	return finish(nil, fmt.Errorf("a record for %s does not come from a fold: outputs and rows have a track", topic))
}

// Row hands over a row's changelog record, folded or rewritten. It was set in the local store just before.
func (p *Producer) Row(partition int32, local *store.Partition, key string, row []byte) {
	s := p.changelog(law.Row, partition, local, key, row)
	if taken := p.generations[partition].Load(); taken != nil {
		s.Headers = *taken
	}
	p.put(partition, s)
}

// Mark hands over a takeover record or a skip. The channel gives the answer.
func (p *Producer) Mark(partition int32, local *store.Partition, key string, value []byte, headers []topology.Header) <-chan Answer {
	s := p.changelog(law.Mark, partition, local, key, value)
	answer := make(chan Answer, 1)
	s.Headers, s.answer = headers, answer
	p.put(partition, s)
	return answer
}

// Retire hands over the tombstone of a takeover record or a skip.
func (p *Producer) Retire(partition int32, local *store.Partition, key string) {
	s := p.changelog(law.Mark, partition, local, key, nil)
	s.Headers = law.TombstoneHeaders()
	p.put(partition, s)
}

func (p *Producer) changelog(kind law.Kind, partition int32, local *store.Partition, key string, value []byte) *Shipment {
	return &Shipment{
		Record: produce.Record{Topic: p.table, Partition: partition, Key: key, Value: value}, Slot: law.Slot[*Shipment]{Kind: kind}, store: local,
	}
}

// Barrier runs a function when everything of a partition that was handed over so far is acked, at once if it is.
func (p *Producer) Barrier(partition int32, run func(error)) { p.tracks[partition].barrier(run) }

// Unacked is how many records are not acked.
func (p *Producer) Unacked() int { return p.budget.out() }

// Drained waits until everything is acked, the producer stops, or the limit is over.
func (p *Producer) Drained(limit time.Duration) error { return p.budget.drained(limit) }

func (p *Producer) put(from int32, s *Shipment) {
	err := p.budget.take(s)
	if err == nil && s.Kind == law.Row && s.store != nil {
		s.receipt, err = s.store.Ship(s.Key)
	}
	if err == nil {
		err = p.tracks[from].put(s)
	}
	if err == nil {
		return
	}
	p.broken(fmt.Errorf("hand over a record for %s/%d: %w", s.Topic, s.Partition, err))
	s.finish(Answer{Err: err})
}

// Take notes where a partition's takeover record stands: every row carries it.
func (p *Producer) Take(partition int32, generation int64) {
	headers := law.RowHeaders(generation)
	p.generations[partition].Store(&headers)
}

// acked runs on the delivery goroutine: the local store first, then whoever waits, then the track, whose barriers may commit.
func (p *Producer) acked(s *Shipment, offset int64) {
	var err error
	if s.store != nil {
		failpoint.Reach(failpoint.ChangelogAcked)
		err = s.ackStore(offset)
	}
	p.budget.giveAll(s)
	if s.Kind != law.Output { // nothing waits for an output
		s.finish(Answer{Offset: offset})
	}
	if e := s.track.acked(s); err == nil {
		err = e
	}
	if err != nil {
		p.broken(err)
	}
}

// failed runs on the delivery goroutine. The first failure ends the process; nothing is flushed after it.
func (p *Producer) failed(s *Shipment, err error) {
	p.broken(fmt.Errorf("deliver a record to %s/%d: %w", s.Topic, s.Partition, err))
	p.budget.giveAll(s)
	s.finish(Answer{Err: err})
}

// Stop gives up everything that is not acked, for good. The tracks are ended before the purge: a record sent after it
// would leave a hole.
func (p *Producer) Stop(err error) {
	p.budget.close(err)
	var held []*Shipment
	for _, l := range p.tracks {
		held = append(held, l.fail(err)...)
	}
	if p.out != nil {
		p.out.Purge()
	}
	for _, s := range held {
		s.finish(Answer{Err: err})
	}
}

// Close is called by goka when all sessions are over and drained. Rewrites may be left for a moment.
func (p *Producer) Close() error {
	err := p.budget.drained(closeLimit)
	if err != nil {
		p.Stop(err)
	}
	p.stopPacing()
	p.pacing.Wait()
	p.out.Close()
	return err
}

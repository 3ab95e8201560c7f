// This file is a group's producer: it puts every record that a fold emits into the track of the partition that it comes from.

package wire

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/failpoint"
	"github.com/parley-im/parley/topology/wire/law"
	"github.com/parley-im/parley/topology/wire/produce"
	"github.com/parley-im/parley/topology/wire/store"
	"github.com/parley-im/parley/topology/wire/ticker"
)

// producer implements goka.Producer.
type producer struct {
	partitions int32
	table      string // changelog topic
	out        *produce.Sender[*shipment]
	tracks     []*track
	budget     *budget
	broken     func(error) // ends the process; called on any failure

	unfolded    atomic.Int64                        // inputs that were fetched: their outputs come at once
	generations []atomic.Pointer[[]topology.Header] // of each changelog partition's rows: the offset of this owner's takeover record

	stopPacing context.CancelFunc
	pacing     sync.WaitGroup
}

func newProducer(partitions int32, table string, b *budget, broken func(error)) *producer {
	p := &producer{
		partitions: partitions, table: table, budget: b, broken: broken,
		generations: make([]atomic.Pointer[[]topology.Header], partitions),
	}
	for range partitions {
		p.tracks = append(p.tracks, newTrack(p.send))
	}
	return p
}

// send is how tracks send.
func (p *producer) send(s *shipment) error {
	err := p.out.Send(s)
	if s.Kind == law.Row {
		failpoint.ReachChangelogSent()
	}
	return err
}

// start begins to carry records.
func (p *producer) start(out *produce.Sender[*shipment]) {
	ctx, stop := context.WithCancel(context.Background())
	p.out, p.stopPacing = out, stop
	p.pacing.Go(func() { ticker.Run(ctx, rowPace, p.pace) })
}

// fetched and folded count the inputs whose outputs are still to come.
func (p *producer) fetched(inputs int) { p.unfolded.Add(int64(inputs)) }

func (p *producer) folded(inputs int) {
	if p.unfolded.Add(-int64(inputs)) == 0 {
		p.out.Wake()
	}
}

// pace lets the rows leave that are held for a newer one.
func (p *producer) pace() {
	for _, l := range p.tracks {
		if err := l.pace(); err != nil {
			p.broken(fmt.Errorf("hand over the rows: %w", err))
			return
		}
	}
}

// emit puts an output into the track of the input that it comes from, in a shipment of the caller's. Nothing waits for it
// but the row behind it.
func (p *producer) emit(from int32, s *shipment, o topology.Output) {
	s.Topic, s.Partition, s.Key, s.Value = o.Topic, topology.PartitionOf(o.Key, p.partitions), o.Key, o.Value
	p.put(from, s)
}

// Emit is a part of goka.Producer.
func (p *producer) Emit(topic, key string, value []byte) *goka.Promise {
	return p.EmitWithHeaders(topic, key, value, nil)
}

// EmitWithHeaders refuses: goka emits what is not ours. What a fold emits has a track, and its row waits behind it.
func (p *producer) EmitWithHeaders(topic, _ string, _ []byte, _ goka.Headers) *goka.Promise {
	_, finish := goka.NewPromiseWithFinisher()
	return finish(nil, fmt.Errorf("a record for %s does not come from a fold: outputs and rows have a track", topic))
}

// change writes a changelog record: a row, folded or rewritten, a takeover record or its tombstone.
func (p *producer) change(kind law.Kind, partition int32, local *store.Partition, key string, value []byte) {
	s := &shipment{Record: produce.Record{Topic: p.table, Partition: partition, Key: key, Value: value}, Slot: law.Slot[*shipment]{Kind: kind}, store: local}
	if kind != law.Row {
		s.Headers = law.TombstoneHeaders()
	} else if taken := p.generations[partition].Load(); taken != nil {
		s.Headers = *taken
	}
	p.put(partition, s)
}

func (p *producer) put(from int32, s *shipment) {
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
	s.tell(nil, err)
}

// take notes where a partition's takeover record stands: every row carries it.
func (p *producer) take(partition int32, generation int64) {
	headers := law.RowHeaders(generation)
	p.generations[partition].Store(&headers)
}

// acked runs on the delivery goroutine: the local store first, then goka (which may commit), then whoever waited.
func (p *producer) acked(s *shipment, offset int64) {
	var err error
	if s.store != nil {
		failpoint.Reach(failpoint.ChangelogAcked)
		err = s.ackStore(offset)
	}
	p.budget.giveAll(s)
	if s.Kind != law.Output { // nobody waits for an output
		s.tell(&sarama.ProducerMessage{Topic: s.Topic, Partition: s.Partition, Offset: offset}, nil)
	}
	if e := s.track.acked(s); err == nil {
		err = e
	}
	if err != nil {
		p.broken(err)
	}
}

// failed runs on the delivery goroutine. The first failure ends the process; nothing is flushed after it.
func (p *producer) failed(s *shipment, err error) {
	p.broken(fmt.Errorf("deliver a record to %s/%d: %w", s.Topic, s.Partition, err))
	p.budget.giveAll(s)
	s.tell(nil, err)
}

// stop gives up everything that is not acked, for ever. The tracks are ended before the purge: a record sent after it
// would leave a hole.
func (p *producer) stop(err error) {
	p.budget.close(err)
	var held []*shipment
	for _, l := range p.tracks {
		held = append(held, l.fail(err)...)
	}
	if p.out != nil {
		p.out.Purge()
	}
	for _, s := range held {
		s.tell(nil, err)
	}
}

// Close is called by goka when all sessions are over and drained. Rewrites may be left for a moment.
func (p *producer) Close() error {
	err := p.budget.drained(defaultDrainLimit)
	if err != nil {
		p.stop(err)
	}
	p.stopPacing()
	p.pacing.Wait()
	p.out.Close()
	return err
}

// promiseTo makes a goka finisher of a function.
func promiseTo(fn func(*sarama.ProducerMessage, error)) goka.PromiseFinisher {
	promise, finish := goka.NewPromiseWithFinisher()
	promise.ThenWithMessage(fn)
	return finish
}

// budget bounds what is handed over and not acked, held records included. Who asks for more waits.
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
func (b *budget) take(s *shipment) error {
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

// giveAll gives back what a shipment took, and those that it stands for.
func (b *budget) giveAll(s *shipment) {
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
	for end := time.Now().Add(limit); b.out() > 0; time.Sleep(closeFlushInterval) {
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

// buildProducer is goka's hook for the producer.
func (g *group) buildProducer([]string, string, func() hash.Hash32) (goka.Producer, error) {
	out, err := produce.NewSender(g.settings.Cluster, g.name, g.log, produce.Handlers[*shipment]{
		Acked: g.producer.acked, Failed: g.producer.failed, More: func() bool { return g.producer.unfolded.Load() > 0 },
	})
	if err != nil {
		return nil, err
	}
	g.producer.start(out)
	return g.producer, nil
}

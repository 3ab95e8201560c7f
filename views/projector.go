// A projector folds the batches of one view into its store, partition by partition.
//
// It begins where the store's checkpoint is, not at the committed offset of the consumer group, which only shows the lag.
// Each batch carries the checkpoint that it goes on from; a store that has lost that checkpoint (FLUSHALL, a restored
// backup) takes nothing, and the projector goes back to the checkpoint that the store still has.

package views

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views/store"
)

// maxBatch is how many records are folded in one batch.
const maxBatch = 1024

// Config is which view to fold, into what.
type Config struct {
	Plan    topology.Plan
	View    string // name of a view of the plan
	Stores  Stores
	Log     *slog.Logger          // nil = slog.Default
	Metrics prometheus.Registerer // nil = none
}

// Rewind asks a follower to go on from an earlier offset.
type Rewind struct{ Offset int64 }

func (r *Rewind) Error() string { return fmt.Sprintf("fold again from offset %d", r.Offset) }

// Projector folds the batches of one view.
type Projector struct {
	View       topology.View
	Row        Row
	Checkpoint string // name of the view's checkpoints
	stores     Stores
	log        *slog.Logger
	meter      *meter

	mu         sync.Mutex
	bound      bound // to the generation that was read last
	partitions map[int32]*progress
}

// bound is the fold of a view into one generation of it.
type bound struct {
	generation  int // 0 = the one that the store is at
	fold        fold
	checkpoints store.Checkpoints
}

// progress is where a partition is. Only the goroutine that folds the partition uses it.
type progress struct {
	next       int64 // every record below is in the store
	fromStart  bool  // everything since the log's beginning was folded
	generation int   // of the view that this is about
	cache      *cache
}

// NewProjector makes a projector.
func NewProjector(config Config) (*Projector, error) {
	view, ok := config.Plan.View(config.View)
	if !ok {
		return nil, fmt.Errorf("the plan has no view %q; see the list with: parley views list", config.View)
	}
	if len(view.Input) != 1 {
		return nil, fmt.Errorf("view %s has %d inputs: a view's checkpoint is one offset a partition, so it folds one topic", view.Name, len(view.Input))
	}
	row, ok := RowOf(view.Name)
	if !ok {
		return nil, fmt.Errorf("no projection is bound to view %q; add a row to views/table.go", view.Name)
	}
	log := config.Log
	if log == nil {
		log = slog.Default()
	}
	p := &Projector{
		View: view, Row: row, Checkpoint: store.CheckpointName(view.Name, config.Plan.Epoch), stores: config.Stores,
		log: log.With("view", view.Name), partitions: map[int32]*progress{},
	}
	var err error
	if p.meter, err = newMeter(config.Metrics, view.Name); err != nil {
		return nil, err
	}
	p.bound, err = p.bind(config.Stores, 0)
	return p, err
}

// bind binds the view to its store in the generations that the stores are at.
func (p *Projector) bind(stores Stores, generation int) (bound, error) {
	of, err := stores.Of(p.View)
	if err != nil {
		return bound{}, fmt.Errorf("%w; give the address of Redis, or a store of documents, %q or %q", err, Mongo, Pebble)
	}
	return bound{generation, p.Row.fold(stores), of}, nil
}

// now is the view bound to the generation that is read now.
func (p *Projector) now(ctx context.Context) (bound, error) {
	stores, generations, err := p.stores.now(ctx, p.View.Store)
	if err != nil {
		return bound{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	generation := generations[p.View.Name]
	if generation == p.bound.generation {
		return p.bound, nil
	}
	b, err := p.bind(stores, generation)
	if err == nil {
		p.bound = b
	}
	return b, err
}

// Start begins a partition, and returns where: at the store's checkpoint.
func (p *Projector) Start(ctx context.Context, partition int32) (int64, error) {
	b, err := p.now(ctx)
	if err != nil {
		return 0, err
	}
	checkpoint, err := b.checkpoints.Checkpoint(ctx, p.Checkpoint, partition)
	if err != nil {
		return 0, fmt.Errorf("read the checkpoint of %s/%d from the store: %w", p.Checkpoint, partition, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.partitions[partition] = &progress{next: checkpoint, fromStart: checkpoint == 0, generation: b.generation, cache: newCache()}
	return checkpoint, nil
}

// Next is the offset below which every record of a partition that was started is in the store.
func (p *Projector) Next(partition int32) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.partitions[partition].next
}

// Handle folds a batch into the store. It returns a *Rewind when the store has lost something. An empty batch checks that
// the store is still whole.
func (p *Projector) Handle(ctx context.Context, partition int32, records []topology.Record) error {
	p.mu.Lock()
	at := p.partitions[partition]
	p.mu.Unlock()
	if at == nil {
		return fmt.Errorf("a batch of partition %d came before its checkpoint was read", partition)
	}
	to, err := p.now(ctx)
	if err == nil && to.generation != at.generation {
		err = p.switchTo(ctx, partition, at, to)
	}
	if err != nil {
		return err
	}
	if len(records) == 0 {
		return p.poll(ctx, partition, at, to)
	}
	b := batch{records: records, fromStart: at.fromStart, gap: p.gap, skip: p.skip, cache: at.cache, span: &pb.Span{
		View: p.Checkpoint, Partition: partition, FromOffset: at.next, ToOffset: records[len(records)-1].Offset + 1,
	}}
	if at.next > 0 && records[0].Offset > at.next {
		p.meter.gaps.Inc()
		p.log.Error("the log begins behind the view's checkpoint: the records between are lost to this view",
			"partition", partition, "checkpoint", at.next, "offset", records[0].Offset)
	}
	checkpoint, err := to.fold(ctx, b)
	if err != nil {
		return fmt.Errorf("fold %d records of %s into the store: %w", len(records), p.Checkpoint, err)
	}
	if checkpoint < b.span.ToOffset {
		return p.rewind(partition, at, checkpoint)
	}
	at.next = b.span.ToOffset
	p.meter.folded(partition, len(records), at.next)
	return nil
}

// FoldAll folds what read gives of many partitions, in batches of each. folded is called with the size of each batch.
func (p *Projector) FoldAll(ctx context.Context, read func(each func(*topology.Record) error) error, folded func(records int)) error {
	batches := map[int32][]topology.Record{}
	put := func(partition int32) error {
		batch := batches[partition]
		batches[partition] = nil
		if len(batch) == 0 {
			return nil
		}
		err := p.Handle(ctx, partition, batch)
		folded(len(batch))
		return err
	}
	err := read(func(record *topology.Record) error {
		partition := record.Partition
		if batches[partition] = append(batches[partition], *record); len(batches[partition]) < maxBatch {
			return nil
		}
		return put(partition)
	})
	for partition := range batches {
		if err == nil {
			err = put(partition)
		}
	}
	return err
}

// poll reads the checkpoint of a quiet partition, to notice that the store has lost it.
func (p *Projector) poll(ctx context.Context, partition int32, at *progress, to bound) error {
	checkpoint, err := to.checkpoints.Checkpoint(ctx, p.Checkpoint, partition)
	if err != nil {
		return err
	}
	if checkpoint < at.next {
		return p.rewind(partition, at, checkpoint)
	}
	return nil
}

// switchTo goes on in another generation of the view: from its checkpoint, or from here when that is further.
func (p *Projector) switchTo(ctx context.Context, partition int32, at *progress, to bound) error {
	checkpoint, err := to.checkpoints.Checkpoint(ctx, p.Checkpoint, partition)
	if err != nil {
		return err
	}
	p.log.Info("the view was switched to another generation",
		"partition", partition, "generation", to.generation, "next", at.next, "checkpoint", checkpoint)
	at.generation, at.fromStart, at.cache = to.generation, false, newCache()
	if checkpoint >= at.next {
		return nil
	}
	at.next, at.fromStart = checkpoint, checkpoint == 0
	return &Rewind{Offset: checkpoint}
}

func (p *Projector) rewind(partition int32, at *progress, checkpoint int64) error {
	p.meter.rewinds.Inc()
	p.log.Error("the store has lost what this view wrote; it is folded again from the log",
		"partition", partition, "next", at.next, "checkpoint", checkpoint)
	at.next, at.fromStart, at.cache = checkpoint, checkpoint == 0, newCache()
	return &Rewind{Offset: checkpoint}
}

// gap reports a key whose events are missing in the log itself: the fold goes on behind them.
func (p *Projector) gap(key string) {
	p.meter.gaps.Inc()
	p.log.Error("events are missing in the log; compare the view with the log: parley verify", "key", key)
}

// skip reports a record that Parley cannot have written. The log keeps it.
func (p *Projector) skip(record *topology.Record, why string) {
	p.meter.skips.Inc()
	p.log.Error("a record cannot be folded and is left out", "topic", record.Topic, "partition", record.Partition,
		"offset", record.Offset, "why", why)
}

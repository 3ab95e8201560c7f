// Package views is the hall of the views: it marries each projection with its store, follows the log for it, and serves
// what the views keep.
//
// A view begins where its store stands, not where Kafka believes it to be: the committed offset only shows the lag. Each
// batch tells the store which place it goes on from; a store that has lost that place (FLUSHALL, a restored backup) takes
// nothing, and the view goes back to the place that the store still has.
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

// Config says which view to run, on what.
type Config struct {
	Plan    topology.Plan
	View    string // name of a view of the plan
	Stores  Stores
	Follow  Follower              // how the log is followed; see FollowWire
	Log     *slog.Logger          // nil = slog.Default
	Metrics prometheus.Registerer // nil = none
}

// Follower follows topics until ctx ends. It asks start where each partition that it is given begins, and hands handle
// the records of a partition in their order, never two batches of a partition at once. An empty batch, now and then for
// a partition where nothing comes, asks whether the store is still whole. When handle answers a *Rewind the follower
// goes on from its offset; any other error is tried again, and nothing is skipped.
type Follower func(ctx context.Context, view topology.View, start startFunc, handle handleFunc) error

type (
	startFunc  = func(ctx context.Context, partition int32) (offset int64, err error)
	handleFunc = func(ctx context.Context, partition int32, batch []topology.Record) error
)

// Rewind asks a follower to go on from an earlier offset.
type Rewind struct{ Offset int64 }

func (r *Rewind) Error() string { return fmt.Sprintf("fold again from offset %d", r.Offset) }

// Run runs a view until ctx ends.
func Run(ctx context.Context, config Config) error {
	view, ok := config.Plan.View(config.View)
	if !ok {
		return fmt.Errorf("the plan has no view %q; see the list with: parley topology", config.View)
	}
	if len(view.Input) != 1 {
		return fmt.Errorf("view %s has %d inputs: a view's place is one offset a partition, so it folds one topic", view.Name, len(view.Input))
	}
	r, err := newRunner(config, view)
	if err != nil {
		return err
	}
	return config.Follow(ctx, view, r.start, r.handle)
}

// runner folds the batches of one view.
type runner struct {
	name   string // of the view's places: another log epoch begins anew
	view   topology.View
	stores Stores
	log    *slog.Logger
	meter  *meter

	mu         sync.Mutex
	married    married // of the generation that was met last
	partitions map[int32]*progress
}

// married is the fold of a view into one generation of it.
type married struct {
	generation int // 0 = the store's own
	fold       fold
	places     store.Checkpoints
}

// progress is where a partition is. It belongs to whoever handles the partition.
type progress struct {
	next       int64 // every record below is in the store
	whole      bool  // folded since the log's beginning: what is missing now is missing in the log
	generation int   // of the view that this is about
	memory     *memory
}

func newRunner(config Config, view topology.View) (*runner, error) {
	log := config.Log
	if log == nil {
		log = slog.Default()
	}
	r := &runner{
		name: store.CheckpointName(view.Name, config.Plan.Epoch), view: view, stores: config.Stores,
		log: log.With("view", view.Name), partitions: map[int32]*progress{},
	}
	var err error
	if r.meter, err = newMeter(config.Metrics, view.Name); err != nil {
		return nil, err
	}
	r.married.fold, r.married.places, err = marry(view, config.Stores, r.skip)
	return r, err
}

// now is the fold into the generation that counts now.
func (r *runner) now(ctx context.Context) (married, error) {
	stores, generations, err := r.stores.now(ctx, r.view.Store)
	if err != nil {
		return married{}, err
	}
	generation := generations[r.view.Name]
	r.mu.Lock()
	defer r.mu.Unlock()
	if generation == r.married.generation {
		return r.married, nil
	}
	m := married{generation: generation}
	if m.fold, m.places, err = marry(r.view, stores, r.skip); err == nil {
		r.married = m
	}
	return m, err
}

// start answers where a partition that was just given begins: where the store stands.
func (r *runner) start(ctx context.Context, partition int32) (int64, error) {
	m, err := r.now(ctx)
	if err != nil {
		return 0, err
	}
	place, err := m.places.Checkpoint(ctx, r.name, partition)
	if err != nil {
		return 0, fmt.Errorf("ask the store for the place of %s/%d: %w", r.name, partition, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.partitions[partition] = &progress{next: place, whole: place == 0, generation: m.generation, memory: newMemory()}
	return place, nil
}

// handle folds a batch into the store, or goes back when the store has lost something.
func (r *runner) handle(ctx context.Context, partition int32, records []topology.Record) error {
	r.mu.Lock()
	p := r.partitions[partition]
	r.mu.Unlock()
	if p == nil {
		return fmt.Errorf("a batch of partition %d came before the store was asked for its place", partition)
	}
	m, err := r.now(ctx)
	if err == nil && m.generation != p.generation {
		err = r.turn(ctx, partition, p, m)
	}
	if err != nil {
		return err
	}
	if len(records) == 0 {
		return r.look(ctx, partition, p, m)
	}
	b := batch{records: records, whole: p.whole, hole: r.hole, memory: p.memory, span: &pb.Span{
		View: r.name, Partition: partition, FromOffset: p.next, ToOffset: records[len(records)-1].Offset + 1,
	}}
	if p.next > 0 && records[0].Offset > p.next {
		r.meter.holes.Inc()
		r.log.Error("the log begins behind the view's place: what was between is lost to this view",
			"partition", partition, "place", p.next, "offset", records[0].Offset)
	}
	place, err := m.fold(ctx, b)
	if err != nil {
		return fmt.Errorf("fold %d records of %s into the store: %w", len(records), r.name, err)
	}
	if place < b.span.ToOffset {
		return r.rewind(partition, p, place)
	}
	p.next = b.span.ToOffset
	r.meter.folded(partition, len(records), p.next)
	return nil
}

// look asks a quiet partition's store whether it is still where the view believes it to be.
func (r *runner) look(ctx context.Context, partition int32, p *progress, m married) error {
	place, err := m.places.Checkpoint(ctx, r.name, partition)
	if err != nil {
		return err
	}
	if place < p.next {
		return r.rewind(partition, p, place)
	}
	return nil
}

// turn goes on in another generation of the view: from where that stands, or from here when it is further.
func (r *runner) turn(ctx context.Context, partition int32, p *progress, m married) error {
	place, err := m.places.Checkpoint(ctx, r.name, partition)
	if err != nil {
		return err
	}
	r.log.Info("the view was switched to another generation", "partition", partition, "generation", m.generation, "place", p.next, "store", place)
	p.generation, p.whole, p.memory = m.generation, false, newMemory()
	if place >= p.next {
		return nil
	}
	p.next, p.whole = place, place == 0
	return &Rewind{Offset: place}
}

func (r *runner) rewind(partition int32, p *progress, place int64) error {
	r.meter.rewinds.Inc()
	r.log.Error("the store has lost what this view wrote; it is folded again from the log",
		"partition", partition, "place", p.next, "store", place)
	p.next, p.whole, p.memory = place, place == 0, newMemory()
	return &Rewind{Offset: place}
}

// hole tells of a key whose events are missing in the log itself: the fold goes on behind them.
func (r *runner) hole(key string) {
	r.meter.holes.Inc()
	r.log.Error("events are missing in the log; compare the view with the log: parley verify", "key", key)
}

// skip tells of a record that no part of this house can have written. The log keeps it.
func (r *runner) skip(record *topology.Record, why string) {
	r.meter.skips.Inc()
	r.log.Error("a record cannot be folded and is left out", "topic", record.Topic, "partition", record.Partition,
		"offset", record.Offset, "why", why)
}

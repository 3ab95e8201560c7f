// Rebuilding: a view is folded anew beside the one that counts, compared with it, and switched to. The old one stays for the way
// back, which is the same: it is folded up to the end of the log, compared, and switched to.
//
// Nothing has to be stopped. Whoever folds the view notices the switch before its next batch and goes on in the new
// generation from where that stands; what is folded twice there changes nothing. Where the building is, stands in the store:
// a rebuild that was killed goes on.

package views

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views/store"
)

// Limits of rebuilding.
const (
	rebuildAttempts = 10                  // when the store or the log fails
	rebuildPause    = 2 * time.Second     // between them
	rebuildRounds   = 1000                // of folding what came during the last one
	nearEnough      = 1000                // records behind the end of the log, to compare or to switch
	takeOver        = 3 * PointerInterval // until everybody who is not frozen has noticed a switch
)

// RebuildConfig says what to build, of what.
type RebuildConfig struct {
	Plan   topology.Plan
	View   string
	Stores Stores // as Open opened them
	Log    *slog.Logger

	Back   bool // switch back to an older generation instead of building one
	Accept bool // switch even if the two differ

	TakeOver time.Duration // how long the new one is folded on until its followers have noticed; 0 = 3 s

	// Read is VerifyConfig's. ReadAll gives the records of all partitions from given offsets to the end of now, partitions mixed.
	Read    func(ctx context.Context, topic string, partition int32, from, to int64, each func(*topology.Record) error) error
	ReadAll func(ctx context.Context, topic string, from map[int32]int64, each func(*topology.Record) error) error
	Ends    func(ctx context.Context, topic string) (begins, ends map[int32]int64, err error)
	// Progress is told how many records are folded, of how many.
	Progress func(done, of int64)
}

// RebuildReport is what came of it.
type RebuildReport struct {
	View       string        `json:"view"`
	From       int           `json:"from_generation"`
	To         int           `json:"to_generation"`
	Switched   bool          `json:"switched"`
	Records    int64         `json:"records"` // folded now
	Seconds    float64       `json:"seconds"` // of folding
	Rate       float64       `json:"records_per_second"`
	Gone       []int32       `json:"partitions_without_beginning,omitempty"` // their first records were deleted by retention
	Comparison *VerifyReport `json:"comparison"`
}

// rebuild is one at work.
type rebuild struct {
	RebuildConfig
	view    topology.View
	pointer store.Pointer
	report  *RebuildReport
	target  Stores
	runner  *runner
	began   time.Time
	left    int64
}

// Rebuild builds a view anew, or goes back to an older one. When they differ it does not switch.
func Rebuild(ctx context.Context, config RebuildConfig) (*RebuildReport, error) {
	view, ok := config.Plan.View(config.View)
	if !ok {
		return nil, fmt.Errorf("the plan has no view %q; see the list with: parley views list", config.View)
	}
	b := &rebuild{RebuildConfig: config, view: view, began: time.Now()}
	if b.Log == nil {
		b.Log = slog.Default()
	}
	if b.TakeOver == 0 {
		b.TakeOver = takeOver
	}
	var err error
	if b.pointer, err = b.Stores.PointerOf(ctx, view); err != nil {
		return nil, err
	}
	number, err := b.choose(ctx)
	if err != nil {
		return nil, err
	}
	b.report = &RebuildReport{View: view.Name, From: b.pointer.Current, To: number}
	b.target = b.Stores.At(view, number)
	if b.runner, err = newRunner(Config{Plan: b.Plan, View: view.Name, Stores: b.target, Log: b.Log}, view); err != nil {
		return nil, err
	}
	if err := b.catchUp(ctx); err != nil {
		return b.report, err
	}
	if err := b.compare(ctx); err != nil && !b.Accept {
		return b.report, fmt.Errorf("%w; or switch without a comparison: --accept-differences", err)
	}
	if b.report.Comparison != nil && b.report.Comparison.Total > 0 && !b.Accept {
		return b.report, nil
	}
	return b.report, b.turn(ctx)
}

// choose is the number of the generation to fold into: that of a rebuild that was interrupted, a new one, or an old one.
func (b *rebuild) choose(ctx context.Context) (int, error) {
	if b.Back {
		best := -1
		for i, g := range b.pointer.List {
			if g.State == store.Whole && g.Number != b.pointer.Current && (best < 0 || g.Switched.After(b.pointer.List[best].Switched)) {
				best = i
			}
		}
		if best < 0 {
			return 0, fmt.Errorf("view %s has no older generation to go back to: parley views list", b.view.Name)
		}
		return b.pointer.List[best].Number, nil
	}
	for _, g := range b.pointer.List {
		if g.State == store.Building {
			b.Log.Info("a rebuild that was interrupted goes on", "view", b.view.Name, "generation", g.Number)
			return g.Number, nil
		}
	}
	b.pointer.Newest++
	b.pointer.List = append(b.pointer.List, store.Generation{Number: b.pointer.Newest, State: store.Building, Made: time.Now().UTC()})
	return b.pointer.Newest, b.write(ctx)
}

// write writes the pointer.
func (b *rebuild) write(ctx context.Context) error {
	of, err := b.Stores.Of(b.view)
	if err != nil {
		return err
	}
	return b.pointer.Write(ctx, of, b.view.Name)
}

// catchUp folds until the target is near the end of the log.
func (b *rebuild) catchUp(ctx context.Context) error {
	began := time.Now()
	defer func() {
		b.report.Seconds += time.Since(began).Seconds()
		b.report.Rate = float64(b.report.Records) / max(b.report.Seconds, 1e-9)
	}()
	failures := 0
	for range rebuildRounds {
		folded, err := b.round(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			if failures++; failures >= rebuildAttempts {
				return fmt.Errorf("the rebuild of view %s stopped in generation %d; start it again and it goes on: %w", b.view.Name, b.report.To, err)
			}
			b.Log.Warn("the rebuild goes on in a moment", "view", b.view.Name, "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(rebuildPause):
			}
		case folded < nearEnough:
			return nil
		}
	}
	return fmt.Errorf("the log of view %s grows more quickly than it is folded; start the rebuild again when less is said", b.view.Name)
}

// round folds what stands between the target's places and the end of the log.
func (b *rebuild) round(ctx context.Context) (folded int64, err error) {
	topic := b.view.Input[0]
	begins, ends, err := b.Ends(ctx, topic)
	if err != nil {
		return 0, err
	}
	from := map[int32]int64{}
	b.left, b.report.Gone = 0, nil
	for partition := range b.Plan.Partitions {
		place, err := b.runner.start(ctx, partition)
		if err != nil {
			return 0, err
		}
		if begins[partition] > 0 && (place < begins[partition] || !b.Back) {
			b.report.Gone = append(b.report.Gone, partition)
		}
		if b.Back && place < begins[partition] {
			return 0, fmt.Errorf("there is no way back to generation %d: it stands at %s/%d@%d, and the log begins at %d by now; "+
				"build a new one: parley views rebuild %s", b.report.To, topic, partition, place, begins[partition], b.view.Name)
		}
		from[partition] = max(place, begins[partition])
		b.left += max(ends[partition]-from[partition], 0)
	}
	return b.foldAll(ctx, topic, from)
}

// foldAll folds what is read, in batches by partition.
func (b *rebuild) foldAll(ctx context.Context, topic string, from map[int32]int64) (folded int64, err error) {
	total := b.report.Records + b.left
	err = b.runner.foldRead(ctx, func(each func(*topology.Record) error) error { return b.ReadAll(ctx, topic, from, each) }, func(records int) {
		folded += int64(records)
		b.report.Records += int64(records)
		if b.Progress != nil {
			b.Progress(b.report.Records, max(total, b.report.Records))
		}
	})
	return folded, err
}

// foldRead folds what is read of many partitions, in batches of each, and tells how many records each batch had.
func (r *runner) foldRead(ctx context.Context, read func(each func(*topology.Record) error) error, folded func(records int)) error {
	batches := map[int32][]topology.Record{}
	put := func(partition int32) error {
		batch := batches[partition]
		batches[partition] = nil
		if len(batch) == 0 {
			return nil
		}
		err := r.handle(ctx, partition, batch)
		folded(len(batch))
		return err
	}
	err := read(func(record *topology.Record) error {
		p := record.Partition
		if batches[p] = append(batches[p], *record); len(batches[p]) < batchRecords {
			return nil
		}
		return put(p)
	})
	for partition := range batches {
		if err == nil {
			err = put(partition)
		}
	}
	return err
}

// compare holds the generation that counts against the target.
func (b *rebuild) compare(ctx context.Context) error {
	var err error
	b.report.Comparison, err = Verify(ctx, VerifyConfig{
		Plan: b.Plan, Live: b.Stores.At(b.view, b.pointer.Current), Fresh: b.target, Log: b.Log, Read: b.Read, Only: b.view.Name,
	})
	return err
}

// turn switches, and goes on folding until everybody has noticed it.
func (b *rebuild) turn(ctx context.Context) error {
	if err := b.catchUp(ctx); err != nil {
		return err
	}
	i := b.pointer.Find(b.report.To)
	b.pointer.Current = b.report.To
	b.pointer.List[i].State, b.pointer.List[i].Switched = store.Whole, time.Now().UTC()
	if err := b.write(ctx); err != nil {
		return err
	}
	b.report.Switched = true
	for until := time.Now().Add(b.TakeOver); time.Now().Before(until); {
		if err := b.catchUp(ctx); err != nil {
			return fmt.Errorf("the view is switched, and is behind until its followers have noticed: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(PointerInterval / 4):
		}
	}
	return nil
}

// DropGeneration deletes a generation that does not count, when everybody has had time to notice that. One that was
// interrupted in it is done again, and so is one into which somebody wrote who was frozen for all that time.
func DropGeneration(ctx context.Context, plan topology.Plan, stores Stores, name string, number int) error {
	view, ok := plan.View(name)
	if !ok {
		return fmt.Errorf("the plan has no view %q; see the list with: parley views list", name)
	}
	p, err := stores.PointerOf(ctx, view)
	if err != nil {
		return err
	}
	i := p.Find(number)
	switch {
	case number < 1 || number > p.Newest:
		return fmt.Errorf("view %s has no generation %d: parley views list", name, number)
	case number == p.Current:
		return fmt.Errorf("generation %d of view %s is the one that is read; build another one first: parley views rebuild %s", number, name, name)
	}
	of, err := stores.Of(view)
	if err != nil {
		return err
	}
	if i < 0 {
		return of.Drop(ctx, name, number)
	}
	p.List[i].State = store.Dropping
	if err := p.Write(ctx, of, view.Name); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(p.List[p.Find(p.Current)].Switched.Add(takeOver))):
	}
	if err := of.Drop(ctx, name, number); err != nil {
		return errors.Join(err, fmt.Errorf("generation %d is half deleted; do it again: parley views drop %s %d", number, name, number))
	}
	p.List = append(p.List[:i], p.List[i+1:]...)
	return p.Write(ctx, of, view.Name)
}

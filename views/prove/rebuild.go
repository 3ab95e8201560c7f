// Rebuilding: a view is folded anew beside the one that is read, compared with it, and switched to. The old generation is kept;
// going back is the same: it is folded up to the end of the log, compared, and switched to.
//
// Nothing has to be stopped. Processes that fold the view notice the switch before their next batch and go on in the new
// generation from its checkpoints; what is folded twice there changes nothing. The progress is in the store: a rebuild that
// was killed goes on.

package prove

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/store"
)

// Limits of rebuilding.
const (
	maxAttempts  = 10                        // when the store or the log fails
	retryPause   = 2 * time.Second           // between them
	maxRounds    = 1000                      // of folding what was appended during the last one
	maxLag       = 1000                      // records behind the end of the log, to compare or to switch
	switchNotice = 3 * views.PointerInterval // until every process that is not frozen has noticed a switch
)

// RebuildConfig is what to build, from what.
type RebuildConfig struct {
	Plan   topology.Plan
	View   string
	Stores views.Stores // as views.Open opened them
	Log    *slog.Logger

	Back   bool // switch back to an older generation instead of building one
	Accept bool // switch even if the two differ

	Notice time.Duration // how long the new generation is folded after the switch, until its followers have noticed; 0 = 3 s

	Read    ReadPartition
	ReadAll ReadAll
	Ends    func(ctx context.Context, topic string) (begins, ends map[int32]int64, err error)
	// Progress is called with how many records are folded, of how many.
	Progress func(done, of int64)
}

// RebuildReport is the outcome of a rebuild.
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

// rebuild is one in progress.
type rebuild struct {
	RebuildConfig
	view    topology.View
	pointer store.Pointer
	report  *RebuildReport
	target  views.Stores
	into    *views.Projector
	left    int64
}

// Rebuild builds a view anew, or goes back to an older generation. When the two differ it does not switch.
func Rebuild(ctx context.Context, config RebuildConfig) (*RebuildReport, error) {
	view, ok := config.Plan.View(config.View)
	if !ok {
		return nil, fmt.Errorf("the plan has no view %q; see the list with: parley views list", config.View)
	}
	b := &rebuild{RebuildConfig: config, view: view}
	if b.Log == nil {
		b.Log = slog.Default()
	}
	if b.Notice == 0 {
		b.Notice = switchNotice
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
	if b.into, err = views.NewProjector(views.Config{Plan: b.Plan, View: view.Name, Stores: b.target, Log: b.Log}); err != nil {
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
	return b.report, b.switchTo(ctx)
}

// choose is the number of the generation to fold into: that of an interrupted rebuild, a new one, or an older one.
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
	for range maxRounds {
		folded, err := b.round(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			if failures++; failures >= maxAttempts {
				return fmt.Errorf("the rebuild of view %s stopped in generation %d; start it again and it goes on: %w", b.view.Name, b.report.To, err)
			}
			b.Log.Warn("the rebuild retries in a moment", "view", b.view.Name, "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(retryPause):
			}
		case folded < maxLag:
			return nil
		}
	}
	return fmt.Errorf("the log of view %s grows faster than it is folded; start the rebuild again when it grows more slowly", b.view.Name)
}

// round folds what is between the target's checkpoints and the end of the log.
func (b *rebuild) round(ctx context.Context) (folded int64, err error) {
	topic := b.view.Input[0]
	begins, ends, err := b.Ends(ctx, topic)
	if err != nil {
		return 0, err
	}
	from := map[int32]int64{}
	b.left, b.report.Gone = 0, nil
	for partition := range b.Plan.Partitions {
		checkpoint, err := b.into.Start(ctx, partition)
		if err != nil {
			return 0, err
		}
		if begins[partition] > 0 && (checkpoint < begins[partition] || !b.Back) {
			b.report.Gone = append(b.report.Gone, partition)
		}
		if b.Back && checkpoint < begins[partition] {
			return 0, fmt.Errorf("there is no way back to generation %d: it is at %s/%d@%d, and the log begins at %d by now; "+
				"build a new one: parley views rebuild %s", b.report.To, topic, partition, checkpoint, begins[partition], b.view.Name)
		}
		from[partition] = max(checkpoint, begins[partition])
		b.left += max(ends[partition]-from[partition], 0)
	}
	return b.foldAll(ctx, topic, from)
}

// foldAll folds what is read, in batches by partition.
func (b *rebuild) foldAll(ctx context.Context, topic string, from map[int32]int64) (folded int64, err error) {
	total := b.report.Records + b.left
	err = b.into.FoldAll(ctx, func(each func(*topology.Record) error) error { return b.ReadAll(ctx, topic, from, each) }, func(records int) {
		folded += int64(records)
		b.report.Records += int64(records)
		if b.Progress != nil {
			b.Progress(b.report.Records, max(total, b.report.Records))
		}
	})
	return folded, err
}

// compare compares the generation that is read with the target.
func (b *rebuild) compare(ctx context.Context) error {
	var err error
	b.report.Comparison, err = Verify(ctx, VerifyConfig{
		Plan: b.Plan, Live: b.Stores.At(b.view, b.pointer.Current), Fresh: b.target, Log: b.Log, Read: b.Read, Only: b.view.Name,
	})
	return err
}

// switchTo switches, and goes on folding until every process has noticed it.
func (b *rebuild) switchTo(ctx context.Context) error {
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
	for until := time.Now().Add(b.Notice); time.Now().Before(until); {
		if err := b.catchUp(ctx); err != nil {
			return fmt.Errorf("the view is switched, and is behind until its followers have noticed: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(views.PointerInterval / 4):
		}
	}
	return nil
}

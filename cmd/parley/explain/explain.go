// Package explain traces a record through the log: what each group made of it, what came of that, and what the views hold of
// it now. It reads level by level, each partition once a level.
package explain

import (
	"context"
	"slices"
	"time"

	"github.com/parley-im/parley/cmd/parley/kafka"
	"github.com/parley-im/parley/cmd/parley/output"
	"github.com/parley-im/parley/cmd/parley/replay"
	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/topology"
)

// clockSkew is how far brokers' clocks may differ: outputs are searched for from this long before their input.
const clockSkew = time.Minute

// Explain traces the record that what names, or, when it is not empty, the command with a correlation id.
func Explain(ctx context.Context, s settings.Settings, what, correlation string) (*Story, error) {
	s, err := kafka.WithPartitions(ctx, s)
	if err != nil {
		return nil, err
	}
	bar := output.NewBar("explain")
	defer bar.Done()
	t := &tracer{Log: replay.Open(s, bar), settings: s}
	var record *topology.Record
	if correlation != "" {
		record, err = findCorrelation(ctx, t.Log, correlation)
	} else {
		record, err = find(ctx, t.Log, what)
	}
	if err != nil {
		return nil, err
	}
	return t.trace(ctx, record)
}

// tracer reads and folds what a record led to.
type tracer struct {
	*replay.Log
	settings settings.Settings
}

func (t *tracer) trace(ctx context.Context, record *topology.Record) (*Story, error) {
	story := &Story{First: stepOf(record)}
	var err error
	if story.Because, err = t.because(ctx, record); err != nil {
		return nil, err
	}
	level, all := []*Step{story.First}, []*Step{story.First}
	for len(level) > 0 {
		if err := t.foldLevel(ctx, level); err != nil {
			return nil, err
		}
		var next []*Step
		for _, s := range level {
			next = append(next, s.Produced...)
		}
		if err := t.locate(ctx, next); err != nil {
			return nil, err
		}
		level, all = next, append(all, next...)
	}
	newest := record.Time
	for _, s := range all {
		if s.record != nil && s.record.Time.After(newest) {
			newest = s.record.Time
		}
		if d, ok := deliveryOf(s, record); ok {
			story.Deliveries = append(story.Deliveries, d)
		}
	}
	story.Took = newest.Sub(record.Time).String()
	noteViews(ctx, t.settings, all)
	return story, nil
}

// because climbs from a record to the command that began it all, and lists what it passes, the command first.
func (t *tracer) because(ctx context.Context, r *topology.Record) (list []string, err error) {
	for {
		packed := r.Get(topology.HeaderCause)
		if packed == nil {
			return list, nil
		}
		c, err := topology.UnpackCause(packed)
		if err != nil {
			return list, nil //nolint:nilerr // the record is foreign: nothing led to it
		}
		i := slices.IndexFunc(t.Plan.Groups, func(g topology.Group) bool { return g.Number == c.Group })
		if i < 0 {
			return list, nil
		}
		if r, err = t.One(ctx, topology.TopicPartition{Topic: t.Plan.Groups[i].Input, Partition: c.Partition}, c.Offset); err != nil {
			return nil, err
		}
		list = slices.Insert(list, 0, position(r)+" "+r.Key)
	}
}

// foldLevel folds the partitions of a level's records, each once, and notes the result at each step.
func (t *tracer) foldLevel(ctx context.Context, level []*Step) error {
	for partition, steps := range byPartition(level) {
		m, ok := t.MachineOf(partition.Topic)
		if !ok {
			continue
		}
		keys, offsets, last := map[string]bool{}, map[int64]*Step{}, int64(0)
		for _, s := range steps {
			keys[s.record.Key], offsets[s.record.Offset] = true, s
			last = max(last, s.record.Offset)
		}
		if err := t.Fold(ctx, m, partition.Partition, last+1, func(k string) bool { return keys[k] }, func(f topology.Folded) error {
			if s := offsets[f.In.Offset]; s != nil {
				s.folded(t.Plan, m.Group, f)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func byPartition(level []*Step) map[topology.TopicPartition][]*Step {
	partitions := map[topology.TopicPartition][]*Step{}
	for _, s := range level {
		if s.record != nil {
			at := topology.TopicPartition{Topic: s.record.Topic, Partition: s.record.Partition}
			partitions[at] = append(partitions[at], s)
		}
	}
	return partitions
}

// locate finds outputs in the log, each partition read once.
func (t *tracer) locate(ctx context.Context, outputs []*Step) error {
	partitions := map[topology.TopicPartition]map[topology.Cause]*Step{}
	since := time.Time{}
	for _, s := range outputs {
		if partitions[s.target] == nil {
			partitions[s.target] = map[topology.Cause]*Step{}
		}
		partitions[s.target][s.cause] = s
		if since.IsZero() || s.caused.Before(since) {
			since = s.caused
		}
	}
	for partition, wanted := range partitions {
		from, err := t.offsetAt(ctx, partition, since.Add(-clockSkew))
		if err != nil {
			return err
		}
		if err := t.Read(ctx, partition, from, -1, func(r *topology.Record) error {
			if c, err := topology.UnpackCause(r.Get(topology.HeaderCause)); err == nil && wanted[c] != nil {
				wanted[c].found(r)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// offsetAt is the offset of the first record of a partition at a time or later.
func (t *tracer) offsetAt(ctx context.Context, partition topology.TopicPartition, since time.Time) (int64, error) {
	admin, err := kafka.Admin(t.settings)
	if err != nil {
		return 0, err
	}
	defer admin.Close()
	offsets, err := kafka.Since(ctx, admin, partition.Topic, since)
	return offsets[partition], err
}

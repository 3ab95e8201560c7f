// The verdict: the inputs are folded straight, from the first to the last, and what stands in the log is held against it.

package kafka_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
)

// verdict is what the comparison found. Every hop of a house counts for itself: a group answers for its own input.
type verdict struct {
	Inputs, Outputs int // that were folded; that the fold says
	Lost            int // outputs that nobody wrote
	Repeated        int // outputs written again, the same bytes: receivers drop them by their cause
	Contradicted    int // outputs that the fold does not say, or not so
	Reordered       int // outputs first written behind a later one: receivers would drop them
	Rows, Differing int // rows of all tables; those that are not the fold's

	waits   []wait
	samples []string
}

// wait is how long an output came after its input.
type wait struct {
	input time.Time
	long  time.Duration
}

// harm is what must be zero.
func (v *verdict) harm() int { return v.Lost + v.Contradicted + v.Reordered + v.Differing }

func (v *verdict) String() string {
	return fmt.Sprintf("%d inputs, %d outputs: %d lost, %d repeated, %d contradicted, %d reordered; %d rows, %d differ",
		v.Inputs, v.Outputs, v.Lost, v.Repeated, v.Contradicted, v.Reordered, v.Rows, v.Differing)
}

const maxSamples = 10 // of what was found wrong, shown

func (v *verdict) sample(format string, a ...any) {
	if len(v.samples) < maxSamples {
		v.samples = append(v.samples, fmt.Sprintf(format, a...))
	}
}

// expectation is one output of the straight fold.
type expectation struct {
	topic, key string
	value      []byte
	input      time.Time
	met        bool
	missaid    bool // something else was said instead
}

// judge compares. Inputs that were deleted meanwhile are given by kept, by topic; it may be nil.
func judge(ctx context.Context, c wire.Cluster, s stage, machines []topology.Machine, kept map[string][]topology.Record) (*verdict, error) {
	v := &verdict{}
	plan := s.plan()
	expected := map[topology.Cause]*expectation{}
	for _, m := range machines {
		inputs, err := inputsOf(ctx, c, m.Group.Input, kept[m.Group.Input])
		if err != nil {
			return nil, err
		}
		rows, err := v.fold(plan, m, inputs, expected)
		if err != nil {
			return nil, err
		}
		if err := v.compareTable(ctx, c, plan, m, rows); err != nil {
			return nil, err
		}
	}
	for _, t := range plan.Topics {
		if err := v.compareTopic(ctx, c, plan, t.Name, expected); err != nil {
			return nil, err
		}
	}
	for cause, e := range expected {
		if !e.met && !e.missaid {
			v.Lost++
			v.sample("lost: %s for %s, cause %+v", e.topic, e.key, cause)
		}
	}
	return v, nil
}

// inputsOf is what a topic holds, behind what it no longer holds.
func inputsOf(ctx context.Context, c wire.Cluster, topic string, kept []topology.Record) ([]topology.Record, error) {
	type at struct {
		partition int32
		offset    int64
	}
	have := map[at]bool{}
	list := slices.Clone(kept)
	for _, r := range kept {
		have[at{r.Partition, r.Offset}] = true
	}
	err := wire.Read(ctx, c, topic, func(r *topology.Record) error {
		if !have[at{r.Partition, r.Offset}] {
			list = append(list, *r)
		}
		return nil
	})
	return list, err
}

func (v *verdict) fold(plan topology.Plan, m topology.Machine, inputs []topology.Record, expected map[topology.Cause]*expectation) (topology.MemoryRows, error) {
	rows := topology.MemoryRows{}
	table := topology.Table{Machine: m, Rows: rows}
	for i := range inputs {
		r := &inputs[i]
		v.Inputs++
		folded, err := table.Fold(r)
		if err != nil {
			return nil, err
		}
		for i, o := range folded.Outputs {
			expected[plan.Cause(m.Group, r, i)] = &expectation{topic: o.Topic, key: o.Key, value: bytes.Clone(o.Value), input: r.Time}
			v.Outputs++
		}
	}
	return rows, nil
}

// compareTable holds the last record of every key against the fold.
func (v *verdict) compareTable(ctx context.Context, c wire.Cluster, plan topology.Plan, m topology.Machine, rows topology.MemoryRows) error {
	last := topology.MemoryRows{}
	table := plan.Table(m.Group.Name)
	err := wire.Read(ctx, c, table, func(r *topology.Record) error {
		if !wire.IsTakeover(r) {
			last[topology.RowKey{Partition: r.Partition, Key: r.Key}] = r.Value
		}
		return nil
	})
	v.Rows += len(rows)
	for at, want := range rows {
		if got, ok := last[at]; !ok || !bytes.Equal(state(want), state(got)) {
			v.Differing++
			v.sample("differs: row %q of %s/%d (written: %v)", at.Key, table, at.Partition, ok)
		}
		delete(last, at)
	}
	for at := range last {
		v.Differing++
		v.sample("differs: row %q of %s/%d is not the fold's", at.Key, table, at.Partition)
	}
	return err
}

// state is a row without the position, which a rewrite may raise.
func state(row []byte) []byte {
	var r pb.Row
	if err := r.UnmarshalVT(row); err != nil {
		return nil
	}
	r.Through = 0
	return must(r.MarshalVT())
}

// lane is from where to where an output goes: within it causes rise.
type lane struct {
	group    uint16
	from, to int32
}

func (v *verdict) compareTopic(ctx context.Context, c wire.Cluster, plan topology.Plan, topic string, expected map[topology.Cause]*expectation) error {
	newest := map[lane][]byte{}
	return wire.Read(ctx, c, topic, func(r *topology.Record) error {
		packed := r.Get(topology.HeaderCause)
		if packed == nil { // a command of ours
			return nil
		}
		cause, err := topology.UnpackCause(packed)
		if err != nil || cause.Epoch != plan.Epoch {
			return err // another stage's dead letter
		}
		e := expected[cause]
		switch {
		case e == nil || e.topic != topic || e.key != r.Key || !bytes.Equal(e.value, r.Value):
			v.Contradicted++
			if e != nil {
				e.missaid = true
			}
			v.sample("contradicted: %s/%d@%d, key %q, cause %+v", topic, r.Partition, r.Offset, r.Key, cause)
			return nil
		case e.met:
			v.Repeated++
			return nil
		}
		e.met = true
		v.waits = append(v.waits, wait{e.input, r.Time.Sub(e.input)})
		l := lane{cause.Group, cause.Partition, r.Partition}
		if bytes.Compare(packed, newest[l]) < 0 {
			v.Reordered++
			v.sample("reordered: %s/%d@%d, cause %+v", topic, r.Partition, r.Offset, cause)
			return nil
		}
		newest[l] = packed
		return nil
	})
}

// longest is the longest wait of the inputs of a time.
func (v *verdict) longest(from, to time.Time) time.Duration {
	most := time.Duration(0)
	for _, w := range v.waits {
		if !w.input.Before(from) && w.input.Before(to) {
			most = max(most, w.long)
		}
	}
	return most
}

// parley verify --replay: the whole log is folded from its beginning into empty tables and empty views, and both are compared
// with those that live: the rows with the changelogs, byte for byte, the views with what the stores hold.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/parley-im/parley/processors"
	"github.com/parley-im/parley/processors/audit"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
	"github.com/parley-im/parley/views/prove"
)

// Limits of a replay.
const (
	replayTables   = 2      // folded at once
	replayBatch    = 10_000 // rows between two writes
	maxReplayTold  = 100    // rows that differ and are told word for word; all are counted
	barEvery       = 1000   // records between two looks of the bar
	kindFoldedRow  = 'f'    // partition, key -> row of the fold
	kindWrittenRow = 'w'    // partition, key -> row of the changelog, the one that is furthest
)

// replayVerdict is what parley verify --replay prints.
type replayVerdict struct {
	Clean   bool            `json:"clean"`
	Records int64           `json:"records"` // read and folded or compared
	Seconds float64         `json:"seconds"` // from the first of them to the last comparison
	Rate    float64         `json:"records_per_second"`
	Tables  []*tableVerdict `json:"tables"`
	Views   viewsVerdict    `json:"views"`
}

// tableVerdict is what became of one table.
type tableVerdict struct {
	Table    string   `json:"table"`
	Inputs   int64    `json:"inputs"` // folded
	Rows     int64    `json:"rows"`   // equal, byte for byte
	Moving   int64    `json:"moving"` // written behind what was folded, or not written yet
	Differ   int64    `json:"differ"`
	Told     []string `json:"first_differences,omitempty"`
	Unproved []int32  `json:"partitions_without_beginning,omitempty"`
	Seconds  float64  `json:"seconds"`
	Rate     float64  `json:"inputs_per_second"`
	ends     []int64  // by partition: inputs below are folded
}

// replay is one at work.
type replay struct {
	s     Settings
	plan  topology.Plan
	watch *watch
	dir   string
	bar   *bar
	done  atomic.Int64
	all   atomic.Int64
}

func verifyReplay(ctx context.Context, s Settings, log *slog.Logger, out io.Writer, output string) error {
	began := time.Now()
	w, err := s.watch(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	dir, err := os.MkdirTemp("", "parley-replay-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r := &replay{s: s, plan: s.plan(), watch: w, dir: dir, bar: newBar("replay")}
	v, err := r.run(ctx, log)
	r.bar.done()
	if err != nil {
		return err
	}
	v.Records, v.Seconds = r.done.Load(), time.Since(began).Seconds()
	v.Rate = float64(v.Records) / v.Seconds
	if err := render(out, output, v, v.print); err != nil {
		return err
	}
	differ := int64(v.Views.Total)
	for _, t := range v.Tables {
		differ += t.Differ
	}
	return violated(differ)
}

// count tells the bar of records.
func (r *replay) count(records int) {
	if n := r.done.Add(int64(records)); n%barEvery < int64(records) {
		r.bar.set(n, max(r.all.Load(), n))
	}
}

func (r *replay) run(ctx context.Context, log *slog.Logger) (*replayVerdict, error) {
	ends, err := r.watch.endsOf(ctx, topicsAndTables(r.plan))
	if err != nil {
		return nil, err
	}
	for at, end := range ends { // commands are folded once, tables read once, inputs of views once for each
		topic, isTopic := r.plan.Topic(at.Topic)
		if !isTopic || topic.IsCommand() {
			r.all.Add(end)
		}
		for _, view := range r.plan.Views {
			if view.Input[0] == at.Topic {
				r.all.Add(end)
			}
		}
	}
	v := &replayVerdict{Tables: make([]*tableVerdict, len(r.plan.Groups))}
	g, folding := errgroup.WithContext(ctx)
	g.SetLimit(replayTables)
	for i, m := range processors.Machines(r.plan) {
		g.Go(func() (err error) {
			v.Tables[i], err = r.table(folding, m)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	h := r.s.history("views")
	h.bar = &bar{} // this one's is shown
	v.Views, err = r.s.compareViews(ctx, prove.VerifyConfig{Plan: r.plan, Log: log, Read: h.span, ReadAll: h.readAll, Begins: h.begins, Folded: r.count})
	v.Clean = v.Views.Clean
	for _, t := range v.Tables {
		v.Clean = v.Clean && t.Differ == 0
	}
	return v, err
}

// table folds one table anew and compares it.
func (r *replay) table(ctx context.Context, m topology.Machine) (t *tableVerdict, err error) {
	began := time.Now()
	t = &tableVerdict{Table: m.Group.Name, ends: make([]int64, r.plan.Partitions)}
	rows, err := openAuditMemory(filepath.Join(r.dir, m.Group.Name), "", false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.close()) }()
	if m, err = skipping(ctx, r.s.cluster(), m); err != nil {
		return nil, err
	}
	if err := r.fold(ctx, m, rows, t); err != nil {
		return nil, err
	}
	t.Seconds = time.Since(began).Seconds()
	t.Rate = float64(t.Inputs) / max(t.Seconds, 1e-9)
	horizon, _, err := r.watch.horizon(ctx, r.plan, []string{m.Group.Input})
	if err != nil {
		return nil, err
	}
	if err := r.written(ctx, m, rows, t); err != nil {
		return nil, err
	}
	after, err := r.watch.endsOf(ctx, []string{m.Group.Input}) // no row leads further than its input
	if err != nil {
		return nil, err
	}
	bounds := replayBounds{commits: horizon.Commits[m.Group.Name], ends: make([]int64, r.plan.Partitions)}
	for p := range bounds.ends {
		bounds.ends[p] = after[audit.Place{Topic: m.Group.Input, Partition: int32(p)}]
	}
	return t, t.compare(rows, bounds)
}

// fold folds the input from its beginning to the end of now. Partitions without their beginning are left out.
func (r *replay) fold(ctx context.Context, m topology.Machine, rows *auditMemory, t *tableVerdict) error {
	oldest, err := r.watch.begins(ctx, []string{m.Group.Input})
	if err != nil {
		return err
	}
	cut := make([]bool, r.plan.Partitions)
	for p := range cut {
		if cut[p] = oldest[audit.Place{Topic: m.Group.Input, Partition: int32(p)}] > 0; cut[p] {
			t.Unproved = append(t.Unproved, int32(p))
		}
	}
	return wire.Read(ctx, r.s.cluster(), m.Group.Input, func(in *topology.Record) error {
		r.count(1)
		t.ends[in.Partition] = in.Offset + 1
		if cut[in.Partition] {
			return nil
		}
		at := rowAt(kindFoldedRow, in.Partition, in.Key)
		rules := m.RulesAt(rows.Get(rowAt(kindFoldedRow, in.Partition, topology.RulesKey)), in.Offset)
		if rules > m.MaxRules {
			return fmt.Errorf("rules %d hold at %s/%d@%d, and this binary knows them up to %d: take a newer one", rules, in.Topic, in.Partition, in.Offset, m.MaxRules)
		}
		if next, _ := m.Fold(rules, rows.Get(at), in); next != nil {
			rows.Set(at, next)
		}
		if t.Inputs++; t.Inputs%replayBatch == 0 {
			return rows.checkpoint()
		}
		return rows.err
	})
}

// written keeps of each key the row of the changelog that is furthest, as an owner does that recovers. What is no row is told:
// nothing writes such a record, and rows are never deleted.
func (r *replay) written(ctx context.Context, m topology.Machine, rows *auditMemory, t *tableVerdict) error {
	read := 0
	return wire.Read(ctx, r.s.cluster(), r.plan.Table(m.Group.Name), func(row *topology.Record) error {
		r.count(1)
		if wire.IsTakeover(row) {
			return nil
		}
		at := rowAt(kindWrittenRow, row.Partition, row.Key)
		if len(row.Value) == 0 || (&pb.Row{}).UnmarshalVT(row.Value) != nil {
			t.differs(at, "the changelog's record at offset %d is no row", row.Offset)
			return nil
		}
		if known := rows.Get(at); known == nil || throughOf(known) <= throughOf(row.Value) {
			rows.Set(at, row.Value)
		}
		if read++; read%replayBatch == 0 {
			return rows.checkpoint()
		}
		return rows.err
	})
}

func rowAt(kind byte, partition int32, key string) []byte {
	return append([]byte{kind, byte(partition >> 24), byte(partition >> 16), byte(partition >> 8), byte(partition)}, key...)
}

// replayBounds say, by partition, what rows must be there and how far they may be.
type replayBounds struct {
	commits []int64 // asked before the changelog was read: the rows after inputs below are in it
	ends    []int64 // asked after it was read: no input stands behind
}

// differs counts a row that is not the fold's, and tells it.
func (t *tableVerdict) differs(at []byte, format string, args ...any) {
	if t.Differ++; len(t.Told) < maxReplayTold {
		t.Told = append(t.Told, fmt.Sprintf("%s, partition %d, key %q: %s", t.Table, partitionAt(at), at[rowHead:], fmt.Sprintf(format, args...)))
	}
}

// compare holds the rows of the fold against those of the changelog.
func (t *tableVerdict) compare(rows *auditMemory, b replayBounds) error {
	cut := map[int32]bool{}
	for _, p := range t.Unproved {
		cut[p] = true
	}
	other := func(kind byte, at []byte) []byte { return rows.Get(append([]byte{kind}, at[1:]...)) }
	rows.Scan([]byte{kindFoldedRow}, []byte{kindFoldedRow + 1}, func(at, folded []byte) bool {
		p, through, written := partitionAt(at), throughOf(folded), other(kindWrittenRow, at)
		switch to := throughOf(written); {
		case written != nil && to > b.ends[p]:
			t.differs(at, "the changelog has a row after input %d, and the input ends before %d", to-1, b.ends[p])
		case written == nil || to < through:
			if through <= b.commits[p] {
				t.differs(at, "the changelog has no row, or an older one, and its input is done")
			} else {
				t.Moving++
			}
		case bytes.Equal(verifiedTo(folded, to), written):
			t.Rows++
		case to > t.ends[p]: // of an input that came after all was read
			t.Moving++
		default:
			t.differs(at, "the changelog has another row")
		}
		return true
	})
	rows.Scan([]byte{kindWrittenRow}, []byte{kindWrittenRow + 1}, func(at, written []byte) bool {
		p, to := partitionAt(at), throughOf(written)
		switch {
		case cut[p] || other(kindFoldedRow, at) != nil:
		case to > t.ends[p] && to <= b.ends[p]: // met behind what was folded
			t.Moving++
		default:
			t.differs(at, "the changelog has a row, and no input below %d is of that key", t.ends[p])
		}
		return true
	})
	return rows.err
}

const rowHead = 5 // kind and partition

func partitionAt(key []byte) int32 {
	return int32(key[1])<<24 | int32(key[2])<<16 | int32(key[3])<<8 | int32(key[4])
}

// verifiedTo is a row that says that it was verified further, as a rewrite makes it.
func verifiedTo(row []byte, through int64) []byte {
	r := &pb.Row{}
	if r.UnmarshalVT(row) != nil {
		return row
	}
	r.Through = through
	moved, err := r.MarshalVT()
	if err != nil {
		return row
	}
	return moved
}

func (v *replayVerdict) print(w io.Writer) error {
	for _, t := range v.Tables {
		fmt.Fprintf(w, "table/%-13s %8d inputs folded in %.1f s (%.0f/s), %d rows equal byte for byte", t.Table, t.Inputs, t.Seconds, t.Rate, t.Rows)
		if t.Moving > 0 {
			fmt.Fprintf(w, ", %d moved on meanwhile", t.Moving)
		}
		fmt.Fprintln(w)
		if len(t.Unproved) > 0 {
			fmt.Fprintf(w, "NOT COMPARED %d partitions of %s: the beginning of their input was deleted by retention\n", len(t.Unproved), t.Table)
		}
		for _, d := range t.Told {
			fmt.Fprintf(w, "VIOLATED %s\n", d)
		}
	}
	if err := v.Views.print(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d records in %.1f s: %.0f records/s\n", v.Records, v.Seconds, v.Rate)
	return err
}

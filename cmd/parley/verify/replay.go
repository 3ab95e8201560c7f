// parley verify --replay: the whole log is folded from its beginning into empty tables and empty views, and both are compared
// with those of the deployment: the rows with the changelogs, byte for byte, the views with what the stores hold.

package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"golang.org/x/sync/errgroup"

	"github.com/parley-im/parley/cmd/parley/kafka"
	"github.com/parley-im/parley/cmd/parley/output"
	"github.com/parley-im/parley/cmd/parley/replay"
	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/processors"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
	"github.com/parley-im/parley/views/prove"
)

// Limits of a replay.
const (
	tablesAtOnce = 2
	rowBatch     = 10_000 // rows between two writes
	barEvery     = 1000   // records between two updates of the bar
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

// replayer is a replay at work.
type replayer struct {
	settings settings.Settings
	plan     topology.Plan
	admin    *kadm.Client
	dir      string
	bar      *output.Bar
	done     atomic.Int64
	total    atomic.Int64
}

func replayAll(ctx context.Context, s settings.Settings, log *slog.Logger, out io.Writer, format string) error {
	began := time.Now()
	admin, err := kafka.Admin(s)
	if err != nil {
		return err
	}
	defer admin.Close()
	dir, err := os.MkdirTemp("", "parley-replay-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r := &replayer{settings: s, plan: s.Plan(), admin: admin, dir: dir, bar: output.NewBar("replay")}
	v, err := r.run(ctx, log)
	r.bar.Done()
	if err != nil {
		return err
	}
	v.Records, v.Seconds = r.done.Load(), time.Since(began).Seconds()
	v.Rate = float64(v.Records) / v.Seconds
	if err := output.Print(out, format, v, v.print); err != nil {
		return err
	}
	differ := int64(v.Views.Total)
	for _, t := range v.Tables {
		differ += t.Differ
	}
	return violated(differ)
}

// count adds records to the bar.
func (r *replayer) count(records int) {
	if n := r.done.Add(int64(records)); n%barEvery < int64(records) {
		r.bar.Set(n, max(r.total.Load(), n))
	}
}

func (r *replayer) run(ctx context.Context, log *slog.Logger) (*replayVerdict, error) {
	ends, err := kafka.Ends(ctx, r.admin, topicsAndTables(r.plan))
	if err != nil {
		return nil, err
	}
	for at, end := range ends { // commands are folded once, tables read once, inputs of views once for each view
		topic, isTopic := r.plan.Topic(at.Topic)
		if !isTopic || topic.IsCommand() {
			r.total.Add(end)
		}
		for _, view := range r.plan.Views {
			if view.Input[0] == at.Topic {
				r.total.Add(end)
			}
		}
	}
	v := &replayVerdict{Tables: make([]*tableVerdict, len(r.plan.Groups))}
	g, folding := errgroup.WithContext(ctx)
	g.SetLimit(tablesAtOnce)
	for i, m := range processors.Machines(r.plan) {
		g.Go(func() (err error) {
			v.Tables[i], err = r.table(folding, m)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	records := replay.Open(r.settings, &output.Bar{}) // the bar of the replay is enough
	v.Views, err = compareViews(ctx, r.settings, prove.VerifyConfig{Plan: r.plan, Log: log, Read: records.Span, ReadAll: records.ReadAll,
		Begins: records.Starts, Folded: r.count})
	v.Clean = v.Views.Clean
	for _, t := range v.Tables {
		v.Clean = v.Clean && t.Differ == 0
	}
	return v, err
}

// table folds one table again and compares it.
func (r *replayer) table(ctx context.Context, m topology.Machine) (t *tableVerdict, err error) {
	began := time.Now()
	t = &tableVerdict{Table: m.Group.Name, ends: make([]int64, r.plan.Partitions)}
	rows, err := openMemory(filepath.Join(r.dir, m.Group.Name), "", false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.close()) }()
	if m, err = replay.Skipping(ctx, r.settings.Cluster(), m); err != nil {
		return nil, err
	}
	if err := r.fold(ctx, m, rows, t); err != nil {
		return nil, err
	}
	t.Seconds = time.Since(began).Seconds()
	t.Rate = float64(t.Inputs) / max(t.Seconds, 1e-9)
	h, _, err := horizon(ctx, r.admin, r.plan, []string{m.Group.Input})
	if err != nil {
		return nil, err
	}
	if err := r.readChangelog(ctx, m, rows, t); err != nil {
		return nil, err
	}
	after, err := kafka.Ends(ctx, r.admin, []string{m.Group.Input}) // no row is further than its input
	if err != nil {
		return nil, err
	}
	b := bounds{commits: h.Commits[m.Group.Name], ends: make([]int64, r.plan.Partitions)}
	for p := range b.ends {
		b.ends[p] = after[topology.TopicPartition{Topic: m.Group.Input, Partition: int32(p)}]
	}
	return t, t.compare(rows, b)
}

// fold folds the input from its beginning to its present end. Partitions whose beginning is deleted are left out.
func (r *replayer) fold(ctx context.Context, m topology.Machine, rows *memory, t *tableVerdict) error {
	oldest, err := kafka.Starts(ctx, r.admin, []string{m.Group.Input})
	if err != nil {
		return err
	}
	cut := make([]bool, r.plan.Partitions)
	for p := range cut {
		if cut[p] = oldest[topology.TopicPartition{Topic: m.Group.Input, Partition: int32(p)}] > 0; cut[p] {
			t.Unproved = append(t.Unproved, int32(p))
		}
	}
	table := topology.Table{Machine: m, Rows: foldedRows{rows}}
	return wire.Read(ctx, r.settings.Cluster(), m.Group.Input, func(in *topology.Record) error {
		r.count(1)
		t.ends[in.Partition] = in.Offset + 1
		if cut[in.Partition] {
			return nil
		}
		if _, err := table.Fold(in); err != nil {
			return err
		}
		if t.Inputs++; t.Inputs%rowBatch == 0 {
			return rows.checkpoint()
		}
		return rows.err
	})
}

// readChangelog keeps the last row of each key in the changelog.
func (r *replayer) readChangelog(ctx context.Context, m topology.Machine, rows *memory, t *tableVerdict) error {
	read := 0
	return wire.Read(ctx, r.settings.Cluster(), r.plan.Table(m.Group.Name), func(row *topology.Record) error {
		r.count(1)
		if wire.IsTakeover(row) {
			return nil
		}
		t.note(rows, row)
		if read++; read%rowBatch == 0 {
			return rows.checkpoint()
		}
		return rows.err
	})
}

func (v *replayVerdict) print(w io.Writer) error {
	for _, t := range v.Tables {
		t.print(w)
	}
	if err := v.Views.print(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d records in %.1f s: %.0f records/s\n", v.Records, v.Seconds, v.Rate)
	return err
}

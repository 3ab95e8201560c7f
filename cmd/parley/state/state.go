// Package state shows a row of a group's table as it is, or as it was, by folding the group's input again.
package state

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/parley-im/parley/cmd/parley/kafka"
	"github.com/parley-im/parley/cmd/parley/output"
	"github.com/parley-im/parley/cmd/parley/replay"
	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/processors"
	"github.com/parley-im/parley/topology"
)

// State is a row at a moment.
type State struct {
	Table   string `json:"table"`
	Key     string `json:"key"`
	At      string `json:"at"`     // position in the input
	Source  string `json:"source"` // what the row was made from
	Changed string `json:"changed,omitempty"`
	Row     any    `json:"row"` // null = no input had the key
}

// Of is the row of a key at a moment: an offset of the input, a time, or "" for now.
func Of(ctx context.Context, s settings.Settings, table, key, at string) (State, error) {
	if _, ok := processors.Machine(s.Plan(), table); !ok {
		return State{}, fmt.Errorf("no table is called %q; there are %s", table, strings.Join(tables(), ", "))
	}
	s, err := kafka.WithPartitions(ctx, s)
	if err != nil {
		return State{}, err
	}
	to, before, err := moment(at)
	if err != nil {
		return State{}, err
	}
	bar := output.NewBar("fold")
	defer bar.Done()
	return fold(ctx, replay.Open(s, bar), State{Table: table, Key: key, At: at}, to, before)
}

// fold folds the input below an offset and before a time.
func fold(ctx context.Context, log *replay.Log, shown State, to int64, before time.Time) (State, error) {
	m, _ := processors.Machine(log.Plan, shown.Table)
	input := topology.TopicPartition{Topic: m.Group.Input, Partition: topology.PartitionOf(shown.Key, log.Plan.Partitions)}
	shown.At = input.Topic + "/" + strconv.Itoa(int(input.Partition)) + " " + momentText(shown.At)
	shown.Source = "the input " + m.Group.Input + ", folded again"
	var row []byte
	err := log.Fold(ctx, m, input.Partition, to, func(k string) bool { return k == shown.Key }, func(f topology.Folded) error {
		switch {
		case !before.IsZero() && !f.In.Time.Before(before):
			return replay.ErrStop
		case f.After != nil && f.In.Key == shown.Key:
			row, shown.Changed = f.After, fmt.Sprintf("%s by %s/%d@%d", output.Time(f.In.Time), f.In.Topic, f.In.Partition, f.In.Offset)
		}
		return nil
	})
	var gone replay.NotRetained
	if errors.As(err, &gone) {
		shown.Source = "the changelog " + log.Plan.Table(shown.Table) + ", because " + gone.Error()
		if !before.IsZero() {
			return shown, fmt.Errorf("%w; the changelog has offsets and no times: give --at an offset", err)
		}
		row, err = log.LastRow(ctx, m, input.Partition, shown.Key, to)
		if err == nil && row == nil && to >= 0 {
			err = fmt.Errorf("the changelog keeps no row of %q that is so old, and %w", shown.Key, gone)
		}
	}
	shown.Row = output.Row(row)
	return shown, err
}

// moment reads --at: an offset (-1 = none), or a time.
func moment(at string) (offset int64, before time.Time, err error) {
	if at == "" {
		return -1, time.Time{}, nil
	}
	if offset, err = strconv.ParseInt(at, 10, 64); err == nil && offset >= 0 {
		return offset, time.Time{}, nil
	}
	if before, err = time.Parse(time.RFC3339Nano, at); err != nil {
		return 0, before, fmt.Errorf("--at %s: want an offset, or a time like %s", at, time.Now().UTC().Format(time.RFC3339))
	}
	return -1, before, nil
}

func momentText(at string) string {
	if at == "" {
		return "now"
	}
	return "before " + at
}

// Print prints the row as text.
func (s State) Print(w io.Writer) error {
	fmt.Fprintf(w, "%s %s, %s\nfrom %s\n", s.Table, s.Key, s.At, s.Source)
	if s.Row == nil {
		_, err := fmt.Fprintln(w, "no row: no input had this key")
		return err
	}
	if s.Changed != "" {
		fmt.Fprintf(w, "last changed %s\n", s.Changed)
	}
	_, err := fmt.Fprintln(w, output.Indented(s.Row))
	return err
}

func tables() []string {
	var names []string
	for _, g := range topology.House().Groups {
		names = append(names, g.Name)
	}
	return names
}

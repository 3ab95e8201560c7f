// parley state: a row as it is, or as it was.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/parley-im/parley/processors"
	"github.com/parley-im/parley/processors/audit"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// stateShown is what parley state prints.
type stateShown struct {
	Table   string `json:"table"`
	Key     string `json:"key"`
	At      string `json:"at"`     // position in the input
	Source  string `json:"source"` // what the row was made from
	Changed string `json:"changed,omitempty"`
	Row     any    `json:"row"` // null = the key was never met
}

func stateCommand() *cobra.Command {
	var path, at, output string
	c := &cobra.Command{
		Use:   "state TABLE KEY",
		Short: "Show a row as it is, or as it was at a time or offset",
		Long: "Show a row of a table, folded again from the table's input: as it is, or as it was. When the beginning of the input is\n" +
			"gone, the changelog is read, which keeps the newest row alone for sure.\n\nTables:\n" + describeTables(),
		Example: "  parley state inbox ann\n  parley state conversation ann/bob --at 2026-01-31T12:00:00Z\n  parley state bookmark ann/ann/bob --at 120",
		Args:    cobra.ExactArgs(2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return tableNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			s, err := load(path)
			if err != nil {
				return err
			}
			if _, ok := processors.Machine(s.plan(), args[0]); !ok {
				return fmt.Errorf("no table is called %q; there are %s", args[0], strings.Join(tableNames(), ", "))
			}
			if s, err = s.withPartitionsOf(c.Context()); err != nil {
				return err
			}
			shown, err := s.state(c.Context(), args[0], args[1], at)
			if err != nil {
				return err
			}
			return render(c.OutOrStdout(), output, shown, shown.print)
		},
	}
	settingsFlag(c, &path)
	outputFlag(c, &output)
	c.Flags().StringVar(&at, "at", "", "time (2026-01-31T12:00:00Z: every input before it) or offset of the key's input partition (every input below it)")
	return c
}

func tableNames() []string {
	var names []string
	for _, g := range topology.House().Groups {
		names = append(names, g.Name)
	}
	return names
}

func describeTables() string {
	var b strings.Builder
	for _, g := range topology.House().Groups {
		fmt.Fprintf(&b, "  %-14s by %s: %s\n", g.Name, g.Key, g.Row)
	}
	return b.String()
}

// state folds a row.
func (s Settings) state(ctx context.Context, table, key, at string) (stateShown, error) {
	h := s.history("fold")
	m, _ := processors.Machine(h.plan, table)
	place := audit.Place{Topic: m.Group.Input, Partition: topology.PartitionOf(key, h.plan.Partitions)}
	to, before, err := moment(at)
	if err != nil {
		return stateShown{}, err
	}
	shown := stateShown{Table: table, Key: key, At: place.Topic + "/" + strconv.Itoa(int(place.Partition)) + " " + momentWords(at)}
	var row []byte
	shown.Source = "the input " + m.Group.Input + ", folded again"
	err = h.refold(ctx, m, place.Partition, to, func(k string) bool { return k == key }, func(f folded) error {
		switch {
		case !before.IsZero() && !f.in.Time.Before(before):
			return errEnough
		case f.after != nil && f.in.Key == key:
			row, shown.Changed = f.after, fmt.Sprintf("%s by %s/%d@%d", stamp(f.in.Time), f.in.Topic, f.in.Partition, f.in.Offset)
		}
		return nil
	})
	var gone errNotRetained
	if errors.As(err, &gone) {
		shown.Source = "the changelog " + h.plan.Table(table) + ", because " + gone.Error()
		if !before.IsZero() {
			return shown, fmt.Errorf("%w; the changelog knows offsets and no times: give --at an offset", err)
		}
		row, err = h.lastRow(ctx, m, place.Partition, key, to)
		if err == nil && row == nil && to >= 0 {
			err = fmt.Errorf("the changelog keeps no row of %q that is so old, and %w", key, gone)
		}
	}
	h.bar.done()
	shown.Row = plainRow(row)
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

func momentWords(at string) string {
	if at == "" {
		return "now"
	}
	return "before " + at
}

func throughOf(row []byte) int64 {
	r := &pb.Row{}
	if r.UnmarshalVT(row) != nil {
		return 0
	}
	return r.Through
}

// stamp words a broker's time.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (s stateShown) print(w io.Writer) error {
	fmt.Fprintf(w, "%s %s, %s\nfrom %s\n", s.Table, s.Key, s.At, s.Source)
	if s.Row == nil {
		_, err := fmt.Fprintln(w, "the key was never met")
		return err
	}
	if s.Changed != "" {
		fmt.Fprintf(w, "last changed %s\n", s.Changed)
	}
	_, err := fmt.Fprintln(w, indented(s.Row))
	return err
}

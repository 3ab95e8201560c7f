// Package generations manages the generations of views: one is built anew beside the one that is read, compared with it,
// switched to, and the old one is kept for the way back.
package generations

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/parley-im/parley/cmd/parley/kafka"
	"github.com/parley-im/parley/cmd/parley/output"
	"github.com/parley-im/parley/cmd/parley/replay"
	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/cmd/parley/stores"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/prove"
	"github.com/parley-im/parley/views/store"
)

// Manager works on the live stores of a deployment.
type Manager struct {
	settings settings.Settings
	plan     topology.Plan
	live     views.Stores
	notOpen  []string // stores that could not be opened, and why
}

// Open opens the live stores.
func Open(ctx context.Context, s settings.Settings) (*Manager, error) {
	s, err := kafka.WithPartitions(ctx, s)
	if err != nil {
		return nil, err
	}
	live, notOpen, err := stores.Live(ctx, s)
	if err != nil {
		return nil, err
	}
	return &Manager{s, s.Plan(), live, notOpen}, nil
}

// Close closes the stores.
func (m *Manager) Close() error { return m.live.Close() }

// View is a view with its generations.
type View struct {
	View string `json:"view"`
	store.Pointer
	Records map[int]int64 `json:"records_below_places"` // by generation
	Why     string        `json:"not_looked_at,omitempty"`
}

// List lists the generations of every view.
func (m *Manager) List(ctx context.Context) (list []View, err error) {
	for _, v := range m.plan.Views {
		shown := View{View: v.Name, Records: map[int]int64{}}
		if shown.Pointer, err = m.live.PointerOf(ctx, v); err != nil {
			shown.Pointer, shown.Why = store.Pointer{}, err.Error()
		}
		for _, g := range shown.List {
			if shown.Records[g.Number], err = m.live.Folded(ctx, m.plan, v, g.Number); err != nil {
				return nil, m.explained(err)
			}
		}
		list = append(list, shown)
	}
	return list, nil
}

// RebuildOptions say how a view is rebuilt.
type RebuildOptions struct {
	Back   bool // switch back to the generation that was read before
	Accept bool // switch even if the two differ
}

// Rebuild builds a generation of a view, compares it with the one that is read, and switches to it when they agree. The report
// is nil when nothing was built; an error may come with a report.
func (m *Manager) Rebuild(ctx context.Context, view string, o RebuildOptions) (*prove.RebuildReport, error) {
	if err := m.known(view); err != nil {
		return nil, err
	}
	log, err := m.settings.Logger()
	if err != nil {
		return nil, err
	}
	records := replay.Open(m.settings, &output.Bar{}) // the bar of the fold is enough
	bar := output.NewBar("fold " + view)
	defer bar.Done()
	report, err := prove.Rebuild(ctx, prove.RebuildConfig{
		Plan: m.plan, View: view, Stores: m.live, Log: log, Back: o.Back, Accept: o.Accept,
		Read: records.Span, ReadAll: records.ReadAll, Ends: records.Ends, Progress: bar.Set,
	})
	return report, m.explained(err)
}

// Drop deletes a generation of a view that is not read.
func (m *Manager) Drop(ctx context.Context, view string, generation int) error {
	if err := m.known(view); err != nil {
		return err
	}
	return m.explained(prove.DropGeneration(ctx, m.plan, m.live, view, generation))
}

// known fails for a name that is no view of the plan.
func (m *Manager) known(view string) error {
	if _, ok := m.plan.View(view); ok {
		return nil
	}
	var names []string
	for _, v := range m.plan.Views {
		names = append(names, v.Name)
	}
	return fmt.Errorf("no view is called %q; there are %s", view, strings.Join(names, ", "))
}

// explained adds which stores could not be opened to an error that comes of it.
func (m *Manager) explained(err error) error {
	if errors.Is(err, views.ErrNotOpen) && len(m.notOpen) > 0 {
		return fmt.Errorf("%w: %s; stop that process for as long as this takes", err, strings.Join(m.notOpen, "; "))
	}
	return err
}

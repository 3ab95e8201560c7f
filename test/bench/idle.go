// What a connection costs that says nothing: the gateway's memory before and after thousands of them.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/parley-im/parley/test/bench/imload"
)

const (
	idleSettle = 17 * time.Second // for answers and presence, and for three of the process's own looks, by which it finds that it rests
	kibibyte   = 1024.0
)

// memory of a process, in bytes.
type memory struct {
	live     float64 // heap and stacks in use, garbage collected before
	resident float64 // what the kernel counts; the process itself gave back what it did
}

// measureIdle opens a deployment for every round: memory that was taken once is not all given back.
func measureIdle(ctx context.Context, o options) error {
	if o.profile == "" { // with a folder for profiles every deployment has it already
		o.setup.settings = []string{"profile: true"}
	} else if err := os.MkdirAll(o.profile, 0o755); err != nil {
		return err
	}
	o.parts = slices.Clone(o.parts)
	for i := range o.parts { // people come all at once: with one core the collector is behind them, and gaps stay (11 KiB instead of 8)
		o.parts[i].env = allCores
	}
	for round := range o.rounds {
		r, err := idleOnce(ctx, o, round)
		if err == nil {
			err = o.note(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func idleOnce(ctx context.Context, o options, round int) (r imload.Result, err error) {
	h, err := open(ctx, o)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	n := o.connections
	show, done := progress(fmt.Sprintf("idle %d/%d: accounts and connections", round+1, o.rounds), int64(n))
	peer := &imload.Parley{Addr: h.http, Token: h.token, Tag: fmt.Sprintf("idle-%x", time.Now().UnixMilli())}
	plan := imload.Plan{Users: n}
	if err := peer.Prepare(plan); err != nil {
		return r, fmt.Errorf("%w\n%s", err, h.tails())
	}
	if err := h.again(ctx, "gateway", o.parts); err != nil { // memory in which accounts were made would be used again, and not be seen
		return r, err
	}
	before, err := h.memory("gateway", "") // its garbage is collected now, ...
	if err == nil {
		before, err = h.memory("gateway", "") // ... so that less is taken from what is resident behind
	}
	if err != nil {
		return r, err
	}
	conns := make([]imload.Conn, n)
	err = imload.Each(n, func(i int) (err error) {
		conns[i], err = peer.Dial(i, plan, deaf{})
		show(int64(i))
		return err
	})
	done()
	if err != nil {
		return r, fmt.Errorf("%w\n%s", err, h.tails())
	}
	heap := ""
	if o.profile != "" {
		heap = filepath.Join(o.profile, "idle-heap.pprof")
	}
	after, err := h.memory("gateway", heap)
	if err != nil {
		return r, err
	}
	for _, c := range conns {
		_ = c.Close()
	}
	each := func(of func(memory) float64) float64 { return (of(after) - of(before)) / kibibyte / float64(n) }
	r = imload.Result{Peer: "parley", Scenario: "idle", Label: fmt.Sprintf("idle/%d", round+1), Conns: n, Figures: map[string]float64{
		"live_kib": each(func(m memory) float64 { return m.live }), "resident_kib": each(func(m memory) float64 { return m.resident }),
	}}
	fmt.Fprintf(os.Stderr, "idle: %d connections, each %.1f KiB alive in the gateway (heap and stacks), %.1f KiB resident\n",
		n, r.Figures["live_kib"], r.Figures["resident_kib"])
	return r, nil
}

// memory reads what is resident of a process that was left alone, then lets it collect its garbage for what is alive, of which
// a profile is kept in a file if one is named.
func (h *deployment) memory(name, heap string) (m memory, err error) {
	time.Sleep(idleSettle)
	m.resident = float64(imload.Resident(h.pids[name]))
	profile, err := get("http://" + h.admins[name] + "/debug/pprof/heap?gc=1")
	if err == nil && heap != "" {
		err = os.WriteFile(heap, profile, 0o644)
	}
	if err != nil {
		return m, err
	}
	told, err := h.metrics(name)
	m.live = told["go_memstats_heap_alloc_bytes"] + told["go_memstats_stack_inuse_bytes"]
	return m, err
}

func get(url string) ([]byte, error) {
	answer, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

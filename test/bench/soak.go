// The soak: a long time at a share of the measured maximum, looked at every minute, and whether anything grew.
//
//	go run ./test/bench soak -for 1h -share 0.7
//	go run ./test/bench soak -for 2m -warm 10s -every 10s -find 10s      to see that it works

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/test/bench/imload"
	"github.com/parley-im/parley/topology"
)

const (
	// Logs may be cut while they soak: an hour of everything would fill a disk. A follower that is further behind than this
	// many bytes of a partition would stop, and that would be the finding.
	soakKeeps   = 64 << 20 // bytes of a partition of a log; tables are whole
	soakSegment = 16 << 20 // bytes
	soakFinds   = 3        // runs from which the maximum is taken: their median

	soakFindWarm = 10 * time.Second // before each of them
	soakWarm     = 25 * time.Minute // before the first look: what may fill (pools, caches, a heap's pace) has filled
)

// soak is one that runs.
type soak struct {
	lasts, every, find time.Duration
	share, rate        float64
	disk               bool
}

func soakCommand(ctx context.Context, args []string) error {
	o, s := options{parts: parts, rounds: 1, stamp: newStamp("soak", args)}, soak{}
	flags := flag.NewFlagSet("soak", flag.ExitOnError)
	flags.DurationVar(&s.lasts, "for", time.Hour, "how long")
	flags.Float64Var(&s.share, "share", 0.7, "share of the measured maximum that is offered")
	flags.Float64Var(&s.rate, "rate", 0, "messages a second instead of a share of the maximum; 0 = measure the maximum first")
	flags.DurationVar(&s.every, "every", time.Minute, "between two looks")
	flags.DurationVar(&s.find, "find", 20*time.Second, "measured time of each run that looks for the maximum")
	flags.BoolVar(&s.disk, "documents-on-disk", true, "the documents' server keeps a file: slower, but an hour of everything would not fit into its memory")
	flags.IntVar(&o.partitions, "partitions", defaultPartitions, "partitions of every topic")
	flags.DurationVar(&o.warm, "warm", soakWarm, "time before the first look, for what may fill to fill: what grows behind it grows for ever")
	o.heating(flags)
	flags.DurationVar(&o.drain, "drain", 30*time.Second, "longest wait for the last deliveries")
	o.reporting(flags)
	_ = flags.Parse(args) // it ends the process itself
	if s.lasts < s.every || s.every <= 0 || s.share <= 0 {
		return fmt.Errorf("-for %s -every %s -share %g: want at least one look, and a share above 0", s.lasts, s.every, s.share)
	}
	o.setup = setup{filled: cutLogs, onDisk: s.disk}
	return errors.Join(s.run(ctx, o), writeReport(o))
}

// cutLogs lets the broker drop what is old of every log that only grows.
func cutLogs(ctx context.Context, h *deployment) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(h.kafka()))
	if err != nil {
		return err
	}
	defer client.Close()
	set := func(name string, value int) kadm.AlterConfig {
		return kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: kadm.StringPtr(strconv.Itoa(value))}
	}
	var topics []string
	for _, t := range topology.House().Topics {
		topics = append(topics, t.Name)
	}
	done, err := kadm.NewClient(client).AlterTopicConfigs(ctx,
		[]kadm.AlterConfig{set("retention.bytes", soakKeeps), set("segment.bytes", soakSegment)}, topics...)
	for _, d := range done {
		err = errors.Join(err, d.Err)
	}
	return err
}

// run finds the maximum and holds the share of it.
func (s soak) run(ctx context.Context, o options) (err error) {
	h, err := openHot(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	most := 0.0
	if s.rate == 0 {
		if most, err = s.maximum(h, o); err != nil {
			return err
		}
		s.rate = most * s.share
	}
	fmt.Fprintf(os.Stderr, "soak: %.0f messages a second for %s\n", s.rate, s.lasts)
	show, done := progress("soak", int64(s.rate*(o.warm+s.lasts).Seconds()))
	n := 0
	var lost error
	c := imload.Config{
		Peer: "parley", Scenario: "pairs", Label: "soak/1", Conns: 2 * fullSenders, Rate: s.rate, Warm: o.warm, Measure: s.lasts, Drain: o.drain,
		System: imload.NewSystem(h.pids), Progress: show, Every: s.every,
		Lately: func(l imload.Lately) {
			n++
			if err := o.note(s.look(h, l, n)); err != nil && lost == nil {
				lost = err
			}
		},
	}
	over := make(chan struct{})
	defer close(over)
	go endOnSignal(ctx, h, over)
	r, err := imload.Run(&imload.Parley{Addr: h.http, Token: h.token, Tag: fmt.Sprintf("soak-%x", time.Now().UnixMilli())}, c)
	done()
	if err = errors.Join(err, lost); err != nil {
		return fmt.Errorf("%w\n%s", err, h.tails())
	}
	r.Figures = map[string]float64{"maximum_per_s": most, "share": s.share, "lasts_s": s.lasts.Seconds(), "every_s": s.every.Seconds()}
	fmt.Fprintf(os.Stderr, "soak: %.0f delivered/s, p50 %.1f ms, p99 %.1f ms, lost %d, duplicate %d, reordered %d, refused %d %s\n",
		r.DeliveredPerS, r.E2E50, r.E2E99, r.Lost, r.Dup, r.Reorder, r.AckErr, r.FirstErr)
	return o.note(r)
}

// maximum is the median of a few full runs.
func (s soak) maximum(h *deployment, o options) (float64, error) {
	o.measure, o.warm, o.rounds = s.find, soakFindWarm, soakFinds
	var found []float64
	for round := range soakFinds {
		r, err := h.measure(o, scenarios[0], round)
		if err != nil {
			return 0, err
		}
		found = append(found, r.DeliveredPerS)
	}
	slices.Sort(found)
	return found[len(found)/2], nil
}

// look is a line of what every process holds, and of how far behind each reader is.
func (s soak) look(h *deployment, l imload.Lately, n int) imload.Result {
	r := imload.Result{Peer: "parley", Scenario: "soaking", Label: fmt.Sprintf("soaking/%d", n), Seconds: l.Seconds, Sent: l.Sent, Delivered: l.Delivered,
		DeliveredPerS: float64(l.Delivered) / l.Seconds, E2E50: l.E2E50, E2E99: l.E2E99, Ack50: l.Ack50, Ack99: l.Ack99, Figures: map[string]float64{"machine_times_slower": l.Slowness}}
	for name, pid := range h.pids {
		r.Figures["rss_mib_"+name] = float64(imload.Resident(pid)) / (1 << 20)
	}
	for name, admin := range h.admins {
		told, err := metricsOf(admin)
		if err != nil {
			fmt.Fprintln(os.Stderr, "soak:", name, "tells nothing:", err)
			continue
		}
		r.Figures["heap_mib_"+name] = told["go_memstats_heap_alloc_bytes"] / (1 << 20)
		r.Figures["heap_goal_mib_"+name] = told["go_memstats_next_gc_bytes"] / (1 << 20) // what is alive, times a constant
		r.Figures["goroutines_"+name] = told["go_goroutines"]
		r.Figures["lag_records_"+name] = told["parley_follower_lag_records"] + told["parley_group_lag_records"]
	}
	fmt.Fprintf(os.Stderr, "soak %3d: %.0f delivered/s, p50 %.1f, p99 %.1f ms; MiB: processors %.0f, views %.0f, gateway %.0f; views are %.0f records behind\n", n,
		r.DeliveredPerS, r.E2E50, r.E2E99, r.Figures["rss_mib_processors"], r.Figures["rss_mib_views"], r.Figures["rss_mib_gateway"], r.Figures["lag_records_views"])
	return r
}

// metricsOf are a process's metrics by name, those that differ in labels added.
func metricsOf(admin string) (map[string]float64, error) {
	told, err := get("http://" + admin + "/metrics")
	if err != nil {
		return nil, err
	}
	found := map[string]float64{}
	for line := range strings.Lines(string(told)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if at := strings.LastIndexByte(line, '}'); at >= 0 { // a label's value may have spaces
			key, value = line[:at], strings.TrimSpace(line[at+1:])
		}
		name, _, _ := strings.Cut(key, "{")
		if x, err := strconv.ParseFloat(value, 64); ok && err == nil && !strings.HasPrefix(line, "#") {
			found[name] += x
		}
	}
	return found, nil
}

// endOnSignal ends the process when it is told to: a soak that is cut short has written its looks already.
func endOnSignal(ctx context.Context, h *deployment, over <-chan struct{}) {
	select {
	case <-over:
	case <-ctx.Done():
		_ = h.close()
		fmt.Fprintln(os.Stderr, "soak: cut short; what was seen stands in the results, and `go run ./test/bench report` shows it")
		os.Exit(1)
	}
}

// seriesOf are the looks as series over time, by what was looked at.
func seriesOf(looks []imload.Result) map[string][]float64 {
	all := map[string][]float64{}
	for _, l := range looks {
		for name, x := range l.Figures {
			all[name] = append(all[name], x)
		}
		all["p50_ms"], all["p99_ms"] = append(all["p50_ms"], l.E2E50), append(all["p99_ms"], l.E2E99)
		all["delivered_per_s"] = append(all["delivered_per_s"], l.DeliveredPerS)
	}
	maps.DeleteFunc(all, func(_ string, series []float64) bool { return len(series) < len(looks) }) // not told every time
	return all
}

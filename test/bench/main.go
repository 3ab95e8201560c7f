// This command measures the house: it starts real servers and the binary, lets people talk, and writes down what it cost.
//
//	go run ./test/bench                      every scenario once
//	go run ./test/bench -rounds 5            for the record
//	go run ./test/bench -only full -profile .data/profiles
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/parley-im/parley/test/bench/imload"
)

// scenario is one way in which people talk.
type scenario struct {
	name  string
	says  string // for the summary
	asked imload.Config
}

// groupSize is how many are online in a group: 64 is the house's limit of members.
const groupSize = 60

var scenarios = []scenario{
	{"full", "200 connections, 400 messages in flight, 1:1", imload.Config{Scenario: "pairs", Conns: 200, Window: 4}},
	{"calm", "200 connections, 300 messages a second, 1:1", imload.Config{Scenario: "pairs", Conns: 200, Rate: 300}},
	{"many", "1,000 connections, 500 messages a second, 1:1", imload.Config{Scenario: "pairs", Conns: 1000, Rate: 500}},
	{"rest", "200 connections, 2 messages a second, 1:1: what a house costs that has nothing to do", imload.Config{Scenario: "pairs", Conns: 200, Rate: 2}},
	{"group", "2 groups of 60 online, one sender each, 2 in flight", imload.Config{Scenario: "group", Conns: 2 * groupSize, Members: groupSize, Window: 2}},
}

// options of the command line.
type options struct {
	rounds          int
	partitions      int
	measure, warm   time.Duration
	heat            time.Duration
	drain           time.Duration
	only            *regexp.Regexp
	results, report string
	profile         string
	binary          string
	parts           []part
}

// others are measurements with flags of their own.
var others = map[string]func(ctx context.Context, args []string) error{"peers": peersCommand, "capacity": capacityCommand, "idle": idleCommand}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	measure, args := houseCommand, os.Args[1:]
	if len(args) > 0 && others[args[0]] != nil {
		measure, args = others[args[0]], args[1:]
	}
	if err := measure(ctx, args); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func houseCommand(ctx context.Context, args []string) error {
	o := options{parts: parts}
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	only := flags.String("only", ".", "regular expression of the scenarios: full, calm, many, rest, group")
	flags.IntVar(&o.rounds, "rounds", 1, "rounds of each scenario; 5 for the record")
	flags.IntVar(&o.partitions, "partitions", 8, "partitions of every topic")
	flags.DurationVar(&o.measure, "measure", 10*time.Second, "measured time of a run")
	flags.DurationVar(&o.warm, "warm", 3*time.Second, "time before it")
	flags.DurationVar(&o.heat, "heat", 40*time.Second, "time of talking for nothing before the first run: Java compiles what it runs for that long")
	flags.DurationVar(&o.drain, "drain", 10*time.Second, "longest wait for the last deliveries")
	flags.StringVar(&o.results, "results", filepath.Join("test", "bench", "results.jsonl"), "file to which a line is added for each run")
	flags.StringVar(&o.report, "report", "BENCH.md", "file of the summary; - = standard output")
	flags.StringVar(&o.profile, "profile", "", "folder for a CPU profile of each process and scenario; it costs the processes something")
	flags.StringVar(&o.binary, "binary", "", "a built parley (default: build it)")
	_ = flags.Parse(args) // it ends the process itself
	err := error(nil)
	if o.only, err = regexp.Compile(*only); err == nil {
		err = bench(ctx, o)
	}
	return err
}

func bench(ctx context.Context, o options) (err error) {
	before := load()
	h, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		if e := h.close(); err == nil {
			err = e
		}
	}()
	if o.heat > 0 {
		hot := o
		hot.measure, hot.warm, hot.profile = o.heat, 0, ""
		if _, err := h.measure(hot, scenario{name: "heat", asked: scenarios[0].asked}, 0); err != nil {
			return err
		}
	}
	var found []imload.Result
	for round := range o.rounds {
		for _, s := range scenarios {
			if !o.only.MatchString(s.name) {
				continue
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r, err := h.measure(o, s, round)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			if err := add(o.results, r); err != nil {
				return err
			}
			found = append(found, r)
		}
	}
	return report(o, found, before)
}

// measure runs one scenario once, with people of its own.
func (h *house) measure(o options, s scenario, round int) (imload.Result, error) {
	c := s.asked
	c.Peer, c.Label = "parley", fmt.Sprintf("%s/%d", s.name, round+1)
	c.Measure, c.Warm, c.Drain = o.measure, o.warm, o.drain
	c.System = imload.NewSystem(h.pids)
	profiled := make(chan error, 1)
	profiled <- nil
	if o.profile != "" {
		<-profiled
		c.Measuring = func() { profiled <- h.profiles(filepath.Join(o.profile, s.name), o.measure) }
	}
	expected := int64(c.Rate * (o.measure + o.warm).Seconds())
	show, done := progress(fmt.Sprintf("%s %d/%d", s.name, round+1, o.rounds), expected)
	c.Progress = show
	tag := fmt.Sprintf("%s%d-%x", s.name, round, time.Now().UnixMilli())
	r, err := imload.Run(&imload.Parley{Addr: h.http, Token: h.token, Tag: tag}, c)
	done()
	if err != nil {
		return r, fmt.Errorf("%w\n%s", err, h.tails())
	}
	fmt.Fprintf(os.Stderr, "%-7s %8.0f delivered/s  %6.3f CPU s/1,000  p50 %.1f ms  p99 %.1f ms  accepted %.1f ms  lost %d  duplicate %d  reordered %d  refused %d %s\n",
		s.name, r.DeliveredPerS, r.CPUPer1k, r.E2E50, r.E2E99, r.Ack50, r.Lost, r.Dup, r.Reorder, r.AckErr, r.FirstErr)
	return r, <-profiled
}

// progress shows how many messages were sent, to whoever sits at a terminal.
func progress(what string, expected int64) (show func(sent int64), done func()) {
	if info, err := os.Stderr.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func(int64) {}, func() {}
	}
	all := mpb.New(mpb.WithOutput(os.Stderr), mpb.WithWidth(60))
	bar := all.AddBar(expected, mpb.BarRemoveOnComplete(), mpb.PrependDecorators(decor.Name(what+" ")),
		mpb.AppendDecorators(decor.CountersNoUnit("%d of %d sent")))
	show = func(sent int64) {
		if expected == 0 {
			bar.SetTotal(sent+1, false) // nobody knows how many there will be
		}
		bar.SetCurrent(sent)
	}
	return show, func() {
		bar.SetTotal(-1, true)
		all.Wait()
	}
}

// add adds a line to the results.
func add(path string, r imload.Result) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err = f.Write(append(b, '\n')); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// This command measures a deployment: it starts real servers and the binary, lets simulated people talk, and writes down what it
// cost beside a reference of the same run.
//
//	go run ./test/bench                          the whole table once; BENCH.md is made anew after each measurement
//	go run ./test/bench -rounds 5                for the record
//	go run ./test/bench -only 'full|limit'       some of it; the rest of BENCH.md is what was measured last
//	go run ./test/bench soak -for 1h             an hour at a share of the maximum
//	go run ./test/bench compare                  what a message costs each process, before a change and behind it
//	go run ./test/bench benchmarks               Go's benchmarks of two revisions, told apart by benchstat
//	go run ./test/bench report                   only makes BENCH.md and its charts anew, from results.jsonl
//
// Every run adds a line to results.jsonl, and BENCH.md is made from these lines alone.
//
// It has more than twenty files because each measurement starts and reads the same deployment (deployment.go) in its own way; what can
// stand alone is below it: imload, the load generator, and chain, the reference.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/parley-im/parley/test/bench/imload"
)

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

	connections int   // idle ones
	commands    int   // in the filled topic of the sequencer
	rows        int   // of the table that is restored
	sizes       []int // of growing deployments: users, and as many conversations
	spreads     []int // partitions of growing deployments
	session     time.Duration

	parts []part
	setup setup
	stamp imload.Stamp
}

// setup is what a measurement's deployment has that others have not.
type setup struct {
	servers  []string                                       // kafka, redis, mongo; nil = all
	settings []string                                       // lines of the binary's settings
	onDisk   bool                                           // documents are kept in a file
	filled   func(ctx context.Context, h *deployment) error // called when there are topics, before anybody reads them; may be nil
}

// measurement is a part of the table that needs servers of its own.
type measurement struct {
	names   []string // each can be chosen with -only
	measure func(ctx context.Context, o options) error
}

// measurements are the whole table, in the order in which it is measured.
func measurements() []measurement {
	return []measurement{
		{append(talkNames(), "limit"), measureTalks},
		{[]string{"processor"}, measureAlone},
		{[]string{"restore"}, measureRestore},
		{[]string{"takeover"}, measureTakeover},
		{[]string{"growth"}, measureGrowth},
		{[]string{"idle"}, measureIdle},
	}
}

// others are measurements with flags of their own, and what is started by them.
var others = map[string]func(ctx context.Context, args []string) error{
	"peers": peersCommand, "capacity": capacityCommand, "soak": soakCommand, "compare": compareCommand,
	"benchmarks": benchmarksCommand, "report": reportCommand, aloneChild: aloneCommand,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	measure, args := benchCommand, os.Args[1:]
	if len(args) > 0 && others[args[0]] != nil {
		measure, args = others[args[0]], args[1:]
	}
	if err := measure(ctx, args); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// allNames are what -only is matched with, as a whole: rest is not restore. "recovery" means restore and takeover.
func allNames() (all []string) {
	for _, m := range measurements() {
		all = append(all, m.names...)
	}
	return all
}

func benchCommand(ctx context.Context, args []string) error {
	o := options{parts: parts, stamp: newStamp("", args)}
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	only := flags.String("only", ".*", "regular expression of what is measured: "+strings.Join(allNames(), ", ")+"; recovery = restore and takeover")
	flags.IntVar(&o.rounds, "rounds", 1, "rounds of each scenario; 5 for the record")
	o.talking(flags, usualMeasure, usualWarm)
	o.heating(flags)
	flags.IntVar(&o.connections, "connections", 10_000, "idle: people who connect and say nothing; twice as many files must be allowed to a process")
	flags.IntVar(&o.commands, "commands", 400_000, "processor: commands in the filled topic")
	flags.IntVar(&o.rows, "rows", 1_000_000, "restore: rows of the table")
	numbers(flags, &o.sizes, "sizes", []int{1_000, 100_000, 1_000_000}, "growth: users, and as many conversations; empty = only the spreads")
	numbers(flags, &o.spreads, "spreads", []int{4, 16, 64}, fmt.Sprintf("growth: partitions of every topic, with %d users; empty = only the sizes", growthUsers))
	flags.DurationVar(&o.session, "session", time.Second, "takeover: a member that sends no heartbeat for this long and loses its partitions")
	o.reporting(flags)
	flags.StringVar(&o.profile, "profile", "", "folder for profiles of each process and scenario (CPU, allocations, locks, waits); they cost the processes something")
	_ = flags.Parse(args) // it ends the process itself
	err := error(nil)
	if o.only, err = regexp.Compile("^(" + strings.ReplaceAll(*only, "recovery", "restore|takeover") + ")$"); err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	if !slices.ContainsFunc(allNames(), o.only.MatchString) {
		return fmt.Errorf("-only %s means nothing that can be measured: there are %s", *only, strings.Join(allNames(), ", "))
	}
	for _, m := range measurements() {
		if !slices.ContainsFunc(m.names, o.only.MatchString) || ctx.Err() != nil {
			continue
		}
		if e := m.measure(ctx, o); e != nil { // the others are worth having
			err = errors.Join(err, fmt.Errorf("%s: %w", strings.Join(m.names, ", "), e))
		}
		err = errors.Join(err, writeReport(o))
	}
	return errors.Join(err, ctx.Err())
}

// files are the flags of whoever keeps what was measured of a binary.
func (o *options) files(flags *flag.FlagSet, report, says string) {
	flags.StringVar(&o.results, "results", filepath.Join("test", "bench", "results.jsonl"), "file to which a line is added for each run")
	flags.StringVar(&o.report, "report", report, says+"; - = standard output, without charts")
	flags.StringVar(&o.binary, "binary", "", "a built parley (default: build it)")
}

// reporting are those of whoever adds to the report.
func (o *options) reporting(flags *flag.FlagSet) {
	o.files(flags, "BENCH.md", "file of the report, its charts in "+chartsFolder+" beside the results")
}

// Times of a run, where nothing else is usual.
const (
	usualMeasure = 10 * time.Second
	usualWarm    = 3 * time.Second
)

// talking are the flags of whoever lets people talk.
func (o *options) talking(flags *flag.FlagSet, measure, warm time.Duration) {
	flags.IntVar(&o.partitions, "partitions", defaultPartitions, "partitions of every topic")
	flags.DurationVar(&o.measure, "measure", measure, "measured time of a run")
	flags.DurationVar(&o.warm, "warm", warm, "time before it")
	flags.DurationVar(&o.drain, "drain", 10*time.Second, "longest wait for the last deliveries")
}

// heating is the flag of whoever measures the deployment when Java has compiled what it runs.
func (o *options) heating(flags *flag.FlagSet) {
	flags.DurationVar(&o.heat, "heat", 40*time.Second, "time of talking for nothing before the first run: Java compiles what it runs for that long")
}

// numbers is a flag of numbers with commas between them; of an empty one there are none.
func numbers(flags *flag.FlagSet, into *[]int, name string, preset []int, usage string) {
	*into = preset
	flags.Func(name, fmt.Sprintf("%s (default %s)", usage, strings.ReplaceAll(strings.Trim(fmt.Sprint(preset), "[]"), " ", ",")), func(said string) error {
		*into = nil
		for word := range strings.FieldsFuncSeq(said, func(r rune) bool { return r == ',' }) {
			n := 0
			if _, err := fmt.Sscan(word, &n); err != nil || n < 1 {
				return fmt.Errorf("%q: want numbers above 0 with commas between them", said)
			}
			*into = append(*into, n)
		}
		return nil
	})
}

// newStamp is of a command that begins now.
func newStamp(name string, args []string) imload.Stamp {
	words := append(strings.Fields("go run ./test/bench "+name), args...)
	return imload.Stamp{Run: time.Now().UTC().Format(time.RFC3339), Revision: revision(), Command: strings.Join(words, " "), Machine: machine()}
}

// note stamps a line of the deployment and adds it to the results.
func (o options) note(r imload.Result) error {
	r.Stamp = o.stamp
	r.Load = load()
	if r.At == "" {
		r.At = time.Now().UTC().Format(time.RFC3339)
	}
	return add(o.results, r)
}

// progress shows how far something is, to whoever sits at a terminal.
func progress(what string, expected int64) (show func(done int64), over func()) {
	if info, err := os.Stderr.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		fmt.Fprintln(os.Stderr, what)
		return func(int64) {}, func() {}
	}
	all := mpb.New(mpb.WithOutput(os.Stderr), mpb.WithWidth(60))
	bar := all.AddBar(expected, mpb.BarRemoveOnComplete(), mpb.PrependDecorators(decor.Name(what+" ")),
		mpb.AppendDecorators(decor.CountersNoUnit("%d of %d")))
	show = func(done int64) {
		if expected == 0 {
			bar.SetTotal(done+1, false) // nobody knows how many there will be
		}
		bar.SetCurrent(done)
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

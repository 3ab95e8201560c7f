// What a message costs each process, from revision to revision: CPU, what it allocates, how long it waits for locks and for a
// core. For whoever changes what is done for every message; it ends with a line for the commit's message.
//
//	go run ./test/bench compare                         the last commit, and the files as they are
//	go run ./test/bench compare v1 v2 .                 revisions in the order of time; . = the files as they are
//	go run ./test/bench compare old=/path/to/parley .   a binary that is there already
//
// All talk in turn, there and back, so that a machine that becomes slower is slower for everybody: each in an empty deployment, on
// servers that stay hot.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/parley-im/parley/test/bench/imload"
)

// candidate is a binary that is compared with others.
type candidate struct{ name, binary, says string }

func compareCommand(ctx context.Context, args []string) (err error) {
	o := options{parts: parts, stamp: newStamp("compare", args)}
	flags := flag.NewFlagSet("compare", flag.ExitOnError)
	only := flags.String("only", scenarios[0].name, "what people do: one of "+strings.Join(talkNames(), ", "))
	flags.IntVar(&o.rounds, "rounds", 2, "runs of each revision")
	o.talking(flags, usualMeasure, usualWarm)
	o.heating(flags)
	flags.StringVar(&o.profile, "profile", filepath.Join("bin", "profiles"), "folder for profiles of each run and process, for `go tool pprof -diff_base`")
	flags.StringVar(&o.results, "results", "", "file to which a line is added for each run (default: none)")
	flags.StringVar(&o.report, "report", "-", "file of the tables; - = standard output")
	_ = flags.Parse(args) // it ends the process itself
	which := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == *only })
	if which < 0 {
		return fmt.Errorf("-only %s: want one of %s", *only, strings.Join(talkNames(), ", "))
	}
	binaries, err := os.MkdirTemp("", "parley-compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(binaries)
	candidates, err := built(ctx, revisions(flags.Args()), binaries)
	if err != nil {
		return err
	}
	found, err := byTurns(ctx, o, scenarios[which], candidates)
	candidates = slices.DeleteFunc(candidates, func(c candidate) bool { return len(found[c.name]) == 0 })
	if len(candidates) == 0 {
		return err
	}
	return errors.Join(err, toReport(o.report, func(w io.Writer) error {
		costTables(w, scenarios[which], candidates, found)
		return nil
	}))
}

// built builds each revision that is no binary yet.
func built(ctx context.Context, wanted []string, dir string) (all []candidate, err error) {
	show, done := progress("building", int64(len(wanted)))
	defer done()
	for i, what := range wanted {
		name, binary, is := strings.Cut(what, "=")
		if is {
			_, err = os.Stat(binary)
		} else {
			binary = filepath.Join(dir, fmt.Sprint("parley-", i))
			var t tree
			if t, err = checkOut(ctx, what, filepath.Join(dir, fmt.Sprint("source-", i))); err == nil {
				name, err = t.name, build(ctx, t.dir, binary)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		says, _ := run(ctx, "", "git", "log", "-1", "--format=%s", name) // of a name that is no revision nothing is known
		all = append(all, candidate{name, binary, says})
		show(int64(i + 1))
	}
	return all, nil
}

// byTurns measures each of them in every round. Who fails is left out from then on, and the others go on.
func byTurns(ctx context.Context, o options, s scenario, all []candidate) (found map[string][]imload.Result, err error) {
	o.binary = all[0].binary
	h, err := openHot(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	eye, err := h.eye(ctx)
	if err != nil {
		return nil, err
	}
	defer eye.close()
	found = map[string][]imload.Result{}
	turns, folder := slices.Clone(all), o.profile
	for round := range o.rounds {
		turns = slices.DeleteFunc(turns, func(c candidate) bool {
			o.profile = filepath.Join(folder, fmt.Sprintf("%s-%d", c.name, round+1))
			r, failed := h.turn(ctx, o, s, c, round, eye)
			if failed != nil {
				delete(found, c.name)
				err = errors.Join(err, fmt.Errorf("%s: %w", c.name, failed))
				return true
			}
			found[c.name] = append(found[c.name], r)
			return false
		})
		slices.Reverse(turns)
	}
	return found, err
}

// turn ends the deployment, empties its servers, opens it again with somebody's binary, and lets people talk in it.
func (h *deployment) turn(ctx context.Context, o options, s scenario, c candidate, round int, eye *eye) (imload.Result, error) {
	if ctx.Err() != nil {
		return imload.Result{}, ctx.Err()
	}
	fmt.Fprintf(os.Stderr, "%s: ", c.name)
	if err := h.leave(); err != nil {
		return imload.Result{}, err
	}
	if err := errors.Join(eye.empty(ctx), os.RemoveAll(h.data)); err != nil {
		return imload.Result{}, err
	}
	h.binary = c.binary
	if err := h.enter(ctx, o); err != nil {
		return imload.Result{}, err
	}
	r, err := h.measure(o, s, round)
	r.Label = fmt.Sprintf("compare-%s/%d", s.name, round+1)
	if err == nil && o.results != "" {
		o.stamp.Revision = c.name
		err = o.note(r)
	}
	return r, err
}

// empty takes everything out of the servers; nobody may be at them.
func (e *eye) empty(ctx context.Context) error {
	topics, err := e.kafka.ListTopics(ctx)
	if err == nil {
		_, err = e.kafka.DeleteTopics(ctx, topics.Names()...) // what groups have committed there goes with them
	}
	for err == nil && len(topics) > 0 {
		time.Sleep(lookEvery)
		topics, err = e.kafka.ListTopics(ctx)
	}
	return errors.Join(err, e.redis.FlushAll(ctx).Err(), e.pages.Database().Drop(ctx))
}

// spending is what a message costs a process, in the median of its runs.
type spending struct{ cpu, allocations, kib, locked, queued float64 }

func spentOn(process string, runs []imload.Result) spending {
	figure := func(name string) float64 {
		return median(runs, func(r imload.Result) float64 { return r.Figures[process+name] })
	}
	own := median(runs, func(r imload.Result) float64 { return r.Processes[process] / r.SelfCPUPer1k })
	return spending{own, figure(allocations), figure(allocated), figure(locked), figure(queued)}
}

// costTables are the tables, and a line of the last two.
func costTables(w io.Writer, s scenario, all []candidate, found map[string][]imload.Result) {
	fmt.Fprintf(w, `%s; %d runs of each, in turn, medians. CPU is told in units of what the generator itself took in the same run, which measures
the machine too: its work for a message is the same, except that it reads less often when frames come together. Locks: how long
goroutines waited for them (of many waits one is looked at). Off CPU: how long threads could have run and had no core. All but
the last table are of one message.
`, s.says, len(found[all[0].name]))
	for _, p := range parts {
		fmt.Fprintf(w, "\n### %s\n\n| revision | CPU | allocations | KiB | locks, us | off CPU, us |\n|---|---|---|---|---|---|\n", p.name)
		for _, c := range all {
			e := spentOn(p.name, found[c.name])
			fmt.Fprintf(w, "| %s | %.2f | %.1f | %.2f | %.1f | %.1f |\n", c.name, e.cpu, e.allocations, e.kib, e.locked, e.queued)
		}
	}
	fmt.Fprint(w, "\n### Everybody\n\n| revision | delivered/s | p50, ms | CPU | generator, us | kafka | redis | mongo | to connect, ms | |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, c := range all {
		figure := func(of func(imload.Result) float64) float64 { return median(found[c.name], of) }
		share := func(process string) float64 { return spentOn(process, found[c.name]).cpu }
		fmt.Fprintf(w, "| %s | %.0f | %.1f | %.2f | %.1f | %.2f | %.2f | %.2f | %.2f | %s |\n", c.name, figure(deliveredPerS), figure(p50),
			figure(func(r imload.Result) float64 { return r.CPUPer1k / r.SelfCPUPer1k }), 1000*figure(func(r imload.Result) float64 { return r.SelfCPUPer1k }),
			share("kafka"), share("redis"), share("mongo"), figure(func(r imload.Result) float64 { return r.ConnectCPUMs }), c.says)
	}
	if n := len(all); n > 1 {
		fmt.Fprintf(w, "\n%s\n", commitLine(s, all[n-2], all[n-1], found))
	}
}

// commitLine says what a change did, as short as it can be.
func commitLine(s scenario, was, is candidate, found map[string][]imload.Result) string {
	var each []string
	for _, p := range parts {
		a, b := spentOn(p.name, found[was.name]), spentOn(p.name, found[is.name])
		each = append(each, fmt.Sprintf("%s CPU %.2f -> %.2f, %.1f -> %.1f allocations, %.2f -> %.2f KiB, locks %.1f -> %.1f us, off CPU %.1f -> %.1f us",
			p.name, a.cpu, b.cpu, a.allocations, b.allocations, a.kib, b.kib, a.locked, b.locked, a.queued, b.queued))
	}
	return fmt.Sprintf("A message of %s (%d runs each, CPU in units of the generator's): %s", s.name, len(found[is.name]), strings.Join(each, "; "))
}

// What `parley capacity` counts with, measured: it lets people talk at several rates and in several ways, and looks at what
// each message left in every topic and store, what each process cost, and what an idle connection holds.
//
//	go run ./test/bench capacity            measures, adds lines to the results, and writes the coefficients
//	go run ./test/bench capacity -fit       only writes the coefficients, from the newest lines
//	go run ./test/bench capacity -check     compares the newest lines of talks that the coefficients were not made from with
//	                                        what `parley capacity` says of them; writes test/bench/CAPACITY.md

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/parley-im/parley/test/bench/imload"
)

// capacityParts are the processes whose numbers `parley capacity` tells apart.
var capacityParts = []part{
	{name: "processors", roles: []string{"processor/"}},
	{name: "views", roles: []string{"view/", "query"}},
	{name: "dispatch", roles: []string{"dispatch"}},
	{name: "gateway", roles: []string{"keys", "gateway"}},
}

const (
	settles      = 3 * time.Second // until what was done before is done everywhere
	seenConns    = 400             // people who read: few messages in each conversation, as in life
	busiestGroup = 60              // members
)

// talk is a scenario of which one thing is learnt.
type talk struct {
	scenario
	reads bool
}

func pairs(name string, conns int, rate float64, window int) talk {
	return talk{scenario: scenario{name: name, asked: imload.Config{Scenario: "pairs", Conns: conns, Rate: rate, Window: window}}}
}

func groups(name string, members int, rate float64, window int) talk {
	return talk{scenario: scenario{name: name, asked: imload.Config{Scenario: "group", Conns: 120, Members: members, Rate: rate, Window: window}}}
}

// learnt are the talks from which the coefficients are made. Their names are how the fit finds them.
var learnt = []talk{
	pairs("pairs-2", 200, 2, 0),
	pairs("pairs-30", 200, 30, 0),
	pairs("pairs-100", 200, 100, 0),
	pairs("pairs-300", 200, 300, 0),
	pairs("pairs-full", 200, 0, 4),
	groups("group-10", busiestGroup, 10, 0),
	groups("group-full", busiestGroup, 0, 2),
	{pairs("reads", seenConns, 150, 0).scenario, true},
}

// unseen are talks that the coefficients know nothing of: other rates, another size of groups.
var unseen = []talk{
	pairs("check-pairs-60", 200, 60, 0),
	pairs("check-pairs-200", 300, 200, 0),
	groups("check-group", 24, 30, 0),
}

func capacityCommand(ctx context.Context, args []string) error {
	o := options{parts: capacityParts, rounds: 1, only: regexp.MustCompile(".")}
	o.setup.settings = []string{"presence-lease: " + benchLease.String()}
	flags := flag.NewFlagSet("capacity", flag.ExitOnError)
	o.talking(flags, usualMeasure, usualWarm)
	o.files(flags, filepath.Join("test", "bench", "CAPACITY.md"), "file of the comparison")
	path := flags.String("coefficients", filepath.Join("cmd", "parley", "capacity", "costs.json"), "file of the coefficients")
	fit := flags.Bool("fit", false, "only write the coefficients from the newest lines of the results")
	check := flags.Bool("check", false, "compare measured talks that the coefficients do not know with what is foretold of them")
	_ = flags.Parse(args) // it ends the process itself
	switch {
	case *fit && *check:
		return errors.New("-fit writes coefficients, -check tries them: one at a time")
	case *fit:
		return writeCoefficients(o.results, *path)
	case *check:
		return checkCapacity(ctx, o)
	}
	if err := measureCapacity(ctx, o); err != nil {
		return err
	}
	return writeCoefficients(o.results, *path)
}

// measureCapacity opens a deployment, warms it up, and measures each talk, those for the comparison among the others.
func measureCapacity(ctx context.Context, o options) (err error) {
	h, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	eye, err := h.eye(ctx)
	if err != nil {
		return err
	}
	defer eye.close()
	warm := o
	warm.measure, warm.warm = warmed, 0
	if _, err := h.measure(warm, pairs("warm", 200, 0, 4).scenario, 0); err != nil {
		return err
	}
	if err := h.presence(ctx, o, eye); err != nil {
		return fmt.Errorf("presence: %w", err)
	}
	for _, t := range slices.Concat(unseen, learnt) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r, err := h.watched(ctx, o, t, eye)
		if err == nil {
			err = add(o.results, r)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return nil
}

// watched measures a talk, and what it left.
func (h *deployment) watched(ctx context.Context, o options, t talk, eye *eye) (imload.Result, error) {
	c := t.asked
	c.Peer, c.Label = "parley", "capacity-"+t.name+"/1"
	c.Measure, c.Warm, c.Drain = o.measure, o.warm, o.drain
	c.System = imload.NewSystem(h.pids)
	show, done := progress(t.name, int64(c.Rate*(o.measure+o.warm).Seconds()))
	c.Progress = show
	empty, err := eye.look(ctx)
	if err != nil {
		return imload.Result{}, err
	}
	var before, after footprint
	looked := func() (err error) {
		time.Sleep(settles)
		before, err = eye.look(ctx)
		return err
	}
	var lookedAgain error
	c.Heard = func() {
		time.Sleep(settles)
		after, lookedAgain = eye.look(ctx)
	}
	tag := fmt.Sprintf("%s-%x", t.name, time.Now().UnixMilli())
	r, err := imload.Run(&joined{&imload.Parley{Addr: h.http, Token: h.token, Tag: tag, Reads: t.reads}, looked}, c)
	done()
	if err = errors.Join(err, lookedAgain); err != nil {
		return r, fmt.Errorf("%w\n%s", err, h.tails())
	}
	r.Records, r.Bytes = per(before.records, after.records, r.Sent), per(before.bytes, after.bytes, r.Sent)
	said := total(r.Bytes)
	r.Bytes[inRedis+forPerson] = (before.bytes[inRedis] - empty.bytes[inRedis]) / float64(c.Conns)
	r.Held = map[string]float64{}
	for name, pid := range h.pids {
		r.Held[name] = float64(imload.Resident(pid)) / (1 << 20)
	}
	fmt.Fprintf(os.Stderr, "%-16s %7.0f delivered/s  %6.3f CPU s/1,000  %5.1f records  %6.0f bytes a message  lost %d %s\n",
		t.name, r.DeliveredPerS, r.CPUPer1k, total(r.Records), said, r.Lost, r.FirstErr)
	return r, nil
}

// joined is Parley with a look at the stores when everybody is there.
type joined struct {
	*imload.Parley
	look func() error
}

// Joined looks.
func (j *joined) Joined(plan imload.Plan, conns []imload.Conn) error {
	return errors.Join(j.Parley.Joined(plan, conns), j.look())
}

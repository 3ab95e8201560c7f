// The peers: what people would run instead, measured beside the deployment by the same generator, in the same minutes.
//
//	go run ./test/bench peers                     every scenario once
//	go run ./test/bench peers -rounds 5           for the record
//	go run ./test/bench peers -systems 'nats|parley' -only full
//
// It installs Mosquitto, NATS, ejabberd and PostgreSQL with apt-get when they are missing (as root, or by sudo without a
// password), and says so. Each runs in a temporary folder on a port of its own. In each round the systems take turns, and
// each round another one begins: what else this machine does hits all of them alike.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/parley-im/parley/test/bench/imload"
)

const (
	warmed = 20 * time.Second // of talking before anything is measured: Java compiles what it runs
	atRest = 5 * time.Second  // of watching the systems while nobody talks
)

// quiet are scenarios that say nothing about a system's speed.
var quiet = []string{"rest"}

// side is a system in the comparison: the deployment, or a peer.
type side struct {
	peer
	found []imload.Result
	rest  float64 // share of one core while nobody talks
}

func peersCommand(ctx context.Context, args []string) error {
	o := options{parts: parts}
	flags := flag.NewFlagSet("peers", flag.ExitOnError)
	only := flags.String("only", ".", "regular expression of the scenarios")
	systems := flags.String("systems", ".", "regular expression of the systems: parley, mosquitto, nats, ejabberd")
	flags.IntVar(&o.rounds, "rounds", 1, "rounds; 5 for the record")
	o.talking(flags, 5*time.Second, 2*time.Second)
	o.files(flags, filepath.Join("test", "bench", "PEERS.md"), "file of the table")
	_ = flags.Parse(args) // it ends the process itself
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return err
	}
	wanted, err := regexp.Compile(*systems)
	if err != nil {
		return err
	}
	return compare(ctx, o, wanted)
}

// compare starts everything, lets each talk in turn, and ends everything.
func compare(ctx context.Context, o options, wanted *regexp.Regexp) (err error) {
	before := load()
	dir, err := os.MkdirTemp("", "parley-peers-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o711); err != nil { // PostgreSQL is another user
		return err
	}
	var sides []*side
	defer func() {
		for _, s := range slices.Backward(sides) {
			err = errors.Join(err, s.close())
		}
	}()
	for _, open := range append([]opener{{"parley", o.openDeployment}}, openers...) {
		if !wanted.MatchString(open.name) {
			continue
		}
		own := filepath.Join(dir, open.name)
		if err := os.Mkdir(own, 0o711); err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, "starting", open.name)
		p, err := open.open(ctx, own, os.Stderr)
		if err != nil {
			return fmt.Errorf("%s: %w", open.name, err)
		}
		if p.measure == nil {
			p.measure = p.talk
		}
		sides = append(sides, &side{peer: p})
	}
	if err := warmUp(o, sides); err != nil {
		return err
	}
	watchAtRest(sides)
	if err := takeTurns(ctx, o, sides); err != nil {
		return err
	}
	return comparison(o, sides, before)
}

// openDeployment is the deployment as a system among others.
func (o options) openDeployment(ctx context.Context, _ string, _ io.Writer) (peer, error) {
	h, err := open(ctx, o)
	if err != nil {
		return peer{}, err
	}
	return peer{
		name: "parley", version: "Parley " + revision(), pids: h.pids, close: h.close,
		store:   "log, tables, inboxes, history and lists: Kafka, Redis, mongo-java-server in MongoDB's place",
		ack:     "in Kafka (acks=all; one broker here); exactly one outcome follows",
		measure: h.measure,
	}, nil
}

// warmUp lets everybody talk once for nothing: Java and its caches are slow at first, and that is nobody's speed.
func warmUp(o options, sides []*side) error {
	o.measure, o.warm = warmed, 0
	for _, s := range sides {
		if _, err := s.measure(o, scenario{name: "warm", asked: imload.Config{Scenario: "pairs", Conns: 200, Window: 4}}, 0); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// watchAtRest notes what each system costs while nobody talks, for all of them run all the time.
func watchAtRest(sides []*side) {
	systems, before := make([]*imload.System, len(sides)), make([]float64, len(sides))
	for i, s := range sides {
		systems[i] = imload.NewSystem(s.pids)
		before[i] = total(systems[i].CPU())
	}
	time.Sleep(atRest)
	for i, s := range sides {
		s.rest = (total(systems[i].CPU()) - before[i]) / atRest.Seconds()
	}
}

func total(seconds map[string]float64) float64 {
	all := 0.0
	for _, s := range seconds {
		all += s
	}
	return all
}

// takeTurns measures each scenario with each system; in each round another system begins.
func takeTurns(ctx context.Context, o options, sides []*side) error {
	for round := range o.rounds {
		for _, s := range scenarios {
			if !o.only.MatchString(s.name) || slices.Contains(quiet, s.name) {
				continue
			}
			named := s
			named.name = "peers-" + s.name
			for i := range sides {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				at := sides[(i+round)%len(sides)]
				r, err := at.measure(o, named, round)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", at.name, s.name, err)
				}
				if err := add(o.results, r); err != nil {
					return err
				}
				at.found = append(at.found, r)
			}
		}
	}
	return nil
}

// talk measures one scenario once.
func (p peer) talk(o options, s scenario, round int) (imload.Result, error) {
	c := s.asked
	c.Peer, c.Label = p.name, fmt.Sprintf("%s/%d", s.name, round+1)
	c.Measure, c.Warm, c.Drain = o.measure, o.warm, o.drain
	c.System = imload.NewSystem(p.pids)
	show, done := progress(fmt.Sprintf("%s %s %d/%d", p.name, s.name, round+1, o.rounds), int64(c.Rate*(o.measure+o.warm).Seconds()))
	c.Progress = show
	r, err := imload.Run(p.adapter(fmt.Sprintf("%s%d-%x", s.name, round, time.Now().UnixMilli())), c)
	done()
	if err == nil {
		fmt.Fprintf(os.Stderr, "%-9s %-12s %8.0f delivered/s  %6.3f CPU s/1,000  p50 %.1f ms  p99 %.1f ms  lost %d  reordered %d %s\n",
			p.name, s.name, r.DeliveredPerS, r.CPUPer1k, r.E2E50, r.E2E99, r.Lost, r.Reorder, r.FirstErr)
	}
	return r, err
}

// People who talk in several ways, measured round by round in one deployment, and a bare chain through the same broker:
// beside each scenario as its reference, and at last alone.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/parley-im/parley/test/bench/chain"
	"github.com/parley-im/parley/test/bench/imload"
	"github.com/parley-im/parley/topology"
)

// scenario is one way in which people talk.
type scenario struct {
	name      string
	says      string // for the report
	asked     imload.Config
	reference chain.Shape // the same messages through the bare chain; without senders there is none
}

const (
	groupSize   = 100 // people online in a group
	groupLimit  = 128 // the deployment's limit of members while it is measured: every one of them has an inbox
	fullWindow  = 4   // messages in flight of each of 100 senders
	fullSenders = 100
)

var scenarios = []scenario{
	{"full", "200 connections, 400 messages in flight, 1:1", imload.Config{Scenario: "pairs", Conns: 2 * fullSenders, Window: fullWindow},
		chain.Shape{Senders: fullSenders, Window: fullWindow}},
	{"calm", "200 connections, 300 messages a second, 1:1", imload.Config{Scenario: "pairs", Conns: 200, Rate: 300}, chain.Shape{Senders: 100, Rate: 300}},
	{"many", "1,000 connections, 500 messages a second, 1:1", imload.Config{Scenario: "pairs", Conns: 1000, Rate: 500}, chain.Shape{Senders: 500, Rate: 500}},
	{"rest", "200 connections, 2 messages a second, 1:1: what a deployment costs that has nothing to do", imload.Config{Scenario: "pairs", Conns: 200, Rate: 2}, chain.Shape{}},
	{"group", "2 groups of 100 online, one sender each, 2 in flight", imload.Config{Scenario: "group", Conns: 2 * groupSize, Members: groupSize, Window: 2},
		chain.Shape{Senders: 2, Members: groupSize, Window: 2}},
}

func talkNames() (names []string) {
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	return names
}

// referencePrefix stands before a scenario's name in the lines of its reference.
const referencePrefix = "ref-"

// measureTalks measures every chosen scenario in every round, each beside its reference, then the chain with nobody else at the broker.
func measureTalks(ctx context.Context, o options) (err error) {
	h, err := openHot(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	limited := o.only.MatchString("limit")
	for round := range o.rounds {
		for _, s := range scenarios {
			if !o.only.MatchString(s.name) && !(limited && s.name == scenarios[0].name) { // the limit is a share of the first
				continue
			}
			if err := h.measurePair(ctx, o, s, round); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	if !limited {
		return nil
	}
	if err := h.leave(); err != nil { // a deployment at rest would take from the chain
		return err
	}
	for round := range o.rounds {
		if err := h.measureChain(ctx, o, "limit", scenarios[0].reference, round); err != nil {
			return fmt.Errorf("limit: %w", err)
		}
	}
	return nil
}

// measurePair measures a scenario and its reference, in each round the other one first: what the machine does meanwhile hits both alike.
func (h *deployment) measurePair(ctx context.Context, o options, s scenario, round int) error {
	turns := []func() error{
		func() error {
			r, err := h.measure(o, s, round)
			if err != nil {
				return err
			}
			return o.note(r)
		},
		func() error {
			if s.reference.Senders == 0 {
				return nil
			}
			return h.measureChain(ctx, o, referencePrefix+s.name, s.reference, round)
		},
	}
	if round%2 == 1 {
		slices.Reverse(turns)
	}
	for _, turn := range turns {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := turn(); err != nil {
			return err
		}
	}
	return nil
}

// measureChain lets the bare chain carry messages once, through the deployment's broker.
func (h *deployment) measureChain(ctx context.Context, o options, name string, shape chain.Shape, round int) error {
	plan := topology.House()
	plan.Partitions, plan.FanOut = int32(o.partitions), groupLimit
	r, err := chain.Run(ctx, chain.Config{Shape: shape, Broker: h.kafka(), Process: h.pids["kafka"], Plan: plan,
		Warm: o.warm, Measure: o.measure, Drain: o.drain})
	if err != nil {
		return err
	}
	r.Label = fmt.Sprintf("%s/%d", name, round+1)
	fmt.Fprintf(os.Stderr, "%-9s %8.0f at the end/s  %6.3f CPU s/1,000  p50 %.1f ms  p99 %.1f ms  acked %.1f ms\n", name, r.DeliveredPerS, r.CPUPer1k, r.E2E50, r.E2E99, r.Ack50)
	return o.note(r)
}

// openHot opens a deployment and heats it.
func openHot(ctx context.Context, o options) (*deployment, error) {
	h, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := h.heat(o); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

// heat lets people talk for nothing.
func (h *deployment) heat(o options) error {
	if o.heat == 0 {
		return nil
	}
	o.measure, o.warm, o.profile, o.rounds = o.heat, 0, "", 1
	_, err := h.measure(o, scenario{name: "heat", asked: scenarios[0].asked}, 0)
	return err
}

// measure runs one scenario once, with people of its own.
func (h *deployment) measure(o options, s scenario, round int) (imload.Result, error) {
	tag := fmt.Sprintf("%s%d-%x", s.name, round, time.Now().UnixMilli())
	return h.measureWith(o, s, round, &imload.Parley{Addr: h.http, Token: h.token, Tag: tag})
}

// measureWith does it with people of somebody's choice.
func (h *deployment) measureWith(o options, s scenario, round int, peer imload.Peer) (imload.Result, error) {
	c := s.asked
	c.Peer, c.Label = "parley", fmt.Sprintf("%s/%d", s.name, round+1)
	c.Measure, c.Warm, c.Drain = o.measure, o.warm, o.drain
	c.System = imload.NewSystem(h.pids)
	var spent map[string]float64
	profiled := make(chan error, 1)
	if o.profile != "" {
		c.Measuring = func() {
			var err error
			spent, err = h.profiles(filepath.Join(o.profile, s.name), o.measure)
			profiled <- err
		}
	} else {
		profiled <- nil
	}
	show, done := progress(fmt.Sprintf("%s %d/%d", s.name, round+1, o.rounds), int64(c.Rate*(o.measure+o.warm).Seconds()))
	c.Progress = show
	r, err := imload.Run(peer, c)
	done()
	if err != nil {
		return r, fmt.Errorf("%w\n%s", err, h.tails())
	}
	fmt.Fprintf(os.Stderr, "%-7s %8.0f delivered/s  %6.3f CPU s/1,000  p50 %.1f ms  p99 %.1f ms  accepted %.1f ms  lost %d  duplicate %d  reordered %d  refused %d %s\n",
		s.name, r.DeliveredPerS, r.CPUPer1k, r.E2E50, r.E2E99, r.Ack50, r.Lost, r.Dup, r.Reorder, r.AckErr, r.FirstErr)
	err = <-profiled
	r.Figures = forEachMessage(spent, r)
	return r, err
}

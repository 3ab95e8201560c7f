// A deployment that grows: what a message costs, and how long it takes, when there are a thousand or a million people and
// conversations, and when topics have few or many partitions, at equal offered load.
//
// A hundred people talk, each to whoever comes next of all their partners, so that rows are met that nobody has met for
// long. Partners are not connected; a message counts as delivered when its sender's own device is told of it, which is
// behind every fold, the dispatcher and the gateway.

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/parley-im/parley/test/bench/imload"
)

const (
	growthSpread = 8     // partitions of the deployments that grow in people
	growthUsers  = 1_000 // people in the deployments that grow in partitions
	growthRate   = 300   // messages a second
)

// grownGroups are the groups whose tables are filled: all that a message meets, and the accounts.
var grownGroups = []string{"outbox", sequencer, "inbox", "account"}

// size is a deployment of the comparison.
type size struct{ users, partitions int }

func (s size) name() string { return fmt.Sprintf("growth-%dx%d", s.users, s.partitions) }

// grown are all deployments of the comparison: first those that differ in people, then those that differ in partitions.
func grown(o options) (all []size) {
	for _, users := range o.sizes {
		all = append(all, size{users, growthSpread})
	}
	for _, partitions := range o.spreads {
		all = append(all, size{growthUsers, partitions})
	}
	return all
}

func measureGrowth(ctx context.Context, o options) error {
	for _, s := range grown(o) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := s.measure(ctx, o); err != nil {
			return fmt.Errorf("%s: %w", s.name(), err)
		}
	}
	return nil
}

// measure opens a deployment of this size and lets people talk in it.
func (s size) measure(ctx context.Context, o options) (err error) {
	c := crowd{tag: "grow", users: s.users}
	o.partitions = s.partitions
	o.setup.filled = func(ctx context.Context, h *deployment) error {
		_, err := c.fill(ctx, h.kafka(), h.plan(), grownGroups...)
		return err
	}
	h, err := openHot(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	talk := &scattered{Parley: &imload.Parley{Addr: h.http, Token: h.token, Tag: c.tag}, crowd: c}
	if err := talk.prepare(); err != nil {
		return err
	}
	asked := imload.Config{Scenario: "pairs", Conns: 2 * talkers, Rate: growthRate}
	for round := range o.rounds {
		r, err := h.measureWith(o, scenario{name: s.name(), asked: asked}, round, talk)
		if err != nil {
			return err
		}
		r.Figures = map[string]float64{"users": float64(s.users), "partitions": float64(s.partitions)}
		for name, pid := range h.pids {
			r.Figures["held_mib_"+name] = float64(imload.Resident(pid)) / (1 << 20)
		}
		if err := o.note(r); err != nil {
			return err
		}
	}
	return nil
}

// scattered is Parley with people who talk to many. Every second person of the core's pairs sends, and the other one is
// told what the sender's own device hears.
type scattered struct {
	*imload.Parley
	crowd  crowd
	events []imload.Events
}

// prepare makes the accounts of those who talk, once.
func (s *scattered) prepare() error {
	s.events = make([]imload.Events, 2*talkers)
	return s.Parley.Prepare(imload.Plan{Users: 2 * talkers})
}

// Prepare is done.
func (s *scattered) Prepare(imload.Plan) error { return nil }

// echo hands what a sender hears of its own to the other one of the pair.
type echo struct {
	imload.Events
	s    *scattered
	user int
}

// Message is the sender's own: nobody else talks.
func (e echo) Message(text []byte) { e.s.events[e.user+1].Message(text) }

// Dial connects one of the people.
func (s *scattered) Dial(user int, plan imload.Plan, events imload.Events) (imload.Conn, error) {
	s.events[user] = events
	if user%2 == 0 {
		events = echo{events, s, user}
	}
	c, err := s.Parley.Dial(user, plan, events)
	if err != nil {
		return nil, err
	}
	return &scatteredConn{Conn: c, s: s, user: user, rand: rand.New(rand.NewPCG(uint64(user), uint64(time.Now().UnixNano())))}, nil
}

// Joined is told the connections that it knows.
func (s *scattered) Joined(plan imload.Plan, conns []imload.Conn) error {
	own := make([]imload.Conn, len(conns))
	for i, c := range conns {
		own[i] = c.(*scatteredConn).Conn
	}
	return s.Parley.Joined(plan, own)
}

// scatteredConn sends each message to another partner.
type scatteredConn struct {
	imload.Conn
	s    *scattered
	user int
	rand *rand.Rand
	last uint64 // tag
}

// Send sends to any partner.
func (c *scatteredConn) Send(_ imload.Dest, text []byte, tag uint64) error {
	c.last = tag
	return c.Conn.Send(imload.Dest{User: c.s.crowd.partner(c.user/2, c.rand.Uint64())}, text, tag)
}

// Close ends the connection; the next one of this person goes on behind what was sent.
func (c *scatteredConn) Close() error {
	c.s.Parley.Sent(c.user, c.last)
	return c.Conn.Close()
}

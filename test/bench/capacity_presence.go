// People who are there and say nothing: what renewing a presence costs, what coming and going.

package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/parley-im/parley/test/bench/imload"
)

const (
	idleConns = 1_000
	// benchLease is a short one: nobody waits a quarter of an hour. Each is renewed between a half and five sixths of it.
	benchLease  = time.Minute
	renewsAfter = benchLease / 2
	renewsFor   = benchLease / 3
	renewsAhead = 4 * time.Second // of the first renewal
	// rests is how long a deployment that was busy is left alone before it is looked at, and how long that look takes.
	rests = 10 * time.Second
)

// deaf hears nothing.
type deaf struct{}

func (deaf) Message([]byte)    {}
func (deaf) Ack(uint64, error) {}

// moment is what each process has used, and what stands everywhere.
type moment struct {
	at        time.Time
	cpu       map[string]float64
	footprint footprint
}

func (h *deployment) moment(ctx context.Context, eye *eye) (m moment, err error) {
	m = moment{at: time.Now(), cpu: imload.NewSystem(h.pids).CPU()}
	m.footprint, err = eye.look(ctx)
	return m, err
}

// presence lets many come, stay until each has renewed its presence once, and go. It adds two lines.
func (h *deployment) presence(ctx context.Context, o options, eye *eye) (err error) {
	plan := imload.Plan{Users: idleConns}
	p := &imload.Parley{Addr: h.http, Token: h.token, Tag: fmt.Sprintf("idle-%x", time.Now().UnixMilli())}
	if err := p.Prepare(plan); err != nil {
		return err
	}
	look := func(after time.Duration) (m moment) {
		time.Sleep(after)
		if err == nil {
			m, err = h.moment(ctx, eye)
		}
		return m
	}
	nobody, still := look(rests), look(rests)
	conns, began := make([]imload.Conn, idleConns), time.Now()
	if err := imload.Each(idleConns, func(i int) (err error) {
		conns[i], err = p.Dial(i, plan, deaf{})
		return err
	}); err != nil {
		return err
	}
	came := time.Since(began) // as long as it took them to come, it takes them to renew
	there := look(settles)
	waiting := look(time.Until(began.Add(renewsAfter - renewsAhead)))
	renewed := look(came + renewsAhead + renewsFor + renewsAhead/2)
	for _, c := range conns {
		_ = c.Close()
	}
	gone := look(settles)
	if err != nil {
		return err
	}
	rest := spent(nobody, still, nil)
	coming := h.quiet("come", spent(still, there, rest), spent(renewed, gone, rest))
	err = add(o.results, coming)
	if err == nil {
		err = add(o.results, h.quiet("renew", spent(waiting, renewed, rest)))
	}
	return err
}

// expense is what was spent between two moments: seconds of CPU, records, bytes.
type expense struct {
	seconds             float64
	cpu, records, bytes map[string]float64
}

// spent is what was spent between two moments, without what is spent at rest.
func spent(from, to moment, rest *expense) *expense {
	e := &expense{to.at.Sub(from.at).Seconds(), map[string]float64{},
		per(from.footprint.records, to.footprint.records, 1), per(from.footprint.bytes, to.footprint.bytes, 1)}
	for name := range to.cpu {
		e.cpu[name] = to.cpu[name] - from.cpu[name]
		if rest != nil {
			e.cpu[name] -= rest.cpu[name] / rest.seconds * e.seconds
		}
	}
	return e
}

// quiet is a line of people who say nothing: what each cost.
func (h *deployment) quiet(name string, expenses ...*expense) imload.Result {
	r := imload.Result{Peer: "parley", Scenario: "idle", Label: "capacity-" + name + "/1", Conns: idleConns, At: time.Now().UTC().Format(time.RFC3339),
		Processes: map[string]float64{}, Records: map[string]float64{}, Bytes: map[string]float64{}}
	for _, e := range expenses {
		for _, kind := range []struct {
			into, from map[string]float64
			unit       float64
		}{{r.Processes, e.cpu, 1000}, {r.Records, e.records, 1}, {r.Bytes, e.bytes, 1}} {
			for name, x := range kind.from {
				kind.into[name] += x * kind.unit / idleConns
			}
		}
	}
	fmt.Fprintf(os.Stderr, "%-16s %.2f ms of CPU everywhere, %.1f records, for each connection\n", name, total(r.Processes), total(r.Records))
	return r
}

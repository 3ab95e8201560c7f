// One run: connect everybody, warm up, measure, wait for what is still on its way.

package imload

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of a run.
const (
	dialers     = 16                     // connections that are being made at once
	dialRetries = 5                      // of a refused connection; Result.Redials tells how often
	dialPause   = 500 * time.Millisecond // before a retry
	ackPatience = time.Second            // for the last acks, when every delivery is there
	lookEvery   = 20 * time.Millisecond  // while waiting for the last deliveries
)

// Config of a run. Exactly one of Rate and Window is set.
type Config struct {
	Peer     string // what the result is called
	Label    string
	Scenario string // pairs or group
	Conns    int
	Members  int     // of a group
	Rate     float64 // messages a second, all senders together: open loop
	Window   int     // messages in flight of each sender: closed loop
	Warm     time.Duration
	Measure  time.Duration
	Drain    time.Duration // for the last deliveries, at most

	System    *System          // the server's processes
	Measuring func()           // called when the measured time begins; may be nil
	Progress  func(sent int64) // called now and then while messages are sent; may be nil
	Heard     func()           // called when everything has come, while people are still connected; may be nil

	Every  time.Duration // of the measured time, Lately is called with what was heard in it; 0 = never
	Lately func(Lately)
}

// run is a run in the works.
type run struct {
	id         uint32
	plan       Plan
	fanOut     int // deliveries that a message must reach
	closed     bool
	recordFrom atomic.Int64
	users      []*user
	firstErr   atomic.Pointer[error]

	endToEnd, accepted             Hist
	steady                         Hist // end to end of those that no stall of the machine touched
	stalls                         *stalls
	redials                        atomic.Int64
	sent, sendErr, acks, ackErr    atomic.Int64
	delivered, dup, reorder, stray atomic.Int64
}

// refused notes a refusal, and keeps the first to be shown.
func (r *run) refused(err error) {
	r.ackErr.Add(1)
	r.firstErr.CompareAndSwap(nil, &err)
}

// Run prepares the peer and measures it once.
func Run(peer Peer, c Config) (Result, error) {
	plan := Plan{Users: c.Conns}
	switch {
	case (c.Rate > 0) == (c.Window > 0):
		return Result{}, fmt.Errorf("imload: want either a rate or a window")
	case c.Scenario == "pairs":
		plan.Pairs = true
	case c.Scenario == "group" && c.Members > 1 && c.Conns >= c.Members:
		plan.Groups, plan.Members = c.Conns/c.Members, c.Members
	default:
		return Result{}, fmt.Errorf("imload: no scenario %q with %d connections and %d members", c.Scenario, c.Conns, c.Members)
	}
	if err := peer.Prepare(plan); err != nil {
		return Result{}, fmt.Errorf("imload: prepare: %w", err)
	}
	r := &run{id: rand.Uint32(), plan: plan, fanOut: 1, closed: c.Window > 0}
	if plan.Groups > 0 {
		r.fanOut = c.Members - 1
	}
	r.recordFrom.Store(1 << 62)
	before, began := c.System.CPU(), time.Now()
	if err := r.connect(peer, c.Window); err != nil {
		return Result{}, err
	}
	result := Result{
		Peer: c.Peer, Scenario: c.Scenario, Label: c.Label, Conns: c.Conns, Groups: plan.Groups, Members: plan.Members,
		Rate: c.Rate, Window: c.Window, At: began.UTC().Format(time.RFC3339),
		ConnectS: time.Since(began).Seconds(), Redials: r.redials.Load(),
	}
	result.ConnectCPUMs = (sum(c.System.CPU()) - sum(before)) * 1000 / float64(c.Conns)
	r.measure(c, &result)
	if c.Heard != nil {
		c.Heard()
	}
	for _, u := range r.users {
		_ = u.conn.Close()
	}
	if err := r.firstErr.Load(); err != nil {
		result.FirstErr = (*err).Error()
	}
	return result, nil
}

// connect dials every user.
func (r *run) connect(p Peer, window int) error {
	n := r.plan.Users
	r.users = make([]*user, n)
	for i := range r.users {
		r.users[i] = &user{run: r, number: i, streams: map[uint32]*stream{}, window: make(chan struct{}, max(window, 1))}
	}
	err := Each(n, func(i int) error {
		c, err := p.Dial(i, r.plan, r.users[i])
		for try := 0; err != nil && try < dialRetries; try++ {
			r.redials.Add(1)
			time.Sleep(dialPause)
			c, err = p.Dial(i, r.plan, r.users[i])
		}
		r.users[i].conn = c
		return err
	})
	if err != nil {
		return fmt.Errorf("imload: connect: %w", err)
	}
	conns := make([]Conn, n)
	for i, u := range r.users {
		conns[i] = u.conn
	}
	return p.Joined(r.plan, conns)
}

// Each does something for 0..n-1, a few at once, and returns the first error.
func Each(n int, do func(i int) error) error {
	var all sync.WaitGroup
	var first atomic.Pointer[error]
	work := make(chan int)
	for range dialers {
		all.Go(func() {
			for i := range work {
				if first.Load() != nil {
					continue
				}
				if err := do(i); err != nil {
					err = fmt.Errorf("user %d: %w", i, err)
					first.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	all.Wait()
	if err := first.Load(); err != nil {
		return *err
	}
	return nil
}

// senders lists who sends to whom.
func (r *run) senders() (from []*user, to []Dest) {
	for g := range r.plan.Groups {
		from = append(from, r.users[g*r.plan.Members])
		to = append(to, Dest{Group: g, IsGroup: true})
	}
	if r.plan.Groups > 0 {
		return from, to
	}
	for u := 0; u+1 < r.plan.Users; u += 2 {
		from = append(from, r.users[u])
		to = append(to, Dest{User: u + 1})
	}
	return from, to
}

// measure sends, and counts what comes.
func (r *run) measure(c Config, result *Result) {
	from, to := r.senders()
	c.System.weigh()
	r.stalls = watchStalls(slowness())
	watching := make(chan struct{})
	go c.System.Watch(watching, func() {
		if c.Progress != nil {
			c.Progress(r.sent.Load())
		}
	})
	began := now()
	end := began + int64(c.Warm+c.Measure)
	var sending sync.WaitGroup
	for i := range from {
		sending.Go(func() {
			if r.closed {
				from[i].closedLoop(to[i], end)
				return
			}
			gap := float64(len(from)) / c.Rate * 1e9
			from[i].openLoop(to[i], began+int64(gap*float64(i)/float64(len(from))), gap, end)
		})
	}
	time.Sleep(c.Warm)
	if c.Measuring != nil {
		go c.Measuring()
	}
	before := r.reading(c.System)
	r.recordFrom.Store(before.at)
	over := r.tellLately(c)
	time.Sleep(time.Duration(end - now()))
	over()
	ended := r.reading(nil)
	share, longest := r.stalls.end()
	r.drain(from, &sending, c)
	after := r.reading(c.System)
	close(watching)
	c.System.weigh()
	result.fill(r, before, ended, after)
	result.StalledShare, result.StallMax, result.Steady99 = share, longest, r.steady.Quantile(.99)
	c.System.peaks(result)
}

// drain waits for what is on its way. A lost message must not hold its sender for ever.
func (r *run) drain(from []*user, sending *sync.WaitGroup, c Config) {
	stuck := time.AfterFunc(c.Drain, func() {
		for _, u := range from {
			for range c.Window {
				u.release()
			}
		}
	})
	sending.Wait()
	stuck.Stop()
	for limit := now() + int64(c.Drain); now() < limit && r.delivered.Load() < r.sent.Load()*int64(r.fanOut); {
		time.Sleep(lookEvery)
	}
	for limit := now() + int64(ackPatience); now() < limit && r.acks.Load() < r.sent.Load(); {
		time.Sleep(lookEvery)
	}
}

// People who talk in pairs, in a hall and on a square, some of whom quarrel; and probes, one for each partition, by which
// a recovery is measured.

package system

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

const (
	hallSize     = 12  // people in the group that is spoken in all the time
	hallShare    = 5   // one of so many commands of its members is said there
	squareSize   = 64  // the largest group that there can be
	seenEvery    = 4   // of a person's bursts one ends with a read mark
	maxBacklog   = 300 // commands without outcome at which a person waits with the next
	floodMost    = 80  // the same of a flood: more than the window lets through
	floodPace    = 20 * time.Millisecond
	signupAtOnce = 8
)

// crowd is everybody.
type crowd struct {
	w       *world
	devices map[string]*device  // by name
	people  []*device           // who talk; 2i and 2i+1 are a pair
	probes  []*device           // one for each partition
	talks   map[string][]string // user -> conversations that are never left
	clubs   map[string]*club    // user -> a group out of which people are thrown
	hall    string
	square  string
	live    context.Context
	alive   sync.WaitGroup // devices

	pace  atomic.Int64 // nanoseconds between two bursts of a person
	flood atomic.Bool  // everybody says as much as the window lets through
	hot   atomic.Bool  // the hall is as loud as all others together
	still atomic.Bool  // nobody talks but the probes
	races atomic.Int64 // commands of people who quarrel

	mu    sync.Mutex
	heads map[string]uint64 // conversation -> the highest number that anybody was shown
}

// gather makes accounts and conversations.
func (w *world) gather(ctx context.Context, people int) *crowd {
	c := &crowd{w: w, live: ctx, devices: map[string]*device{}, heads: map[string]uint64{}, talks: map[string][]string{}, clubs: map[string]*club{}}
	w.crowd = c
	for i := range people {
		c.people = append(c.people, c.join(fmt.Sprintf("person%d", i), "phone"))
	}
	for p := range int32(partitions) {
		for n := 0; ; n++ {
			if user := fmt.Sprintf("probe%d", n); topology.PartitionOf(user, partitions) == p {
				c.probes = append(c.probes, c.join(user, "probe"))
				break
			}
		}
	}
	all := c.everybody()
	w.each(all, func(_ int, d *device) {
		e, _ := d.do(&pb.Send{Word: &pb.Send_CreateAccount{CreateAccount: &pb.SendProfile{DisplayName: d.user}}})
		require.True(w.t, e.GetAccount().GetCreated(), "account of %s: %v", d.user, e)
	})
	w.each(all, func(i int, d *device) {
		peer := i + 1
		if i < len(c.people) && i%2 == 1 {
			return
		}
		if peer == len(all) {
			peer = len(c.people)
		}
		c.befriend(d, all[peer])
	})
	c.hall = c.meet("the hall", c.people[:min(hallSize, len(c.people))])
	c.square = c.meet("the square", c.people[:min(squareSize, len(c.people))])
	for _, talk := range []string{c.hall, c.square} {
		for _, d := range c.people[:min(map[string]int{c.hall: hallSize, c.square: squareSize}[talk], len(c.people))] {
			c.talks[d.user] = append(c.talks[d.user], talk)
		}
	}
	c.found()
	return c
}

// join makes a device that lives until the campaign ends.
func (c *crowd) join(user, id string) *device {
	d := c.w.newDevice(user, id)
	c.devices[d.name()] = d
	c.alive.Go(func() { d.live(c.live) })
	return d
}

func (c *crowd) befriend(d, peer *device) {
	e, _ := d.do(&pb.Send{Word: &pb.Send_OpenDirect{OpenDirect: &pb.SendOpenDirect{Peer: peer.user}}})
	require.NotNil(c.w.t, e.GetCreated(), "%s opens a conversation with %s: %v", d.user, peer.user, e)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.talks[d.user] = append(c.talks[d.user], e.Conversation)
	c.talks[peer.user] = append(c.talks[peer.user], e.Conversation)
}

// meet makes a group and waits until everybody is in.
func (c *crowd) meet(title string, members []*device) string {
	var users []string
	for _, d := range members[1:] {
		users = append(users, d.user)
	}
	e, _ := members[0].do(&pb.Send{Word: &pb.Send_CreateGroup{CreateGroup: &pb.SendCreateGroup{Title: title, Members: users}}})
	require.NotNil(c.w.t, e.GetCreated(), "%s: %v", title, e)
	for _, d := range members {
		require.True(c.w.t, d.wait(recoveryPatience, func() bool { return d.talks[e.Conversation] >= uint64(len(members)) }), "%s is not in %s", d.user, title)
	}
	return e.Conversation
}

// each does something for all devices, some at once; nothing goes on when it fails for one.
func (w *world) each(devices []*device, do func(int, *device)) {
	each(devices, func(i int, d *device) {
		if !w.t.Failed() {
			do(i, d)
		}
	})
	if w.t.Failed() {
		w.t.FailNow()
	}
}

// each does something for all devices, some at once.
func each(devices []*device, do func(int, *device)) {
	var wg sync.WaitGroup
	at := make(chan struct{}, signupAtOnce)
	for i, d := range devices {
		at <- struct{}{}
		wg.Go(func() {
			defer func() { <-at }()
			do(i, d)
		})
	}
	wg.Wait()
}

// talk lets everybody say something now and then, some commands at once, until the context ends.
func (c *crowd) talk(ctx context.Context, burst int) *sync.WaitGroup {
	var wg sync.WaitGroup
	for i, d := range c.people {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-ctx.Done():
					return
				case <-time.After(c.pause(i)):
				}
				for b := range burst {
					if !c.still.Load() && d.backlog() < c.backlog() {
						c.speak(i, d, n*burst+b)
					}
				}
				if n%seenEvery == 0 && !c.still.Load() {
					d.read(c.talks[d.user][0])
				}
			}
		})
	}
	return &wg
}

// pause is how long a person waits until the next burst.
func (c *crowd) pause(person int) time.Duration {
	pace := time.Duration(c.pace.Load())
	switch {
	case c.flood.Load():
		pace = floodPace
	case c.hot.Load() && person < hallSize:
		pace = pace * hallSize / time.Duration(max(len(c.people)-hallSize, 1))
	}
	return pace/2 + rand.N(pace)
}

// backlog is how many commands without outcome a person puts up with.
func (c *crowd) backlog() int {
	if c.flood.Load() {
		return floodMost
	}
	return maxBacklog
}

// speak is one command of a person.
func (c *crowd) speak(person int, d *device, n int) {
	if club := c.clubs[d.user]; club != nil {
		c.races.Add(1)
		c.quarrel(d, club)
		return
	}
	to := c.talks[d.user][0]
	if person < hallSize && (c.hot.Load() || n%hallShare == 0) {
		to = c.hall
	}
	d.say(to)
}

// say says something.
func (d *device) say(to string) *command {
	return d.ask(&pb.Send{Conversation: to, Word: &pb.Send_Text{Text: &pb.SendText{}}})
}

// read marks everything as read that was shown of a conversation. Marks are hints: one that is lost is not sent again.
func (d *device) read(talk string) {
	d.mu.Lock()
	s, n := d.socket, d.numbers[talk]
	ok := s != nil && s.welcomed && !s.resync
	d.mu.Unlock()
	if ok && n > 0 {
		s.say(&pb.ClientFrame{Word: &pb.ClientFrame_Seen{Seen: &pb.SeenMark{Conversation: talk, Marks: &pb.Marks{Delivered: n, Read: n}}}})
	}
}

// probe asks something in every partition and returns when the last outcome came, or a zero time.
func (c *crowd) probe() time.Time {
	times := make([]time.Time, len(c.probes))
	var wg sync.WaitGroup
	for i, d := range c.probes {
		wg.Go(func() {
			_, times[i] = d.do(&pb.Send{Conversation: c.talks[d.user][0], Word: &pb.Send_Text{Text: &pb.SendText{}}})
		})
	}
	wg.Wait()
	last := times[0]
	for i, t := range times {
		if t.IsZero() {
			c.w.t.Errorf("a probe waits in vain: %s", c.probes[i].stuck())
			return t
		}
		if t.After(last) {
			last = t
		}
	}
	return last
}

// heard notes how far a conversation was shown to anybody.
func (c *crowd) heard(conversation string, number uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heads[conversation] = max(c.heads[conversation], number)
}

// head is how far a conversation was shown to anybody.
func (c *crowd) head(conversation string) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heads[conversation]
}

// everybody is all devices that ask.
func (c *crowd) everybody() []*device { return append(append([]*device{}, c.people...), c.probes...) }

// settled waits until everything asked has its outcome.
func (c *crowd) settled(within time.Duration) bool {
	end := time.Now().Add(within)
	for _, d := range c.everybody() {
		if !d.wait(time.Until(end), func() bool { return d.open == len(d.commands) }) {
			c.w.t.Errorf("no outcome: %s", d.stuck())
			return false
		}
	}
	return true
}

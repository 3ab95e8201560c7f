// People who talk in pairs and in a hall, at a pace; and probes, one for each partition, by which a recovery is measured.

package system

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

const (
	hallSize     = 12 // people in the group that all of them hear
	hallShare    = 8  // one of so many commands of its members is said there
	backlogMost  = 24 // commands without outcome at which a person waits with the next
	signupAtOnce = 8
)

// place of a message.
type place struct {
	conversation string
	seq          uint64
}

// crowd is everybody, and what has been heard.
type crowd struct {
	w       *world
	devices map[string]*device  // by user and device id
	people  []*device           // who talk; 2i and 2i+1 are a pair
	probes  []*device           // one for each partition
	talks   map[string][]string // device user -> conversations
	hall    string
	live    context.Context
	alive   sync.WaitGroup // devices

	pace    atomic.Int64 // nanoseconds between two commands of a person; 0 = silence
	flood   atomic.Bool  // everybody says as much as the window lets through
	mu      sync.Mutex
	said    map[place]string
	numbers map[place]uint64
}

func key(user, id string) string { return user + " " + id }

// gather makes accounts and conversations.
func (w *world) gather(ctx context.Context, people int) *crowd {
	c := &crowd{w: w, live: ctx, devices: map[string]*device{}, said: map[place]string{}, numbers: map[place]uint64{}, talks: map[string][]string{}}
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
	all := append(append([]*device{}, c.people...), c.probes...)
	each(all, func(_ int, d *device) {
		e, _ := d.do(&pb.Send{Word: &pb.Send_CreateAccount{CreateAccount: &pb.SendProfile{DisplayName: d.user}}})
		require.True(w.t, e.GetAccount().GetCreated(), "account of %s: %v", d.user, e)
	})
	each(all, func(i int, d *device) {
		peer := i + 1
		if i < len(c.people) && i%2 == 1 {
			return
		}
		if peer == len(all) {
			peer = len(c.people)
		}
		c.befriend(d, all[peer])
	})
	c.hall = c.meet(c.people[:min(hallSize, len(c.people))])
	return c
}

// join makes a device that lives until the campaign ends. Not for use while messages are heard.
func (c *crowd) join(user, id string) *device {
	d := c.w.newDevice(user, id)
	c.devices[key(user, id)] = d
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

// meet makes the hall and waits until everybody is in.
func (c *crowd) meet(members []*device) string {
	var users []string
	for _, d := range members[1:] {
		users = append(users, d.user)
	}
	e, _ := members[0].do(&pb.Send{Word: &pb.Send_CreateGroup{CreateGroup: &pb.SendCreateGroup{Title: "the hall", Members: users}}})
	require.NotNil(c.w.t, e.GetCreated(), "the hall: %v", e)
	for _, d := range members {
		require.True(c.w.t, d.wait(recoveryPatience, func() bool { return d.talks[e.Conversation] >= uint64(len(members)) }), "%s is not in the hall", d.user)
		c.talks[d.user] = append(c.talks[d.user], e.Conversation)
	}
	return e.Conversation
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

// talk lets everybody say something now and then until the context ends.
func (c *crowd) talk(ctx context.Context) *sync.WaitGroup {
	var wg sync.WaitGroup
	for _, d := range c.people {
		wg.Go(func() {
			for n := 0; ; n++ {
				pace := time.Duration(c.pace.Load())
				if c.flood.Load() {
					pace = 20 * time.Millisecond
				}
				select {
				case <-ctx.Done():
					return
				case <-time.After(pace/2 + rand.N(pace)):
				}
				if d.backlog() >= backlogMost {
					continue
				}
				talks := c.talks[d.user]
				to := talks[0]
				if len(talks) > 1 && n%hallShare == 0 {
					to = talks[1]
				}
				d.ask(&pb.Send{Conversation: to, Word: &pb.Send_Text{Text: &pb.SendText{}}})
			}
		})
	}
	return &wg
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

// heard holds a message against what was said, and against what others heard.
func (c *crowd) heard(d *device, e *pb.Event) {
	text := e.GetMessage().GetText()
	words := strings.Fields(text)
	if len(words) != 4 {
		c.w.find("P", "%s is shown %q at seq %d of %s", d.user, text, e.Seq, e.Conversation)
		return
	}
	if words[0] != e.Conversation {
		c.w.find("K", "%s is shown %q in %s", d.user, text, e.Conversation)
	}
	if words[1] != e.User {
		c.w.find("P", "%s is shown %q as %s's", d.user, text, e.User)
	}
	c.note(d, place{e.Conversation, e.Seq}, e.GetMessage().GetNumber(), text)
}

// note holds one order for all: a seq is one message, wherever it is shown.
func (c *crowd) note(d *device, at place, number uint64, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if was, ok := c.said[at]; ok && (was != text || c.numbers[at] != number) {
		c.w.find("O", "seq %d of %s is %q, number %d, and for %s %q, number %d", at.seq, at.conversation, was, c.numbers[at], d.user, text, number)
	}
	c.said[at], c.numbers[at] = text, number
}

// issued reports whether a text was asked by the device that it names.
func (c *crowd) issued(text string) bool {
	words := strings.Fields(text)
	if len(words) != 4 {
		return false
	}
	d := c.devices[key(words[1], words[2])]
	seq, err := strconv.ParseUint(words[3], 10, 64)
	if d == nil || err != nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return seq <= uint64(len(d.commands)) && d.commands[seq-1].word.GetText().GetText() == text
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

// A robust device: it keeps what was not accepted and sends it again under the same number, resumes from its cursor, takes
// a snapshot when it is told to, and holds everything that it is told against what was asked.

package system

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-im/parley/clients/go/frames"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const (
	window     = 32                     // commands without outcome that a device has in flight
	minBackoff = 100 * time.Millisecond // before a device comes back; doubled each time
	maxBackoff = 2 * time.Second
	patientFor = 3 * time.Second // after which a command that was accepted is sent again when its number is asked for
	answersOf  = 5               // one of so many texts answers the last that was heard
)

// state is how far a command has come.
type state uint8

const (
	fresh    state = iota // to be sent, or to be sent again
	flying                // sent on the connection that is open now
	accepted              // the log has it
	done                  // it has its outcome
)

// command is something that a device asks. Its client_seq is its place in the device's list, from 1.
type command struct {
	word     *pb.Send
	state    state
	attempt  int
	sent     time.Time // this attempt
	told     time.Time // of its outcome
	inboxSeq uint64    // of its outcome
	outcome  *pb.Event // kept for commands other than texts
	kept     bool      // it was accepted once
	doubtful bool      // its outcome may stand where nothing is kept any more
}

// gap is what a device jumped over and still asks for: the outcomes of its own commands may stand there.
type gap struct {
	from *pb.Cursor
	to   uint64
}

// device is one device of one person.
type device struct {
	w         *world
	user, id  string
	token     string
	speaks    frames.Encoding
	pages     bool         // its final read is pages of histories: what is pushed to it meanwhile stands in them too
	stopReads atomic.Int64 // Unix nanoseconds until which it does not read: a slow reader

	mu       sync.Mutex
	commands []*command
	open     int // commands[:open] have their outcome
	cursor   *pb.Cursor
	inbox    map[uint64]uint64 // inbox_seq -> what stands there, hashed
	holes    int               // places jumped over behind a resync
	gaps     []gap
	fills    int               // gaps that were asked for
	sockets  int               // connections so far
	floor    uint64            // the first snapshot was taken here
	talks    map[string]uint64 // conversation -> highest seq shown
	numbers  map[string]uint64 // conversation -> highest number shown
	since    map[string]uint64 // conversation -> first number shown since the last jump
	holdTo   time.Time
	socket   *socket
	door     int
	wake     chan struct{}
	news     chan struct{} // closed and made anew when something came
}

func (w *world) newDevice(user, id string) *device {
	speaks := frames.Protobuf
	if len(user)%2 == 0 {
		speaks = frames.JSON
	}
	return &device{w: w, user: user, id: id, token: w.token(user), speaks: speaks, inbox: map[uint64]uint64{},
		talks: map[string]uint64{}, numbers: map[string]uint64{}, since: map[string]uint64{}, door: rand.IntN(len(w.doors)), wake: make(chan struct{}, 1), news: make(chan struct{})}
}

// live connects again and again until the context ends.
func (d *device) live(ctx context.Context) {
	wait := minBackoff
	for ctx.Err() == nil {
		began := time.Now()
		retry := d.connect(ctx, false)
		if time.Since(began) > maxBackoff {
			wait = minBackoff
		}
		d.door++ // the other gateway
		select {
		case <-ctx.Done():
		case <-time.After(max(retry, wait/2+rand.N(wait))):
		}
		wait = min(2*wait, maxBackoff)
	}
}

// ask appends a command and returns it.
func (d *device) ask(word *pb.Send) *command {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := &command{word: word}
	d.commands = append(d.commands, c)
	word.ClientSeq = uint64(len(d.commands))
	if t := word.GetText(); t != nil {
		t.Text = text(word.Conversation, d.user, d.id, word.ClientSeq)
		if n := d.numbers[word.Conversation]; n > 0 && word.ClientSeq%answersOf == 0 {
			t.ReplyTo = n
		}
	}
	d.asked(c)
	d.poke()
	return c
}

func (d *device) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// text is what a command says. Whoever is shown it knows who said it, where, and under which number.
func text(conversation, user, id string, seq uint64) string {
	return fmt.Sprintf("%s %s %s %d", conversation, user, id, seq)
}

// backlog is how many commands have no outcome yet.
func (d *device) backlog() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.commands) - d.open
}

// wait waits until something is true of the device; false = it never was.
func (d *device) wait(within time.Duration, true_ func() bool) bool {
	end := time.NewTimer(within)
	defer end.Stop()
	for {
		d.mu.Lock()
		ok, news := true_(), d.news
		d.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-news:
		case <-end.C:
			return false
		}
	}
}

// do asks and waits for the outcome.
func (d *device) do(word *pb.Send) (*pb.Event, time.Time) {
	c := d.ask(word)
	if !d.wait(recoveryPatience, func() bool { return c.state == done }) {
		return nil, time.Time{}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return c.outcome, c.told
}

// next are commands to send now, in their order; they count as flying.
func (d *device) next() []*command {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Now().Before(d.holdTo) {
		return nil
	}
	var out []*command
	for _, c := range d.commands[d.open:min(d.open+window, len(d.commands))] {
		if c.state == fresh {
			c.state, c.sent = flying, time.Now()
			c.attempt++
			out = append(out, c)
		}
	}
	return out
}

// grounded makes commands of a lost connection fresh: nobody knows whether the log has them.
func (d *device) grounded() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.commands[d.open:] {
		if c.state == flying {
			c.state = fresh
		}
	}
}

// follow takes an event that a session shows into what the device knows. It holds d.mu.
func (d *device) follow(session string, e *pb.Event) {
	now := fingerprint(e)
	was, had := d.inbox[e.InboxSeq]
	d.shows(session, e, !had && !d.pages)
	d.w.shown.Add(1)
	if had {
		d.w.again.Add(1)
		if was != now {
			d.w.find("D", "%s is shown two different events at inbox_seq %d, now %v", d.name(), e.InboxSeq, e)
		}
		return
	}
	d.inbox[e.InboxSeq] = now
	if d.cursor == nil || e.InboxSeq > d.cursor.InboxSeq {
		d.cursor = &pb.Cursor{InboxSeq: e.InboxSeq, Epoch: e.Epoch}
	}
	if e.GetRefused() == nil && e.GetReceipt() == nil {
		d.talks[e.Conversation] = max(d.talks[e.Conversation], e.Seq)
	}
	if m := e.GetMessage(); m != nil {
		d.numbers[e.Conversation] = max(d.numbers[e.Conversation], m.Number)
		d.w.crowd.heard(e.Conversation, m.Number)
	}
	if e.DeviceId == d.id && e.ClientSeq > 0 {
		d.told(e)
	}
}

// fingerprint is what an event says, in eight bytes.
func fingerprint(e *pb.Event) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d %d %s %s %d %T %s", e.Conversation, e.Seq, e.Number, e.User, e.DeviceId, e.ClientSeq, e.Word, e.GetMessage().GetText())
	return h.Sum64()
}

// told takes the outcome of an own command. It holds d.mu.
func (d *device) told(e *pb.Event) {
	if e.ClientSeq > uint64(len(d.commands)) {
		d.w.find("P", "%s is told of its command %d of %d", d.name(), e.ClientSeq, len(d.commands))
		return
	}
	c := d.commands[e.ClientSeq-1]
	if e.GetRefused().GetReason() == pb.Reason_REASON_EXPECTED_OTHER_CLIENT_SEQ {
		d.again(c, e.GetRefused().GetExpectedClientSeq())
		return
	}
	if r := e.GetRefused(); r != nil {
		d.w.refused(r.Reason.String())
	}
	d.outcomeOf(c, e)
	if c.state == done && c.inboxSeq != 0 && c.inboxSeq != e.InboxSeq {
		d.w.find("D", "%s has two outcomes of command %d, at inbox_seq %d and %d", d.name(), e.ClientSeq, c.inboxSeq, e.InboxSeq)
		return
	}
	c.state, c.told, c.inboxSeq = done, time.Now(), e.InboxSeq
	if c.word.GetText() == nil || e.GetRefused() != nil {
		c.outcome = e
	}
	d.slide()
}

// again sends from the expected number on, in order: an earlier one did not arrive before it, or was taken from the log. It
// may be one that was given up because its outcome stood where nothing is kept any more: that was a refusal like this one.
// It holds d.mu.
func (d *device) again(refused *command, expected uint64) {
	if refused.state == done {
		return
	}
	refused.state = fresh
	if expected == 0 || expected > refused.word.ClientSeq {
		return
	}
	for i, c := range d.commands[expected-1 : refused.word.ClientSeq] {
		givenUp := c.state == done && c.inboxSeq == 0
		if givenUp || c.state == accepted && time.Since(c.sent) > patientFor {
			c.state = fresh
			d.open = min(d.open, int(expected)-1+i)
		}
	}
	d.poke()
}

// unsure gives up waiting for outcomes that stood in a part of the inbox that is not kept any more. What became of these
// commands is in the histories and in the log, where the final check looks; again takes up those that the log does not have. One
// that may have been taken without our being told is sent again, and given up when it is accepted: the log says nothing of a
// repeat. It holds d.mu.
func (d *device) unsure() {
	for _, c := range d.commands[d.open:] {
		switch {
		case c.state == accepted:
			c.giveUp()
		case c.state == fresh && c.attempt > 0, c.state == flying && c.attempt > 1:
			c.doubtful = true
		}
	}
	d.slide()
}

func (c *command) giveUp() { c.state, c.told = done, time.Now() }

// slide moves the window behind commands that have their outcome. It holds d.mu.
func (d *device) slide() {
	for d.open < len(d.commands) && d.commands[d.open].state == done {
		d.open++
	}
	d.poke()
}

// stuck says what a device waits for, for people.
func (d *device) stuck() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%s: %d of %d commands have their outcome, cursor %d, jumped over %d, gaps %v",
		d.user, d.id, d.open, len(d.commands), d.cursor.GetInboxSeq(), d.holes, d.gaps)
	for _, c := range d.commands[d.open:min(d.open+3, len(d.commands))] {
		fmt.Fprintf(&b, "; %d is in state %d, attempt %d, accepted once: %v", c.word.ClientSeq, c.state, c.attempt, c.kept)
	}
	if s := d.socket; s != nil {
		fmt.Fprintf(&b, "; connected to %s, welcome %v, snapshot wanted %v, cursor there %d", s.door, s.welcomed, s.resync, s.cursor.GetInboxSeq())
	}
	return b.String()
}

// A device of a person that keeps every frame in its own hands: it fails the test when events are not contiguous.

package house

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	parley "github.com/parley-im/parley/clients/go"
	"github.com/parley-im/parley/clients/go/frames"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Device is one device of one person. It fails the test when it sees a gap or a repeat.
type Device struct {
	t      *testing.T
	h      *House
	user   string
	id     string
	speaks frames.Encoding

	mu      sync.Mutex
	cond    *sync.Cond
	conn    *frames.Conn
	nextID  uint64
	answers map[uint64]chan *pb.ServerFrame
	seq     uint64 // highest client_seq used
	cursor  *pb.Cursor
	events  []*pb.Event
	frames  []*pb.ServerFrame // unasked frames other than events
	resyncs int
	closed  error
}

// NewDevice makes a device of a person; half of the devices speak JSON.
func (h *House) NewDevice(t *testing.T, user, id string) *Device {
	d := &Device{t: t, h: h, user: user, id: id, answers: map[uint64]chan *pb.ServerFrame{}}
	if len(id)%2 == 0 {
		d.speaks = frames.JSON
	}
	d.cond = sync.NewCond(&d.mu)
	t.Cleanup(d.Unplug)
	return d
}

// Online connects a fresh device of a person and starts from the inbox's head.
func (h *House) Online(t *testing.T, user, id string) *Device {
	d := h.NewDevice(t, user, id)
	d.Plug()
	return d
}

// dial opens a connection with the device's encoding.
func (d *Device) dial() *frames.Conn {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	c, err := frames.Dial(ctx, d.h.URL, frames.Options{Encoding: d.speaks, Strict: true})
	require.NoError(d.t, err, "dial %s", d.user)
	return c
}

// Plug connects and says hello; a device that has a cursor resumes, another one takes a snapshot first.
func (d *Device) Plug() *pb.Welcome {
	token := d.h.Token(d.t, d.user) // before the gate waits for a hello
	d.mu.Lock()
	d.conn, d.closed = d.dial(), nil
	cursor := d.cursor
	d.mu.Unlock()
	go d.read(d.conn)
	hello := &pb.Hello{Token: token, DeviceId: d.id, Cursor: cursor}
	answer := d.Ask(&pb.ClientFrame{Word: &pb.ClientFrame_Hello{Hello: hello}})
	require.NotNil(d.t, answer.GetWelcome(), "hello of %s: %v", d.user, answer)
	if cursor == nil {
		d.Snapshot()
	}
	return answer.GetWelcome()
}

// Snapshot asks for everything and takes its cursor.
func (d *Device) Snapshot() *pb.Snapshot {
	answer := d.Ask(&pb.ClientFrame{Word: &pb.ClientFrame_Snapshot{Snapshot: &pb.GetSnapshot{}}})
	require.NotNil(d.t, answer.GetSnapshot(), "snapshot of %s: %v", d.user, answer)
	return answer.GetSnapshot()
}

// Unplug cuts the socket without a word.
func (d *Device) Unplug() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != nil {
		_ = d.conn.Close()
		d.conn = nil
	}
}

func (d *Device) read(c *frames.Conn) {
	for {
		f, err := c.Read()
		d.mu.Lock()
		if err != nil {
			if d.conn == c || d.conn == nil {
				d.closed = err
			}
			d.cond.Broadcast()
			d.mu.Unlock()
			return
		}
		d.take(f)
		d.cond.Broadcast()
		d.mu.Unlock()
	}
}

// take folds one frame into what the device knows. Events must follow on what it has: that is the protocol's promise.
func (d *Device) take(f *pb.ServerFrame) {
	if s := f.GetSnapshot(); s != nil {
		d.cursor = s.Cursor
	}
	for _, e := range f.GetEvents().GetEvents() {
		d.follow(e)
	}
	if f.GetResync() != nil {
		d.resyncs++
	}
	if ch := d.answers[f.Re]; ch != nil && f.Re != 0 {
		delete(d.answers, f.Re)
		ch <- f
		return
	}
	if f.GetEvents() == nil {
		d.frames = append(d.frames, f)
	}
}

func (d *Device) follow(e *pb.Event) {
	if d.cursor == nil {
		d.t.Errorf("%s/%s: event %d before any snapshot", d.user, d.id, e.InboxSeq)
		return
	}
	if e.InboxSeq != d.cursor.InboxSeq+1 {
		d.t.Errorf("%s/%s: event %d after %d: a gap or a repeat", d.user, d.id, e.InboxSeq, d.cursor.InboxSeq)
	}
	d.cursor = &pb.Cursor{InboxSeq: e.InboxSeq, Epoch: e.Epoch}
	d.events = append(d.events, e)
}

// Ask sends a frame and waits for its answer.
func (d *Device) Ask(f *pb.ClientFrame) *pb.ServerFrame {
	d.mu.Lock()
	d.nextID++
	f.Id = d.nextID
	ch := make(chan *pb.ServerFrame, 1)
	d.answers[f.Id] = ch
	d.mu.Unlock()
	d.Tell(f)
	select {
	case a := <-ch:
		return a
	case <-time.After(Patience):
		d.mu.Lock()
		defer d.mu.Unlock()
		require.FailNow(d.t, "no answer", "%s asked %v; socket: %v", d.user, f, d.closed)
		return nil
	}
}

// Tell writes a frame for which no answer is waited.
func (d *Device) Tell(f *pb.ClientFrame) { require.NoError(d.t, d.connected().Write(f)) }

// connected is the connection, which must be there.
func (d *Device) connected() *frames.Conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	require.NotNil(d.t, d.conn, "%s is not connected", d.user)
	return d.conn
}

// Send sends a command under the device's next number and waits until the log has it.
func (d *Device) Send(s *pb.Send) *pb.Accepted {
	if s.ClientSeq == 0 {
		d.mu.Lock()
		d.seq++
		s.ClientSeq = d.seq
		d.mu.Unlock()
	}
	a := d.Ask(&pb.ClientFrame{Word: &pb.ClientFrame_Send{Send: s}})
	require.NotNil(d.t, a.GetAccepted(), "%s sent %v: %v", d.user, s, a)
	d.h.accepted.Store(fmt.Sprintf("%s/%s/%d", d.user, d.id, s.ClientSeq), true)
	return a.GetAccepted()
}

// Do sends a command and waits for its outcome.
func (d *Device) Do(s *pb.Send) *pb.Event {
	a := d.Send(s)
	return d.Wait(fmt.Sprintf("outcome of %d", a.ClientSeq), func(e *pb.Event) bool {
		return e.DeviceId == d.id && e.ClientSeq == a.ClientSeq
	})
}

// seenInVain marks a conversation of others as read, and is refused.
func (d *Device) seenInVain(conversation string) {
	d.t.Helper()
	d.h.unseen.Store(name.Bookmark(d.user, conversation), true)
	a := d.Ask(&pb.ClientFrame{Word: &pb.ClientFrame_Seen{Seen: &pb.SeenMark{Conversation: conversation, Marks: &pb.Marks{Read: 1}}}})
	require.Equal(d.t, pb.Code_CODE_NOT_FOUND, a.GetRefused().GetCode(), "%s marks %s: %v", d.user, conversation, a)
}

// Say sends a text and waits for its outcome.
func (d *Device) Say(conversation, text string) *pb.Event {
	return d.Do(parley.Text(conversation, text))
}

// Wait waits for the first event that fits, seen already or not.
func (d *Device) Wait(what string, fits func(*pb.Event) bool) *pb.Event {
	d.t.Helper()
	var found *pb.Event
	d.until(what, func() bool {
		for _, e := range d.events {
			if fits(e) {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// Hears waits for a text in a conversation.
func (d *Device) Hears(conversation, text string) *pb.Event {
	d.t.Helper()
	return d.Wait(text, func(e *pb.Event) bool {
		return e.Conversation == conversation && e.GetMessage().GetText() == text
	})
}

// WaitFrame waits for an unasked frame that fits.
func (d *Device) WaitFrame(what string, fits func(*pb.ServerFrame) bool) *pb.ServerFrame {
	d.t.Helper()
	var found *pb.ServerFrame
	d.until(what, func() bool {
		for _, f := range d.frames {
			if fits(f) {
				found = f
				return true
			}
		}
		return false
	})
	return found
}

// WaitClosed waits until the other side ends the connection, and says how.
func (d *Device) WaitClosed() error {
	d.t.Helper()
	d.until("the socket to be closed", func() bool { return d.closed != nil })
	return d.closed
}

func (d *Device) until(what string, done func() bool) {
	d.t.Helper()
	stop := time.AfterFunc(Patience, func() { d.mu.Lock(); d.cond.Broadcast(); d.mu.Unlock() })
	defer stop.Stop()
	end := time.Now().Add(Patience)
	d.mu.Lock()
	defer d.mu.Unlock()
	for !done() {
		if time.Now().After(end) {
			require.FailNow(d.t, "waited in vain", "%s/%s waited for %s; socket: %v; cursor %v; last events %v",
				d.user, d.id, what, d.closed, d.cursor, d.events[max(0, len(d.events)-5):])
		}
		d.cond.Wait()
	}
}

// texts are the messages of a conversation that the device has seen, in its order.
func (d *Device) texts(conversation string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []string
	for _, e := range d.events {
		if m := e.GetMessage(); m != nil && e.Conversation == conversation {
			all = append(all, m.Text)
		}
	}
	return all
}

// history reads a whole conversation page by page, oldest first.
func (d *Device) history(conversation string, page uint32) []string {
	var all []string
	var before uint64
	for {
		a := d.Ask(&pb.ClientFrame{Word: &pb.ClientFrame_History{History: &pb.GetHistory{Conversation: conversation, BeforeNumber: before, Limit: page}}})
		h := a.GetHistory()
		require.NotNil(d.t, h, "history of %s for %s: %v", conversation, d.user, a)
		for _, m := range h.Messages {
			all = append([]string{m.Text}, all...)
			before = m.Number
		}
		if !h.More {
			return all
		}
	}
}

// line is the conversation's line in the person's list, or nil.
func (d *Device) line(conversation string) *pb.Conversation {
	a := d.Ask(&pb.ClientFrame{Word: &pb.ClientFrame_List{List: &pb.GetConversations{Limit: 200}}})
	require.NotNil(d.t, a.GetList(), "list of %s: %v", d.user, a)
	for _, c := range a.GetList().Conversations {
		if c.Conversation == conversation {
			return c
		}
	}
	return nil
}

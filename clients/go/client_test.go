// The client against a gateway that loses, refuses and forgets: every command is carried out once, every event comes once.

package parley_test

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
)

const patience = 20 * time.Second

// device is a running client with what it was told.
type device struct {
	*parley.Client
	t     *testing.T
	stop  context.CancelFunc
	ended chan error

	mu        sync.Mutex
	events    []*pb.Event
	snapshots int
	lost      int
	texts     []string
}

func run(t *testing.T, s *stub, user, id string, change func(*parley.Config)) *device {
	d := &device{t: t, ended: make(chan error, 1)}
	locked := func(do func()) { d.mu.Lock(); defer d.mu.Unlock(); do() }
	cfg := parley.Config{
		Address: s.URL, DeviceID: id, Token: func(context.Context) (string, error) { return user, nil },
		OnEvent: func(e *pb.Event) {
			locked(func() {
				d.events = append(d.events, e)
				if m := e.GetMessage(); m != nil {
					d.texts = append(d.texts, m.Text)
				}
			})
		},
		OnSnapshot: func(*pb.Snapshot) { locked(func() { d.snapshots++ }) },
		OnLost:     func(error) { locked(func() { d.lost++ }) },
	}
	if change != nil {
		change(&cfg)
	}
	c, err := parley.New(cfg)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	d.Client, d.stop = c, stop
	go func() { d.ended <- c.Run(ctx) }()
	t.Cleanup(stop)
	return d
}

// online is a device that has its snapshot: what happens from here on are events.
func online(t *testing.T, s *stub, user, id string, change func(*parley.Config)) *device {
	t.Helper()
	d := run(t, s, user, id, change)
	require.Eventually(t, func() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.snapshots > 0 }, patience, time.Millisecond)
	return d
}

func (d *device) say(text string) *pb.Event {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	e, err := d.Send(ctx, parley.Text("ann/bob", text))
	require.NoError(d.t, err, text)
	require.Equal(d.t, text, e.GetMessage().GetText())
	return e
}

// hears waits for texts, in this order and each once, in events without a gap.
func (d *device) hears(texts ...string) {
	d.t.Helper()
	require.Eventually(d.t, func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.texts) >= len(texts)
	}, patience, time.Millisecond, "%v", texts)
	d.mu.Lock()
	defer d.mu.Unlock()
	require.Equal(d.t, texts, d.texts)
	for i, e := range d.events[1:] {
		require.Equal(d.t, d.events[i].InboxSeq+1, e.InboxSeq, "a gap or a repeat")
	}
}

func start(t *testing.T) *stub {
	s := newStub()
	t.Cleanup(s.Close)
	return s
}

func inJSON(c *parley.Config) { c.Frames.Encoding = frames.JSON }

func TestChat(t *testing.T) {
	s := start(t)
	ann, bob := online(t, s, "ann", "a", nil), online(t, s, "bob", "b", inJSON)
	for i := range 20 {
		ann.say(fmt.Sprint(i))
	}
	bob.say("hello")
	want := []string{}
	for i := range 20 {
		want = append(want, fmt.Sprint(i))
	}
	ann.hears(append(want, "hello")...)
	bob.hears(append(want, "hello")...)
	history, err := bob.History(context.Background(), "ann/bob", 0, 50)
	require.NoError(t, err)
	require.Len(t, history.Messages, 21)
	_, err = bob.History(context.Background(), "eve/mallory", 0, 50)
	var refused *parley.Refused
	require.ErrorAs(t, err, &refused)
	require.Equal(t, pb.Code_CODE_NOT_FOUND, refused.Code)
}

func TestACommandIsCarriedOutOnceThoughTheAnswerIsLost(t *testing.T) {
	s := start(t)
	ann, bob := online(t, s, "ann", "a", nil), online(t, s, "bob", "b", nil)
	ann.say("one")
	s.change(func() { s.deaf = 1 })
	ann.say("two")
	s.cut()
	ann.say("three")
	ann.hears("one", "two", "three")
	bob.hears("one", "two", "three")
}

func TestRefusals(t *testing.T) {
	s := start(t)
	ann := online(t, s, "ann", "a", nil)
	s.change(func() { s.busy, s.invalid = 2, "no" })
	ann.say("one") // refused twice for now
	_, err := ann.Send(context.Background(), parley.Text("ann/bob", "no"))
	var refused *parley.Refused
	require.ErrorAs(t, err, &refused)
	require.Equal(t, pb.Code_CODE_INVALID, refused.Code)
	_, err = ann.Send(context.Background(), parley.Text("eve/bob", "?"))
	var rejected *parley.Rejected
	require.ErrorAs(t, err, &rejected)
	require.Equal(t, pb.Reason_REASON_NOT_A_MEMBER, rejected.Reason)
	ann.say("two")
	require.Equal(t, []string{"1 one", "1 one", "1 one", "2 no", "2 ?", "3 two"}, s.commands, "a refusal leaves no hole in the numbers")
}

func TestARefusalThatTakesNoNumber(t *testing.T) {
	s := start(t)
	ann := online(t, s, "ann", "a", nil)
	s.change(func() { s.crowded = 1 })
	_, err := ann.Send(context.Background(), parley.Text("ann/bob", "one"))
	var rejected *parley.Rejected
	require.ErrorAs(t, err, &rejected)
	require.Equal(t, pb.Reason_REASON_TOO_MANY_DEVICES, rejected.Reason)
	ann.say("two")
	require.Equal(t, []string{"1 one", "1 two"}, s.commands)
}

func TestItSendsFromTheNumberThatIsExpected(t *testing.T) {
	s := start(t)
	ann := online(t, s, "ann", "a", func(c *parley.Config) { c.State.ClientSeq = 57 }) // of a deployment that is gone
	ann.say("one")
	ann.say("two")
	ann.hears("one", "two")
	require.Equal(t, uint64(2), ann.State().ClientSeq)
}

func TestLostPushesAreReadAgain(t *testing.T) {
	s := start(t)
	s.beat = 2 * time.Second
	ann, bob := online(t, s, "ann", "a", nil), online(t, s, "bob", "b", nil)
	ann.say("one")
	bob.hears("one")
	s.change(func() { s.mute = 2 }) // neither of them hears of it
	ann.say("two")                  // the heartbeat names the head
	bob.hears("one", "two")
	s.change(func() { s.mute = 2 })
	ann.say("three")
	ann.say("four") // shows the gap, if nothing did before
	bob.hears("one", "two", "three", "four")
}

func TestResumeFromState(t *testing.T) {
	s := start(t)
	ann, bob := online(t, s, "ann", "a", nil), online(t, s, "bob", "b", nil)
	ann.say("one")
	bob.hears("one")
	bob.stop()
	require.ErrorIs(t, <-bob.ended, context.Canceled)
	kept := bob.State()
	require.Equal(t, uint64(1), kept.Cursor.InboxSeq)
	ann.say("two")
	kept.Pending = []*pb.Send{{ClientSeq: 1, Conversation: "ann/bob", Word: &pb.Send_Text{Text: &pb.SendText{Text: "from the outbox"}}}}
	kept.ClientSeq = 1
	again := run(t, s, "bob", "b", func(c *parley.Config) { c.State = kept })
	again.hears("two", "from the outbox")
	require.Zero(t, again.snapshots, "a device with a cursor needs no snapshot")
}

func TestOutcomesThatAreNotKeptAnyMore(t *testing.T) {
	s := start(t)
	s.beat = 2 * time.Second
	ann := online(t, s, "ann", "a", nil)
	ann.say("one")
	s.change(func() {
		s.mute, s.floors["ann"] = 1<<30, 1<<20 // the inbox is not kept: nothing but a snapshot helps
	})
	_, err := ann.Send(context.Background(), parley.Text("ann/bob", "two"))
	require.ErrorIs(t, err, parley.ErrUnknown)
	s.change(func() { s.mute, s.floors["ann"] = 0, 0 })
	ann.say("three")
}

func TestTheEndOfAConnection(t *testing.T) {
	s := start(t)
	s.beat = 2 * time.Second
	ann := online(t, s, "ann", "a", nil)
	s.change(func() { s.goodbye = &pb.Goodbye{Detail: "moving", Reconnect: true, ReconnectAfterMs: 1} })
	require.Eventually(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.hellos) == 2 }, patience, time.Millisecond)
	require.NotNil(t, s.hellos[1].Cursor, "it comes back with its cursor")
	s.change(func() { s.goodbye = &pb.Goodbye{Detail: "for good"} })
	var ended *parley.Ended
	require.ErrorAs(t, <-ann.ended, &ended)
	require.Equal(t, "for good", ended.Detail)
	bad := run(t, s, "bad", "x", nil)
	require.ErrorAs(t, <-bad.ended, &ended)
	require.True(t, ended.Unauthenticated)
	_, err := parley.New(parley.Config{})
	require.ErrorContains(t, err, "address")
}

func TestAsking(t *testing.T) {
	s := start(t)
	ann := online(t, s, "ann", "a", nil)
	ann.say("one")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := ann.Members(ctx, "ann/bob") // the stub never answers it
	require.ErrorIs(t, err, context.Canceled)
	asked := make(chan error, 1)
	go func() { _, err := ann.Members(context.Background(), "ann/bob"); asked <- err }()
	time.Sleep(50 * time.Millisecond)
	s.cut()
	require.ErrorIs(t, <-asked, parley.ErrOffline)
	ann.stop()
	<-ann.ended
	for range parley.MaxPending {
		require.NoError(t, ann.Post(parley.Text("ann/bob", "x"), nil))
	}
	require.ErrorIs(t, ann.Post(parley.Text("ann/bob", "x"), nil), parley.ErrPending)
}

// The device and the crowd must bite: each lie that a house could tell is told to them here, and must be found.

package system

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/test/check"
)

// liar is a device with two commands out, connected to a house that tells it what a test wants.
func liar() (*world, *device, *socket) {
	w := &world{history: newHistory(""), unsaid: map[string]int64{}}
	w.crowd = &crowd{w: w, devices: map[string]*device{}, heads: map[string]uint64{}}
	d := &device{w: w, user: "ann", id: "phone", inbox: map[uint64]uint64{}, talks: map[string]uint64{}, numbers: map[string]uint64{},
		since: map[string]uint64{}, wake: make(chan struct{}, 1), cursor: &pb.Cursor{InboxSeq: 4}, floor: 4}
	w.crowd.devices[d.name()] = d
	s := &socket{d: d, cursor: &pb.Cursor{InboxSeq: 4}, flights: map[uint64]flight{}}
	d.socket = s
	s.begin()
	for _, user := range []string{"ann", "bob"} {
		w.history.add(check.Event{Kind: check.Hear, User: user, Conversation: "ann/bob", Seq: 1})
	}
	for range 2 {
		d.ask(&pb.Send{Conversation: "ann/bob", Word: &pb.Send_Text{Text: &pb.SendText{}}})
	}
	for i, c := range d.next() {
		s.flights[uint64(i)+1] = flight{c, c.attempt}
	}
	return w, d, s
}

// event is what ann's device is shown of her own command.
func event(inboxSeq, seq, number, command uint64) *pb.Event {
	return &pb.Event{InboxSeq: inboxSeq, Conversation: "ann/bob", Seq: seq, Number: number, User: "ann", DeviceId: "phone", ClientSeq: command,
		Word: &pb.Event_Message{Message: &pb.Message{Number: number, Seq: seq, Sender: "ann", Text: text("ann/bob", "ann", "phone", command)}}}
}

func refusedEvent(inboxSeq, command uint64, reason pb.Reason) *pb.Event {
	return &pb.Event{InboxSeq: inboxSeq, User: "ann", DeviceId: "phone", ClientSeq: command,
		Word: &pb.Event_Refused{Refused: &pb.EventRefused{Reason: reason, ExpectedClientSeq: 1}}}
}

func changed(e *pb.Event, change func(*pb.Event)) *pb.Event { change(e); return e }

// read is the final read of somebody's fresh device, who has one conversation.
func read(w *world, user string, messages ...*pb.Message) {
	for _, m := range messages {
		operation, canary := opOf(m.Sender, m.Text)
		w.history.add(check.Event{Kind: check.Final, User: user, Device: user + "/fresh", Op: operation, Conversation: "ann/bob", Seq: m.Seq, Number: m.Number, Canary: canary})
	}
	w.history.add(check.Event{Kind: check.FinalEnd, User: user, Device: user + "/fresh"})
}

func TestTruthIsNoFinding(t *testing.T) {
	w, d, s := liar()
	s.accepted(1)
	s.event(refusedEvent(5, 2, pb.Reason_REASON_EXPECTED_OTHER_CLIENT_SEQ))
	require.Len(t, d.next(), 1, "what came too early is sent again")
	s.event(event(6, 2, 1, 1))
	s.event(event(7, 3, 2, 2))
	s.jump(&pb.Cursor{InboxSeq: 6}) // a snapshot of a view that is behind
	s.event(event(7, 3, 2, 2))
	d.w.history.add(check.Event{Kind: check.FinalEnd, User: "ann", Device: d.name(), Seq: d.floor, InboxSeq: 7})
	require.True(t, w.verdict().Clean())
	require.Empty(t, w.findings)
	require.Zero(t, d.backlog())
}

func TestGivenUpIsTakenUpAgain(t *testing.T) {
	w, d, s := liar()
	s.accepted(1)
	s.accepted(2) // it came before the first one, and was refused for that
	s.event(event(5, 2, 1, 1))
	s.jump(&pb.Cursor{InboxSeq: 6})
	s.fill(&pb.Difference{SnapshotNeeded: true}) // what stood at 6 is not kept any more
	require.Zero(t, d.backlog(), "the second one was given up")
	d.ask(&pb.Send{Conversation: "ann/bob", Word: &pb.Send_Text{Text: &pb.SendText{}}})
	require.Len(t, d.next(), 1)
	s.event(changed(refusedEvent(7, 3, pb.Reason_REASON_EXPECTED_OTHER_CLIENT_SEQ), func(e *pb.Event) { e.GetRefused().ExpectedClientSeq = 2 }))
	require.Len(t, d.next(), 2, "the second and the third are sent again")
	s.event(event(8, 3, 2, 2))
	s.event(event(9, 4, 3, 3))
	require.Zero(t, d.backlog())
	require.Empty(t, w.findings)
}

func TestRepeatOfWhatIsForgottenIsNotWaitedFor(t *testing.T) {
	w, d, s := liar()
	d.grounded() // the log took both, and nobody was told
	s.jump(&pb.Cursor{InboxSeq: 6})
	s.fill(&pb.Difference{SnapshotNeeded: true})
	for i, c := range d.next() {
		s.flights[uint64(10+i)] = flight{c, c.attempt}
		s.accepted(uint64(10 + i))
	}
	require.Zero(t, d.backlog())
	s.event(event(7, 2, 1, 1)) // unless it was no repeat
	require.Empty(t, w.findings)
}

func TestLiesAreFound(t *testing.T) {
	for what, c := range map[string]struct {
		letter string
		lie    func(*world, *socket)
	}{
		"a gap":        {"G", func(_ *world, s *socket) { s.event(event(6, 2, 1, 1)) }},
		"a repeat":     {"G", func(_ *world, s *socket) { s.event(event(5, 2, 1, 1)); s.event(event(5, 2, 1, 1)) }},
		"seq falls":    {"O", func(_ *world, s *socket) { s.event(event(5, 2, 1, 1)); s.event(event(6, 1, 2, 2)) }},
		"two outcomes": {"D", func(_ *world, s *socket) { s.event(event(5, 2, 1, 1)); s.event(event(6, 3, 2, 1)) }},
		"a refusal and a message": {"D", func(_ *world, s *socket) {
			s.event(event(5, 2, 1, 1))
			s.event(refusedEvent(6, 1, pb.Reason_REASON_RATE_LIMITED))
		}},
		"another text in an old place": {"D", func(_ *world, s *socket) {
			s.event(event(5, 2, 1, 1))
			s.jump(&pb.Cursor{InboxSeq: 4})
			s.event(event(5, 2, 1, 2))
		}},
		"a command that nobody gave": {"P", func(_ *world, s *socket) { s.event(event(5, 2, 1, 3)) }},
		"somebody else's words": {"P", func(_ *world, s *socket) {
			s.event(changed(event(5, 2, 1, 1), func(e *pb.Event) { e.User = "eve" }))
		}},
		"a body that cannot be read": {"P", func(_ *world, s *socket) {
			s.event(changed(event(5, 2, 1, 1), func(e *pb.Event) { e.GetMessage().Text = "" }))
		}},
		"words of another conversation": {"K", func(_ *world, s *socket) {
			s.event(changed(event(5, 2, 1, 1), func(e *pb.Event) { e.Conversation = "eve/bob" }))
		}},
		"two orders": {"O", func(w *world, s *socket) {
			s.event(event(5, 2, 1, 1))
			read(w, "bob", &pb.Message{Number: 1, Seq: 2, Sender: "ann", Text: text("ann/bob", "ann", "phone", 2)})
		}},
		"accepted while nothing can be kept": {"S", func(w *world, s *socket) {
			w.deafFrom.Store(time.Now().Add(-time.Hour).UnixNano())
			s.accepted(2)
		}},
		"a history with a hole": {"L", func(w *world, s *socket) {
			s.event(event(5, 2, 1, 1))
			s.event(event(6, 3, 2, 2))
			read(w, "bob", &pb.Message{Number: 2, Seq: 3, Sender: "ann", Text: text("ann/bob", "ann", "phone", 2)})
		}},
		"a history that ends early": {"L", func(w *world, s *socket) {
			s.event(event(5, 2, 1, 1))
			read(w, "bob")
		}},
		"a history with inventions": {"P", func(w *world, s *socket) {
			read(w, "bob", &pb.Message{Number: 1, Seq: 2, Sender: "ann", Text: text("ann/bob", "ann", "phone", 9)})
		}},
		"a message to a stranger": {"K", func(w *world, s *socket) {
			s.event(event(5, 2, 1, 1))
			read(w, "eve", &pb.Message{Number: 1, Seq: 2, Sender: "ann", Text: text("ann/bob", "ann", "phone", 1)})
		}},
		"an answer before its question": {"C", func(_ *world, s *socket) {
			s.event(event(5, 3, 2, 1))
			s.event(changed(event(6, 4, 3, 2), func(e *pb.Event) { e.GetMessage().ReplyTo = 2 }))
			s.d.inbox = map[uint64]uint64{}
			s.d.w.history.add(check.Event{Kind: check.Show, User: "bob", Device: "bob/phone", Session: "bob/phone.1", Op: "ann/phone#2", Conversation: "ann/bob", Seq: 4, Number: 3, ReplyTo: 2})
		}},
		"unread that was counted wrongly": {"U", func(w *world, s *socket) {
			w.history.add(check.Event{Kind: check.Unread, User: "bob", Device: "bob/fresh", Conversation: "ann/bob", Number: 3, Count: 3})
		}},
	} {
		t.Run(what, func(t *testing.T) {
			w, _, s := liar()
			c.lie(w, s)
			w.verdict()
			require.NotEmpty(t, w.findings, "nobody noticed")
			require.True(t, slices.ContainsFunc(w.findings, func(f string) bool { return strings.HasPrefix(f, c.letter+": ") }), "%v", w.findings)
		})
	}
}

func TestDiskIsFull(t *testing.T) {
	w := &world{t: t}
	d := w.disk(t.TempDir()+"/disk", 16)
	if d == nil {
		t.Skip("SKIPPED: nothing can be mounted here")
	}
	write := func(name string) error { return os.WriteFile(d.dir+"/"+name, make([]byte, 1<<20), 0o600) }
	require.NoError(t, write("before"))
	require.NoError(t, d.fill())
	require.ErrorIs(t, write("full"), syscall.ENOSPC)
	require.NoError(t, d.free())
	require.NoError(t, write("after"))
}

// The device and the crowd must bite: each lie that a house could tell is told to them here, and must be found.

package system

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// liar is a device with two commands out, connected to a house that tells it what a test wants.
func liar() (*world, *device, *socket) {
	w := &world{}
	w.crowd = &crowd{w: w, devices: map[string]*device{}, said: map[place]string{}, numbers: map[place]uint64{}}
	d := &device{w: w, user: "ann", id: "phone", inbox: map[uint64]item{}, talks: map[string]uint64{}, wake: make(chan struct{}, 1), cursor: &pb.Cursor{InboxSeq: 4}}
	w.crowd.devices[key("ann", "phone")] = d
	s := &socket{d: d, cursor: &pb.Cursor{InboxSeq: 4}, flights: map[uint64]flight{}}
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

func TestTruthIsNoFinding(t *testing.T) {
	w, d, s := liar()
	s.accepted(1)
	s.event(refusedEvent(5, 2, pb.Reason_REASON_EXPECTED_OTHER_CLIENT_SEQ))
	require.Len(t, d.next(), 1, "what came too early is sent again")
	s.event(event(6, 2, 1, 1))
	s.event(event(7, 3, 2, 2))
	s.jump(&pb.Cursor{InboxSeq: 6}) // a snapshot of a view that is behind
	s.event(event(7, 3, 2, 2))
	require.Empty(t, w.findings)
	require.Zero(t, d.backlog())
	require.True(t, w.crowd.issued(text("ann/bob", "ann", "phone", 2)))
	require.False(t, w.crowd.issued(text("ann/bob", "ann", "phone", 3)))
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
			w.crowd.note(s.d, place{"ann/bob", 2}, 1, "something else")
		}},
		"accepted while nothing can be kept": {"S", func(w *world, s *socket) {
			w.deafFrom.Store(time.Now().Add(-time.Hour).UnixNano())
			s.accepted(2)
		}},
		"a history with a hole": {"G", func(w *world, s *socket) {
			s.event(event(5, 2, 1, 1))
			w.crowd.compare(s.d, "ann/bob", []*pb.Message{{Number: 2, Seq: 3, Text: text("ann/bob", "ann", "phone", 2)}})
		}},
		"a history that ends early": {"L", func(w *world, s *socket) {
			s.event(event(5, 2, 1, 1))
			w.crowd.compare(s.d, "ann/bob", nil)
		}},
		"a history with inventions": {"P", func(w *world, s *socket) {
			w.crowd.compare(s.d, "ann/bob", []*pb.Message{{Number: 1, Seq: 2, Text: text("ann/bob", "ann", "phone", 9)}})
		}},
	} {
		t.Run(what, func(t *testing.T) {
			w, _, s := liar()
			c.lie(w, s)
			require.NotEmpty(t, w.findings, "nobody noticed")
			require.Equal(t, c.letter+": ", w.findings[0][:3], "%v", w.findings)
		})
	}
}

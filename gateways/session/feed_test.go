// The feed's promise, under every disturbance: what a client applies is contiguous, without repeats, and in the end
// nothing is missing, as long as the views answer at some time.

package session

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// world is an inbox, a view that lags behind it, one client and the gateway's session between them.
type world struct {
	t       *rapid.T
	now     int64
	log     []*pb.InboxEvent // of the present epoch: log[i] has inbox_seq i+1
	epoch   uint64
	kept    int // events below this index are gone from the view
	view    int // events that the view has
	session *Session
	asks    []Ask
	greeted bool

	cursor  *pb.Cursor // of the client
	asking  bool       // the client waits for its snapshot
	nextID  uint64
	resyncs int
	closed  bool
}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, now: 1_000_000, epoch: 1}
	w.connect()
	return w
}

// connect begins a new session of the same device, from the cursor that it has.
func (w *world) connect() {
	w.session, w.asks, w.greeted, w.asking, w.closed = New(Config{ID: "s", Verify: verifyPlain}, w.now), nil, false, false, false
	hello := &pb.Hello{Token: "ann:99999999999", DeviceId: "phone"}
	if w.cursor != nil {
		hello.Cursor = proto.Clone(w.cursor).(*pb.Cursor)
	}
	w.send(&pb.ClientFrame{Word: &pb.ClientFrame_Hello{Hello: hello}})
}

func (w *world) send(frame *pb.ClientFrame) {
	w.nextID++
	frame.Id = w.nextID
	w.step(Received{Frame: frame, Seal: plainSealer{}})
}

func (w *world) step(in Input) {
	if w.closed {
		return
	}
	ready := w.session.Step(w.now, in)
	w.asks = append(w.asks, ready.Ask...)
	for _, frame := range ready.Frames {
		w.hear(frame)
	}
	if ready.Close != nil {
		w.closed = true
	}
	if w.greeted && !w.closed && w.cursor == nil && !w.asking {
		w.snapshot()
	}
}

func (w *world) snapshot() {
	w.asking = true
	w.send(&pb.ClientFrame{Word: &pb.ClientFrame_Snapshot{Snapshot: &pb.GetSnapshot{}}})
}

// hear is the client: it applies what it is told, and complains about every gap and every repeat.
func (w *world) hear(frame *pb.ServerFrame) {
	switch word := frame.GetWord().(type) {
	case *pb.ServerFrame_Welcome:
		w.greeted = true
	case *pb.ServerFrame_Snapshot:
		w.cursor, w.asking = word.Snapshot.GetCursor(), false
	case *pb.ServerFrame_Refused:
		w.asking = false // the views did not answer; the client asks again
	case *pb.ServerFrame_Resync:
		w.cursor = nil
		w.resyncs++
	case *pb.ServerFrame_Events:
		for _, event := range word.Events.GetEvents() {
			w.apply(event)
		}
	}
}

func (w *world) apply(event *pb.Event) {
	if w.cursor == nil {
		w.t.Fatalf("event %d of epoch %d before any snapshot", event.InboxSeq, event.Epoch)
	}
	if event.InboxSeq != w.cursor.InboxSeq+1 || w.cursor.InboxSeq > 0 && event.Epoch != w.cursor.Epoch {
		w.t.Fatalf("event %d/%d after %d/%d", event.InboxSeq, event.Epoch, w.cursor.InboxSeq, w.cursor.Epoch)
	}
	if event.GetReceipt().GetMarks().GetRead() != stamp(event.InboxSeq, event.Epoch) {
		w.t.Fatalf("event %d/%d has the content of another", event.InboxSeq, event.Epoch)
	}
	w.cursor = &pb.Cursor{InboxSeq: event.InboxSeq, Epoch: event.Epoch}
}

func stamp(seq, epoch uint64) uint64 { return seq*1000 + epoch }

// grow says something to the inbox.
func (w *world) grow() {
	seq := uint64(len(w.log) + 1)
	w.log = append(w.log, &pb.InboxEvent{InboxSeq: seq, Epoch: w.epoch, Word: &pb.InboxEvent_Receipt{
		Receipt: &pb.ReceiptSaid{Conversation: "ann/bob", User: "bob", Marks: &pb.Marks{Read: stamp(seq, w.epoch)}}}})
}

// head is what the view knows.
func (w *world) head() *pb.Cursor {
	if w.view == 0 {
		return &pb.Cursor{}
	}
	return &pb.Cursor{InboxSeq: uint64(w.view), Epoch: w.epoch}
}

// answer answers a question as the views would, from what they have now.
func (w *world) answer(i int, fails bool) {
	ask := w.asks[i]
	w.asks = append(w.asks[:i:i], w.asks[i+1:]...)
	answered := Answered{ID: ask.ID, Open: plainOpener{}}
	if !fails {
		switch q := ask.Query.(type) {
		case *pb.HeadQuery:
			answered.Answer = &pb.HeadAnswer{Heads: []*pb.Cursor{w.head()}}
		case *pb.ConversationsQuery:
			answered.Answer = &pb.ConversationsAnswer{Cursor: w.head()}
		case *pb.DifferenceQuery:
			answered.Answer = w.difference(q)
		}
	}
	w.step(answered)
}

func (w *world) difference(q *pb.DifferenceQuery) *pb.DifferenceAnswer {
	answer := &pb.DifferenceAnswer{Head: w.head()}
	from := int(q.Cursor.GetInboxSeq())
	switch {
	case q.Cursor.GetEpoch() > w.epoch || q.Cursor.GetEpoch() == w.epoch && from > w.view:
		answer.Behind = true
	case from > 0 && q.Cursor.GetEpoch() != w.epoch && w.view > 0, from < w.kept:
		answer.SnapshotNeeded = true
	case from > 0 && q.Cursor.GetEpoch() != w.epoch:
		answer.Behind = true
	default:
		answer.Events = w.log[from:min(w.view, from+int(q.Limit))]
	}
	return answer
}

func (w *world) push(i int) {
	w.step(Pushed{Key: "ann", Inbox: []*pb.InboxEvent{w.log[i]}, Open: plainOpener{}})
}

// heal lets everything work again, and time pass, until nothing moves any more.
func (w *world) heal() {
	if w.closed {
		w.connect()
	}
	w.view = len(w.log)
	for range 200 {
		for len(w.asks) > 0 {
			w.answer(0, false)
		}
		w.step(HeadPolled{Head: w.head()})
		w.now += 5_000
		w.step(Tick{})
	}
}

func TestFeedLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"grow": func(*rapid.T) { w.grow() },
			"push": func(t *rapid.T) {
				if len(w.log) > 0 {
					w.push(rapid.IntRange(max(0, len(w.log)-8), len(w.log)-1).Draw(t, "which"))
				}
			},
			"grow and push": func(*rapid.T) { w.grow(); w.push(len(w.log) - 1) },
			"burst": func(t *rapid.T) {
				for range rapid.IntRange(1, 300).Draw(t, "events") {
					w.grow()
				}
			},
			"view": func(t *rapid.T) { w.view = rapid.IntRange(w.view, len(w.log)).Draw(t, "view") },
			"answer": func(t *rapid.T) {
				if len(w.asks) > 0 {
					w.answer(rapid.IntRange(0, len(w.asks)-1).Draw(t, "which"), rapid.IntRange(0, 3).Draw(t, "fails") == 0)
				}
			},
			"subscribed": func(*rapid.T) { w.step(Subscribed{Subscription{InboxEvents, "ann"}}) },
			"headed":     func(*rapid.T) { w.step(HeadPolled{Head: w.head()}) },
			"time": func(t *rapid.T) {
				w.now += rapid.Int64Range(1, 6_000).Draw(t, "ms")
				w.step(Tick{})
			},
			"reconnect": func(*rapid.T) { w.connect() },
			"snapshot": func(*rapid.T) {
				if w.greeted && !w.asking && !w.closed {
					w.snapshot()
				}
			},
			"forget": func(*rapid.T) { w.kept = w.view },
			"epoch": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "rarely") == 0 {
					w.log, w.view, w.kept = nil, 0, 0
					w.epoch++
					w.grow() // an inbox of a new epoch says something, or nobody could know of it
				}
			},
		})
		w.heal()
		if w.cursor == nil || int(w.cursor.InboxSeq) != len(w.log) || len(w.log) > 0 && w.cursor.Epoch != w.epoch {
			t.Fatalf("the client is at %v, the inbox at %d of epoch %d", w.cursor, len(w.log), w.epoch)
		}
	})
}

func TestFeedOfAQuietViewNeedsPushesAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { // the views stand still; every push comes, in order: no resync, nothing missing
		w := newWorld(t)
		for len(w.asks) > 0 {
			w.answer(0, false)
		}
		w.step(Subscribed{Subscription{InboxEvents, "ann"}})
		n := rapid.IntRange(1, 600).Draw(t, "events")
		for range n {
			w.grow()
			w.push(len(w.log) - 1)
		}
		if w.cursor == nil || int(w.cursor.InboxSeq) != n || w.resyncs != 0 {
			t.Fatalf("the client is at %v after %d pushes, %d resyncs", w.cursor, n, w.resyncs)
		}
	})
}

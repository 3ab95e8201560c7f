// The feed: how the inbox reaches the client without a gap and without a repeat, whatever becomes of the pushes.
//
// The session keeps the cursor of what it sent. A pushed event is sent only when it is the next one; a lower one is
// dropped; a higher one waits, and when the gap does not close by itself the difference is queried. Pushes are hints: losing
// all of them costs time and nothing else, because the heads of the heartbeat show that something is missing.

package session

import (
	"github.com/parley-im/parley/gateways/translate"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// feed is where the client stands in its inbox.
type feed struct {
	live       bool // the cursor is known: events are sent
	subscribed bool // pushes come
	seq, epoch uint64
	head       position             // highest known
	buffer     map[uint64]*pb.Event // pushed, waiting for what is before them
	snapshots  int                  // snapshots that are being made: pushes are kept for after them

	gapMS   int64 // since when something is missing; 0 = nothing is
	asking  bool  // a difference is out
	retries int   // repeats without progress
	retryMS int64 // ask again then; 0 = not needed
	round   int   // rises with each new start, so that an answer to an old query is known as such
}

type position struct{ seq, epoch uint64 }

func (p position) before(q position) bool {
	return p.epoch < q.epoch || p.epoch == q.epoch && p.seq < q.seq
}

// start makes the client live from a cursor.
func (f *feed) start(cursor *pb.Cursor) {
	f.live, f.seq, f.epoch = true, cursor.GetInboxSeq(), cursor.GetEpoch()
	f.gapMS, f.retries, f.retryMS, f.asking = 0, 0, 0, false
	f.round++
}

// stop makes the client wait for its snapshot.
func (f *feed) stop() {
	*f = feed{subscribed: f.subscribed, head: f.head, snapshots: f.snapshots, round: f.round + 1}
}

// note keeps the highest position that views or pushes showed. A cursor that a client claims is not among them.
func (f *feed) note(c *pb.Cursor) {
	if at := (position{c.GetInboxSeq(), c.GetEpoch()}); f.head.before(at) {
		f.head = at
	}
}

func (f *feed) headOrNil() *pb.Cursor {
	if f.head == (position{}) {
		return nil
	}
	return &pb.Cursor{InboxSeq: f.head.seq, Epoch: f.head.epoch}
}

// behind reports that something is missing: the head is further, or an event waits.
func (f *feed) behind() bool {
	return position{f.seq, f.epoch}.before(f.head) || len(f.buffer) > 0
}

func (f *feed) dueMS() int64 {
	switch {
	case !f.live || f.asking:
		return 0
	case f.retryMS != 0:
		return f.retryMS
	case f.gapMS != 0:
		return f.gapMS + GapWaitMS
	}
	return 0
}

// pushed takes a record of a subscribed key.
func (s *Session) pushed(now int64, in Pushed) {
	if s.user == "" {
		return
	}
	switch {
	case in.Bookmark != nil:
		s.marksRaised(in.Key, in.Bookmark)
	case in.Account != nil:
		s.presenceChanged(now, in.Key, in.Account)
	case in.Key == s.user:
		var batch events
		for _, event := range in.Inbox {
			s.feed.note(&pb.Cursor{InboxSeq: event.GetInboxSeq(), Epoch: event.GetEpoch()})
			if s.feed.live || s.feed.snapshots > 0 {
				s.take(now, &batch, translate.Event(event, s.user, s.device, in.Open))
			}
		}
		s.flush(now, &batch)
	}
}

// take sends an event if it is the next one, and what waited behind it.
func (s *Session) take(now int64, batch *events, event *pb.Event) {
	f := &s.feed
	seq := event.GetInboxSeq()
	switch {
	case event.GetEpoch() == 0: // no inbox emits this
	case !f.live:
		f.keep(event)
	case f.seq == 0 && f.epoch == 0:
		f.epoch = event.GetEpoch() // a client that has nothing yet is in every epoch
		s.take(now, batch, event)
	case event.GetEpoch() > f.epoch:
		s.flush(now, batch) // what came before the resync is sent before it
		s.resync("the inbox began a new epoch")
	case event.GetEpoch() < f.epoch || seq <= f.seq:
	case seq == f.seq+1 && s.phase != greeting:
		for event != nil {
			f.seq = event.GetInboxSeq()
			batch.add(event)
			delete(f.buffer, f.seq)
			if event = f.buffer[f.seq+1]; event.GetEpoch() != f.epoch {
				break // of another epoch: the difference shows it
			}
		}
		f.gapMS, f.retries = 0, 0
		if f.behind() {
			f.gapMS = now
		}
	default:
		f.keep(event)
		if f.gapMS == 0 {
			f.gapMS = now
		}
	}
}

// flow sends what waits and is next.
func (s *Session) flow(now int64, batch *events) {
	for f := &s.feed; f.live && f.buffer[f.seq+1] != nil; {
		event := f.buffer[f.seq+1]
		delete(f.buffer, f.seq+1)
		before := f.seq
		if s.take(now, batch, event); f.seq == before {
			return
		}
	}
}

// keep lets an event wait, as long as there is room: what has no room comes with the difference.
func (f *feed) keep(event *pb.Event) {
	if len(f.buffer) >= MaxBuffered || f.buffer[event.GetInboxSeq()].GetEpoch() > event.GetEpoch() {
		return
	}
	if f.buffer == nil {
		f.buffer = make(map[uint64]*pb.Event)
	}
	f.buffer[event.GetInboxSeq()] = event
}

// headPolled takes where the inbox stands. A push may still be in flight: a short wait, then the difference.
func (s *Session) headPolled(now int64, head *pb.Cursor) {
	f := &s.feed
	f.note(head)
	if f.live && f.behind() && f.gapMS == 0 {
		f.gapMS = now
	}
}

// subscribed: from now on records come; what is older must be queried.
func (s *Session) subscribed(now int64, in Subscribed) {
	if in.Subscription != s.inbox() || s.phase == fresh {
		s.watchSubscribed(in.Subscription)
		return
	}
	again := s.feed.subscribed
	s.feed.subscribed = true
	if s.phase == greeting {
		if s.cfg.FromHead && s.waitMS != 0 {
			s.askHead()
		}
		return
	}
	if s.feed.live && !again { // after a loss the heads of many users are polled at once instead
		s.repair(now)
	}
}

func (s *Session) tickFeed(now int64) {
	if due := s.feed.dueMS(); due != 0 && now >= due {
		s.repair(now)
	}
}

// repair queries the difference since the cursor; one query at a time.
func (s *Session) repair(now int64) {
	f := &s.feed
	if f.asking || !f.live {
		return
	}
	f.asking, f.retryMS = true, 0
	if f.gapMS == 0 {
		f.gapMS = now
	}
	round := f.round
	query := &pb.DifferenceQuery{User: s.user, Cursor: &pb.Cursor{InboxSeq: f.seq, Epoch: f.epoch}, Limit: PageEvents}
	s.ask(query, true, func(now int64, a Answered) {
		if s.feed.round == round {
			s.feed.asking = false
			s.repaired(now, a)
		}
	})
}

// repaired takes the difference, and asks again while there is more or something is still missing.
func (s *Session) repaired(now int64, a Answered) {
	f := &s.feed
	answer, ok := a.Answer.(*pb.DifferenceAnswer)
	if !ok {
		s.repairLater(now, "the views do not answer")
		return
	}
	if answer.GetSnapshotNeeded() {
		s.resync("the cursor is older than what is kept")
		return
	}
	f.note(answer.GetHead())
	before := f.seq
	var batch events
	for _, event := range answer.GetEvents() {
		if f.live {
			s.take(now, &batch, translate.Event(event, s.user, s.device, a.Open))
		}
	}
	s.flow(now, &batch)
	s.flush(now, &batch)
	switch {
	case !f.live: // it has to take a snapshot
	case f.seq > before && f.behind():
		s.repair(now)
	case f.seq != before || !f.behind() || answer.GetBehind() && len(f.buffer) == 0:
		f.gapMS, f.retries = 0, 0
	default:
		s.repairLater(now, "events are missing that the views do not have")
	}
}

// repairLater retries with backoff, and not for ever.
func (s *Session) repairLater(now int64, why string) {
	f := &s.feed
	if f.retries++; f.retries > MaxRepairs {
		s.resync(why)
		return
	}
	f.retryMS = now + min(int64(RepairBackoffMS)<<(f.retries-1), MaxRepairBackoffMS)
}

// resync makes the client take a snapshot, because its cursor cannot be continued.
func (s *Session) resync(why string) {
	s.feed.stop()
	s.emit(&pb.ServerFrame{Word: &pb.ServerFrame_Resync{Resync: &pb.Resync{Detail: why}}})
}

// jump makes the client live from the cursor of a snapshot that it was given.
func (s *Session) jump(now int64, cursor *pb.Cursor) {
	f := &s.feed
	waiting := f.buffer
	f.buffer = nil
	f.start(cursor)
	for seq, event := range waiting {
		if seq > f.seq {
			f.keep(event)
		}
	}
	var batch events
	if s.phase != greeting {
		s.flow(now, &batch)
	}
	s.flush(now, &batch)
	if f.live && f.behind() && f.gapMS == 0 {
		f.gapMS = now
	}
}

// events gathers events into frames of a bounded size.
type events struct {
	frames []*eventsFrame
	size   int
}

// eventsFrame is a frame and its parts in one allocation, with room for the one event that most have.
type eventsFrame struct {
	frame  pb.ServerFrame
	word   pb.ServerFrame_Events
	events pb.Events
	one    [1]*pb.Event
}

func newEventsFrame() *eventsFrame {
	f := new(eventsFrame)
	f.frame.Word, f.word.Events, f.events.Events = &f.word, &f.events, f.one[:0]
	return f
}

func (b *events) add(event *pb.Event) {
	size := event.SizeVT()
	last := len(b.frames) - 1
	if last < 0 || len(b.frames[last].events.Events) >= MaxEvents || b.size+size > MaxEventsSize {
		b.frames, b.size, last = append(b.frames, newEventsFrame()), 0, last+1
	}
	to := &b.frames[last].events
	to.Events = append(to.Events, event)
	b.size += size
}

// flush sends what was gathered, learns from it, and queries watched conversations whose members changed.
func (s *Session) flush(now int64, batch *events) {
	for _, frame := range batch.frames {
		s.emit(&frame.frame)
		for _, event := range frame.events.Events {
			s.learn(now, event)
			s.membersChanged(event)
		}
	}
	*batch = events{}
}

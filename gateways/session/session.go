// Package session is the client protocol without a socket: what one connection of one device sends and receives.
//
// It is pure. Step takes one input with the time and returns, as data, what the carrier and the door have to do:
// frames to send, commands to produce, queries to ask, subscriptions to hold, whispers to pass on, and when to step it
// with a Tick. It has no goroutine, no clock, no socket and no randomness, so a whole conversation is a transcript that a
// test replays; testdata has such transcripts.
package session

import (
	"cmp"
	"slices"

	"github.com/parley-im/parley/gateways/translate"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Verify validates a token and returns its user and when it expires. It is pure: the time is an argument.
type Verify func(token string, nowMS int64) (user string, expiresMS int64, err error)

// Config is what never changes in the life of a session.
type Config struct {
	ID     string // of this session; 1 to 64 bytes
	Verify Verify
	// Quiet sessions announce no presence: they are made for one request.
	Quiet bool
	// LeaseMS is how many milliseconds a presence lives without renewal; 0 = LeaseMS of the limits.
	LeaseMS int64
	// FromHead makes a client without cursor live from the head of its inbox, instead of waiting for its snapshot.
	FromHead bool
}

type phase uint8

const (
	fresh    phase = iota // nothing but hello is taken
	greeting              // hello was valid; welcome waits for the head of the inbox
	open                  // everything is taken
	draining              // no new frames; commands in flight are waited for
	closed                // nothing is taken
)

// Session is one connection of one device. It is not safe for concurrent use.
type Session struct {
	cfg   Config
	phase phase
	out   Ready

	user, device string
	beganMS      int64
	expiresMS    int64 // of the token
	sentMS       int64 // last frame to the client
	listening    bool  // its inbox is subscribed
	malformed    int   // frames that could not be decoded
	drainAfterMS uint32
	drainUntilMS int64
	nextID       uint64

	helloRe uint64
	waitMS  int64             // greeting: ask the head then, subscribed or not
	held    []*pb.ServerFrame // frames that were ready before welcome
	asked   map[uint64]continuation
	clients int // queries of the client that are in flight
	sent    map[uint64]command
	feed    feed
	seen    map[string]*marking
	watched map[string]*watching
	holds   map[Subscription]int // for what is watched
	typing  map[string]*typist
	renewMS int64 // presence
}

// continuation continues when a query was answered, or failed (Answer is nil).
type continuation func(now int64, a Answered)

// New makes a session that waits for its hello.
func New(cfg Config, nowMS int64) *Session {
	cfg.LeaseMS = min(cmp.Or(cfg.LeaseMS, LeaseMS), MaxLeaseMS)
	return &Session{cfg: cfg, beganMS: nowMS, sentMS: nowMS}
}

// User is the user that logged in; empty before hello.
func (s *Session) User() string { return s.user }

// Closed reports that the session has ended.
func (s *Session) Closed() bool { return s.phase == closed }

// Step takes one input and returns what has to be done, in the order of the fields of Ready.
func (s *Session) Step(nowMS int64, in Input) Ready {
	s.out = Ready{}
	if s.phase != closed {
		s.step(nowMS, in)
	}
	if len(s.out.Frames) > 0 {
		s.sentMS = nowMS
	}
	s.out.DeadlineMS = s.deadline()
	out := s.out
	s.out = Ready{}
	return out
}

func (s *Session) step(now int64, in Input) {
	switch in := in.(type) {
	case Received:
		s.receive(now, in)
	case Malformed:
		s.refuseMalformed(now, in)
	case Throttled:
		s.throttle(in)
	case Acked:
		s.acked(now, in)
	case Failed:
		s.failed(now, in)
	case Answered:
		s.answered(now, in)
	case Pushed:
		s.pushed(now, in)
	case Whispered:
		s.whispered(in)
	case Subscribed:
		s.subscribed(now, in)
	case HeadPolled:
		s.headPolled(now, in.Head)
	case Tick:
		s.tick(now)
	case Drain:
		s.drain(now, in)
	case TooManyConnections:
		s.goodbye(now, Overwhelmed, "you have too many connections", true, in.ReconnectAfterMS)
	case Disconnected:
		s.end(now, Ended, "")
	}
}

// receive takes a frame of the client.
func (s *Session) receive(now int64, in Received) {
	frame := in.Frame
	if s.phase == fresh {
		s.hello(now, frame)
		return
	}
	if len(s.held) >= MaxHeld {
		s.goodbye(now, Overwhelmed, "too much was asked before welcome", true, HeartbeatMS)
		return
	}
	if refused := translate.Check(frame); refused != nil {
		s.refuse(frame.GetId(), refused)
		return
	}
	if s.phase == draining {
		s.refuse(frame.GetId(), translate.Refusal(frame, pb.Code_CODE_UNAVAILABLE,
			"this gateway is going away: send it again on the next connection", "", s.drainAfterMS))
		return
	}
	id := frame.GetId()
	switch word := frame.GetWord().(type) {
	case *pb.ClientFrame_Hello:
		s.refuse(id, &pb.Refused{Code: pb.Code_CODE_OUT_OF_ORDER, Field: "hello", Detail: "hello was said already: a connection has one"})
	case *pb.ClientFrame_Send:
		s.send(now, id, word.Send, in)
	case *pb.ClientFrame_Seen:
		s.mark(now, id, word.Seen)
	case *pb.ClientFrame_Difference:
		s.getDifference(id, word.Difference)
	case *pb.ClientFrame_Snapshot:
		s.getSnapshot(id, word.Snapshot)
	case *pb.ClientFrame_History:
		s.getHistory(id, word.History)
	case *pb.ClientFrame_List:
		s.getList(id, word.List)
	case *pb.ClientFrame_Members:
		s.getMembers(id, word.Members)
	case *pb.ClientFrame_Watch:
		s.watch(id, word.Watch)
	case *pb.ClientFrame_Typing:
		s.typed(now, id, word.Typing)
	case *pb.ClientFrame_Ping:
		s.emit(&pb.ServerFrame{Re: id, Word: &pb.ServerFrame_Pong{Pong: &pb.Pong{Head: s.feed.headOrNil()}}})
	}
}

// refuseMalformed refuses bytes that are not a frame. A client that goes on like that is cut.
func (s *Session) refuseMalformed(now int64, in Malformed) {
	s.malformed++
	s.refuse(0, &pb.Refused{Code: in.Code, Detail: translate.Bounded(in.Detail)})
	if s.phase == fresh {
		s.goodbye(now, Misused, "the first frame must be hello", false, 0)
	} else if s.malformed >= MaxMalformed {
		s.goodbye(now, Misused, "too many frames could not be read", false, 0)
	}
}

// throttle refuses a frame over its rate.
func (s *Session) throttle(in Throttled) {
	s.refuse(in.Frame.GetId(), translate.Refusal(in.Frame, pb.Code_CODE_OVERLOADED, in.Detail, "", max(in.RetryAfterMS, 1)))
}

// tick does what is due.
func (s *Session) tick(now int64) {
	switch {
	case s.phase == fresh && now >= s.beganMS+HelloTimeoutMS:
		s.goodbye(now, HelloLate, "no hello came in time", true, 0)
	case s.expiresMS != 0 && now >= s.expiresMS:
		s.goodbye(now, Unauthenticated, "the token ran out: come back with a new one", false, 0)
	case s.phase == draining && (len(s.sent) == 0 || now >= s.drainUntilMS):
		s.goodbye(now, Restarting, "this gateway is going away", true, s.drainAfterMS)
	case s.phase == greeting:
		s.tickGreeting(now)
	case s.phase == open || s.phase == draining:
		s.tickSeen(now)
		s.tickFeed(now)
		s.tickPresence(now)
		s.tickWatched(now)
		if now >= s.sentMS+HeartbeatMS {
			s.emit(&pb.ServerFrame{Word: &pb.ServerFrame_Pong{Pong: &pb.Pong{Head: s.feed.headOrNil()}}})
		}
	}
}

// deadline is when the next tick has something to do; 0 = never.
func (s *Session) deadline() int64 {
	var at int64
	due := func(t int64) {
		if t > 0 && (at == 0 || t < at) {
			at = t
		}
	}
	switch s.phase {
	case fresh:
		due(s.beganMS + HelloTimeoutMS)
	case greeting:
		due(s.waitMS)
	case open, draining:
		due(s.sentMS + HeartbeatMS)
		due(s.renewMS)
		due(s.feed.dueMS())
		due(s.seenDue())
		due(s.watchedDue())
	}
	if s.phase == draining {
		due(s.drainUntilMS)
	}
	if s.phase != closed {
		due(s.expiresMS)
	}
	return at
}

// drain sends goodbye as soon as the commands in flight have their answer.
func (s *Session) drain(now int64, in Drain) {
	if s.phase == draining {
		return
	}
	s.drainAfterMS = in.ReconnectAfterMS
	if s.phase != open || len(s.sent) == 0 {
		s.goodbye(now, Restarting, "this gateway is going away", true, s.drainAfterMS)
		return
	}
	s.phase, s.drainUntilMS = draining, now+DrainTimeoutMS
}

// goodbye sends the last frame and ends.
func (s *Session) goodbye(now int64, why Reason, detail string, back bool, afterMS uint32) {
	s.out.Frames = append(s.out.Frames, &pb.ServerFrame{Word: &pb.ServerFrame_Goodbye{
		Goodbye: &pb.Goodbye{Detail: detail, Reconnect: back, ReconnectAfterMs: afterMS}}})
	s.end(now, why, detail)
}

// end releases everything that is held: pending marks are written, presence ends.
func (s *Session) end(now int64, why Reason, detail string) {
	if s.phase == open || s.phase == draining {
		s.flushSeen(now)
	}
	if s.renewMS != 0 {
		s.setPresence(0)
	}
	if s.listening {
		s.out.Unsubscribe = append(s.out.Unsubscribe, s.inbox())
	}
	for sub := range s.holds {
		s.out.Unsubscribe = append(s.out.Unsubscribe, sub)
	}
	slices.SortFunc(s.out.Unsubscribe, Subscription.compare)
	s.phase = closed
	s.out.Close = &Closing{Reason: why, Detail: detail}
	s.asked, s.sent, s.seen, s.watched, s.holds, s.typing, s.held = nil, nil, nil, nil, nil, nil, nil
	s.feed = feed{}
}

// emit sends a frame; before welcome it is held.
func (s *Session) emit(frame *pb.ServerFrame) {
	if s.phase == greeting {
		s.held = append(s.held, frame)
		return
	}
	s.out.Frames = append(s.out.Frames, frame)
}

// hold subscribes, once for all watched conversations that want it.
func (s *Session) hold(sub Subscription) {
	if s.holds == nil {
		s.holds = make(map[Subscription]int)
	}
	if s.holds[sub]++; s.holds[sub] == 1 {
		s.out.Subscribe = append(s.out.Subscribe, sub)
	}
}

// release ends a hold.
func (s *Session) release(sub Subscription) {
	if s.holds[sub]--; s.holds[sub] == 0 {
		delete(s.holds, sub)
		s.out.Unsubscribe = append(s.out.Unsubscribe, sub)
	}
}

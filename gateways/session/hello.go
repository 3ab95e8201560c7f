// Hello logs a client in. Nothing is taken before it, and it is sent once.

package session

import (
	"hash/fnv"

	"github.com/parley-im/parley/gateways/translate"
	"github.com/parley-im/parley/schemas/name"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// hello logs in. Everything that is wrong here ends the connection: there is no user yet.
func (s *Session) hello(now int64, frame *pb.ClientFrame) {
	id, hello := frame.GetId(), frame.GetHello()
	if hello == nil {
		s.refuse(id, translate.Refusal(frame, pb.Code_CODE_OUT_OF_ORDER, "say hello first", "hello", 0))
		s.goodbye(now, Misused, "the first frame must be hello", false, 0)
		return
	}
	if refused := translate.Check(frame); refused != nil {
		s.refuse(id, refused)
		s.goodbye(now, Misused, "hello is not what the protocol says", false, 0)
		return
	}
	user, expiresMS, err := s.cfg.Verify(hello.GetToken(), now)
	if err != nil || !name.ValidPerson(user) || expiresMS <= now {
		// The reason is not sent: it would help whoever forges tokens.
		s.refuse(id, &pb.Refused{Code: pb.Code_CODE_UNAUTHENTICATED, Field: "hello.token", Detail: "the token is not valid here: get a new one"})
		s.goodbye(now, Unauthenticated, "the token is not valid here", false, 0)
		return
	}
	s.user, s.device, s.expiresMS = user, hello.GetDeviceId(), expiresMS
	s.phase, s.helloRe, s.waitMS = greeting, id, now+SubscribeTimeoutMS
	if !s.cfg.Quiet || s.cfg.FromHead {
		s.listening, s.out.Subscribe = true, append(s.out.Subscribe, s.inbox())
	}
	if cursor := hello.GetCursor(); cursor != nil {
		s.feed.start(cursor)
	}
	if !s.cfg.FromHead {
		s.askHead()
	}
	if !s.cfg.Quiet {
		s.lease(now)
	}
}

func (s *Session) inbox() Subscription { return Subscription{InboxEvents, s.user} }

// askHead queries where the inbox stands; welcome is sent when that is known, or failed.
func (s *Session) askHead() {
	s.waitMS = 0
	s.ask(&pb.HeadQuery{Users: []string{s.user}}, false, func(now int64, a Answered) {
		answer, _ := a.Answer.(*pb.HeadAnswer)
		if heads := answer.GetHeads(); len(heads) == 1 {
			s.feed.note(heads[0])
			if s.cfg.FromHead && !s.feed.live {
				s.feed.start(heads[0])
			}
		}
		s.welcome(now)
	})
}

// tickGreeting continues without a confirmed subscription: a dispatcher that is down must not keep users out.
func (s *Session) tickGreeting(now int64) {
	if s.waitMS != 0 && now >= s.waitMS {
		s.askHead()
	}
}

// welcome sends welcome, then what was ready before it, then what the client missed.
func (s *Session) welcome(now int64) {
	s.phase = open
	s.emit(&pb.ServerFrame{Re: s.helloRe, Word: &pb.ServerFrame_Welcome{Welcome: &pb.Welcome{
		User: s.user, SessionId: s.cfg.ID, TimeMs: now, HeartbeatMs: HeartbeatMS, Head: s.feed.headOrNil()}}})
	s.out.Frames = append(s.out.Frames, s.held...)
	s.held = nil
	var batch events
	s.flow(now, &batch)
	s.flush(now, &batch)
	if s.feed.live && s.feed.subscribed {
		s.repair(now)
	} else if s.feed.live {
		s.feed.gapMS = now + SubscribeTimeoutMS - GapWaitMS // a confirmation normally comes first
	}
}

// lease sets the user's presence for a while and schedules its renewal: between a half and five sixths of the lease, at a
// time of each session's own, because after a restart everybody connects within seconds.
func (s *Session) lease(now int64) {
	s.setPresence(now + s.cfg.LeaseMS)
	own := fnv.New32a()
	_, _ = own.Write([]byte(s.cfg.ID)) // it cannot fail
	s.renewMS = now + s.cfg.LeaseMS/2 + s.cfg.LeaseMS/3*int64(own.Sum32())>>32
}

// setPresence sets until when the user is present; 0 ends it.
func (s *Session) setPresence(untilMS int64) {
	s.produce(0, AccountCommands, s.user, &pb.AccountCommand{Word: &pb.AccountCommand_SetPresence{
		SetPresence: &pb.SetPresence{SessionId: s.cfg.ID, UntilMs: untilMS}}})
}

// tickPresence renews the lease.
func (s *Session) tickPresence(now int64) {
	if s.renewMS != 0 && now >= s.renewMS {
		s.lease(now)
	}
}

func (s *Session) produce(id uint64, topic, key string, m Encoded) {
	s.out.Produce = append(s.out.Produce, Command{ID: id, Topic: topic, Key: key, Message: m})
}

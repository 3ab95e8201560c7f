// Hello: who is there. Nothing is heard before it, and it is said once.

package session

import (
	"hash/fnv"

	"github.com/parley-im/parley/gateways/translate"
	"github.com/parley-im/parley/schemas/name"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// hello logs in. Everything that is wrong here ends the connection: nobody is known, so nothing is owed.
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
		// The reason stays inside: what is wrong with a forged token is nobody's business.
		s.refuse(id, &pb.Refused{Code: pb.Code_CODE_UNAUTHENTICATED, Field: "hello.token", Detail: "the token is not valid here: get a new one"})
		s.goodbye(now, Unauthenticated, "the token is not valid here", false, 0)
		return
	}
	s.user, s.device, s.expiresMS = user, hello.GetDeviceId(), expiresMS
	s.phase, s.helloRe, s.waitMS = greeting, id, now+SubscribeMS
	if !s.cfg.Quiet || s.cfg.FromHead {
		s.hears, s.out.Subscribe = true, append(s.out.Subscribe, s.inbox())
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

// askHead asks where the inbox stands; welcome is said when that is known, or cannot be.
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
		s.greet(now)
	})
}

// tickGreeting goes on although the subscription was not confirmed: a dispatcher that is away must not keep people out.
func (s *Session) tickGreeting(now int64) {
	if s.waitMS != 0 && now >= s.waitMS {
		s.askHead()
	}
}

// greet says welcome, then what was ready before, then what the client missed.
func (s *Session) greet(now int64) {
	s.phase = open
	s.say(&pb.ServerFrame{Re: s.helloRe, Word: &pb.ServerFrame_Welcome{Welcome: &pb.Welcome{
		User: s.user, SessionId: s.cfg.ID, TimeMs: now, HeartbeatMs: HeartbeatMS, Head: s.feed.headOrNil()}}})
	s.out.Frames = append(s.out.Frames, s.held...)
	s.held = nil
	var batch events
	s.flow(now, &batch)
	s.tell(now, &batch)
	if s.feed.live && s.feed.subscribed {
		s.repair(now)
	} else if s.feed.live {
		s.feed.gapMS = now + SubscribeMS - GapWaitMS // a confirmation comes first, as a rule
	}
}

// lease says that the person is there for a while, and when to say it again: between a half and five sixths of the lease, at
// a place of each session's own, because after a restart everybody comes within seconds.
func (s *Session) lease(now int64) {
	s.setPresence(now + s.cfg.LeaseMS)
	own := fnv.New32a()
	_, _ = own.Write([]byte(s.cfg.ID)) // it cannot fail
	s.renewMS = now + s.cfg.LeaseMS/2 + s.cfg.LeaseMS/3*int64(own.Sum32())>>32
}

// setPresence leases the person's presence; 0 ends it.
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

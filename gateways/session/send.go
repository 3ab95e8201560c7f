// Send: one frame, one command in the user's outbox, in the device's own order.

package session

import (
	"github.com/parley-im/parley/gateways/translate"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// command is a command that is on its way to the log.
type command struct {
	re, clientSeq uint64
	conversation  string
}

// send turns a frame into a command, or refuses it; a refusal here uses up no client_seq.
func (s *Session) send(_ int64, id uint64, send *pb.Send, in Received) {
	refuse := func(code pb.Code, detail, field string, retryMS uint32) {
		s.refuse(id, translate.Refusal(in.Frame, code, detail, field, retryMS))
	}
	if len(s.sent) >= MaxSending {
		refuse(pb.Code_CODE_OVERLOADED, "too many commands of this connection are on their way: wait for accepted", "", RepairBackoffMS)
		return
	}
	out, wrong := translate.Command(s.user, s.device, send, in.Seal)
	if wrong.Field != "" {
		refuse(pb.Code_CODE_INVALID, wrong.Detail, wrong.Field, 0)
		return
	}
	if wrong.Unsealed {
		refuse(pb.Code_CODE_UNAVAILABLE, "the keys that seal your words cannot be had now: send it again", "", RepairBackoffMS*5)
		return
	}
	s.nextID++
	if s.sent == nil {
		s.sent = make(map[uint64]command)
	}
	s.sent[s.nextID] = command{re: id, clientSeq: send.GetClientSeq(), conversation: out.GetConversation().GetConversation()}
	s.produce(s.nextID, OutboxCommands, s.user, out)
}

// acked: the log has it; the client gets accepted.
func (s *Session) acked(now int64, in Acked) {
	c, ok := s.sent[in.ID]
	if !ok {
		return
	}
	delete(s.sent, in.ID)
	f := new(acceptedFrame)
	f.frame.Re, f.frame.Word, f.word.Accepted = c.re, &f.word, &f.accepted
	f.accepted.ClientSeq, f.accepted.Conversation = c.clientSeq, c.conversation
	s.emit(&f.frame)
	s.drained(now)
}

// acceptedFrame is a frame and its parts in one allocation.
type acceptedFrame struct {
	frame    pb.ServerFrame
	word     pb.ServerFrame_Accepted
	accepted pb.Accepted
}

// failed: it was not produced, or that is unknown. The client sends the same number again; the outbox takes it once.
func (s *Session) failed(now int64, in Failed) {
	c, ok := s.sent[in.ID]
	if !ok {
		return
	}
	delete(s.sent, in.ID)
	refused := &pb.Refused{Code: pb.Code_CODE_UNAVAILABLE, ClientSeq: c.clientSeq, RetryAfterMs: max(in.RetryAfterMS, 1),
		Detail: "the log did not answer: send the same client_seq again, it is taken once"}
	if in.Overloaded {
		refused.Code, refused.Detail = pb.Code_CODE_OVERLOADED, "too much is on its way to the log: send the same client_seq again later"
	}
	s.refuse(c.re, refused)
	s.drained(now)
}

func (s *Session) drained(now int64) {
	if s.phase == draining && len(s.sent) == 0 {
		s.goodbye(now, Restarting, "this gateway is going away", true, s.drainAfterMS)
	}
}

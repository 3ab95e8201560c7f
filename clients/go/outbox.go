// The outbox: commands under dense numbers, each kept until its outcome is known. It is pure, without a clock or a socket.

package parley

import (
	"slices"

	"github.com/parley-im/parley/schemas/effect"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// pending is a command without an outcome.
type pending struct {
	send     *pb.Send
	attempts int
	accepted bool
	doubtful bool // its outcome may be in a part of the inbox that is not kept any more
	done     func(*pb.Event, error)
}

// outbox is the commands of a device. One at a time is on the wire until it is accepted, so that a refusal by the gateway
// never leaves a hole in the numbers.
type outbox struct {
	next    uint64 // number of the next new command
	pending []*pending
	flying  *pending // on the wire, not answered yet
	number  uint64   // under which it flies
}

// add appends a command under the next number.
func (o *outbox) add(send *pb.Send, done func(*pb.Event, error)) {
	send.ClientSeq = o.next
	o.next++
	o.pending = append(o.pending, &pending{send: send, done: done})
}

// take is the next command to send, or nil.
func (o *outbox) take() *pb.Send {
	if o.flying != nil {
		return nil
	}
	for _, p := range o.pending {
		if !p.accepted {
			p.attempts++
			o.flying, o.number = p, p.send.ClientSeq
			return p.send
		}
	}
	return nil
}

// landed ends the flight and returns its command, or nil when the command got another number meanwhile: then the answer is
// not about the command as it stands now.
func (o *outbox) landed() *pending {
	p := o.flying
	o.flying = nil
	if p == nil || p.send.ClientSeq != o.number || !slices.Contains(o.pending, p) {
		return nil
	}
	return p
}

// accepted: the log has the command. It reports whether the command was doubtful: it may be a repeat, of which the log says
// nothing more.
func (o *outbox) accepted() bool {
	p := o.landed()
	if p == nil {
		return false
	}
	p.accepted = true
	return p.doubtful
}

// held: the gateway asks for another attempt later, under the same number. So does a connection that ended.
func (o *outbox) held() { o.landed() }

// refused: the gateway refuses the command for good, and its number was not used. When it was on the wire only once, nobody
// has it and later commands move down. Otherwise the log may have it from an earlier connection: its number is left alone,
// and if it was free, the log will name the number that it expects.
func (o *outbox) refused(why error) {
	p := o.landed()
	if p == nil {
		return
	}
	o.remove(p)
	if p.attempts <= 1 {
		o.renumber(p.send.ClientSeq)
	}
	p.done(nil, why)
}

// outcome takes an event that names a command of this device.
func (o *outbox) outcome(e *pb.Event) {
	at := slices.IndexFunc(o.pending, func(p *pending) bool { return p.send.ClientSeq == e.GetClientSeq() })
	if at < 0 {
		return
	}
	p, refused := o.pending[at], e.GetRefused()
	switch {
	case refused.GetReason() == pb.Reason_REASON_EXPECTED_OTHER_CLIENT_SEQ:
		if n := refused.GetExpectedClientSeq(); n > 0 {
			o.renumber(n)
		}
	case refused != nil:
		o.remove(p)
		if !effect.TakesNumber(refused.GetReason()) {
			o.renumber(p.send.ClientSeq)
		}
		p.done(e, &Rejected{Reason: refused.GetReason(), Event: e})
	default:
		o.remove(p)
		p.done(e, nil)
	}
}

// renumber sends everything from a number on again, in order and without a hole. A deployment that does not know the device
// expects 1, and the same rule makes the waiting commands 1, 2, 3.
func (o *outbox) renumber(from uint64) {
	next := from
	for _, p := range o.pending {
		if p.send.ClientSeq >= from {
			p.send = p.send.CloneVT() // the old one may be on the wire
			p.send.ClientSeq, p.attempts, p.accepted, p.doubtful = next, 0, false, false
			next++
		}
	}
	o.next = next
}

func (o *outbox) remove(p *pending) {
	o.pending = slices.DeleteFunc(o.pending, func(one *pending) bool { return one == p })
}

// unknown gives up the outcomes of accepted commands: they are in a part of the inbox that is not kept any more. One that
// was sent and not accepted is sent again; it may be a repeat.
func (o *outbox) unknown() {
	for _, p := range slices.Clone(o.pending) {
		switch {
		case p.accepted:
			o.remove(p)
			p.done(nil, ErrUnknown)
		case p.attempts > 0:
			p.doubtful = true
		}
	}
}

// undoubt gives up doubtful commands that were accepted: the log says nothing of a repeat.
func (o *outbox) undoubt() {
	for _, p := range slices.Clone(o.pending) {
		if p.doubtful && p.accepted {
			o.remove(p)
			p.done(nil, ErrUnknown)
		}
	}
}

// again sends everything again, to a deployment that began anew; what its log has it takes once.
func (o *outbox) again() {
	for _, p := range o.pending {
		p.accepted = false
	}
}

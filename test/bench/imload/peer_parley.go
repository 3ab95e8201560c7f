// Parley as a peer: WebSocket with Protobuf frames, as its own clients speak.
//
// A delivery is an event with the message at the other person's socket; accepted is the answer to the frame that carried it.
// Every peer has people of its own, so that numbers begin at 1 and nothing of an earlier run is in anybody's inbox.

package imload

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	parley "github.com/parley-im/parley/clients/go"
	"github.com/parley-im/parley/clients/go/frames"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

const (
	parleyDevice   = "load"
	parleyDial     = 80 * time.Second       // on a machine that is asked for a thousand connections at once
	parleyPatience = 60 * time.Second       // for an answer or event while everything is prepared
	parleyPing     = 20 * time.Second       // between pings of a connection that may have nothing to say
	parleyPause    = 200 * time.Millisecond // before what the views could not answer is asked again

	anyFrame, snapshotFrame = 1, 2 // ids: of what nobody waits for, and of a question; those of commands begin behind them
)

// Parley is the adapter.
type Parley struct {
	Addr  string                            // of a gateway, host:port
	Token func(user string) (string, error) // mints
	Tag   string                            // begins the names of this peer's people
	Reads bool                              // people say how far they read, as their devices do

	numbers []uint64 // highest client_seq of each user
	groups  []string // conversations
}

func (p *Parley) user(i int) string { return p.Tag + "-" + strconv.Itoa(i) }

// Prepare makes accounts, then pairs, then groups; each waits until the log has said so.
func (p *Parley) Prepare(plan Plan) error {
	p.numbers, p.groups = make([]uint64, plan.Users), make([]string, plan.Groups)
	err := Each(plan.Users, func(i int) error {
		return p.arrange(i, parley.CreateAccount(p.user(i)), func(e *pb.Event) bool { return e.GetAccount().GetCreated() })
	})
	if err == nil && plan.Pairs {
		err = Each(plan.Users/2, func(i int) error {
			return p.arrange(2*i, parley.OpenDirect(p.user(2*i+1)), func(e *pb.Event) bool { return e.GetCreated() != nil })
		})
	}
	if err == nil {
		err = Each(plan.Groups, func(g int) error { return p.arrangeGroup(plan, g) })
	}
	return err
}

// createdWith is how many members a group may be created with; the deployment asks that many accounts at once.
const createdWith = 60

func (p *Parley) arrangeGroup(plan Plan, g int) error {
	owner, joined := g*plan.Members, 0
	var members []string
	for i := 1; i < min(plan.Members, createdWith); i++ {
		members = append(members, p.user(owner+i))
	}
	err := p.arrange(owner, parley.CreateGroup("load", members...), func(e *pb.Event) bool {
		if e.GetCreated() != nil {
			p.groups[g] = e.Conversation
		}
		if e.GetJoined() != nil {
			joined++
		}
		return joined == len(members)
	})
	for i := createdWith; i < plan.Members && err == nil; i++ {
		add := &pb.Send{Conversation: p.groups[g], Word: &pb.Send_AddMember{AddMember: &pb.SendUser{User: p.user(owner + i)}}}
		err = p.arrange(owner, add, func(e *pb.Event) bool { return e.GetJoined() != nil })
	}
	return err
}

// arrange sends one command of a user and waits for an event.
func (p *Parley) arrange(user int, send *pb.Send, done func(*pb.Event) bool) error {
	c, err := p.dial(user)
	if err != nil {
		return err
	}
	defer c.Close()
	finished := make(chan struct{})
	over := false
	c.onEvent = func(e *pb.Event) {
		if !over && done(e) {
			over = true
			close(finished)
		}
	}
	failed := make(chan error, 1)
	c.onRefused = func(_ uint64, err error) {
		select {
		case failed <- err:
		default:
		}
	}
	go c.hear()
	p.numbers[user]++
	send.ClientSeq = p.numbers[user]
	if err := c.frames.Write(&pb.ClientFrame{Id: c.base + send.ClientSeq, Word: &pb.ClientFrame_Send{Send: send}}); err != nil {
		return err
	}
	select {
	case <-finished:
		return nil
	case err := <-failed:
		return err
	case <-time.After(parleyPatience):
		return fmt.Errorf("%s: nothing came of %T", p.user(user), send.Word)
	}
}

// Dial logs in and takes a snapshot; events follow from there.
func (p *Parley) Dial(user int, _ Plan, events Events) (Conn, error) {
	c, err := p.dial(user)
	if err != nil {
		return nil, err
	}
	c.seqBefore = p.numbers[user]
	c.onEvent = func(e *pb.Event) {
		switch {
		case e.GetMessage() != nil:
			events.Message([]byte(e.GetMessage().Text))
			if p.Reads && e.User != p.user(user) {
				c.read(e)
			}
		case e.GetRefused() != nil && e.ClientSeq > c.seqBefore:
			events.Ack(e.ClientSeq-c.seqBefore, fmt.Errorf("refused by the log: %v", e.GetRefused().Reason))
		}
	}
	c.onAccepted = func(id uint64) { events.Ack(id-c.base, nil) }
	c.onRefused = func(id uint64, err error) { events.Ack(id-c.base, err) }
	go c.hear()
	return c, nil
}

// Joined keeps connections alive that have nothing to say.
func (p *Parley) Joined(_ Plan, conns []Conn) error {
	go func() {
		for {
			time.Sleep(parleyPing)
			for _, c := range conns {
				if c.(*parleyConn).frames.Write(&pb.ClientFrame{Id: anyFrame, Word: &pb.ClientFrame_Ping{Ping: &pb.Ping{}}}) != nil {
					return // the run is over
				}
			}
		}
	}()
	return nil
}

// Sent says that a person's connection has sent so many messages, and that another one will follow.
func (p *Parley) Sent(user int, messages uint64) { p.numbers[user] += messages }

// parleyConn is one device of one person.
type parleyConn struct {
	peer       *Parley
	user       int
	frames     *frames.Conn
	base       uint64 // ids of frames that are commands begin behind it
	seqBefore  uint64
	onEvent    func(*pb.Event)
	onAccepted func(id uint64)
	onRefused  func(id uint64, err error)
	ended      atomic.Bool
}

// dial says hello and waits for the snapshot.
func (p *Parley) dial(user int) (*parleyConn, error) {
	token, err := p.Token(p.user(user))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), parleyDial)
	defer cancel()
	// Nothing stands between generator and gateway, so messages need no masking, which would cost the generator time.
	conn, err := frames.Dial(ctx, "ws://"+p.Addr, frames.Options{ZeroMask: true})
	if err != nil {
		return nil, err
	}
	c := &parleyConn{peer: p, user: user, frames: conn, base: snapshotFrame, onEvent: func(*pb.Event) {}, onAccepted: func(uint64) {}, onRefused: func(uint64, error) {}}
	err = errors.Join(
		c.frames.Write(&pb.ClientFrame{Id: anyFrame, Word: &pb.ClientFrame_Hello{Hello: &pb.Hello{Token: token, DeviceId: parleyDevice}}}),
		c.askSnapshot())
	if err == nil {
		err = c.awaitSnapshot()
	}
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("%s: %w", p.user(user), err)
	}
	return c, nil
}

func (c *parleyConn) askSnapshot() error {
	return c.frames.Write(&pb.ClientFrame{Id: snapshotFrame, Word: &pb.ClientFrame_Snapshot{Snapshot: &pb.GetSnapshot{}}})
}

// awaitSnapshot asks again, as every client does, while the views are too busy to answer.
func (c *parleyConn) awaitSnapshot() error {
	stop := time.AfterFunc(parleyPatience, func() { _ = c.frames.Close() })
	defer stop.Stop()
	for {
		f, err := c.frames.Read()
		switch {
		case err != nil:
			return err
		case f.GetSnapshot() != nil:
			return nil
		case f.Re == snapshotFrame && f.GetRefused().GetCode() == pb.Code_CODE_UNAVAILABLE:
			time.Sleep(parleyPause)
			if err := c.askSnapshot(); err != nil {
				return err
			}
		case f.GetRefused() != nil:
			return refusal(f.GetRefused())
		}
	}
}

// read says that a message was read.
func (c *parleyConn) read(e *pb.Event) {
	marks := &pb.Marks{Delivered: e.Number, Read: e.Number}
	if err := c.frames.Write(&pb.ClientFrame{Id: anyFrame, Word: &pb.ClientFrame_Seen{Seen: &pb.SeenMark{Conversation: e.Conversation, Marks: marks}}}); err != nil {
		c.onRefused(c.base, fmt.Errorf("a mark could not be said: %w", err))
	}
}

// hear hands on what is heard until the socket ends.
func (c *parleyConn) hear() {
	for {
		f, err := c.frames.Read()
		if err != nil {
			if !c.ended.Load() {
				c.onRefused(c.base, fmt.Errorf("the connection ended: %w", err))
			}
			return
		}
		switch word := f.Word.(type) {
		case *pb.ServerFrame_Events:
			for _, e := range word.Events.Events {
				c.onEvent(e)
			}
		case *pb.ServerFrame_Accepted:
			c.onAccepted(f.Re)
		case *pb.ServerFrame_Refused:
			c.onRefused(f.Re, refusal(word.Refused))
		case *pb.ServerFrame_Resync, *pb.ServerFrame_Goodbye:
			c.onRefused(c.base, fmt.Errorf("the gateway cannot go on: %v", f))
		}
	}
}

func refusal(r *pb.Refused) error { return fmt.Errorf("refused: %v: %s", r.Code, r.Detail) }

// Send says a text.
func (c *parleyConn) Send(to Dest, text []byte, tag uint64) error {
	conversation := ""
	if to.IsGroup {
		conversation = c.peer.groups[to.Group]
	} else {
		conversation = name.Direct(c.peer.user(c.user), c.peer.user(to.User))
	}
	send := parley.Text(conversation, string(text))
	send.ClientSeq = c.seqBefore + tag
	return c.frames.Write(&pb.ClientFrame{Id: c.base + tag, Word: &pb.ClientFrame_Send{Send: send}})
}

// Close ends the connection.
func (c *parleyConn) Close() error {
	c.ended.Store(true)
	return c.frames.Close()
}

// The client: joins outbox, inbox and connections, and comes back when a connection ends.

package parley

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/clients/go/frames"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Config of a client. The functions On... are called one after another, in the order of what happened, and must not wait
// for the client.
type Config struct {
	Address  string // of a gateway, such as https://chat.example.org
	DeviceID string // of this installation for ever
	// Token gives the token of the person; it is asked before each connection.
	Token func(context.Context) (string, error)
	// State is what the device kept from an earlier run; the zero value is a new device.
	State State
	// Frames are options of the connections.
	Frames frames.Options

	OnEvent    func(*pb.Event)       // the next event of the inbox
	OnSnapshot func(*pb.Snapshot)    // the inbox begins here: forget what earlier events said of conversations
	OnSignal   func(*pb.ServerFrame) // presence, receipts, typing and members of watched conversations
	OnConnect  func(*pb.Welcome)
	OnLost     func(error) // the connection ended; the client comes back by itself
}

// State is what a device must keep between two runs, together with its device id.
type State struct {
	ClientSeq uint64     // highest number that was given to a command
	Cursor    *pb.Cursor // last event that was delivered; nil = none
	Pending   []*pb.Send // commands without an outcome, in the order of their numbers
}

// Client is one device of one person. All its methods are safe for concurrent use.
type Client struct {
	cfg Config

	mu     sync.Mutex
	outbox outbox
	inbox  inbox
	queue  []*question // not sent yet
	link   *link       // nil = not connected
}

// New makes a client; Run connects it.
func New(cfg Config) (*Client, error) {
	if cfg.Address == "" || cfg.DeviceID == "" || cfg.Token == nil {
		return nil, errors.New("parley: a client needs an address, a device id and a token")
	}
	if cfg.OnEvent == nil {
		cfg.OnEvent = func(*pb.Event) {}
	}
	if cfg.OnSnapshot == nil {
		cfg.OnSnapshot = func(*pb.Snapshot) {}
	}
	if cfg.OnSignal == nil {
		cfg.OnSignal = func(*pb.ServerFrame) {}
	}
	if cfg.OnConnect == nil {
		cfg.OnConnect = func(*pb.Welcome) {}
	}
	if cfg.OnLost == nil {
		cfg.OnLost = func(error) {}
	}
	c := &Client{cfg: cfg, outbox: outbox{next: cfg.State.ClientSeq + 1}}
	c.inbox.cursor = proto.CloneOf(cfg.State.Cursor)
	for _, send := range cfg.State.Pending {
		c.outbox.pending = append(c.outbox.pending, &pending{send: send, attempts: 1, done: func(*pb.Event, error) {}})
	}
	return c, nil
}

// State is what to keep, as it stands now.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := State{ClientSeq: c.outbox.next - 1, Cursor: proto.CloneOf(c.inbox.cursor)}
	for _, p := range c.outbox.pending {
		s.Pending = append(s.Pending, p.send)
	}
	return s
}

// Run connects, and comes back when a connection ends, until ctx ends or the gateway says that coming back does not help:
// then the error is an *Ended.
func (c *Client) Run(ctx context.Context) error {
	backoff := minBackoff
	for {
		welcomed, wait, err := c.connect(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if welcomed {
			backoff = minBackoff
		}
		// A token runs out on a connection that was welcomed: Token gives another one. A new connection that is not welcomed
		// with it will not be next time either.
		var ended *Ended
		if errors.As(err, &ended) && !(ended.Unauthenticated && welcomed) {
			return err
		}
		c.cfg.OnLost(err)
		// Half of the wait is drawn, so that clients which lost their connection together do not come back together.
		wait = max(wait, backoff/2+rand.N(backoff/2))
		backoff = min(2*backoff, maxBackoff)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// connect runs one connection to its end. It returns whether it was welcomed, and how long the gateway wants the client to
// stay away.
func (c *Client) connect(ctx context.Context) (welcomed bool, wait time.Duration, err error) {
	token, err := c.cfg.Token(ctx)
	if err != nil {
		return false, 0, fmt.Errorf("parley: token: %w", err)
	}
	dialing, cancel := context.WithTimeout(ctx, dialWithin)
	conn, err := frames.Dial(dialing, c.cfg.Address, c.cfg.Frames)
	cancel()
	if err != nil {
		return false, 0, err
	}
	l := newLink(conn, time.Now())
	c.mu.Lock()
	c.link = l
	hello := &pb.Hello{Token: token, DeviceId: c.cfg.DeviceID, Cursor: c.inbox.cursor}
	first := l.request(helloID, &pb.ClientFrame{Word: &pb.ClientFrame_Hello{Hello: hello}})
	c.mu.Unlock()
	ended := make(chan error, 1)
	go func() { ended <- c.read(l) }()
	err = c.drive(ctx, l, first, ended)
	c.lost(l)
	return l.welcomed, goodbyeWait(l.goodbye), endOf(l.goodbye, err)
}

// drive writes what is due until the connection ends.
func (c *Client) drive(ctx context.Context, l *link, first []*pb.ClientFrame, ended chan error) error {
	err := write(l.conn, first)
	due := time.NewTimer(0)
	defer due.Stop()
	for err == nil {
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case err = <-ended:
			_ = l.conn.Close()
			return err
		case <-l.wake:
		case <-due.C:
		}
		if err == nil {
			var out []*pb.ClientFrame
			if out, err = c.due(l, time.Now()); err == nil {
				err = write(l.conn, out)
			}
		}
		c.mu.Lock()
		due.Reset(time.Until(l.due(time.Now())))
		c.mu.Unlock()
	}
	_ = l.conn.Close()
	<-ended
	return err
}

func write(conn *frames.Conn, out []*pb.ClientFrame) error {
	for _, f := range out {
		_ = conn.SetWriteDeadline(time.Now().Add(writeWithin))
		if err := conn.Write(f); err != nil {
			return err
		}
	}
	return nil
}

// due is what to write now; an error means that the connection is given up.
func (c *Client) due(l *link, now time.Time) ([]*pb.ClientFrame, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if why := l.dead(now, l.welcomed && c.outbox.flying != nil); why != "" {
		return nil, errors.New("parley: " + why)
	}
	if !l.welcomed {
		return nil, nil
	}
	if !l.doubtAt.IsZero() && !now.Before(l.doubtAt) {
		l.doubtAt = time.Time{}
		c.outbox.undoubt()
	}
	out := c.missing(l, now)
	for _, q := range c.queue {
		out = append(out, l.ask(q))
	}
	c.queue = nil
	if !now.Before(l.holdTo) {
		if send := c.outbox.take(); send != nil {
			l.flew = now
			out = append(out, &pb.ClientFrame{Id: sendID, Word: &pb.ClientFrame_Send{Send: send}})
		}
	}
	if len(out) == 0 && now.Sub(l.spoke) >= l.beat/2 {
		out = append(out, &pb.ClientFrame{Id: pingID, Word: &pb.ClientFrame_Ping{Ping: &pb.Ping{}}})
	}
	if len(out) > 0 {
		l.spoke = now
	}
	return out, nil
}

// missing asks for what the inbox lacks.
func (c *Client) missing(l *link, now time.Time) []*pb.ClientFrame {
	var out []*pb.ClientFrame
	difference := func(id uint64, from *pb.Cursor) {
		get := &pb.GetDifference{Cursor: from, Limit: differencePage}
		out = append(out, l.request(id, &pb.ClientFrame{Word: &pb.ClientFrame_Difference{Difference: get}})...)
	}
	switch {
	case now.Before(l.repeatAt):
	case c.inbox.needSnapshot():
		out = append(out, l.request(snapshotID, &pb.ClientFrame{Word: &pb.ClientFrame_Snapshot{Snapshot: &pb.GetSnapshot{}}})...)
	case c.inbox.behind() || l.unheaded:
		l.unheaded = false
		difference(differenceID, c.inbox.cursor)
	}
	if c.inbox.bridge != nil && !c.inbox.needSnapshot() && !now.Before(l.repeatAt) {
		difference(bridgeID, c.inbox.bridge)
	}
	return out
}

// lost forgets a connection: nobody knows what became of what was not answered.
func (c *Client) lost(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = nil
	c.outbox.held()
	for _, q := range l.asked {
		q.answer <- nil
	}
	l.asked = nil
}

func goodbyeWait(g *pb.Goodbye) time.Duration {
	return min(time.Duration(g.GetReconnectAfterMs())*time.Millisecond, MaxGoodbyeWait)
}

// Close codes after which coming back unchanged is of no use.
const (
	closeMisused         = 4400
	closeUnauthenticated = 4401
)

// endOf says how a connection ended: an *Ended when coming back does not help.
func endOf(g *pb.Goodbye, err error) error {
	var closed *frames.CloseError
	code := 0
	if errors.As(err, &closed) {
		code = closed.Code
	}
	final := g != nil && !g.Reconnect
	if !final && code != closeUnauthenticated && code != closeMisused {
		return err
	}
	detail := g.GetDetail()
	if detail == "" {
		detail = fmt.Sprint(err)
	}
	return &Ended{Detail: detail, Unauthenticated: code == closeUnauthenticated}
}

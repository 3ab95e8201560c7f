// One connection: a pure session behind a mutex, stepped by whoever brings an input, and what it wants done.

package door

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/gateways/push"
	"github.com/parley-im/parley/gateways/seal"
	"github.com/parley-im/parley/gateways/session"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const drainedTimeout = 30 * time.Second // for a client to take what waits, before its repair goes on

// Emit produces a command to the log. It never blocks. An error means that the command is not in the log and done is not
// called; otherwise done is called once, later, and never from within Emit.
type Emit func(topic, key string, value []byte, done func(error)) error

// shared is what all connections use.
type shared struct {
	ctx      context.Context // ends with the door
	limits   Limits
	emit     Emit
	verify   session.Verify
	ring     *seal.Ring
	board    *push.Switchboard
	registry *registry
	queries  *queries
	acks     acks
	meter    *meter
	log      *slog.Logger
}

// connection implements session.Line for its carrier.
type connection struct {
	shared  *shared
	entry   entry
	carrier session.Carrier
	rate    bucket // of the carrier's goroutine
	user    *user  // set once, by the carrier's goroutine

	mu      sync.Mutex
	session *session.Session

	held []session.Input // acknowledgements; of the goroutine that hands them out
}

func newConnection(s *shared, carrier session.Carrier, who session.Caller, nowMS int64) *connection {
	c := &connection{shared: s, carrier: carrier}
	c.entry.address, c.entry.queue = who.Address, s.board.NewQueue(c)
	c.session = session.New(session.Config{
		ID: uuid.Must(uuid.NewV7()).String(), Verify: s.verify, Quiet: who.Quiet, FromHead: who.FromHead,
		LeaseMS: s.limits.PresenceLease.Milliseconds(),
	}, nowMS)
	c.entry.deadline.Store(nowMS + session.HelloTimeoutMS)
	return c
}

// Said takes a frame of the client. The keys that it needs are fetched before the step.
func (c *connection) Receive(frame *pb.ClientFrame) {
	if refused := c.overRate(frame); refused != nil {
		c.shared.meter.received(frame, throttled)
		c.step(*refused)
		return
	}
	said := session.Received{Frame: frame}
	if frame.GetSend() != nil && c.user != nil {
		sealer, err := c.shared.ring.Sealer(c.shared.ctx, c.session.User())
		if err == nil {
			said.Seal = sealer
		} else {
			c.shared.log.Warn("no sealing key", "error", err)
		}
	}
	c.shared.meter.received(frame, taken)
	c.step(said)
	if frame.GetHello() != nil {
		c.login()
	}
}

// overRate refuses a frame that came too soon; nil = it did not.
func (c *connection) overRate(frame *pb.ClientFrame) *session.Throttled {
	now, limits := time.Now().UnixMilli(), &c.shared.limits
	if c.rate.take(now, limits.FramesPerConnection) && (c.user == nil || c.user.take(now, limits.FramesPerUser)) {
		return nil
	}
	return &session.Throttled{Frame: frame, RetryAfterMS: retryMS, Detail: "too many frames: send more slowly"}
}

// login counts the connection to its user, once hello was right.
func (c *connection) login() {
	id := c.session.User()
	if c.user != nil || id == "" {
		return
	}
	user, ok := c.shared.registry.login(&c.entry, id)
	if c.user = user; !ok {
		c.step(session.TooManyConnections{ReconnectAfterMS: jitter(c.shared.limits.ReturnWithin)})
	}
}

// jitter is a time up to within, in milliseconds, never 0.
func jitter(within time.Duration) uint32 {
	return 1 + rand.Uint32N(uint32(max(within.Milliseconds(), 1)))
}

// Garbled takes what could not be decoded.
func (c *connection) Malformed(why session.Malformed) {
	c.shared.meter.received(nil, garbled)
	c.step(why)
}

// Gone ends the session, because its socket ended.
func (c *connection) Disconnect() { c.step(session.Disconnected{}) }

// Step implements push.Session.
func (c *connection) Step(in session.Input) { c.step(in) }

// hold implements committer.
func (c *connection) hold(in session.Input) (first bool) {
	c.held = append(c.held, in)
	return len(c.held) == 1
}

// release implements committer.
func (c *connection) release() {
	c.step(c.held...)
	c.held = nil
}

// step steps the session and does what it wants. Nothing here blocks. Frames that answer several inputs leave together.
func (c *connection) step(inputs ...session.Input) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now().UnixMilli()
	var frames []*pb.ServerFrame
	for _, in := range inputs {
		frames = c.advance(now, in, frames)
	}
	c.send(frames)
}

// advance steps once, and again with what failed at once. It returns the frames that may still be sent later, because
// nothing has to be done behind them.
func (c *connection) advance(nowMS int64, in session.Input, frames []*pb.ServerFrame) []*pb.ServerFrame {
	if c.session.Closed() {
		return frames
	}
	ready := c.session.Step(nowMS, in)
	c.entry.deadline.Store(ready.DeadlineMS)
	if frames == nil {
		frames = ready.Frames
	} else {
		frames = append(frames, ready.Frames...)
	}
	if ready.OnlyFrames() {
		return frames
	}
	c.send(frames)
	frames = nil
	for _, failed := range c.do(&ready) {
		frames = c.advance(nowMS, failed, frames)
	}
	return frames
}

func (c *connection) send(frames []*pb.ServerFrame) {
	if len(frames) > 0 {
		c.shared.meter.sent(frames)
		c.carrier.Send(frames)
	}
}

// do does what a session wants beside sending frames, in order, and returns what failed at once.
func (c *connection) do(ready *session.Ready) (failed []session.Input) {
	for _, command := range ready.Produce {
		if f := c.produce(command); f != nil {
			failed = append(failed, *f)
		}
	}
	if len(ready.Subscribe)+len(ready.Unsubscribe) > 0 {
		c.shared.board.Change(&c.entry.queue, ready.Subscribe, ready.Unsubscribe)
	}
	for _, ask := range ready.Ask {
		go c.ask(ask)
	}
	for _, whisper := range ready.Whisper {
		c.shared.board.Whisper(whisper)
	}
	if ready.Close != nil {
		c.carrier.Close(*ready.Close)
		c.shared.registry.remove(&c.entry)
		c.shared.meter.ended(ready.Close.Reason)
	}
	return failed
}

// produce produces a command.
func (c *connection) produce(command session.Command) *session.Failed {
	value, err := command.Message.MarshalVT()
	if err != nil {
		c.shared.log.Error("a command could not be encoded", "topic", command.Topic, "error", err)
		return &session.Failed{ID: command.ID, RetryAfterMS: retryMS}
	}
	topic, id := command.Topic, command.ID // and nothing else is kept until the acknowledgement
	done := func(err error) {
		switch {
		case err != nil:
			c.shared.meter.produced(topic, failed)
			c.shared.acks.add(c, session.Failed{ID: id, RetryAfterMS: retryMS})
		default:
			c.shared.meter.produced(topic, kept)
			if id != 0 {
				c.shared.acks.add(c, session.Acked{ID: id})
			}
		}
	}
	if err := c.shared.emit(topic, command.Key, value, done); err != nil {
		c.shared.meter.produced(topic, overloaded)
		return &session.Failed{ID: id, Overloaded: true, RetryAfterMS: retryMS}
	}
	return nil
}

// ask asks the views and steps with the answer; a session that gets none is stepped too.
func (c *connection) ask(ask session.Ask) {
	if ask.WhenDrained {
		select {
		case <-c.carrier.Drained():
		case <-time.After(drainedTimeout):
		}
		c.shared.meter.repairs.Inc()
	}
	answered := session.Answered{ID: ask.ID}
	answer, open, err := c.shared.queries.ask(c.shared.ctx, ask.Query)
	switch {
	case err == nil:
		answered.Answer, answered.Open = answer, open
	case !errors.Is(err, errBusy) && c.shared.ctx.Err() == nil:
		c.shared.log.Warn("the views did not answer", "query", string(proto.MessageName(ask.Query).Name()), "error", err)
	}
	c.step(answered)
}

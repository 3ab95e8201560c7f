// One connection: a pure session, stepped by whoever has news for it, and what it wants done.

package gateways

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/topology"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// connection implements session.Line for its carrier.
type connection struct {
	gate     *Gateway
	carrier  session.Carrier
	address  string
	rate     bucket       // the reader's
	deadline atomic.Int64 // of the session; milliseconds since 1970

	user   string  // under the gateway's lock
	person *person // set once, by the reader

	mu      sync.Mutex
	session *session.Session

	answered []session.Input // the log's answers of a moment; of whoever tells them

	pushMu  sync.Mutex
	pushes  []session.Input
	pushing bool
}

// Enter lets a carrier in.
func (g *Gateway) Enter(carrier session.Carrier, who session.Caller) (session.Line, error) {
	c := &connection{gate: g, carrier: carrier, address: who.Address}
	now := time.Now().UnixMilli()
	c.session = session.New(session.Config{
		ID: uuid.Must(uuid.NewV7()).String(), Verify: g.cfg.Verifier.Verify, Quiet: who.Quiet, FromHead: who.FromHead,
		LeaseMS: g.cfg.Limits.PresenceLease.Milliseconds(),
	}, now)
	c.deadline.Store(now + session.HelloWithinMS)
	if err := g.admit(c); err != nil {
		g.meter.turnedAway.Inc()
		return nil, err
	}
	return c, nil
}

// Said takes a frame of the client. The keys that it needs are fetched before the step.
func (c *connection) Said(frame *pb.ClientFrame) {
	if refused := c.overRate(frame); refused != nil {
		c.gate.meter.heard(frame, throttled)
		c.step(*refused)
		return
	}
	said := session.Said{Frame: frame}
	if frame.GetSend() != nil && c.person != nil {
		sealer, err := c.gate.ring.Sealer(c.gate.ctx, c.session.User())
		if err == nil {
			said.Seal = sealer
		} else {
			c.gate.cfg.Logger.Warn("no sealing key", "error", err)
		}
	}
	c.gate.meter.heard(frame, taken)
	c.step(said)
	if frame.GetHello() != nil {
		c.known()
	}
}

// overRate says whether a frame came too soon.
func (c *connection) overRate(frame *pb.ClientFrame) *session.Throttled {
	now, limits := time.Now().UnixMilli(), &c.gate.cfg.Limits
	allowed := c.rate.take(now, limits.FramesPerConnection)
	if p := c.person; allowed && p != nil {
		p.mu.Lock()
		allowed = p.rate.take(now, limits.FramesPerUser)
		p.mu.Unlock()
	}
	if allowed {
		return nil
	}
	return &session.Throttled{Frame: frame, RetryAfterMS: retryMS, Detail: "too many frames: send more slowly"}
}

// known counts the connection to its person, once hello was right.
func (c *connection) known() {
	user := c.session.User()
	if c.person != nil || user == "" {
		return
	}
	person, ok := c.gate.know(c, user)
	if c.person = person; !ok {
		c.step(session.Crowded{ReconnectAfterMS: jitter(c.gate.cfg.Limits.ReturnWithin)})
	}
}

// Garbled takes what could not be read.
func (c *connection) Garbled(why session.Garbled) {
	c.gate.meter.heard(nil, garbled)
	c.step(why)
}

// Gone ends the session, because its socket ended.
func (c *connection) Gone() { c.step(session.Gone{}) }

// step steps the session and does what it wants. Nothing here waits. What is said to several inputs leaves together.
func (c *connection) step(inputs ...session.Input) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now().UnixMilli()
	var said []*pb.ServerFrame
	for _, in := range inputs {
		said = c.advance(now, in, said)
	}
	c.say(said)
}

// advance steps once, and again with what failed at once. It gives back what is to be said when nothing has to be done
// behind it.
func (c *connection) advance(nowMS int64, in session.Input, said []*pb.ServerFrame) []*pb.ServerFrame {
	if c.session.Closed() {
		return said
	}
	ready := c.session.Step(nowMS, in)
	c.deadline.Store(ready.DeadlineMS)
	if said == nil {
		said = ready.Frames
	} else {
		said = append(said, ready.Frames...)
	}
	if ready.Says() {
		return said
	}
	c.say(said)
	said = nil
	for _, failed := range c.do(&ready) {
		said = c.advance(nowMS, failed, said)
	}
	return said
}

func (c *connection) say(frames []*pb.ServerFrame) {
	if len(frames) > 0 {
		c.gate.meter.said(frames)
		c.carrier.Say(frames)
	}
}

// do does what a session wants beside saying something, in order, and gives back what failed at once.
func (c *connection) do(ready *session.Ready) (failed []session.Input) {
	for _, command := range ready.Produce {
		if f := c.produce(command); f != nil {
			failed = append(failed, *f)
		}
	}
	if len(ready.Subscribe)+len(ready.Unsubscribe) > 0 {
		c.gate.board.change(c, ready.Subscribe, ready.Unsubscribe)
	}
	for _, ask := range ready.Ask {
		go c.ask(ask)
	}
	for _, whisper := range ready.Whisper {
		c.gate.board.whisper(whisper)
	}
	if ready.Close != nil {
		c.carrier.Close(*ready.Close)
		c.gate.forget(c)
		c.gate.meter.closed.WithLabelValues(closeWord(ready.Close.Reason)).Inc()
	}
	return failed
}

// produce puts a command into the log, with its correlation id and trace.
func (c *connection) produce(command session.Command) *session.Failed {
	value, err := command.Message.MarshalVT()
	if err != nil {
		c.gate.cfg.Logger.Error("a command could not be encoded", "topic", command.Topic, "error", err)
		return &session.Failed{ID: command.ID, RetryAfterMS: retryMS}
	}
	topic, id := command.Topic, command.ID // and nothing else is kept until the answer
	done := func(err error) {
		switch {
		case err != nil:
			c.gate.meter.produced(topic, failed)
			c.gate.answers.put(c, session.Failed{ID: id, RetryAfterMS: retryMS})
		default:
			c.gate.meter.produced(topic, kept)
			if id != 0 {
				c.gate.answers.put(c, session.Acked{ID: id})
			}
		}
	}
	if err := c.gate.cfg.Emit(topic, command.Key, value, headers(), done); err != nil {
		c.gate.meter.produced(topic, overloaded)
		return &session.Failed{ID: id, Overloaded: true, RetryAfterMS: retryMS}
	}
	return nil
}

// tracer is of whoever records spans in this process; of nobody, as a rule: then the provider is still the one of the start.
var (
	tracer = otel.Tracer("parley/gateways")
	nobody = otel.GetTracerProvider()
)

// headers begins a walk through the house: everything that this command causes carries the same correlation id.
func headers() []topology.Header {
	id := uuid.Must(uuid.NewV7())
	var at trace.SpanContext
	if otel.GetTracerProvider() != nobody {
		_, span := tracer.Start(context.Background(), "command")
		defer span.End()
		at = span.SpanContext()
	}
	if !at.IsValid() { // nobody records spans here: the id still binds the walk together
		at = trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID(id), SpanID: trace.SpanID(id[8:])})
	}
	return []topology.Header{{Key: topology.HeaderCorrelation, Value: id[:]}, {Key: topology.HeaderTrace, Value: traceparent(at)}}
}

// traceparent is how W3C's Trace Context says a span: version, trace, span, flags.
func traceparent(at trace.SpanContext) []byte {
	traceID, spanID, flags := at.TraceID(), at.SpanID(), at.TraceFlags()
	out := append(make([]byte, 0, len("00-")+2*len(traceID)+len("-")+2*len(spanID)+len("-00")), "00-"...)
	out = append(hex.AppendEncode(out, traceID[:]), '-')
	out = append(hex.AppendEncode(out, spanID[:]), '-')
	return hex.AppendEncode(out, []byte{byte(flags & trace.FlagsSampled)})
}

// ask puts a question to the views and steps with the answer; without one the session hears that too.
func (c *connection) ask(ask session.Ask) {
	if ask.WhenDrained {
		select {
		case <-c.carrier.Drained():
		case <-time.After(drainedWithin):
		}
		c.gate.meter.repairs.Inc()
	}
	answered := session.Answered{ID: ask.ID}
	select {
	case c.gate.asking <- struct{}{}:
		ctx, cancel := context.WithTimeout(c.gate.ctx, askWithin)
		answer, open, err := c.gate.question(ctx, ask.Query)
		cancel()
		<-c.gate.asking
		if err == nil {
			answered.Answer, answered.Open = answer, open
		} else if c.gate.ctx.Err() == nil {
			c.gate.cfg.Logger.Warn("the views did not answer", "query", string(proto.MessageName(ask.Query).Name()), "error", err)
		}
	case <-time.After(askWithin): // too many questions at once
	}
	c.step(answered)
}

// question asks the views, and fetches the keys that open the answer.
func (g *Gateway) question(ctx context.Context, query proto.Message) (answer proto.Message, open session.Opener, err error) {
	switch q := query.(type) {
	case *pb.HeadQuery:
		answer, err = g.cfg.Query.Head(ctx, q)
	case *pb.DifferenceQuery:
		answer, err = g.cfg.Query.Difference(ctx, q)
	case *pb.ConversationsQuery:
		answer, err = g.cfg.Query.Conversations(ctx, q)
	case *pb.HistoryQuery:
		answer, err = g.cfg.Query.History(ctx, q)
	case *pb.MembersQuery:
		answer, err = g.cfg.Query.Members(ctx, q)
	case *pb.PeopleQuery:
		answer, err = g.cfg.Query.People(ctx, q)
	default:
		err = fmt.Errorf("gateways: %T is no question", query)
	}
	if err != nil {
		return nil, nil, err
	}
	opener, err := g.ring.Opener(ctx, session.Needs(answer))
	if err != nil {
		return nil, nil, err
	}
	return answer, opener, nil
}

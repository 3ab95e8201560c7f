// What a program asks of a client: commands, questions and marks.

package parley

import (
	"context"
	"slices"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Send sends a command and waits for its outcome; the client sets its number. The outcome comes to OnEvent as well. An error is
// a *Refused or *Rejected when the command will not happen. When ctx ends first the command stays in the outbox and may
// still happen.
func (c *Client) Send(ctx context.Context, send *pb.Send) (*pb.Event, error) {
	type result struct {
		event *pb.Event
		err   error
	}
	done := make(chan result, 1)
	if err := c.Post(send, func(e *pb.Event, err error) { done <- result{e, err} }); err != nil {
		return nil, err
	}
	select {
	case r := <-done:
		return r.event, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Post puts a command into the outbox and returns; done is called once with what Send would return, and must not wait.
func (c *Client) Post(send *pb.Send, done func(*pb.Event, error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.outbox.pending) >= MaxPending {
		return ErrPending
	}
	c.outbox.add(send.CloneVT(), done)
	c.poke()
	return nil
}

// Ask sends a frame that is answered by one frame, as soon as the client is connected. The error is a *Refused when the
// gateway refuses it, and ErrOffline when the connection ends before the answer.
func (c *Client) Ask(ctx context.Context, frame *pb.ClientFrame) (*pb.ServerFrame, error) {
	q := &question{frame: frame.CloneVT(), answer: make(chan *pb.ServerFrame, 1)}
	c.mu.Lock()
	c.queue = append(c.queue, q)
	c.poke()
	c.mu.Unlock()
	select {
	case f := <-q.answer:
		switch {
		case f == nil:
			return nil, ErrOffline
		case f.GetRefused() != nil:
			return nil, refusedBy(f.GetRefused())
		}
		return f, nil
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()
		c.queue = slices.DeleteFunc(c.queue, func(one *question) bool { return one == q })
		return nil, ctx.Err()
	}
}

// tell sends a frame that is answered only by a refusal, which nobody waits for.
func (c *Client) tell(frame *pb.ClientFrame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != nil {
		c.queue = append(c.queue, &question{frame: frame})
		c.poke()
	}
}

// poke needs c.mu.
func (c *Client) poke() {
	if c.link != nil {
		c.link.poke()
	}
}

// History reads messages of a conversation with numbers below before, newest first; before = 0 begins at the newest.
func (c *Client) History(ctx context.Context, conversation string, before uint64, limit uint32) (*pb.History, error) {
	f, err := c.Ask(ctx, &pb.ClientFrame{Word: &pb.ClientFrame_History{History: &pb.GetHistory{
		Conversation: conversation, BeforeNumber: before, Limit: limit}}})
	return f.GetHistory(), err
}

// Conversations reads the conversations of the person, latest first.
func (c *Client) Conversations(ctx context.Context, limit uint32) ([]*pb.Conversation, error) {
	f, err := c.Ask(ctx, &pb.ClientFrame{Word: &pb.ClientFrame_List{List: &pb.GetConversations{Limit: limit}}})
	return f.GetList().GetConversations(), err
}

// Members reads who is in a conversation.
func (c *Client) Members(ctx context.Context, conversation string) (*pb.Members, error) {
	f, err := c.Ask(ctx, &pb.ClientFrame{Word: &pb.ClientFrame_Members{Members: &pb.GetMembers{Conversation: conversation}}})
	return f.GetMembers(), err
}

// Watch replaces the conversations of which OnSignal receives typing, receipts and presence, on this connection.
func (c *Client) Watch(conversations ...string) {
	c.tell(&pb.ClientFrame{Word: &pb.ClientFrame_Watch{Watch: &pb.Watch{Conversations: conversations}}})
}

// Seen marks messages as delivered and read up to these numbers. It is lost when the client is not connected.
func (c *Client) Seen(conversation string, delivered, read uint64) {
	c.tell(&pb.ClientFrame{Word: &pb.ClientFrame_Seen{Seen: &pb.SeenMark{
		Conversation: conversation, Marks: &pb.Marks{Delivered: delivered, Read: read}}}})
}

// Typing signals that the person is typing. It is lost when the client is not connected.
func (c *Client) Typing(conversation string) {
	c.tell(&pb.ClientFrame{Word: &pb.ClientFrame_Typing{Typing: &pb.Typing{Conversation: conversation}}})
}

// The tests of the suite.

package carriertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/gateways/door"
	"github.com/parley-im/parley/gateways/session"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// client is a client that fails its test when anything ends it.
type client struct {
	Client
	t testing.TB
}

func connect(t testing.TB, w *World, dial Dial, user string, cursor *pb.Cursor) client {
	t.Helper()
	c, err := dial(w.Token(user), "phone", cursor)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return client{c, t}
}

func (c client) ask(frame *pb.ClientFrame) *pb.ServerFrame {
	c.t.Helper()
	answer, err := c.Ask(frame)
	require.NoError(c.t, err)
	return answer
}

func (c client) event() *pb.Event {
	c.t.Helper()
	event, err := c.Event()
	require.NoError(c.t, err)
	return event
}

// Text is a frame that sends a text.
func Text(clientSeq uint64, conversation, text string) *pb.ClientFrame {
	return &pb.ClientFrame{Word: &pb.ClientFrame_Send{Send: &pb.Send{ClientSeq: clientSeq, Conversation: conversation, Word: &pb.Send_Text{Text: &pb.SendText{Text: text}}}}}
}

func history(conversation string) *pb.ClientFrame {
	return &pb.ClientFrame{Word: &pb.ClientFrame_History{History: &pb.GetHistory{Conversation: conversation}}}
}

// start is what a client asks first.
func start() *pb.ClientFrame {
	return &pb.ClientFrame{Word: &pb.ClientFrame_Snapshot{Snapshot: &pb.GetSnapshot{}}}
}

// code is the code with which a client is not let in, or is sent away after its first question; 0 = it stays.
func code(t testing.TB, w *World, dial Dial, token string) int {
	t.Helper()
	c, err := dial(token, "phone", nil)
	if err == nil {
		defer c.Close()
		_, err = c.Ask(start())
	}
	var ended *Ended
	if errors.As(err, &ended) {
		return ended.Code
	}
	require.NoError(t, err)
	return 0
}

func (c Carrier) login(t *testing.T) {
	w := NewWorld(t)
	snapshot := connect(t, w, c.Serve(t, w), "ann", nil).ask(start()).GetSnapshot()
	require.Len(t, snapshot.GetConversations(), 1)
	require.Equal(t, Direct, snapshot.GetConversations()[0].GetConversation())
	require.Equal(t, "bob", snapshot.GetConversations()[0].GetPeer())
}

func (c Carrier) badTokens(t *testing.T) {
	w := NewWorld(t)
	dial := c.Serve(t, w)
	for what, token := range w.BadTokens() {
		require.Equal(t, c.Ends[session.Unauthenticated], code(t, w, dial, token), what)
	}
	require.Zero(t, code(t, w, dial, w.Token("ann")), "others go on")
}

func (c Carrier) outcome(t *testing.T) {
	w := NewWorld(t)
	dial := c.Serve(t, w)
	listener := w.Listen("bob")
	ann, bob := connect(t, w, dial, "ann", &pb.Cursor{}), connect(t, w, dial, "bob", &pb.Cursor{})
	accepted := ann.ask(Text(1, Direct, "hello, Bob")).GetAccepted()
	require.EqualValues(t, 1, accepted.GetClientSeq())
	require.Equal(t, Direct, accepted.GetConversation())
	event := ann.event()
	require.Equal(t, "hello, Bob", event.GetMessage().GetText())
	require.EqualValues(t, 1, event.GetNumber())
	require.EqualValues(t, 2, event.GetSeq())
	require.Equal(t, "phone", event.GetDeviceId())
	require.EqualValues(t, 1, event.GetClientSeq())
	require.Equal(t, []string{"hello, Bob"}, listener.Texts(1))
	require.Equal(t, "hello, Bob", bob.ask(history(Direct)).GetHistory().GetMessages()[0].GetText())
	if c.Pushes {
		pushed := bob.event()
		require.Equal(t, "hello, Bob", pushed.GetMessage().GetText())
		require.Empty(t, pushed.GetDeviceId(), "another user's device")
	}
	w.Set(func(b *Backend) {
		for _, record := range b.Records {
			require.False(t, bytes.Contains(record.Value, []byte("hello")), "the log has no open text")
		}
	})
}

func (c Carrier) order(t *testing.T) {
	w := NewWorld(t)
	listener := w.Listen("bob")
	ann := connect(t, w, c.Serve(t, w), "ann", &pb.Cursor{})
	const n = 12
	var want []string
	for i := range uint64(n) {
		want = append(want, fmt.Sprint(i))
		require.EqualValues(t, i+1, ann.ask(Text(i+1, Direct, want[i])).GetAccepted().GetClientSeq())
	}
	for i := range uint64(n) {
		event := ann.event()
		require.EqualValues(t, i+1, event.GetClientSeq())
		require.EqualValues(t, i+1, event.GetNumber())
		require.EqualValues(t, i+1, event.GetInboxSeq())
	}
	require.Equal(t, want, listener.Texts(n))
}

func (c Carrier) refusals(t *testing.T) {
	w := NewWorld(t)
	dial := c.Serve(t, w)
	ann := connect(t, w, dial, "ann", &pb.Cursor{})
	for what, r := range map[string]struct {
		frame *pb.ClientFrame
		code  pb.Code
		field string
	}{
		"an empty text":                   {Text(1, Direct, ""), pb.Code_CODE_INVALID, "send.text.text"},
		"a long text":                     {Text(1, Direct, strings.Repeat("x", 16_385)), pb.Code_CODE_INVALID, "send.text.text"},
		"a conversation that cannot be":   {Text(1, "bob/ann", "x"), pb.Code_CODE_INVALID, "send.conversation"},
		"a command without a payload":     {&pb.ClientFrame{Word: &pb.ClientFrame_Send{Send: &pb.Send{ClientSeq: 1, Conversation: Direct}}}, pb.Code_CODE_INVALID, "send.word"},
		"the history of an unknown group": {history("g-1/main"), pb.Code_CODE_NOT_FOUND, "history.conversation"},
	} {
		refused := ann.ask(r.frame).GetRefused()
		require.Equal(t, r.code, refused.GetCode(), what)
		require.Equal(t, r.field, refused.GetField(), what)
		require.NotEmpty(t, refused.GetDetail(), what)
	}
	eve := connect(t, w, dial, "eve", &pb.Cursor{})
	require.NotNil(t, eve.ask(Text(1, Direct, "x")).GetAccepted(), "the gate does not know the members")
	event := eve.event()
	require.Equal(t, pb.Reason_REASON_NOT_A_MEMBER, event.GetRefused().GetReason())
	require.EqualValues(t, 1, event.GetClientSeq())
}

func (c Carrier) brokenLog(t *testing.T) {
	w := NewWorld(t)
	ann := connect(t, w, c.Serve(t, w), "ann", &pb.Cursor{})
	w.Set(func(b *Backend) { b.Full = true })
	refused := ann.ask(Text(1, Direct, "x")).GetRefused()
	require.Equal(t, pb.Code_CODE_OVERLOADED, refused.GetCode())
	require.EqualValues(t, 1, refused.GetClientSeq())
	require.NotZero(t, refused.GetRetryAfterMs())
	w.Set(func(b *Backend) { b.Full, b.Silent = false, true })
	require.Equal(t, pb.Code_CODE_UNAVAILABLE, ann.ask(Text(1, Direct, "x")).GetRefused().GetCode())
	w.Set(func(b *Backend) { b.Silent = false })
	require.NotNil(t, ann.ask(Text(1, Direct, "x")).GetAccepted(), "the same number, again")
}

func (c Carrier) brokenViews(t *testing.T) {
	w := NewWorld(t)
	ann := connect(t, w, c.Serve(t, w), "ann", &pb.Cursor{})
	w.Set(func(b *Backend) { b.ViewsDown = true })
	refused := ann.ask(start()).GetRefused()
	require.Equal(t, pb.Code_CODE_UNAVAILABLE, refused.GetCode())
	require.NotZero(t, refused.GetRetryAfterMs())
}

// fill sends texts from ann to bob: "1", "2" and so on.
func fill(t testing.TB, w *World, n int) {
	t.Helper()
	listener := w.Listen("ann")
	for i := range n {
		listener.line.Receive(&pb.ClientFrame{Id: uint64(i + 2), Word: Text(uint64(i+1), Direct, fmt.Sprint(i+1)).Word})
		listener.Texts(i + 1)
	}
}

func (c Carrier) difference(t *testing.T) {
	w := limitedWorld(t, door.Limits{FramesPerConnection: 1_000, FramesPerUser: 1_000})
	dial := c.Serve(t, w)
	fill(t, w, 20)
	bob := connect(t, w, dial, "bob", nil)
	ask := func(after uint64, limit uint32) *pb.Difference {
		return bob.ask(&pb.ClientFrame{Word: &pb.ClientFrame_Difference{Difference: &pb.GetDifference{
			Cursor: &pb.Cursor{InboxSeq: after, Epoch: 1}, Limit: limit}}}).GetDifference()
	}
	page := ask(3, 10)
	require.Len(t, page.GetEvents(), 10)
	require.True(t, page.GetMore())
	require.EqualValues(t, 13, page.GetCursor().GetInboxSeq())
	require.Equal(t, "4", page.GetEvents()[0].GetMessage().GetText())
	page = ask(13, 10)
	require.Len(t, page.GetEvents(), 7)
	require.False(t, page.GetMore())
	require.Equal(t, "20", page.GetEvents()[6].GetMessage().GetText())
}

func (c Carrier) resume(t *testing.T) {
	if !c.Pushes {
		t.Skip("this carrier does not push")
	}
	const n = 250 // over several pages
	w := limitedWorld(t, door.Limits{FramesPerConnection: 1_000, FramesPerUser: 1_000})
	dial := c.Serve(t, w)
	fill(t, w, n)
	bob := connect(t, w, dial, "bob", &pb.Cursor{InboxSeq: 3, Epoch: 1})
	for i := uint64(4); i <= n; i++ {
		event := bob.event()
		require.Equal(t, i, event.GetInboxSeq(), "a gap or a repeat")
		require.Equal(t, fmt.Sprint(i), event.GetMessage().GetText())
	}
}

func (c Carrier) badInput(t *testing.T) {
	w := NewWorld(t)
	ann := connect(t, w, c.Serve(t, w), "ann", &pb.Cursor{})
	for what, input := range c.Bad {
		answer, err := ann.Raw(input)
		require.NoError(t, err, what)
		require.Equal(t, pb.Code_CODE_INVALID, answer.GetRefused().GetCode(), what)
		require.NotEmpty(t, answer.GetRefused().GetDetail(), what)
	}
	require.NotNil(t, ann.ask(start()).GetSnapshot(), "the client goes on")
}

func (c Carrier) limits(t *testing.T) {
	w := limitedWorld(t, door.Limits{Connections: 1})
	dial := c.Serve(t, w)
	w.Listen("bob")
	require.Equal(t, c.Full, code(t, w, dial, w.Token("ann")), "the gateway is full")

	w = limitedWorld(t, door.Limits{ConnectionsPerUser: 1})
	dial = c.Serve(t, w)
	w.Listen("ann")
	require.Equal(t, c.Ends[session.Overwhelmed], code(t, w, dial, w.Token("ann")), "the user has too many connections")
	require.Zero(t, code(t, w, dial, w.Token("bob")))

	if !c.Pushes {
		return // every request is a connection of its own
	}
	w = limitedWorld(t, door.Limits{FramesPerConnection: 1})
	ann := connect(t, w, c.Serve(t, w), "ann", &pb.Cursor{})
	overloaded := func() bool {
		return ann.ask(&pb.ClientFrame{Word: &pb.ClientFrame_Ping{Ping: &pb.Ping{}}}).GetRefused().GetCode() == pb.Code_CODE_OVERLOADED
	}
	for range 20 {
		if overloaded() {
			return
		}
	}
	t.Error("20 frames at once were taken at a rate of one a second")
}

func (c Carrier) drain(t *testing.T) {
	w := NewWorld(t)
	dial := c.Serve(t, w)
	ann := connect(t, w, dial, "ann", &pb.Cursor{})
	ann.ask(start())
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	w.Door.Drain(ctx)
	require.Zero(t, w.Door.Connections())
	if c.Pushes {
		_, err := ann.Event()
		var ended *Ended
		require.ErrorAs(t, err, &ended)
		require.Equal(t, c.Ends[session.Restarting], ended.Code)
	}
	require.Equal(t, c.Full, code(t, w, dial, w.Token("bob")), "nobody is let in")
}

// What the doors promise, over real sockets.

package gateways

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/gateways/carriertest"
	"github.com/parley-im/parley/gateways/door"
	"github.com/parley-im/parley/gateways/push"
	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/topology"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const direct = "ann/bob"

func TestTwoPeopleTalk(t *testing.T) {
	h := newHouse(t, nil)
	ann, bob := h.connect("ann", "phone", nil), h.connect("bob", "laptop", nil)
	accepted := ann.ask(carriertest.Text(1, direct, "hello, Bob")).GetAccepted()
	require.EqualValues(t, 1, accepted.GetClientSeq())
	require.Equal(t, []string{"hello, Bob"}, bob.hears(1))
	require.Equal(t, []string{"hello, Bob"}, ann.hears(1))
	history := bob.ask(&pb.ClientFrame{Word: &pb.ClientFrame_History{History: &pb.GetHistory{Conversation: direct}}}).GetHistory()
	require.Equal(t, "hello, Bob", history.GetMessages()[0].GetText())

	h.Set(func(b *carriertest.Backend) {
		for _, record := range b.Records {
			require.False(t, bytes.Contains(record.Value, []byte("hello")), "the log reads nothing")
			require.Len(t, record.Get(topology.HeaderCorrelation), 16)
			require.Regexp(t, `^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$`, string(record.Get(topology.HeaderTrace)))
		}
	})
}

func TestPlanAndSessionAgreeOnTopics(t *testing.T) {
	plan := topology.House()
	said := map[string]bool{}
	for _, g := range plan.Gateways {
		for _, topic := range append(g.Says, g.Hears...) {
			said[topic] = true
		}
	}
	for _, topic := range []string{session.OutboxCommands, session.BookmarkCommands, session.AccountCommands, session.InboxEvents, session.BookmarkEvents, session.AccountEvents} {
		require.True(t, said[topic], topic)
	}
	require.Len(t, said, 6)
}

func TestLostPushesAreRepairedByTheHead(t *testing.T) {
	h := newHouse(t, nil)
	ann, bob := h.connect("ann", "phone", nil), h.connect("bob", "laptop", nil)
	ann.ask(carriertest.Text(1, direct, "0"))
	bob.hears(1)
	h.Set(func(b *carriertest.Backend) { b.Mute = true })
	for i := uint64(2); i <= 30; i++ {
		ann.ask(carriertest.Text(i, direct, fmt.Sprint(i-1)))
	}
	texts := bob.hears(30) // nothing was pushed: the heads say that something is missing
	require.Equal(t, "29", texts[29])
}

func TestDispatcherMayDie(t *testing.T) {
	for name, loopback := range map[string]*push.Loopback{"another process": nil, "the same process": new(push.Loopback)} {
		t.Run(name, func(t *testing.T) { dispatcherDies(t, newHouseOn(t, loopback, nil)) })
	}
}

func dispatcherDies(t *testing.T, h *house) {
	ann, bob := h.connect("ann", "phone", nil), h.connect("bob", "laptop", nil)
	ann.ask(carriertest.Text(1, direct, "before"))
	bob.hears(1)
	address := h.dispatch.String()
	require.Equal(t, h.loopback != nil, h.loopback.At(address) != nil, "a dispatcher of this process is known to its gateways")
	h.stop()
	require.Nil(t, h.loopback.At(address))
	ann.ask(carriertest.Text(2, direct, "while it was away"))
	h.startDispatch(address)
	bob.hears(2)
	h.subscribed("ann", "bob")
	h.Set(func(b *carriertest.Backend) { b.ViewsDown = true }) // what comes now comes by push
	ann.ask(carriertest.Text(3, direct, "after"))
	require.Equal(t, []string{"before", "while it was away", "after"}, bob.hears(3))
}

func TestDestroyedKeysShowAsErased(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.KeepKeys = time.Millisecond })
	ann, bob := h.connect("ann", "phone", nil), h.connect("bob", "laptop", nil)
	ann.ask(carriertest.Text(1, direct, "secret"))
	bob.hears(1)
	answer, err := h.keys.DestroyKeys(t.Context(), &pb.DestroyKeysQuery{User: "ann"})
	require.NoError(t, err)
	require.EqualValues(t, 1, answer.Destroyed)
	ask := &pb.ClientFrame{Word: &pb.ClientFrame_History{History: &pb.GetHistory{Conversation: direct}}}
	message := bob.ask(ask).GetHistory().GetMessages()[0]
	for end := time.Now().Add(patience); !message.Erased && time.Now().Before(end); { // once the kept keys have lived their short life
		message = bob.ask(ask).GetHistory().GetMessages()[0]
	}
	require.True(t, message.Erased)
	require.Empty(t, message.Text)
}

func TestTypingIsWhispered(t *testing.T) {
	h := newHouse(t, nil)
	ann, bob := h.connect("ann", "phone", nil), h.connect("bob", "laptop", nil)
	watched := bob.ask(&pb.ClientFrame{Word: &pb.ClientFrame_Watch{Watch: &pb.Watch{Conversations: []string{direct}}}})
	require.Len(t, watched.GetMembers().GetMembers(), 2)
	h.subscribed("ann", "bob")
	ann.say(&pb.ClientFrame{Word: &pb.ClientFrame_Typing{Typing: &pb.Typing{Conversation: direct}}})
	typing := bob.until(func(f *pb.ServerFrame) bool { return f.GetTyping() != nil }).GetTyping()
	require.Equal(t, "ann", typing.User)
}

func TestLimits(t *testing.T) {
	h := newHouse(t, func(c *Config) {
		c.Limits = door.Limits{FramesPerConnection: 1, ConnectionsPerUser: 2, Connections: 3}
	})
	ann := h.connect("ann", "phone", &pb.Cursor{})
	for range 20 {
		ann.say(&pb.ClientFrame{Word: &pb.ClientFrame_Ping{Ping: &pb.Ping{}}})
	}
	refused := ann.until(func(f *pb.ServerFrame) bool { return f.GetRefused() != nil }).GetRefused()
	require.Equal(t, pb.Code_CODE_OVERLOADED, refused.Code)
	h.connect("ann", "laptop", &pb.Cursor{})
	third := h.dial(nil) // one too many: sent away, to come back later
	third.say(h.hello("ann", "watch", nil))
	require.True(t, third.until(func(f *pb.ServerFrame) bool { return f.GetGoodbye() != nil }).GetGoodbye().GetReconnect())
	require.Eventually(t, func() bool { return h.gate.Connections() == 2 }, patience, time.Millisecond)
	h.connect("bob", "phone", &pb.Cursor{})
	status, _, _ := h.call("GET", "/v1/conversations", "bob", "")
	require.Equal(t, http.StatusServiceUnavailable, status, "the gateway is full")
}

func TestDrainSendsEverybodyElsewhere(t *testing.T) {
	h := newHouse(t, nil)
	ann, bob := h.connect("ann", "phone", nil), h.connect("bob", "laptop", nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go h.gate.Drain(ctx)
	for _, d := range []*device{ann, bob} {
		goodbye := d.until(func(f *pb.ServerFrame) bool { return f.GetGoodbye() != nil }).GetGoodbye()
		require.True(t, goodbye.Reconnect)
		require.NotZero(t, goodbye.ReconnectAfterMs)
	}
	require.Eventually(t, func() bool { return h.gate.Connections() == 0 }, patience, time.Millisecond)
	status, _, _ := h.call("GET", "/v1/conversations", "ann", "")
	require.Equal(t, http.StatusServiceUnavailable, status)
}

func TestPageIsStrict(t *testing.T) {
	h := newHouse(t, nil)
	status, header, body := h.call("GET", "/", "", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "Parley")
	require.Contains(t, header.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'")
	require.NotContains(t, header.Get("Content-Security-Policy"), "unsafe")
	require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
	require.Equal(t, "no-referrer", header.Get("Referrer-Policy"))
	status, _, _ = h.call("GET", "/v1/log", "", "")
	require.Equal(t, http.StatusNotFound, status, "the log drawer is closed unless it is opened")
}

func TestLogDrawerShowsRecordsAndNoText(t *testing.T) {
	event := &pb.InboxEvent{InboxSeq: 9, Word: &pb.InboxEvent_Conversation{Conversation: &pb.ConversationSaid{Event: &pb.ConversationEvent{
		Word: &pb.ConversationEvent_MessageSent{MessageSent: &pb.MessageSent{Body: &pb.Sealed{KeyId: "k", Ciphertext: []byte("CIPHER")}}}}}}}
	value, err := event.MarshalVT()
	require.NoError(t, err)
	h := newHouse(t, func(c *Config) {
		c.Tail = func(ctx context.Context, take func(topology.Record)) error {
			take(topology.Record{Topic: session.InboxEvents, Partition: 3, Offset: 44, Key: "ann", Value: value, Time: time.UnixMilli(5)})
			take(topology.Record{Topic: session.InboxEvents, Key: "ann", Value: []byte("\xff")})
			<-ctx.Done()
			return nil
		}
	})
	request, err := http.NewRequestWithContext(t.Context(), "GET", h.url+"/v1/log", nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))
	var lines []string
	for scanner := bufio.NewScanner(answer.Body); len(lines) < 2 && scanner.Scan(); {
		if line, ok := strings.CutPrefix(scanner.Text(), "data: "); ok {
			lines = append(lines, line)
		}
	}
	require.JSONEq(t, fmt.Sprintf(`{"topic":"inbox.events","partition":3,"offset":44,"key":"ann","time_ms":5,"envelope":"InboxEvent","word":"conversation message_sent","seq":9,"size":%d}`, len(value)), lines[0])
	require.Contains(t, lines[1], `"word":"undecodable"`)
}

func TestMetricsRegister(t *testing.T) {
	registry := prometheus.NewRegistry()
	h := newHouse(t, func(c *Config) { c.Registerer = registry })
	h.connect("ann", "phone", nil)
	families, err := registry.Gather()
	require.NoError(t, err)
	found := map[string]int{}
	for _, family := range families {
		found[family.GetName()] = len(family.GetMetric())
	}
	require.Equal(t, 1, found["parley_gateway_connections"])
	require.Equal(t, 2, found["parley_gateway_client_frames_total"], "hello and snapshot")
}

// Acknowledgements: what came together leaves together, in order.

package door

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/cloudwego/kitex/client/callopt"
	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/gateways/push"
	"github.com/parley-im/parley/gateways/seal"
	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1/queryservice"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const patience = 30 * time.Second

var errDown = errors.New("down")

// emptyViews answer that every inbox is empty.
type emptyViews struct{ queryservice.Client }

func (emptyViews) Head(_ context.Context, q *pb.HeadQuery, _ ...callopt.Option) (*pb.HeadAnswer, error) {
	return &pb.HeadAnswer{Heads: make([]*pb.Cursor, len(q.Users))}, nil
}

// newDoor is a door without dispatchers whose tokens are the names of users.
func newDoor(t *testing.T, emit Emit) *Door {
	store, err := seal.OpenStore(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	ring := seal.NewRing(store, 0)
	board := push.New(push.Config{Partition: func(string) int32 { return 0 }, Views: emptyViews{}, Ring: ring, Logger: slog.Default()})
	verify := func(token string, nowMS int64) (string, int64, error) {
		return token, nowMS + time.Hour.Milliseconds(), nil
	}
	return New(Config{Emit: emit, Views: emptyViews{}, Board: board, Ring: ring, Verify: verify, Logger: slog.Default()})
}

// writes is a carrier that keeps what it is given, call by call.
type writes struct {
	mu    sync.Mutex
	calls [][]*pb.ServerFrame
}

func (w *writes) Send(frames []*pb.ServerFrame) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, frames)
}

func (w *writes) Close(session.Closing)    {}
func (w *writes) Drained() <-chan struct{} { return make(chan struct{}) }

// take returns the calls since the last take.
func (w *writes) take() [][]*pb.ServerFrame {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.calls
	w.calls = nil
	return calls
}

func TestAcksThatComeTogetherLeaveTogether(t *testing.T) {
	var answer []func(error)
	d := newDoor(t, func(topic, _ string, _ []byte, done func(error)) error {
		if topic == session.OutboxCommands {
			answer = append(answer, done)
		}
		return nil
	})
	out := new(writes)
	line, err := d.Enter(out, session.Caller{Address: "here"})
	require.NoError(t, err)
	line.Receive(&pb.ClientFrame{Word: &pb.ClientFrame_Hello{Hello: &pb.Hello{Token: "ann", DeviceId: "phone", Cursor: &pb.Cursor{}}}})
	require.Eventually(t, func() bool { return len(out.take()) > 0 }, patience, time.Millisecond, "no welcome")
	for n := range uint64(4) {
		line.Receive(&pb.ClientFrame{Id: n + 10, Word: &pb.ClientFrame_Send{Send: &pb.Send{ClientSeq: n + 1, Conversation: "ann/bob",
			Word: &pb.Send_Text{Text: &pb.SendText{Text: "hello"}}}}})
	}
	require.Len(t, answer, 4)
	require.Empty(t, out.take())

	c := line.(*connection)
	c.mu.Lock() // whoever hands out the first acknowledgement blocks here
	answer[0](nil)
	require.Eventually(t, func() bool {
		d.shared.acks.mu.Lock()
		defer d.shared.acks.mu.Unlock()
		return len(d.shared.acks.waiting) == 0
	},
		patience, time.Millisecond)
	answer[1](nil)
	answer[2](errDown)
	answer[3](nil)
	c.mu.Unlock()
	var calls [][]*pb.ServerFrame
	require.Eventually(t, func() bool { calls = append(calls, out.take()...); return len(calls) == 2 }, patience, time.Millisecond)
	require.Len(t, calls[0], 1)
	require.EqualValues(t, 1, calls[0][0].GetAccepted().GetClientSeq())
	require.Len(t, calls[1], 3)
	require.EqualValues(t, 2, calls[1][0].GetAccepted().GetClientSeq())
	require.EqualValues(t, 3, calls[1][1].GetRefused().GetClientSeq())
	require.EqualValues(t, 4, calls[1][2].GetAccepted().GetClientSeq())
}

// The log's answers: what came together leaves together, in order.

package gateways

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/topology"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// writes is a carrier that keeps what it was told, call by call.
type writes struct {
	mu    sync.Mutex
	calls [][]*pb.ServerFrame
}

func (w *writes) Say(frames []*pb.ServerFrame) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, frames)
}

func (w *writes) Close(session.Closing)    {}
func (w *writes) Drained() <-chan struct{} { return make(chan struct{}) }

// take takes what was told.
func (w *writes) take() [][]*pb.ServerFrame {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.calls
	w.calls = nil
	return calls
}

func TestAnswersThatComeTogetherLeaveTogether(t *testing.T) {
	var answer []func(error)
	h := newHouse(t, func(cfg *Config) {
		cfg.Emit = func(topic, _ string, _ []byte, _ []topology.Header, done func(error)) error {
			if topic == session.OutboxCommands {
				answer = append(answer, done)
			}
			return nil
		}
	})
	out := new(writes)
	line, err := h.gate.Enter(out, session.Caller{Address: "here"})
	require.NoError(t, err)
	line.Said(h.hello("ann", "phone", &pb.Cursor{}))
	require.Eventually(t, func() bool { return len(out.take()) > 0 }, patience, time.Millisecond, "no welcome")
	for n := range uint64(4) {
		frame := text(n+1, "ann/bob", "hello")
		frame.Id = n + 10
		line.Said(frame)
	}
	require.Len(t, answer, 4)
	require.Empty(t, out.take())

	c := line.(*connection)
	c.mu.Lock() // whoever tells the first answer waits here
	answer[0](nil)
	require.Eventually(t, func() bool {
		h.gate.answers.mu.Lock()
		defer h.gate.answers.mu.Unlock()
		return len(h.gate.answers.waiting) == 0
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

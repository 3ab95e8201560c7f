// What one message costs in the doors: from the socket of one person over a log of a few lines to the sockets of both.

package gateways

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/gateways/carriertest"
	"github.com/parley-im/parley/gateways/push"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const (
	benchRate  = 1e9 // frames a second: limits would only measure themselves
	benchBytes = 100 // of a text, as the bench of the whole house sends
)

// BenchmarkMessage sends messages, so many at once, and waits until both people have them. The clients are counted too.
func BenchmarkMessage(b *testing.B) {
	for _, atOnce := range []int{1, 32} {
		b.Run(fmt.Sprintf("%d at once", atOnce), func(b *testing.B) { benchMessages(b, nil, atOnce) })
		b.Run(fmt.Sprintf("%d at once, in one process", atOnce), func(b *testing.B) { benchMessages(b, new(push.Loopback), atOnce) })
	}
}

func benchMessages(b *testing.B, loopback *push.Loopback, atOnce int) {
	h := newHouseOn(b, loopback, func(cfg *Config) { cfg.Limits.FramesPerConnection, cfg.Limits.FramesPerUser = benchRate, benchRate })
	ann, bob := h.connect("ann", "phone", nil), h.connect("bob", "phone", nil)
	h.subscribed("ann", "bob")
	frames := make([][]byte, b.N)
	for i := range frames {
		frame := carriertest.Text(uint64(i+1), "ann/bob", strings.Repeat("x", benchBytes))
		frame.Id = uint64(i + 10)
		var err error
		frames[i], err = proto.Marshal(frame)
		require.NoError(b, err)
	}
	free := make(chan struct{}, atOnce)
	done := make(chan struct{}, 2)
	count := func(d *device, released bool) { // ann's next message waits until both her ticks came
		defer func() { done <- struct{}{} }()
		for heard, accepted, freed := 0, 0, 0; heard < b.N || released && accepted < b.N; {
			d.socket.SetReadDeadline(time.Now().Add(patience))
			_, message, err := d.socket.ReadMessage()
			frame := new(pb.ServerFrame)
			if err != nil || frame.UnmarshalVT(message) != nil || frame.GetRefused() != nil {
				panic(fmt.Sprint("no frame, or a refusal: ", err, frame.GetRefused()))
			}
			if frame.GetAccepted() != nil {
				accepted++
			}
			heard += len(frame.GetEvents().GetEvents())
			for ; released && freed < min(heard, accepted); freed++ {
				<-free
			}
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := used()
	go count(ann, true)
	go count(bob, false)
	for _, frame := range frames {
		free <- struct{}{}
		require.NoError(b, ann.socket.WriteMessage(websocket.BinaryMessage, frame))
	}
	<-done
	<-done
	b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op")
}

// used is the CPU time of this process.
func used() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

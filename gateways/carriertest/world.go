// The world of a test: a door with real sessions, keys, tokens and pushes, on the backend.

package carriertest

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/gateways/dispatch"
	"github.com/parley-im/parley/gateways/door"
	"github.com/parley-im/parley/gateways/push"
	"github.com/parley-im/parley/gateways/seal"
	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/gateways/token"
	"github.com/parley-im/parley/topology"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Patience is how long a test waits for what must come.
const Patience = 30 * time.Second

// World is what stands behind a carrier.
type World struct {
	*Backend
	Door   *door.Door
	Verify session.Verify

	t      testing.TB
	board  *push.Switchboard
	signer ed25519.PrivateKey
}

// NewWorld makes a world with the default limits that ends with the test.
func NewWorld(t testing.TB) *World { return limitedWorld(t, door.Limits{}) }

// limitedWorld makes a world with limits; those that are zero are the defaults.
func limitedWorld(t testing.TB, limits door.Limits) *World {
	t.Helper()
	private, public, err := token.Pair(t.TempDir())
	require.NoError(t, err)
	verifier, err := token.NewVerifier(token.Local, public)
	require.NoError(t, err)
	keys, err := seal.OpenStore(t.TempDir())
	require.NoError(t, err)
	w := &World{Backend: NewBackend(), Verify: verifier.Verify, t: t, signer: private}

	const address = "loopback"
	partition := func(key string) int32 { return topology.PartitionOf(key, partitions) }
	d, loopback := dispatch.New(dispatch.Config{Partition: partition}), new(push.Loopback)
	loopback.Add(address, d)
	var owned []*pb.OwnedPartition
	for _, topic := range []string{session.InboxEvents, session.BookmarkEvents, session.AccountEvents} {
		for p := range partitions {
			owned = append(owned, &pb.OwnedPartition{Topic: topic, Partition: p})
		}
	}
	d.Own(owned)
	w.Push = func(records []topology.Record) {
		for _, r := range records {
			d.Push([]*pb.PushedRecord{{Topic: r.Topic, Key: r.Key, Partition: r.Partition, Offset: r.Offset, Value: r.Value}})
		}
	}
	ring := seal.NewRing(keys, 0)
	w.board = push.New(push.Config{Gateway: "carriertest", Partition: partition, Resolve: push.Static(address), Loopback: loopback,
		Views: w, Ring: ring, Logger: slog.Default()})
	w.Door = door.New(door.Config{Views: w, Board: w.board, Ring: ring, Verify: verifier.Verify, Limits: limits, Logger: slog.Default(),
		Emit: func(topic, key string, value []byte, done func(error)) error {
			return w.Emit(topic, key, value, nil, done)
		}})
	ctx, stop := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { w.Door.Run(ctx) })
	work.Go(func() { w.board.Run(ctx, w.Door.People()) })
	t.Cleanup(func() { stop(); d.Close(); work.Wait(); keys.Close() })
	return w
}

// Token is a token of a user that is valid for an hour.
func (w *World) Token(user string) string { return mint(w.t, w.signer, token.Local, user, time.Now()) }

func mint(t testing.TB, key ed25519.PrivateKey, settings token.Settings, user string, now time.Time) string {
	minted, err := token.Mint(key, settings, user, now, time.Hour)
	require.NoError(t, err)
	return minted
}

// BadTokens are tokens that no carrier may accept.
func (w *World) BadTokens() map[string]string {
	_, foreign, err := ed25519.GenerateKey(nil)
	require.NoError(w.t, err)
	return map[string]string{
		"nonsense":         "a.b.c",
		"expired":          mint(w.t, w.signer, token.Local, "ann", time.Now().Add(-2*time.Hour)),
		"of another key":   mint(w.t, foreign, token.Local, "ann", time.Now()),
		"for another host": mint(w.t, w.signer, token.Settings{Issuer: token.Local.Issuer, Audience: "other"}, "ann", time.Now()),
	}
}

// Subscribed waits until the inbox of a user is pushed.
func (w *World) Subscribed(user string) {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return w.board.Subscribed(session.Subscription{Topic: session.InboxEvents, Key: user}) },
		Patience, time.Millisecond)
}

// Listener is a client without a carrier: it enters the door and keeps the texts of its inbox.
type Listener struct {
	t     testing.TB
	line  session.Line
	mu    sync.Mutex
	texts []string
}

// Listen logs a user in and waits until its inbox is pushed.
func (w *World) Listen(user string) *Listener {
	w.t.Helper()
	l := &Listener{t: w.t}
	line, err := w.Door.Enter(l, session.Caller{Address: "listener"})
	require.NoError(w.t, err)
	l.line = line
	line.Receive(&pb.ClientFrame{Id: 1, Word: &pb.ClientFrame_Hello{Hello: &pb.Hello{Token: w.Token(user), DeviceId: "listener", Cursor: &pb.Cursor{}}}})
	w.Subscribed(user)
	return l
}

// Say implements session.Carrier.
func (l *Listener) Send(frames []*pb.ServerFrame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, frame := range frames {
		for _, event := range frame.GetEvents().GetEvents() {
			l.texts = append(l.texts, event.GetMessage().GetText())
		}
	}
}

// Close implements session.Carrier.
func (l *Listener) Close(session.Closing) {}

// Drained implements session.Carrier.
func (l *Listener) Drained() <-chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}

// Texts waits until so many texts came.
func (l *Listener) Texts(n int) (texts []string) {
	l.t.Helper()
	require.Eventually(l.t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		texts = append([]string(nil), l.texts...)
		return len(texts) >= n
	}, Patience, time.Millisecond)
	return texts
}

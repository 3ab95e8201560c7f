// The Go client on a running deployment: it comes back by itself, and its events are those of every other device.

package house

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	parley "github.com/parley-im/parley/clients/go"
	"github.com/parley-im/parley/clients/go/frames"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// goClient runs one Go client a person. Their connections are cut while they send.
func goClient(t *testing.T, h *House) {
	p := h.people(t, "ann", "bob")
	watch := h.Online(t, p[0], "watch")
	c := direct(watch, p[1])
	ann, bob := h.client(t, p[0], frames.Protobuf), h.client(t, p[1], frames.JSON)
	const each = 20
	var talk sync.WaitGroup
	for _, d := range []*client{ann, bob} {
		talk.Go(func() {
			for i := range each {
				if i%7 == 3 {
					d.cut()
				}
				d.send(parley.Text(c, fmt.Sprintf("%s %d", d.user[:3], i)))
			}
		})
	}
	talk.Wait()
	for _, d := range []*client{ann, bob} {
		watch.Hears(c, fmt.Sprintf("%s %d", d.user[:3], each-1))
	}
	require.Len(t, watch.texts(c), 2*each)
	for _, d := range []*client{ann, bob} {
		eventually(t, func() bool { return len(d.texts()) == 2*each })
		require.Equal(t, watch.texts(c), d.texts(), "the client of %s delivers every event once, in order", d.user)
	}
	_, err := ann.Send(t.Context(), parley.Text("g-0123/main", "hello?"))
	var rejected *parley.Rejected
	require.ErrorAs(t, err, &rejected)
	require.Equal(t, pb.Reason_REASON_NOT_A_MEMBER, rejected.Reason)
	h.accepted.Store(fmt.Sprintf("%s/client/%d", ann.user, rejected.Event.ClientSeq), true)

	byHTTP := &parley.HTTP{Address: h.URL, Token: h.Token(t, p[0])}
	_, err = byHTTP.History(t.Context(), "g-0123/main", 0, 10)
	var problem *parley.Problem
	require.ErrorAs(t, err, &problem)
	require.Equal(t, http.StatusNotFound, problem.Status)
	require.Equal(t, pb.Code_CODE_NOT_FOUND, problem.Code)
	eventually(t, func() bool {
		history, err := byHTTP.History(t.Context(), c, 0, 100)
		return err == nil && len(history.Messages) == 2*each
	})
}

// client is a running Go client.
type client struct {
	*parley.Client
	t    *testing.T
	h    *House
	user string

	mu    sync.Mutex
	conn  net.Conn // of the connection that is open now
	heard []string
	first chan struct{} // the snapshot is there
}

func (h *House) client(t *testing.T, user string, encoding frames.Encoding) *client {
	d := &client{t: t, h: h, user: user, first: make(chan struct{})}
	token := h.Token(t, user)
	var begun sync.Once
	var err error
	d.Client, err = parley.New(parley.Config{
		Address: h.URL, DeviceID: "client", Frames: frames.Options{Encoding: encoding, Strict: true, NetDial: d.dial},
		Token:      func(context.Context) (string, error) { return token, nil },
		OnSnapshot: func(*pb.Snapshot) { begun.Do(func() { close(d.first) }) },
		OnEvent: func(e *pb.Event) {
			if m := e.GetMessage(); m != nil {
				d.mu.Lock()
				d.heard = append(d.heard, m.Text)
				d.mu.Unlock()
			}
		},
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the client of %s ended with %v", user, err)
		}
	})
	select {
	case <-d.first:
	case <-time.After(Patience):
		require.FailNow(t, "no snapshot", user)
	}
	return d
}

// dial keeps the connection, so that a test can cut it.
func (d *client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conn = c
	return c, nil
}

func (d *client) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	_ = d.conn.Close()
}

// send waits for the outcome, and tells the proof that a gateway accepted the command.
func (d *client) send(send *pb.Send) {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	e, err := d.Send(ctx, send)
	if err != nil {
		d.t.Errorf("%s sent %v: %v", d.user, send, err)
		return
	}
	d.h.accepted.Store(fmt.Sprintf("%s/client/%d", d.user, e.ClientSeq), true)
}

func (d *client) texts() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.heard)
}

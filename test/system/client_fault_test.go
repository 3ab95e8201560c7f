// Faults of clients: sockets that are dead and do not say so, one device twice, a cursor of another epoch, slow readers,
// and everybody coming back at once.

package system

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const (
	halfOpened   = 8 // devices whose sockets go dead at once
	twinned      = 8
	twinFor      = 3 * time.Second
	slow         = 10 // people of the hall who read nothing for a time
	slowFor      = 13 * time.Second
	stormPeople  = 200 // in a slice; the full campaign has ten times as many
	stormAddress = 400 // connections of one address
)

// some are n of the people.
func (w *world) some(n int) []*device {
	var all []*device
	for _, i := range w.rand.Perm(len(w.crowd.people))[:min(n, len(w.crowd.people))] {
		all = append(all, w.crowd.people[i])
	}
	return all
}

// halfOpen leaves sockets as they are, unread, and lets their devices come back on new ones.
func halfOpen(w *world) time.Time {
	for _, d := range w.some(halfOpened) {
		c, _, err := d.dial(w.crowd.live, nil)
		if err != nil {
			continue
		}
		d.mu.Lock()
		hello := &pb.ClientFrame{Id: 1, Word: &pb.ClientFrame_Hello{Hello: &pb.Hello{Token: d.token, DeviceId: d.id, Cursor: proto.CloneOf(d.cursor)}}}
		d.mu.Unlock()
		dead := &socket{d: d, c: c}
		dead.write(hello)
		w.t.Cleanup(func() { _ = c.Close() }) // nobody reads from it, nobody closes it
	}
	return time.Now()
}

// twice opens a second connection of a device, which sends again what the first has sent.
func twice(w *world) time.Time {
	ctx, cancel := context.WithTimeout(w.crowd.live, twinFor)
	defer cancel()
	var wg sync.WaitGroup
	for _, d := range w.some(twinned) {
		wg.Go(func() { d.connect(ctx, true) })
	}
	wg.Wait()
	return time.Now()
}

// oldEpoch comes with a cursor of another epoch: it must be told to take a snapshot, and shown nothing before.
func oldEpoch(w *world) time.Time {
	d := w.newDevice(w.crowd.people[0].user, "from-before")
	d.cursor = &pb.Cursor{InboxSeq: 1, Epoch: 99}
	before := w.resyncs.Load()
	ctx, cancel := context.WithTimeout(w.crowd.live, recoveryPatience)
	defer cancel()
	w.crowd.alive.Go(func() { d.live(ctx) })
	if !d.wait(recoveryPatience, func() bool { return d.cursor.Epoch != 99 || d.socket != nil && len(d.inbox) > 0 }) {
		w.find("G", "a device of another epoch hears nothing: %s", d.stuck())
	}
	if w.resyncs.Load() == before {
		w.find("G", "a device of another epoch was not told to take a snapshot")
	}
	return time.Now()
}

// slowReaders read nothing for a time while their hall is loud; the others must not suffer, and they catch up.
func slowReaders(w *world) time.Time {
	until := time.Now().Add(slowFor).UnixNano()
	hall := w.crowd.people[:min(hallSize, len(w.crowd.people))]
	for _, d := range hall[:min(slow, len(hall))] {
		d.stopReads.Store(until)
	}
	speaker := hall[len(hall)-1]
	for end := time.Now().Add(slowFor); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if speaker.backlog() < maxBacklog {
			speaker.ask(&pb.Send{Conversation: w.crowd.hall, Word: &pb.Send_Text{Text: &pb.SendText{}}})
		}
	}
	if w.crowd.probe().IsZero() {
		w.find("S", "others wait for slow readers")
	}
	return time.Now()
}

// storm lets many sockets drop at once and come back at once.
func storm(w *world) time.Time {
	ctx, cancel := context.WithCancel(w.crowd.live)
	defer cancel()
	idle := make([]*device, w.storm)
	for i := range idle {
		idle[i] = w.newDevice(fmt.Sprintf("idle%d", i), "phone")
	}
	var there atomic.Int64
	var wg sync.WaitGroup
	defer wg.Wait()
	drop := make(chan struct{})
	for i, d := range idle {
		wg.Go(func() { d.linger(ctx, w.from(i/stormAddress), &there, drop) })
	}
	come := func(what string) {
		for end := time.Now().Add(recoveryPatience); there.Load() < int64(len(idle)); time.Sleep(pollEvery) {
			if time.Now().After(end) {
				w.find("S", "%d of %d sockets are there after %s", there.Load(), len(idle), what)
				return
			}
		}
	}
	come("the first coming")
	began := time.Now()
	close(drop)
	for end := time.Now().Add(dialWithin); there.Load() == int64(len(idle)) && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	come("the storm")
	w.t.Logf("%d sockets were back after %v", len(idle), time.Since(began).Round(time.Millisecond))
	cancel()
	return began
}

// linger stays connected; when drop is closed it cuts its socket once and comes back.
func (d *device) linger(ctx context.Context, from net.IP, there *atomic.Int64, drop <-chan struct{}) {
	for ctx.Err() == nil {
		d.door++
		again := d.stay(ctx, from, there, drop)
		drop = again
		select {
		case <-ctx.Done():
		case <-time.After(minBackoff):
		}
	}
}

// stay is one connection of linger. It answers the drop that is still to come, nil when it was.
func (d *device) stay(ctx context.Context, from net.IP, there *atomic.Int64, drop <-chan struct{}) <-chan struct{} {
	c, door, err := d.dial(ctx, from)
	if err != nil {
		return drop
	}
	defer c.Close()
	s := &socket{d: d, c: c, door: door, heard: time.Now(), twin: true, flights: map[uint64]flight{}, pages: map[uint64]chan *pb.ServerFrame{}, cursor: &pb.Cursor{}}
	s.begin()
	ended := make(chan struct{})
	go func() { defer close(ended); s.read() }()
	if !s.say(&pb.ClientFrame{Word: &pb.ClientFrame_Hello{Hello: &pb.Hello{Token: d.token, DeviceId: d.id, Cursor: s.cursor}}}) ||
		!d.wait(welcomeWithin, func() bool { return s.welcomed }) {
		_ = c.Close()
		<-ended
		return drop
	}
	there.Add(1)
	defer there.Add(-1)
	select {
	case <-ctx.Done():
	case <-ended:
	case <-drop:
		drop = nil
	}
	_ = c.Close()
	<-ended
	return drop
}

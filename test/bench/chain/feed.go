// Who feeds the chain, under the same discipline as the load generator, and what is read off meanwhile.

package chain

import (
	"context"
	"encoding/binary"
	"sync"
	"time"

	"github.com/parley-im/parley/test/bench/imload"
)

// measure feeds the chain for the measured time and waits for what is on its way.
func (r *run) measure(running *sync.WaitGroup) imload.Result {
	system := imload.NewSystem(map[string]int{"kafka": r.Process})
	feeding, stop := context.WithCancel(context.Background())
	if r.Rate > 0 {
		running.Go(func() { r.feedAtRate(feeding) })
	} else {
		for sender := range r.Senders {
			running.Go(func() { r.feedWindow(feeding, sender) })
		}
	}
	time.Sleep(r.Warm)
	type reading struct {
		at          time.Time
		sent, done  int64
		kafka, self float64
	}
	read := func() reading {
		return reading{time.Now(), r.sent.Load(), r.done.Load(), system.CPU()["kafka"], imload.SelfCPU()}
	}
	before := read()
	r.recordFrom.Store(before.at.UnixNano())
	time.Sleep(r.Measure)
	after := read()
	stop()
	due := r.sent.Load() * int64(r.receivers())
	for end := time.Now().Add(r.Drain); r.done.Load() < due && time.Now().Before(end); {
		time.Sleep(settleEvery)
	}
	sent, done, seconds := float64(after.sent-before.sent), float64(after.done-before.done), after.at.Sub(before.at).Seconds()
	result := imload.Result{Peer: Peer, Scenario: "pairs", Conns: r.Senders * max(r.Members, 2), Members: r.Members, Window: r.Window, Rate: r.Rate,
		Seconds: seconds, At: before.at.UTC().Format(time.RFC3339), Sent: r.sent.Load(), Delivered: r.done.Load(), Lost: due - r.done.Load(),
		DeliveredPerS: done / seconds, E2E50: r.endToEnd.Quantile(.5), E2E99: r.endToEnd.Quantile(.99), E2E999: r.endToEnd.Quantile(.999),
		Ack50: r.acks.Quantile(.5), Ack99: r.acks.Quantile(.99), CPU: after.kafka - before.kafka + after.self - before.self}
	if sent > 0 && done > 0 {
		result.CPUPer1k, result.CPUPer1kDeliv = result.CPU*1000/sent, result.CPU*1000/done
		result.Processes = map[string]float64{"kafka": (after.kafka - before.kafka) * 1000 / sent, Peer: (after.self - before.self) * 1000 / sent}
	}
	return result
}

// feedWindow keeps a sender's window full.
func (r *run) feedWindow(ctx context.Context, sender int) {
	for {
		select {
		case r.windows[sender] <- struct{}{}:
		case <-ctx.Done():
			return
		}
		r.send(sender, time.Now())
	}
}

// feedAtRate lets senders send in turn, each message when it is due: an open loop.
func (r *run) feedAtRate(ctx context.Context) {
	began, between := time.Now(), time.Duration(float64(time.Second)/r.Rate)
	for n := 0; ; n++ {
		due := began.Add(time.Duration(n) * between)
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return
		}
		r.send(n%r.Senders, due)
	}
}

// send produces the first record of a message.
func (r *run) send(sender int, due time.Time) {
	begin := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(sender)), uint64(due.UnixNano()))
	r.sent.Add(1)
	r.produce(context.Background(), r.feeder, r.first, sender, begin, func() {
		if from := r.recordFrom.Load(); from > 0 && due.UnixNano() >= from {
			r.acks.Record(time.Since(due).Nanoseconds())
		}
	})
}

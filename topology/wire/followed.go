// This file is one partition of a follower: a bounded queue and the worker that empties it, batch by batch.

package wire

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/fetch"
)

// followed is a partition that is owned.
type followed struct {
	*fetch.Queue
	f        *follower
	position atomic.Int64 // next offset to handle; -1 before the first
	sent     atomic.Int64 // the position that was committed last, or is on its way; -1 before the first
	end      atomic.Int64 // of the log, as the last fetch told it
	reached  int64        // next offset to be given by the client; of the polling goroutine
	stalled  time.Time    // since when nothing was given though there was something; of the polling goroutine

	quit chan struct{} // closed by stop
	idle chan struct{} // closed when the worker has ended
	once sync.Once
}

func newFollowed(f *follower, tp topology.TopicPartition, from, end int64) *followed {
	q := fetch.NewQueue(f.client, tp, followQueueBatches*f.cfg.MaxBatch)
	p := &followed{Queue: q, f: f, reached: from, quit: make(chan struct{}), idle: make(chan struct{})}
	p.position.Store(-1)
	p.sent.Store(-1)
	p.end.Store(end)
	return p
}

func (p *followed) stop() { p.once.Do(func() { close(p.quit) }) }

// work handles batches until the partition is given up.
func (p *followed) work(ctx context.Context) {
	defer close(p.idle)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-p.quit:
			cancel()
		case <-ctx.Done():
		}
	}()
	for last := 0; ; {
		batch, ok := p.next(ctx, p.f.cfg.linger(last))
		if !ok {
			return
		}
		last = len(batch)
		handled, ok := p.handle(ctx, batch)
		if !ok {
			return
		}
		if !handled || len(batch) == 0 {
			continue
		}
		p.position.Store(batch[len(batch)-1].Offset + 1)
		p.f.records.WithLabelValues(p.Topic).Add(float64(len(batch)))
	}
}

// linger is how long a batch waits for more: not at all when records come one by one, and the longer the more came last.
func (cfg FollowerConfig) linger(last int) time.Duration {
	return min(time.Duration(max(last-1, 0))*cfg.Linger, cfg.MaxLinger)
}

// next waits for a batch, which is empty when nothing came for long; false = given up.
func (p *followed) next(ctx context.Context, linger time.Duration) ([]topology.Record, bool) {
	var full, idle <-chan time.Time
	if p.f.cfg.IdleEvery > 0 {
		idle = time.After(p.f.cfg.IdleEvery)
	}
	for {
		n, paused := p.State()
		if n >= p.f.cfg.MaxBatch || n > 0 && (linger == 0 || paused) {
			return p.Cut(p.f.cfg.MaxBatch), true
		}
		if n > 0 && full == nil {
			full = time.After(linger)
		}
		select {
		case <-ctx.Done():
			return nil, false
		case <-p.Wake:
		case <-idle:
			return nil, true
		case <-full:
			return p.Cut(p.f.cfg.MaxBatch), true
		}
		if ctx.Err() != nil {
			return nil, false
		}
	}
}

// handle tries a batch until its handler takes it, or goes back. ok is false when the partition was given up.
func (p *followed) handle(ctx context.Context, batch []topology.Record) (handled, ok bool) {
	pause := followRetryFirst
	for {
		err := p.f.cfg.Handle(ctx, p.Topic, p.Partition, batch)
		var back *Rewind
		switch {
		case err == nil:
			return true, true
		case ctx.Err() != nil:
			return false, false
		case errors.As(err, &back):
			return false, p.goBack(ctx, back.Offset)
		}
		p.f.retries.WithLabelValues(p.Topic).Inc()
		p.f.log.Warn("a batch could not be handled, trying again", "topic", p.Topic, "partition", p.Partition,
			"position", p.position.Load(), "records", len(batch), "pause", pause, "error", err)
		select {
		case <-ctx.Done():
			return false, false
		case <-time.After(pause):
		}
		pause = min(2*pause, followRetryMost)
	}
}

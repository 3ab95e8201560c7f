// One partition of a follower: a bounded queue, and the worker that hands it to the handler, batch by batch.

package follow

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/fetch"
)

const (
	queueBatches = 4                     // batches fetched ahead, and one fetch, before a partition is paused
	retryFirst   = 50 * time.Millisecond // after a batch that its handler could not take; doubled each time
	retryMost    = 5 * time.Second
)

// partition is one that is owned.
type partition struct {
	*fetch.Queue
	cfg      *Config
	metrics  *metrics
	rewinds  chan<- rewind
	position atomic.Int64 // next offset to handle; -1 before the first
	sent     atomic.Int64 // the position that was committed last, or is being committed; -1 before the first
	end      atomic.Int64 // of the log, as of the last fetch
	reached  int64        // next offset that the client returns; belongs to the polling goroutine
	stalled  time.Time    // since when nothing was fetched though there was something; belongs to the polling goroutine

	quit chan struct{} // closed by stop
	idle chan struct{} // closed when the worker has ended
	once sync.Once
}

// rewind asks the polling goroutine, which alone fills queues, to take a partition back.
type rewind struct {
	p      *partition
	offset int64
	done   chan error
}

func newPartition(client *kgo.Client, tp topology.TopicPartition, cfg *Config, m *metrics, rewinds chan<- rewind) *partition {
	p := &partition{
		Queue: fetch.NewQueue(client, tp, queueBatches*cfg.MaxBatch), cfg: cfg, metrics: m, rewinds: rewinds,
		quit: make(chan struct{}), idle: make(chan struct{}),
	}
	p.position.Store(-1)
	p.sent.Store(-1)
	return p
}

// begin sets where the partition begins and where its log ends.
func (p *partition) begin(at, end int64) {
	p.reached = at
	p.end.Store(end)
}

func (p *partition) stop() { p.once.Do(func() { close(p.quit) }) }

// work handles batches until the partition is revoked.
func (p *partition) work(ctx context.Context) {
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
		batch, ok := p.next(ctx, p.cfg.linger(last))
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
		p.metrics.records.WithLabelValues(p.Topic).Add(float64(len(batch)))
	}
}

// next waits for a batch, which is empty when the partition was idle for long; false = revoked.
func (p *partition) next(ctx context.Context, linger time.Duration) ([]topology.Record, bool) {
	var full, idle <-chan time.Time
	if p.cfg.IdleEvery > 0 {
		idle = time.After(p.cfg.IdleEvery)
	}
	for {
		n, paused := p.State()
		if n >= p.cfg.MaxBatch || n > 0 && (linger == 0 || paused) {
			return p.Cut(p.cfg.MaxBatch), true
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
			return p.Cut(p.cfg.MaxBatch), true
		}
		if ctx.Err() != nil {
			return nil, false
		}
	}
}

// handle retries a batch until its handler takes it, or rewinds. ok is false when the partition was revoked.
func (p *partition) handle(ctx context.Context, batch []topology.Record) (handled, ok bool) {
	pause := retryFirst
	for {
		err := p.cfg.Handle(ctx, p.Topic, p.Partition, batch)
		var back *Rewind
		switch {
		case err == nil:
			return true, true
		case ctx.Err() != nil:
			return false, false
		case errors.As(err, &back):
			return false, p.rewind(ctx, back.Offset)
		}
		p.metrics.retries.WithLabelValues(p.Topic).Inc()
		p.cfg.Log.Warn("a batch could not be handled, retrying", "topic", p.Topic, "partition", p.Partition,
			"position", p.position.Load(), "records", len(batch), "pause", pause, "error", err)
		select {
		case <-ctx.Done():
			return false, false
		case <-time.After(pause):
		}
		pause = min(2*pause, retryMost)
	}
}

// rewind asks for a rewind and waits for it; false = the partition was revoked.
func (p *partition) rewind(ctx context.Context, offset int64) bool {
	r := rewind{p, offset, make(chan error, 1)}
	select {
	case p.rewinds <- r:
	case <-ctx.Done():
		return false
	}
	select {
	case err := <-r.done:
		return err == nil && ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

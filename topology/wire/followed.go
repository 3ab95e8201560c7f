// This file is one partition of a follower: a bounded queue and the worker that empties it, batch by batch.

package wire

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/parley-im/parley/topology"
)

// followed is a partition that is owned.
type followed struct {
	TopicPartition
	f        *follower
	position atomic.Int64 // next offset to handle; -1 before the first
	reached  int64        // next offset to be given by the consumer; of the polling goroutine
	stalled  time.Time    // since when nothing was given though there was something; of the polling goroutine

	mu     sync.Mutex
	queue  []topology.Record
	bytes  int
	paused bool

	wake chan struct{} // holds one; there is something in the queue
	quit chan struct{} // closed by stop
	idle chan struct{} // closed when the worker has ended
	once sync.Once
}

func newFollowed(f *follower, tp TopicPartition, from int64) *followed {
	p := &followed{TopicPartition: tp, f: f, reached: from, wake: make(chan struct{}, 1), quit: make(chan struct{}), idle: make(chan struct{})}
	p.position.Store(-1)
	return p
}

func (p *followed) stop() { p.once.Do(func() { close(p.quit) }) }

// push queues a record, and pauses the partition when the queue is long. It never blocks.
func (p *followed) push(r topology.Record) {
	p.reached = r.Offset + 1
	p.mu.Lock()
	p.queue = append(p.queue, r)
	p.bytes += len(r.Value)
	full := !p.paused && (len(p.queue) >= followQueueBatches*p.f.cfg.MaxBatch || p.bytes >= followQueueBytes)
	if full {
		p.paused = true
		// An error means that the partition is not ours any more.
		_ = p.f.consumer.Pause(p.assignment())
	}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *followed) assignment() []kafka.TopicPartition {
	return []kafka.TopicPartition{{Topic: &p.Topic, Partition: p.Partition}}
}

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
	for {
		batch, ok := p.next(ctx)
		if !ok {
			return
		}
		handled, ok := p.handle(ctx, batch)
		if !ok {
			return
		}
		if !handled || len(batch) == 0 {
			continue
		}
		after := batch[len(batch)-1].Offset + 1
		p.position.Store(after)
		p.f.records.WithLabelValues(p.Topic).Add(float64(len(batch)))
		if !p.f.cfg.Newest {
			stored := kafka.TopicPartition{Topic: &p.Topic, Partition: p.Partition, Offset: kafka.Offset(after)}
			// An error means that the partition is not ours any more; the next owner handles the batch again.
			_, _ = p.f.consumer.StoreOffsets([]kafka.TopicPartition{stored})
		}
	}
}

// next waits for a batch, which is empty when nothing came for long; false = given up.
func (p *followed) next(ctx context.Context) ([]topology.Record, bool) {
	var full, idle <-chan time.Time
	if p.f.cfg.IdleEvery > 0 {
		idle = time.After(p.f.cfg.IdleEvery)
	}
	for {
		p.mu.Lock()
		n := len(p.queue)
		ready := n >= p.f.cfg.MaxBatch || n > 0 && (p.f.cfg.MaxWait == 0 || p.paused)
		if ready {
			batch := p.cut(min(n, p.f.cfg.MaxBatch))
			p.mu.Unlock()
			return batch, true
		}
		p.mu.Unlock()
		if n > 0 && full == nil {
			full = time.After(p.f.cfg.MaxWait)
		}
		select {
		case <-ctx.Done():
			return nil, false
		case <-p.wake:
		case <-idle:
			return nil, true
		case <-full:
			p.mu.Lock()
			batch := p.cut(min(len(p.queue), p.f.cfg.MaxBatch))
			p.mu.Unlock()
			return batch, true
		}
		if ctx.Err() != nil {
			return nil, false
		}
	}
}

// cut takes records off the queue, and resumes the partition when half of it is free.
func (p *followed) cut(n int) []topology.Record {
	batch := p.queue[:n:n]
	p.queue = p.queue[n:]
	if len(p.queue) == 0 {
		p.queue = nil
	}
	for i := range batch {
		p.bytes -= len(batch[i].Value)
	}
	if p.paused && len(p.queue) <= followQueueBatches*p.f.cfg.MaxBatch/2 && p.bytes <= followQueueBytes/2 {
		p.paused = false
		_ = p.f.consumer.Resume(p.assignment())
	}
	return batch
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

// This file lets a follower begin, and go back to, where the store that it writes to stands.

package wire

import (
	"context"
	"fmt"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// rewind asks the polling goroutine, which alone fills queues, to take a partition back.
type rewind struct {
	p      *followed
	offset int64
	done   chan error
}

// started asks Start where partitions begin, for a while, and holds its answer against the log.
func (f *follower) started(ctx context.Context, names []TopicPartition, oldest, newest map[TopicPartition]int64) ([]kafka.TopicPartition, error) {
	starts, err := f.askStart(ctx, names)
	if err != nil {
		return nil, err
	}
	list := make([]kafka.TopicPartition, len(names))
	for i := range names {
		name := names[i]
		at, ok := starts[name]
		if !ok {
			return nil, fmt.Errorf("%s was not told where %s/%d begins: Start must answer for every partition", f.cfg.Name, name.Topic, name.Partition)
		}
		if at > newest[name] {
			return nil, fmt.Errorf("%w: %s: %s stands at %d of %s/%d, which ends at %d: was the topic made anew? rebuild what %[3]s writes to",
				ErrAlarm, alarmInput, f.cfg.Name, at, name.Topic, name.Partition, newest[name])
		}
		if at < oldest[name] {
			f.log.Warn("the log begins later than wanted", "topic", name.Topic, "partition", name.Partition, "wanted", at, "oldest", oldest[name])
			at = oldest[name]
		}
		list[i] = kafka.TopicPartition{Topic: &names[i].Topic, Partition: name.Partition, Offset: kafka.Offset(at)}
	}
	return list, nil
}

func (f *follower) askStart(ctx context.Context, names []TopicPartition) (map[TopicPartition]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, followStartPatience)
	defer cancel()
	for pause := followRetryFirst; ; pause = min(2*pause, followRetryMost) {
		starts, err := f.cfg.Start(ctx, names)
		if err == nil {
			return starts, nil
		}
		f.log.Warn("where to begin is not known yet, trying again", "error", err, "pause", pause)
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("ask where %s begins: %w", f.cfg.Name, err)
		case <-time.After(pause):
		}
	}
}

// goBack takes the partitions back that their handlers asked for.
func (f *follower) goBack() error {
	for {
		select {
		case r := <-f.rewinds:
			if f.owned[r.p.TopicPartition] != r.p {
				r.done <- nil // given up meanwhile: its next owner asks Start
				continue
			}
			err := f.seek(r)
			r.done <- err
			if err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

func (f *follower) seek(r rewind) error {
	oldest, _, err := f.consumer.QueryWatermarkOffsets(r.p.Topic, r.p.Partition, int(askLimit.Milliseconds()))
	if err != nil {
		return fmt.Errorf("ask where %s/%d begins: %w", r.p.Topic, r.p.Partition, err)
	}
	r.p.drop()
	at := kafka.TopicPartition{Topic: &r.p.Topic, Partition: r.p.Partition, Offset: kafka.Offset(max(r.offset, oldest))}
	if err := f.consumer.Seek(at, 0); err != nil {
		return fmt.Errorf("go back to offset %d of %s/%d: %w", at.Offset, r.p.Topic, r.p.Partition, err)
	}
	r.p.reached = int64(at.Offset)
	return nil
}

// goBack asks for a rewind and waits for it; false = the partition was given up.
func (p *followed) goBack(ctx context.Context, offset int64) bool {
	r := rewind{p, offset, make(chan error, 1)}
	select {
	case p.f.rewinds <- r:
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

// drop forgets what is queued. It is called by the polling goroutine.
func (p *followed) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue, p.bytes = nil, 0
	if p.paused {
		p.paused = false
		_ = p.f.consumer.Resume(p.assignment())
	}
}

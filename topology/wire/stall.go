// This file notices a follower that is given nothing though there is something.
//
// A client library may come to fetch nothing of some partitions any more, without an error, for as long as anybody watches,
// while others go on; librdkafka did. What is cached of their ends is stale then too. So the brokers are asked.

package wire

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parley-im/parley/topology"
)

const (
	defaultStall = 20 * time.Second // without a record of a partition that holds some, until the follower ends
	stallLooks   = 2                // looks at the ends within that time
)

// ErrStalled means that the Kafka client does not fetch any more. A new one does: the process is to be started again.
var ErrStalled = errors.New("the Kafka client fetches nothing though there is something: start this process again")

// stallLook is one look at the ends. It belongs to the polling goroutine; the question is asked on another one.
type stallLook struct {
	began   time.Time
	reached map[*followed]int64 // not paused, when the look began
	ends    chan map[topology.TopicPartition]int64
}

// watchStalls asks for the ends now and then, and fails when a partition has more than we were given for too long.
func (f *follower) watchStalls(ctx context.Context) error {
	if f.look == nil {
		if time.Since(f.looked) >= f.cfg.Stall/stallLooks {
			f.beginLook(ctx)
		}
		return nil
	}
	select {
	case ends := <-f.look.ends:
		look := f.look
		f.look, f.looked = nil, time.Now()
		return f.judge(look, ends)
	default:
		return nil
	}
}

func (f *follower) beginLook(ctx context.Context) {
	look := &stallLook{began: time.Now(), reached: map[*followed]int64{}, ends: make(chan map[topology.TopicPartition]int64, 1)}
	var names []topology.TopicPartition
	f.mu.Lock()
	for tp, p := range f.owned {
		if !p.Paused() {
			look.reached[p] = p.reached
			names = append(names, tp)
		}
	}
	f.mu.Unlock()
	f.look = look
	go func() {
		ends, err := f.list(ctx, f.admin.ListEndOffsets, names)
		if err != nil {
			ends = nil // no leader, or no brokers: nothing is known, and nothing is wrong with the client
		}
		look.ends <- ends
	}()
}

// endLook waits for a look that is under way, whose context has ended: it uses the client.
func (f *follower) endLook() {
	if f.look != nil {
		<-f.look.ends
	}
}

// judge compares what there was with what we were given since.
func (f *follower) judge(look *stallLook, ends map[topology.TopicPartition]int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for tp, p := range f.owned {
		reached, looked := look.reached[p]
		end, known := ends[tp]
		switch {
		case !looked || !known || p.Paused() || p.reached != reached || end <= reached:
			p.stalled = time.Time{}
		case p.stalled.IsZero():
			p.stalled = look.began
		case time.Since(p.stalled) >= f.cfg.Stall:
			return fmt.Errorf("%w (%s holds %s/%d up to %d, and was given it up to %d)", ErrStalled, f.cfg.Name, tp.Topic, tp.Partition, end, reached)
		}
	}
	return nil
}

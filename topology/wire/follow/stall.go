// A follower that fetches nothing though there is something.
//
// A client library may stop to fetch some partitions, without an error and for ever, while it goes on with others;
// librdkafka did. What it has cached of their ends is stale then too. So the brokers are asked.

package follow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parley-im/parley/topology"
)

// probesPerStall is how often the ends are asked for within Config.Stall.
const probesPerStall = 2

// ErrStalled means that the Kafka client does not fetch any more. A new one does: the process is to be started again.
var ErrStalled = errors.New("the Kafka client fetches nothing though there is something: start this process again")

// probe asks for the ends once. It belongs to the polling goroutine; the question is asked on another one.
type probe struct {
	began   time.Time
	reached map[*partition]int64 // of partitions that were not paused when it began
	ends    chan map[topology.TopicPartition]int64
}

// watchStalls asks for the ends at intervals, and fails when a partition held more than was fetched of it for too long.
func (f *follower) watchStalls(ctx context.Context) error {
	if f.probe == nil {
		if time.Since(f.probed) >= f.cfg.Stall/probesPerStall {
			f.beginProbe(ctx)
		}
		return nil
	}
	select {
	case ends := <-f.probe.ends:
		done := f.probe
		f.probe, f.probed = nil, time.Now()
		return f.checkStalls(done, ends)
	default:
		return nil
	}
}

func (f *follower) beginProbe(ctx context.Context) {
	begun := &probe{began: time.Now(), reached: map[*partition]int64{}, ends: make(chan map[topology.TopicPartition]int64, 1)}
	var names []topology.TopicPartition
	f.mu.Lock()
	for tp, p := range f.owned {
		if !p.Paused() {
			begun.reached[p] = p.reached
			names = append(names, tp)
		}
	}
	f.mu.Unlock()
	f.probe = begun
	go func() {
		ends, err := f.list(ctx, f.admin.ListEndOffsets, names)
		if err != nil {
			ends = nil // no leader, or no brokers: nothing is known, and nothing is wrong with the client
		}
		begun.ends <- ends
	}()
}

// endProbe waits for a probe that is under way, whose context has ended: it uses the client.
func (f *follower) endProbe() {
	if f.probe != nil {
		<-f.probe.ends
	}
}

// checkStalls compares what there was with what was fetched since.
func (f *follower) checkStalls(done *probe, ends map[topology.TopicPartition]int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for tp, p := range f.owned {
		reached, probed := done.reached[p]
		end, known := ends[tp]
		switch {
		case !probed || !known || p.Paused() || p.reached != reached || end <= reached:
			p.stalled = time.Time{}
		case p.stalled.IsZero():
			p.stalled = done.began
		case time.Since(p.stalled) >= f.cfg.Stall:
			return fmt.Errorf("%w (%s holds %s/%d up to %d, and was given it up to %d)", ErrStalled, f.cfg.Name, tp.Topic, tp.Partition, end, reached)
		}
	}
	return nil
}

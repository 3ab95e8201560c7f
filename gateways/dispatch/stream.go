// The stream of one gateway: a bounded queue on which nothing ever blocks.

package dispatch

import (
	"context"
	"sync"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// stream is one gateway. gateway and wants belong to the dispatcher's lock.
type stream struct {
	gateway string
	wants   int // subscriptions

	mu       sync.Mutex
	queue    []*pb.DispatcherSaid
	records  int
	bytes    int
	whispers int
	slow     bool
	ended    bool
	ready    chan struct{} // holds one when the queue is not empty
	cut      chan struct{} // closed at the end
}

func newStream() *stream {
	return &stream{ready: make(chan struct{}, 1), cut: make(chan struct{})}
}

// put queues a message; size is about its bytes.
func (s *stream) put(message *pb.DispatcherSaid, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, message)
	s.grew(1, size)
}

// putRecord queues a record, in one message with those before it.
func (s *stream) putRecord(r *pb.PushedRecord) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := len(s.queue) - 1; last >= 0 {
		if records := s.queue[last].GetRecords(); records != nil && len(records.Records) < MaxAtOnce {
			records.Records = append(records.Records, r)
			s.grew(1, len(r.Value)+len(r.Key))
			return
		}
	}
	s.queue = append(s.queue, &pb.DispatcherSaid{Word: &pb.DispatcherSaid_Records{Records: &pb.Records{Records: []*pb.PushedRecord{r}}}})
	s.grew(1, len(r.Value)+len(r.Key))
}

// putWhisper queues a whisper, or drops it.
func (s *stream) putWhisper(w *pb.Whisper) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.whispers >= MaxWhispers {
		return
	}
	s.whispers++
	s.queue = append(s.queue, &pb.DispatcherSaid{Word: &pb.DispatcherSaid_Whisper{Whisper: w}})
	s.grew(0, len(w.GetFrame()))
}

// grew wakes the sender, or cuts a gateway for which too much waits.
func (s *stream) grew(records, bytes int) {
	if s.records, s.bytes = s.records+records, s.bytes+bytes; s.records > MaxQueued || s.bytes > MaxQueuedBytes {
		s.slow = true
		s.endLocked()
		return
	}
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// take takes everything that waits, for the one sender.
func (s *stream) take() []*pb.DispatcherSaid {
	s.mu.Lock()
	defer s.mu.Unlock()
	queue := s.queue
	s.queue, s.records, s.bytes, s.whispers = nil, 0, 0, 0
	return queue
}

// send sends what is queued until the stream ends. The stream's back-pressure blocks it, and the queue grows.
func (s *stream) send(ctx context.Context, rpc Stream) error {
	for {
		select {
		case <-s.ready:
		case <-s.cut:
			return ErrTooSlow
		case <-ctx.Done():
			return ctx.Err()
		}
		for _, message := range s.take() {
			if err := rpc.Send(ctx, message); err != nil {
				return err
			}
		}
	}
}

func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked()
}

func (s *stream) endLocked() {
	if !s.ended {
		s.ended, s.queue = true, nil
		close(s.cut)
	}
}

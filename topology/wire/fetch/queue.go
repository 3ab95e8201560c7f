// The queue of a partition: what was fetched and is not handled yet. A long one pauses its partition.

package fetch

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
)

// queueBytes of values may wait in a queue; then its partition is paused.
const queueBytes = 4 << 20

// Queue belongs to one partition of a client. Push never blocks: the partition is paused instead, and one more fetch may
// arrive.
type Queue struct {
	topology.TopicPartition
	Limit int           // records, until the partition is paused
	Wake  chan struct{} // holds one: something was pushed

	client *kgo.Client

	mu      sync.Mutex
	records []topology.Record
	bytes   int
	paused  bool
}

// NewQueue makes an empty queue.
func NewQueue(client *kgo.Client, tp topology.TopicPartition, limit int) *Queue {
	return &Queue{TopicPartition: tp, client: client, Limit: limit, Wake: make(chan struct{}, 1)}
}

// Push appends what was fetched.
func (q *Queue) Push(records []*kgo.Record) {
	q.mu.Lock()
	q.records = Append(q.records, records)
	for _, r := range records {
		q.bytes += len(r.Value)
	}
	if !q.paused && (len(q.records) >= q.Limit || q.bytes >= queueBytes) {
		q.paused = true
		q.client.PauseFetchPartitions(q.named())
	}
	q.mu.Unlock()
	select {
	case q.Wake <- struct{}{}:
	default:
	}
}

// Cut takes up to so many records off the queue, and resumes its partition when half of the queue is free.
func (q *Queue) Cut(limit int) []topology.Record {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(limit, len(q.records))
	cut := q.records[:n:n]
	if q.records = q.records[n:]; len(q.records) == 0 {
		q.records = nil
	}
	for i := range cut {
		q.bytes -= len(cut[i].Value)
	}
	if q.paused && len(q.records) <= q.Limit/2 && q.bytes <= queueBytes/2 {
		q.resume()
	}
	return cut
}

// State is how many records wait, and whether the partition is paused.
func (q *Queue) State() (records int, paused bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.records), q.paused
}

// Paused reports whether the partition is paused.
func (q *Queue) Paused() bool {
	_, paused := q.State()
	return paused
}

// Drop discards what waits, and resumes the partition: the pause would outlast the queue.
func (q *Queue) Drop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.records, q.bytes = nil, 0
	if q.paused {
		q.resume()
	}
}

// resume is called with the lock.
func (q *Queue) resume() {
	q.paused = false
	q.client.ResumeFetchPartitions(q.named())
}

func (q *Queue) named() map[string][]int32 { return map[string][]int32{q.Topic: {q.Partition}} }

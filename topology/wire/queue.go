// This file is the queue of a partition: what was fetched and is not handled yet. A long one pauses its partition.

package wire

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
)

// queueBytes of values may wait in a queue; then its partition pauses.
const queueBytes = 4 << 20

// queue belongs to one partition of a client. Whoever pushes never waits: the partition is paused instead, and one fetch
// more may come.
type queue struct {
	topology.TopicPartition
	client *kgo.Client
	most   int           // records, until the partition pauses
	wake   chan struct{} // holds one: there is something

	mu      sync.Mutex
	records []topology.Record
	bytes   int
	paused  bool
}

func newQueue(client *kgo.Client, tp topology.TopicPartition, most int) *queue {
	return &queue{TopicPartition: tp, client: client, most: most, wake: make(chan struct{}, 1)}
}

func (q *queue) push(records []*kgo.Record) {
	q.mu.Lock()
	q.records = appendRecords(q.records, records)
	for _, r := range records {
		q.bytes += len(r.Value)
	}
	if !q.paused && (len(q.records) >= q.most || q.bytes >= queueBytes) {
		q.paused = true
		q.client.PauseFetchPartitions(q.named())
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// cut takes so many records off the queue, or fewer, and lets more come when half of it is free.
func (q *queue) cut(most int) []topology.Record {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(most, len(q.records))
	cut := q.records[:n:n]
	if q.records = q.records[n:]; len(q.records) == 0 {
		q.records = nil
	}
	for i := range cut {
		q.bytes -= len(cut[i].Value)
	}
	if q.paused && len(q.records) <= q.most/2 && q.bytes <= queueBytes/2 {
		q.resume()
	}
	return cut
}

// state is how many records wait, and whether the partition is paused.
func (q *queue) state() (records int, paused bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.records), q.paused
}

func (q *queue) isPaused() bool {
	_, paused := q.state()
	return paused
}

// drop forgets what waits. A pause would outlast it.
func (q *queue) drop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.records, q.bytes = nil, 0
	if q.paused {
		q.resume()
	}
}

// resume lets records come again. The lock is held.
func (q *queue) resume() {
	q.paused = false
	q.client.ResumeFetchPartitions(q.named())
}

func (q *queue) named() map[string][]int32 { return map[string][]int32{q.Topic: {q.Partition}} }

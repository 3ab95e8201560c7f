// The gateways' producer: it never blocks, and reports of every record where it stands, or that it may not be in the log.

package produce

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/metric"
	"github.com/parley-im/parley/topology/wire/ticker"
)

// Limits of an emitter.
const (
	defaultDeadline   = 10 * time.Second      // from Emit to the answer
	defaultMaxRecords = 50_000                // records accepted and not answered
	defaultMaxBytes   = 64 << 20              // bytes of the same
	closePoll         = 5 * time.Millisecond  // between checks whether all are answered, when closing
	sweepInterval     = 50 * time.Millisecond // between searches for records whose deadline is over
)

// EmitterConfig is what NewEmitter needs. Zero means the default.
type EmitterConfig struct {
	Cluster    cluster.Config
	Plan       topology.Plan
	Name       string        // client id, and the label of metrics
	Lane       string        // swimlane stamped on every record; empty = the main one
	Deadline   time.Duration // from Emit to the answer; 10 s. Not for groups: a deadline may leave a hole
	MaxRecords int           // accepted and not answered; 50,000
	MaxBytes   int64         // of the same; 64 MiB
	Log        *slog.Logger
	Metrics    prometheus.Registerer
}

// Emitter produces for gateways. All methods may be called concurrently.
type Emitter struct {
	out        *Sender[*pending]
	partitions int32
	lane       []byte
	maxRecords int64
	maxBytes   int64
	deadline   time.Duration
	log        *slog.Logger

	mu    sync.Mutex
	order []*pending // oldest first; answered ones are dropped by the sweep

	records, bytes atomic.Int64
	closing        sync.RWMutex // held for reading by Emit, for writing by Close
	closed         bool
	failed         atomic.Pointer[error]
	idle           sync.WaitGroup
	stop           context.CancelFunc

	answers *prometheus.CounterVec
}

// pending is a record that waits for its answer.
type pending struct {
	Record
	due      time.Time
	reported atomic.Bool // done was called, with Kafka's answer or because its deadline is over
	done     func(Position, error)
}

// NewEmitter starts a producer: idempotent, acks of all in-sync replicas.
func NewEmitter(cfg EmitterConfig) (*Emitter, error) {
	if err := cfg.Cluster.Check(); err != nil {
		return nil, err
	}
	if cfg.Deadline == 0 {
		cfg.Deadline = defaultDeadline
	}
	if cfg.MaxRecords == 0 {
		cfg.MaxRecords = defaultMaxRecords
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = defaultMaxBytes
	}
	e := &Emitter{
		partitions: cfg.Plan.Partitions, lane: []byte(cfg.Lane), deadline: cfg.Deadline,
		maxRecords: int64(cfg.MaxRecords), maxBytes: cfg.MaxBytes, log: cmp.Or(cfg.Log, slog.Default()).With("emitter", cfg.Name),
	}
	labels := prometheus.Labels{"emitter": cfg.Name}
	e.answers = metric.Register(cfg.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_emitter_answers_total", Help: "Records by what became of them.", ConstLabels: labels}, []string{"topic", "answer"}))
	metric.Register(cfg.Metrics, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "parley_emitter_pending_records", Help: "Records accepted and not answered.", ConstLabels: labels},
		func() float64 { return float64(e.records.Load()) }))
	options, err := emitterOptions(cfg, e.log)
	if err != nil {
		return nil, err
	}
	e.out, err = newSender(options, Handlers[*pending]{
		Acked:  func(w *pending, offset int64) { e.answer(w, Position{w.Partition, offset}, nil) },
		Failed: func(w *pending, err error) { e.answer(w, Position{}, err) },
	}, true)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	e.stop = stop
	e.idle.Go(func() { ticker.Run(ctx, sweepInterval, e.sweep) })
	return e, nil
}

// Emit produces to the partition of the key. done (or nil) is called once from the delivery goroutine and must not block.
func (e *Emitter) Emit(topic, key string, value []byte, headers []topology.Header, done func(Position, error)) error {
	return e.EmitTo(topic, topology.PartitionOf(key, e.partitions), key, value, headers, done)
}

// EmitTo produces to a partition by number, as records of topology.RulesKey are.
func (e *Emitter) EmitTo(topic string, partition int32, key string, value []byte, headers []topology.Header, done func(Position, error)) error {
	e.closing.RLock()
	defer e.closing.RUnlock()
	if e.closed {
		return ErrClosed
	}
	if err := e.Failed(); err != nil {
		return err
	}
	if len(e.lane) > 0 {
		headers = append(headers[:len(headers):len(headers)], topology.Header{Key: topology.HeaderLane, Value: e.lane})
	}
	w := &pending{
		Record: Record{Topic: topic, Partition: partition, Key: key, Value: value, Headers: headers}, due: time.Now().Add(e.deadline), done: done,
	}
	if partition < 0 || partition >= e.partitions || w.Size() > maxMessageBytes {
		e.count(topic, "refused")
		return &DeliveryError{Err: fmt.Errorf("a record of %d bytes for %s/%d: a record may have %d bytes, and there are %d partitions",
			w.Size(), topic, partition, maxMessageBytes, e.partitions)}
	}
	if !e.accept(w) {
		e.count(topic, "overloaded")
		return ErrOverloaded
	}
	e.mu.Lock()
	e.order = append(e.order, w)
	e.mu.Unlock()
	if err := e.out.Send(w); err != nil {
		w.reported.Store(true)
		e.release(w)
		return ErrClosed
	}
	return nil
}

// accept counts a record, if the limits leave room for it.
func (e *Emitter) accept(w *pending) bool {
	records, bytes := e.records.Add(1), e.bytes.Add(w.Size())
	if records <= e.maxRecords && bytes <= e.maxBytes {
		return true
	}
	e.release(w)
	return false
}

func (e *Emitter) release(w *pending) {
	e.records.Add(-1)
	e.bytes.Add(-w.Size())
}

// answer reports where a record stands, or why that is unknown. The first answer counts: Kafka's, or that its time is over.
func (e *Emitter) answer(w *pending, at Position, err error) {
	if w.reported.Swap(true) {
		return
	}
	e.release(w)
	answer := "placed"
	if err != nil {
		if errors.Is(err, kerr.ClusterAuthorizationFailed) {
			e.failed.CompareAndSwap(nil, new(fmt.Errorf("this process may not produce, correct its rights and start it again: %w", err)))
			e.log.Error("the producer failed", "error", err)
		}
		failure := &DeliveryError{Err: err, MaybeInLog: maybeInLog(err)}
		err, answer = failure, "failed"
		if failure.MaybeInLog {
			answer = "unknown"
		}
	}
	e.count(w.Topic, answer)
	if w.done != nil {
		w.done(at, err)
	}
}

// sweep answers the records whose deadline is over: a gateway must answer its client in time, whatever a broker does.
func (e *Emitter) sweep() {
	now := time.Now()
	var over []*pending
	e.mu.Lock()
	n := 0
	for n < len(e.order) && (e.order[n].reported.Load() || e.order[n].due.Before(now)) {
		over = append(over, e.order[n])
		n++
	}
	e.order = e.order[n:]
	e.mu.Unlock()
	for _, w := range over {
		w.answered.Store(true) // it is not handed to the client any more, if it was not yet
		e.answer(w, Position{}, errDeadline)
	}
}

func (e *Emitter) count(topic, answer string) { e.answers.WithLabelValues(topic, answer).Inc() }

// Failed is the error after which the producer sends nothing any more, or nil. It is for health checks.
func (e *Emitter) Failed() error {
	if err := e.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// Close refuses new records, waits for the answers of those accepted, and gives up the rest after the limit: their done is
// called with an error.
func (e *Emitter) Close(limit time.Duration) error {
	e.closing.Lock()
	if e.closed {
		e.closing.Unlock()
		return nil
	}
	e.closed = true
	e.closing.Unlock()
	for end := time.Now().Add(limit); e.records.Load() > 0 && time.Now().Before(end); {
		time.Sleep(closePoll)
	}
	given := e.records.Load()
	e.out.Close() // what is left is answered with an error
	e.stop()
	e.idle.Wait()
	if given > 0 {
		return fmt.Errorf("%d records were given up after %v; they may or may not be in the log", given, limit)
	}
	return nil
}

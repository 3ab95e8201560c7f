// This file is the gateways' producer: it never blocks, and it says of every record where it stands or that it may not.

package wire

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
	defaultDeadline       = 10 * time.Second // from Emit to the answer
	defaultEmitterRecords = 50_000           // records accepted and not answered
	defaultEmitterBytes   = 64 << 20         // bytes of the same
	emitterFlushInterval  = 5 * time.Millisecond
	emitterSweepInterval  = 50 * time.Millisecond // between looks for records whose deadline is over
)

// What Emit may answer. In both cases the record is not in the log, and done is not called.
var (
	ErrOverloaded = errors.New("too many records wait for Kafka: try again later")
	ErrClosed     = errors.New("the emitter is closed")

	errDeadline = errors.New("Kafka did not answer in time")
)

// DeliveryError is why a record has no place. Commands carry a client_seq, so they may be sent again in either case.
type DeliveryError struct {
	Err        error
	MaybeInLog bool // false: certainly not in the log; true: nobody knows
}

// Error says which of the two it is.
func (e *DeliveryError) Error() string {
	if e.MaybeInLog {
		return fmt.Sprintf("the record may or may not be in the log: %v", e.Err)
	}
	return fmt.Sprintf("the record is not in the log: %v", e.Err)
}

// Unwrap is for errors.Is.
func (e *DeliveryError) Unwrap() error { return e.Err }

// Placed is where a record stands.
type Placed struct {
	Partition int32
	Offset    int64
}

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

// Emitter produces for gateways. All methods may be called from everywhere.
type Emitter struct {
	out        *franz
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
	shipment
	due  time.Time
	told atomic.Bool // answered, by Kafka or because its deadline is over
	done func(Placed, error)
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
		cfg.MaxRecords = defaultEmitterRecords
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = defaultEmitterBytes
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
	e.out, err = newFranz(options, sendHooks{
		acked:  func(s *shipment, offset int64) { e.answer(s.pending, Placed{s.partition, offset}, nil) },
		failed: func(s *shipment, err error) { e.answer(s.pending, Placed{}, err) },
	}, mayFail, nil)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	e.stop = stop
	e.idle.Go(func() { ticker.Run(ctx, emitterSweepInterval, e.sweep) })
	return e, nil
}

// Emit produces to the partition of the key. done (or nil) is called once from the delivery goroutine and must not block.
func (e *Emitter) Emit(topic, key string, value []byte, headers []topology.Header, done func(Placed, error)) error {
	return e.EmitTo(topic, topology.PartitionOf(key, e.partitions), key, value, headers, done)
}

// EmitTo produces to a partition by number, as records of topology.RulesKey are.
func (e *Emitter) EmitTo(topic string, partition int32, key string, value []byte, headers []topology.Header, done func(Placed, error)) error {
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
		shipment: shipment{topic: topic, partition: partition, key: key, value: value, headers: headers}, due: time.Now().Add(e.deadline), done: done,
	}
	w.pending = w
	if partition < 0 || partition >= e.partitions || w.size() > maxMessageBytes {
		e.count(topic, "refused")
		return &DeliveryError{Err: fmt.Errorf("a record of %d bytes for %s/%d: a record may have %d bytes, and there are %d partitions",
			w.size(), topic, partition, maxMessageBytes, e.partitions)}
	}
	if !e.accept(w) {
		e.count(topic, "overloaded")
		return ErrOverloaded
	}
	e.mu.Lock()
	e.order = append(e.order, w)
	e.mu.Unlock()
	if err := e.out.send(&w.shipment); err != nil {
		w.told.Store(true)
		e.release(w)
		return ErrClosed
	}
	return nil
}

// accept takes a place in the queue, if there is one.
func (e *Emitter) accept(w *pending) bool {
	records, bytes := e.records.Add(1), e.bytes.Add(w.size())
	if records <= e.maxRecords && bytes <= e.maxBytes {
		return true
	}
	e.release(w)
	return false
}

func (e *Emitter) release(w *pending) {
	e.records.Add(-1)
	e.bytes.Add(-w.size())
}

// answer tells where a record stands, or why nobody knows. The first answer counts: Kafka's, or that its time is over.
func (e *Emitter) answer(w *pending, at Placed, err error) {
	if w.told.Swap(true) {
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
	e.count(w.topic, answer)
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
	for n < len(e.order) && (e.order[n].told.Load() || e.order[n].due.Before(now)) {
		over = append(over, e.order[n])
		n++
	}
	e.order = e.order[n:]
	e.mu.Unlock()
	for _, w := range over {
		w.answered.Store(true) // not handed over any more, if it was not
		e.answer(w, Placed{}, errDeadline)
	}
}

func (e *Emitter) count(topic, answer string) { e.answers.WithLabelValues(topic, answer).Inc() }

// maybeInLog is false only for errors that a broker gives instead of appending a record. A timeout may be either.
func maybeInLog(err error) bool {
	for _, never := range []error{
		kerr.MessageTooLarge, kerr.UnknownTopicOrPartition, kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed,
		kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.PolicyViolation,
	} {
		if errors.Is(err, never) {
			return false
		}
	}
	return true
}

// Failed is why the producer is beyond repair, or nil. It is for health checks.
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
		time.Sleep(emitterFlushInterval)
	}
	given := e.records.Load()
	e.out.close() // what is left is answered with an error
	e.stop()
	e.idle.Wait()
	if given > 0 {
		return fmt.Errorf("%d records were given up after %v; they may or may not be in the log", given, limit)
	}
	return nil
}

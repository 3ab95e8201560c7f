// This file is the gateways' producer: it never blocks, and it says of every record where it stands or that it may not.

package wire

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley/topology"
)

// Limits of an emitter.
const (
	defaultDeadline       = 10 * time.Second // from Emit to the answer
	defaultEmitterRecords = 50_000           // records accepted and not answered
	defaultEmitterBytes   = 64 << 20         // bytes of the same
	emitterFlushInterval  = 5 * time.Millisecond
)

// What Emit may answer. In both cases the record is not in the log, and done is not called.
var (
	ErrOverloaded = errors.New("too many records wait for Kafka: try again later")
	ErrClosed     = errors.New("the emitter is closed")
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
	Cluster    Cluster
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
	p          *kafka.Producer
	partitions int32
	lane       []byte
	maxRecords int64
	maxBytes   int64
	log        *slog.Logger

	records, bytes atomic.Int64
	closing        sync.RWMutex // held for reading by Emit, for writing by Close
	closed         bool
	failed         atomic.Pointer[error]
	idle           sync.WaitGroup

	answers *prometheus.CounterVec
}

// pending is a record that waits for its answer.
type pending struct {
	size int64
	done func(Placed, error)
}

// NewEmitter starts a producer: idempotent, acks of all in-sync replicas.
func NewEmitter(cfg EmitterConfig) (*Emitter, error) {
	if err := cfg.Cluster.check(); err != nil {
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
	settings := baseProducerSettings(cfg.Cluster, cfg.Name, cfg.MaxRecords, cfg.MaxBytes)
	// A gateway must answer its client in time; the client_seq of commands shows a hole, and the client sends again.
	settings["message.timeout.ms"] = int(cfg.Deadline.Milliseconds())
	p, err := kafka.NewProducer(&settings)
	if err != nil {
		return nil, fmt.Errorf("start the producer: %w", err)
	}
	e := &Emitter{
		p: p, partitions: cfg.Plan.Partitions, lane: []byte(cfg.Lane),
		maxRecords: int64(cfg.MaxRecords), maxBytes: cfg.MaxBytes, log: loggerOr(cfg.Log).With("emitter", cfg.Name),
	}
	labels := prometheus.Labels{"emitter": cfg.Name}
	e.answers = register(cfg.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_emitter_answers_total", Help: "Records by what became of them.", ConstLabels: labels}, []string{"topic", "answer"}))
	register(cfg.Metrics, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "parley_emitter_pending_records", Help: "Records accepted and not answered.", ConstLabels: labels},
		func() float64 { return float64(e.records.Load()) }))
	go forwardLogs(p.Logs(), e.log)
	e.idle.Add(1)
	go e.deliver()
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
	s := &shipment{topic: topic, key: key, value: value, headers: headers}
	w := &pending{size: s.size(), done: done}
	if !e.accept(w) {
		e.count(topic, "overloaded")
		return ErrOverloaded
	}
	err := e.p.Produce(&kafka.Message{
		TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: partition},
		Key:            []byte(key), Value: value, Headers: rdkafkaHeaders(headers), Opaque: w,
	}, nil)
	if err == nil {
		return nil
	}
	e.release(w)
	var full kafka.Error
	if errors.As(err, &full) && full.Code() == kafka.ErrQueueFull {
		e.count(topic, "overloaded")
		return ErrOverloaded
	}
	e.count(topic, "refused")
	return &DeliveryError{Err: err}
}

// accept takes a place in the queue, if there is one.
func (e *Emitter) accept(w *pending) bool {
	records, bytes := e.records.Add(1), e.bytes.Add(w.size)
	if records <= e.maxRecords && bytes <= e.maxBytes {
		return true
	}
	e.release(w)
	return false
}

func (e *Emitter) release(w *pending) {
	e.records.Add(-1)
	e.bytes.Add(-w.size)
}

// deliver answers. It ends when the producer is closed.
func (e *Emitter) deliver() {
	defer e.idle.Done()
	for event := range e.p.Events() {
		switch m := event.(type) {
		case *kafka.Message:
			e.answer(m)
		case kafka.Error:
			if m.IsFatal() {
				err := fmt.Errorf("the producer is beyond repair, start the process again: %w", m)
				e.failed.CompareAndSwap(nil, &err)
				e.log.Error("the producer failed", "error", m)
				continue
			}
			e.log.Warn("the producer is in trouble and goes on trying", "error", m)
		}
	}
}

func (e *Emitter) answer(m *kafka.Message) {
	w := m.Opaque.(*pending)
	e.release(w)
	tp := m.TopicPartition
	answer := "placed"
	var err error
	if tp.Error != nil {
		failure := &DeliveryError{Err: tp.Error, MaybeInLog: maybeInLog(tp.Error)}
		err, answer = failure, "failed"
		if failure.MaybeInLog {
			answer = "unknown"
		}
	}
	if tp.Topic != nil {
		e.count(*tp.Topic, answer)
	}
	if w.done != nil {
		w.done(Placed{Partition: tp.Partition, Offset: int64(tp.Offset)}, err)
	}
}

func (e *Emitter) count(topic, answer string) { e.answers.WithLabelValues(topic, answer).Inc() }

// maybeInLog is false only for errors that librdkafka gives before a record can have left, or that the broker gives
// instead of appending it. A timeout may be either.
func maybeInLog(err error) bool {
	var e kafka.Error
	if !errors.As(err, &e) {
		return true
	}
	switch e.Code() {
	case kafka.ErrMsgSizeTooLarge, kafka.ErrPurgeQueue, kafka.ErrUnknownPartition, kafka.ErrUnknownTopic,
		kafka.ErrUnknownTopicOrPart, kafka.ErrTopicAuthorizationFailed, kafka.ErrInvalidMsgSize, kafka.ErrRecordListTooLarge,
		kafka.ErrInvalidRecord, kafka.ErrPolicyViolation, kafka.ErrQueueFull:
		return false
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
	if given > 0 {
		// The answers of purged records come from the delivery goroutine.
		_ = e.p.Purge(kafka.PurgeQueue | kafka.PurgeInFlight)
		for end := time.Now().Add(time.Second); e.records.Load() > 0 && time.Now().Before(end); {
			time.Sleep(emitterFlushInterval)
		}
	}
	e.p.Close()
	e.idle.Wait()
	if given > 0 {
		return fmt.Errorf("%d records were given up after %v; they may or may not be in the log", given, limit)
	}
	return nil
}

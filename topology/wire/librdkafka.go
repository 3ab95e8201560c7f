// This file carries shipments with librdkafka.

package wire

import (
	"fmt"
	"log/slog"
	"sync"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/parley-im/parley/topology"
)

// rdkafka is a sender on librdkafka.
type rdkafka struct {
	p     *kafka.Producer
	hooks sendHooks
	done  sync.WaitGroup
}

func newRdkafka(settings kafka.ConfigMap, hooks sendHooks, log *slog.Logger) (*rdkafka, error) {
	p, err := kafka.NewProducer(&settings)
	if err != nil {
		return nil, fmt.Errorf("start the producer: %w", err)
	}
	r := &rdkafka{p: p, hooks: hooks}
	go forwardLogs(p.Logs(), log)
	r.done.Add(1)
	go r.deliver(log)
	return r, nil
}

func (r *rdkafka) send(s *shipment) error {
	m := &kafka.Message{
		TopicPartition: kafka.TopicPartition{Topic: &s.topic, Partition: s.partition},
		Key:            []byte(s.key), Value: s.value, Headers: rdkafkaHeaders(s.headers), Opaque: s,
	}
	return r.p.Produce(m, nil)
}

// deliver calls the hooks. It is the delivery goroutine: nothing in it may block.
func (r *rdkafka) deliver(log *slog.Logger) {
	defer r.done.Done()
	for event := range r.p.Events() {
		switch e := event.(type) {
		case *kafka.Message:
			s := e.Opaque.(*shipment)
			if err := e.TopicPartition.Error; err != nil {
				r.hooks.failed(s, err)
				continue
			}
			r.hooks.acked(s, int64(e.TopicPartition.Offset))
		case kafka.Error:
			if e.IsFatal() {
				r.hooks.failed(nil, e)
				continue
			}
			log.Warn("the producer is in trouble and goes on trying", "error", e)
		}
	}
}

func (r *rdkafka) purge() {
	// Errors mean that it is too late already.
	_ = r.p.Purge(kafka.PurgeQueue | kafka.PurgeInFlight | kafka.PurgeNonBlocking)
}

func (r *rdkafka) close() {
	r.p.Close()
	r.done.Wait()
}

func rdkafkaHeaders(headers []topology.Header) []kafka.Header {
	if len(headers) == 0 {
		return nil
	}
	list := make([]kafka.Header, len(headers))
	for i, h := range headers {
		list[i] = kafka.Header{Key: h.Key, Value: h.Value}
	}
	return list
}

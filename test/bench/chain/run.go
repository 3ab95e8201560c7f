// A run of the chain: its topics, its clients, and whoever feeds it.

package chain

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/test/bench/imload"
	"github.com/parley-im/parley/topology"
)

const (
	// Peer is the chain's name in results.
	Peer = "chain"

	linger       = 0 * time.Millisecond  // carries most, by measurement: 2 ms took a third less CPU and carried a tenth less
	settleEvery  = 10 * time.Millisecond // between samples of what is still on its way
	topicsWithin = 10 * time.Second      // for a broker to have the topics that it was asked for
	topicsEvery  = 50 * time.Millisecond // between questions for them
)

// Config of a run.
type Config struct {
	Shape
	Broker  string
	Process int // of the broker, whose CPU is counted
	Plan    topology.Plan

	Warm, Measure, Drain time.Duration
}

// run is one that is going on.
type run struct {
	Config
	first   piece
	links   []link
	clients []*kgo.Client
	feeder  *kgo.Client

	windows        []chan struct{} // by sender; unused where messages have a rate
	deliveries     []atomic.Int64  // by sender
	recordFrom     atomic.Int64    // nanoseconds
	endToEnd, acks imload.Hist
	sent, done     atomic.Int64 // messages, deliveries
	failed         atomic.Pointer[error]
}

// Run makes the chain's topics, lets it carry messages as the shape says, and ends it.
func Run(ctx context.Context, cfg Config) (result imload.Result, err error) {
	r := &run{Config: cfg, windows: make([]chan struct{}, cfg.Senders), deliveries: make([]atomic.Int64, cfg.Senders)}
	r.first, r.links = walked(cfg.Plan, cfg.Shape)
	for i := range r.windows {
		r.windows[i] = make(chan struct{}, cfg.Window)
	}
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer func() {
		stop()
		running.Wait()
		for _, client := range append(r.clients, r.feeder) {
			if client != nil {
				client.Close()
			}
		}
	}()
	if r.feeder, err = r.client(ctx, ""); err != nil {
		return result, err
	}
	if err := r.createTopics(ctx); err != nil {
		return result, err
	}
	for _, l := range append(r.links, link{input: prefix + "inbox.events"}) {
		client, err := r.client(ctx, l.input)
		if err != nil {
			return result, err
		}
		r.clients = append(r.clients, client)
		running.Go(func() { r.consume(ctx, client, l) })
	}
	result = r.measure(&running)
	if err := r.failed.Load(); err != nil {
		return result, *err
	}
	return result, nil
}

// client produces, and consumes a topic from its end unless that is empty.
func (r *run) client(ctx context.Context, input string) (*kgo.Client, error) {
	options := []kgo.Opt{kgo.SeedBrokers(r.Broker), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(linger),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.DisableClientMetrics()}
	if input == "" {
		return kgo.NewClient(options...)
	}
	ends, err := kadm.NewClient(r.feeder).ListEndOffsets(ctx, input)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, err
	}
	return kgo.NewClient(append(options, kgo.ConsumePartitions(ends.KOffsets()))...)
}

// createTopics makes those that are missing, and waits until the broker has them: it answers a moment earlier.
func (r *run) createTopics(ctx context.Context) error {
	admin, topics := kadm.NewClient(r.feeder), r.topics()
	made, err := admin.CreateTopics(ctx, r.Plan.Partitions, 1, nil, topics...)
	for _, t := range made.Sorted() {
		if t.Err != nil && !strings.Contains(t.Err.Error(), "TOPIC_ALREADY_EXISTS") {
			err = errors.Join(err, t.Err)
		}
	}
	for end := time.Now().Add(topicsWithin); err == nil; time.Sleep(topicsEvery) {
		ends, missing := admin.ListEndOffsets(ctx, topics...)
		if missing == nil {
			missing = ends.Error()
		}
		if missing == nil || ctx.Err() != nil || time.Now().After(end) {
			return missing
		}
	}
	return err
}

// topics are all of the chain.
func (r *run) topics() []string {
	all := []string{r.first.topic}
	seen := map[string]bool{}
	for _, l := range r.links {
		for _, p := range l.output {
			if !seen[p.topic] {
				all = append(all, p.topic)
			}
			seen[p.topic] = true
		}
	}
	return all
}

// consume produces for each record what the link emits; the last link has no output and counts.
func (r *run) consume(ctx context.Context, client *kgo.Client, l link) {
	for {
		fetched := client.PollFetches(ctx)
		if ctx.Err() != nil || fetched.IsClientClosed() {
			return
		}
		for _, e := range fetched.Errors() {
			r.failed.CompareAndSwap(nil, &e.Err)
		}
		fetched.EachRecord(func(in *kgo.Record) {
			if len(l.output) == 0 {
				r.arrived(in)
				return
			}
			sender, key := int(binary.BigEndian.Uint64(in.Value)), string(in.Key)
			for _, p := range l.output {
				if !p.own || p.keys[sender] == key {
					r.produce(ctx, client, p, sender, in.Value[:head], nil)
				}
			}
		})
	}
}

// produce sends one record behind the head of the one that caused it.
func (r *run) produce(ctx context.Context, client *kgo.Client, p piece, sender int, begin []byte, acked func()) {
	value := make([]byte, p.size)
	copy(value, begin)
	key := p.keys[sender]
	client.Produce(ctx, &kgo.Record{Topic: p.topic, Partition: topology.PartitionOf(key, r.Plan.Partitions), Key: []byte(key), Value: value, Headers: p.headers},
		func(_ *kgo.Record, err error) {
			switch {
			case err != nil && ctx.Err() == nil:
				r.failed.CompareAndSwap(nil, &err)
			case err == nil && acked != nil:
				acked()
			}
		})
}

// arrived counts what came to a receiver. A sender's window opens when all receivers have one message more.
func (r *run) arrived(in *kgo.Record) {
	sender := int(binary.BigEndian.Uint64(in.Value))
	if string(in.Key) == r.first.keys[sender] { // the sender's own inbox
		return
	}
	r.done.Add(1)
	due := int64(binary.BigEndian.Uint64(in.Value[8:]))
	if from := r.recordFrom.Load(); from > 0 && due >= from {
		r.endToEnd.Record(time.Now().UnixNano() - due)
	}
	if r.Window > 0 && r.deliveries[sender].Add(1)%int64(r.receivers()) == 0 {
		<-r.windows[sender]
	}
}

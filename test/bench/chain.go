// The limit of the log: a bare chain that consumes and produces the records of a message's walk, and decides nothing.
//
// Three links stand for the three groups of a 1:1 message. Each consumes a topic and produces for each record what the
// group produces: as many records, to as many topics, as long, under the same keys, with the same headers, acks of all
// in-sync replicas. What the house does besides (folds, rows on disk, commits, sockets, views) is left out. The chain and
// whoever feeds it are one process, and there is one client for each link.

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/test/bench/imload"
	"github.com/parley-im/parley/test/walk"
	"github.com/parley-im/parley/topology"
)

const (
	chainPrefix  = "chain." // of its topics
	chainPeer    = "chain"
	chainHead    = 16                    // bytes of a value: sender, and when it was sent
	chainLinger  = 0 * time.Millisecond  // carries most, by measurement: 2 ms took a third less CPU and carried a tenth less
	chainSettles = 10 * time.Millisecond // between looks at what is still on its way
	topicsWithin = 10 * time.Second      // for a broker to have the topics that it was asked for
)

// piece is a record of a message's walk as the chain produces it.
type piece struct {
	topic   string
	key     func(sender int) string
	size    int
	headers []kgo.RecordHeader
	group   uint16 // that says it; 0 for gateways and rows
	own     bool   // only for an input with the same key: each inbox says what it was told
}

// link is a group of the chain.
type link struct {
	input string
	says  []piece
}

// The people of the chain's pairs have names as long as those of the talks.
func chainSender(i int) string   { return fmt.Sprintf("full0-19a2b3c4d5e-%d", 2*i) }
func chainReceiver(i int) string { return fmt.Sprintf("full0-19a2b3c4d5e-%d", 2*i+1) }
func chainTalk(i int) string     { return chainSender(i) + "/" + chainReceiver(i) }

// walked is the chain of a message, taken from the folds: what each group says to one text of the talks' size.
func walked(plan topology.Plan) (first piece, links []link) {
	h := walk.New(plan)
	ann, bob := h.Device(chainSender(0), "load"), h.Device(chainReceiver(0), "load")
	ann.CreateAccount()
	bob.CreateAccount()
	chat := ann.OpenDirect(bob.User)
	h.Run()
	before := len(h.Log())
	ann.SendText(chat, strings.Repeat("x", imload.TextSize))
	h.Run()
	log := h.Log()[before:]
	keys := map[string]func(int) string{ann.User: chainSender, bob.User: chainReceiver, chat: chainTalk}
	count := map[string]int{}
	for _, r := range log {
		count[r.Topic]++
	}
	pieces := map[string][]piece{}
	for _, r := range log {
		p := piece{topic: chainPrefix + r.Topic, key: keys[r.Key], size: max(len(r.Value), chainHead)}
		for _, head := range r.Headers {
			p.headers = append(p.headers, kgo.RecordHeader{Key: head.Key, Value: head.Value})
		}
		if cause, err := topology.UnpackCause(r.Get(topology.HeaderCause)); err == nil {
			p.group = cause.Group
		}
		pieces[r.Topic] = append(pieces[r.Topic], p)
	}
	for _, g := range plan.Groups {
		if count[g.Input] == 0 {
			continue
		}
		l := link{input: chainPrefix + g.Input}
		for _, topic := range append([]string{plan.Table(g.Name)}, g.Output...) {
			for _, p := range pieces[topic] {
				if p.group == g.Number || topic == plan.Table(g.Name) {
					p.own = count[g.Input] > 1
					l.says = append(l.says, p)
				}
			}
		}
		links = append(links, l)
	}
	return pieces[plan.Groups[0].Input][0], links
}

// chain is one that runs.
type chain struct {
	o       options
	broker  string
	first   piece
	links   []link
	last    string // topic at the end
	clients []*kgo.Client
	feeder  *kgo.Client

	windows    []chan struct{}
	recordFrom atomic.Int64 // nanoseconds
	endToEnd   imload.Hist
	sent, done atomic.Int64
	failed     atomic.Pointer[error]
}

// measureChain measures it as often as the house, through the house's broker.
func measureChain(ctx context.Context, o options, h *house) error {
	plan := topology.House()
	plan.Partitions = int32(o.partitions)
	for round := range o.rounds {
		c := &chain{o: o, broker: h.kafka(), last: chainPrefix + "inbox.events"}
		c.first, c.links = walked(plan)
		r, err := c.run(ctx, h.pids["kafka"])
		if err != nil {
			return fmt.Errorf("limit: %w", err)
		}
		r.Label = fmt.Sprintf("limit/%d", round+1)
		fmt.Fprintf(os.Stderr, "%-7s %8.0f at the end/s  %6.3f CPU s/1,000  p50 %.1f ms  p99 %.1f ms\n", "limit", r.DeliveredPerS, r.CPUPer1k, r.E2E50, r.E2E99)
		if err := o.note(r); err != nil {
			return err
		}
	}
	return nil
}

// topics are all of the chain.
func (c *chain) topics() []string {
	all := []string{c.first.topic}
	seen := map[string]bool{}
	for _, l := range c.links {
		for _, p := range l.says {
			if !seen[p.topic] {
				all = append(all, p.topic)
			}
			seen[p.topic] = true
		}
	}
	return all
}

// client consumes a topic from its end, and produces.
func (c *chain) client(ctx context.Context, input string) (*kgo.Client, error) {
	options := []kgo.Opt{kgo.SeedBrokers(c.broker), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(chainLinger),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.DisableClientMetrics()}
	if input == "" {
		return kgo.NewClient(options...)
	}
	ends, err := kadm.NewClient(c.feeder).ListEndOffsets(ctx, input)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, err
	}
	return kgo.NewClient(append(options, kgo.ConsumePartitions(ends.KOffsets()))...)
}

// run makes the topics, lets the chain run under the same discipline as the talks, and ends it.
func (c *chain) run(ctx context.Context, kafka int) (r imload.Result, err error) {
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer func() {
		stop()
		running.Wait()
		for _, client := range append(c.clients, c.feeder) {
			if client != nil {
				client.Close()
			}
		}
	}()
	if c.feeder, err = c.client(ctx, ""); err != nil {
		return r, err
	}
	made, err := kadm.NewClient(c.feeder).CreateTopics(ctx, int32(c.o.partitions), 1, nil, c.topics()...)
	for _, t := range made.Sorted() {
		if t.Err != nil && !strings.Contains(t.Err.Error(), "TOPIC_ALREADY_EXISTS") {
			err = errors.Join(err, t.Err)
		}
	}
	if err == nil {
		err = c.await(ctx)
	}
	if err != nil {
		return r, err
	}
	for _, l := range append(c.links, link{input: c.last}) {
		client, err := c.client(ctx, l.input)
		if err != nil {
			return r, err
		}
		c.clients = append(c.clients, client)
		running.Go(func() { c.consume(ctx, client, l) })
	}
	r = c.talk(imload.NewSystem(map[string]int{"kafka": kafka}), &running)
	if err := c.failed.Load(); err != nil {
		return r, *err
	}
	return r, nil
}

// await waits until the broker has the topics: it says that it made them a moment earlier.
func (c *chain) await(ctx context.Context) error {
	for end := time.Now().Add(topicsWithin); ; time.Sleep(lookEvery) {
		ends, err := kadm.NewClient(c.feeder).ListEndOffsets(ctx, c.topics()...)
		if err == nil {
			err = ends.Error()
		}
		if err == nil || ctx.Err() != nil || time.Now().After(end) {
			return err
		}
	}
}

// consume produces for each record what the link says to it; the last link counts.
func (c *chain) consume(ctx context.Context, client *kgo.Client, l link) {
	for {
		fetched := client.PollFetches(ctx)
		if ctx.Err() != nil || fetched.IsClientClosed() {
			return
		}
		for _, e := range fetched.Errors() {
			c.failed.CompareAndSwap(nil, &e.Err)
		}
		fetched.EachRecord(func(in *kgo.Record) {
			if len(l.says) == 0 {
				c.arrived(in)
				return
			}
			for _, p := range l.says {
				c.produce(ctx, client, p, in.Value[:chainHead], string(in.Key))
			}
		})
	}
}

// produce sends one record behind the head of the one that caused it.
func (c *chain) produce(ctx context.Context, client *kgo.Client, p piece, head []byte, of string) {
	key := p.key(int(binary.BigEndian.Uint64(head)))
	if p.own && key != of {
		return
	}
	value := make([]byte, p.size)
	copy(value, head)
	client.Produce(ctx, &kgo.Record{Topic: p.topic, Partition: topology.PartitionOf(key, int32(c.o.partitions)), Key: []byte(key), Value: value, Headers: p.headers},
		func(_ *kgo.Record, err error) {
			if err != nil && ctx.Err() == nil {
				c.failed.CompareAndSwap(nil, &err)
			}
		})
}

// arrived counts what came to the receiver.
func (c *chain) arrived(in *kgo.Record) {
	sender := int(binary.BigEndian.Uint64(in.Value))
	if string(in.Key) != chainReceiver(sender) {
		return
	}
	c.done.Add(1)
	sent := int64(binary.BigEndian.Uint64(in.Value[8:]))
	if from := c.recordFrom.Load(); from > 0 && sent >= from {
		c.endToEnd.Record(time.Now().UnixNano() - sent)
	}
	<-c.windows[sender]
}

// talk keeps every sender's window full for the measured time and waits for what is on its way.
func (c *chain) talk(system *imload.System, running *sync.WaitGroup) imload.Result {
	c.windows = make([]chan struct{}, fullSenders)
	for i := range c.windows {
		c.windows[i] = make(chan struct{}, fullWindow)
	}
	talking, hush := context.WithCancel(context.Background())
	for i := range c.windows {
		running.Go(func() {
			for {
				select {
				case c.windows[i] <- struct{}{}:
				case <-talking.Done():
					return
				}
				head := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(i)), uint64(time.Now().UnixNano()))
				c.sent.Add(1)
				c.produce(context.Background(), c.feeder, c.first, head, "")
			}
		})
	}
	time.Sleep(c.o.warm)
	type reading struct {
		at          time.Time
		done        int64
		kafka, self float64
	}
	read := func() reading { return reading{time.Now(), c.done.Load(), system.CPU()["kafka"], imload.SelfCPU()} }
	before := read()
	c.recordFrom.Store(before.at.UnixNano())
	time.Sleep(c.o.measure)
	after := read()
	hush()
	for end := time.Now().Add(c.o.drain); c.done.Load() < c.sent.Load() && time.Now().Before(end); {
		time.Sleep(chainSettles)
	}
	n, seconds := float64(after.done-before.done), after.at.Sub(before.at).Seconds()
	r := imload.Result{Peer: chainPeer, Scenario: "pairs", Conns: 2 * fullSenders, Window: fullWindow, Seconds: seconds, At: before.at.UTC().Format(time.RFC3339),
		Sent: c.sent.Load(), Delivered: c.done.Load(), Lost: c.sent.Load() - c.done.Load(), DeliveredPerS: n / seconds,
		E2E50: c.endToEnd.Quantile(.5), E2E99: c.endToEnd.Quantile(.99), E2E999: c.endToEnd.Quantile(.999),
		CPU: after.kafka - before.kafka + after.self - before.self}
	if n > 0 {
		r.CPUPer1k = r.CPU * 1000 / n
		r.Processes = map[string]float64{"kafka": (after.kafka - before.kafka) * 1000 / n, chainPeer: (after.self - before.self) * 1000 / n}
	}
	return r
}

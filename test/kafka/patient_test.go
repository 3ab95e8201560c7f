// A patient: a stage with its owners in this process, so that what they say and count can be looked at while it is harmed.

package kafka_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

// patience is how long anything may take; it is never asserted to be short.
const patience = 90 * time.Second

// patient is a stage and what is known of it.
type patient struct {
	*testing.T
	stage    stage
	machines []topology.Machine
	cluster  wire.Cluster
	client   *kgo.Client // that says to which partition
	admin    *kadm.Client
	emitter  *wire.Emitter
	dir      string
	fed      int
	kept     map[string][]topology.Record // inputs that a test deletes
	prepare  func()                       // before each judging; nil = nothing
}

func newPatient(t *testing.T, s stage, brokers []string) *patient {
	t.Helper()
	p := &patient{T: t, stage: s, machines: s.machines(), cluster: wire.Cluster{Brokers: brokers}, dir: t.TempDir(), kept: map[string][]topology.Record{}}
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	p.must(err)
	t.Cleanup(client.Close)
	p.client, p.admin = client, kadm.NewClient(client)
	if err := wiretest.CreateTopics(t.Context(), brokers, s.plan()); err != nil && !strings.Contains(err.Error(), topology.DeadLetters) {
		t.Fatal(err)
	}
	p.startFeeder()
	p.until("topics", func() bool {
		_, err := wire.Ends(t.Context(), p.cluster, p.table())
		return err == nil
	})
	return p
}

// startFeeder starts what writes the commands, or starts it again.
func (p *patient) startFeeder() {
	p.Helper()
	emitter, err := wire.NewEmitter(wire.EmitterConfig{Cluster: p.cluster, Plan: p.stage.plan(), Name: "feeder", Log: slog.New(slog.DiscardHandler)})
	p.must(err)
	p.Cleanup(func() { _ = emitter.Close(time.Second) })
	p.emitter = emitter
}

func (p *patient) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// until polls on the test's own goroutine.
func (p *patient) until(what string, ok func() bool) {
	p.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			p.Fatalf("never came true: %s", what)
		}
	}
}

// The first machine is the one that is harmed.
func (p *patient) group() topology.Group { return p.machines[0].Group }
func (p *patient) input() string         { return p.group().Input }
func (p *patient) table() string         { return p.stage.plan().Table(p.group().Name) }
func (p *patient) consumer() string      { return p.stage.plan().Consumer(p.group().Name) }

// feed gives the next n commands and waits until Kafka has them.
func (p *patient) feed(n int) {
	p.Helper()
	var wait sync.WaitGroup
	for range n {
		topic, key, value := p.stage.command(p.fed)
		p.fed++
		wait.Add(1)
		p.must(p.emitter.Emit(topic, key, value, nil, func(_ wire.Position, err error) {
			if err != nil {
				p.Error(err)
			}
			wait.Done()
		}))
	}
	wait.Wait()
}

// owner is a process's worth of groups.
type owner struct {
	p        *patient
	registry *prometheus.Registry
	cancel   context.CancelFunc
	ready    chan struct{}
	ended    chan error
}

// run starts every machine of the patient; change may be nil.
func (p *patient) run(dir string, change func(*wire.GroupConfig)) *owner {
	ctx, cancel := context.WithCancel(context.Background())
	o := &owner{p: p, registry: prometheus.NewRegistry(), cancel: cancel, ready: make(chan struct{}, 1000), ended: make(chan error, len(p.machines))}
	for _, m := range p.machines {
		cfg := wire.GroupConfig{
			Plan: p.stage.plan(), Machine: m, Log: slog.New(slog.DiscardHandler), Metrics: o.registry, Exit: func(error) {},
			Settings: wire.Settings{Cluster: p.cluster, Dir: dir, SessionTimeout: campaignSession, DrainLimit: campaignDrain},
			Owned: func(partitions []int32) {
				if partitions != nil {
					o.ready <- struct{}{}
				}
			},
		}
		if change != nil {
			change(&cfg)
		}
		go func() { o.ended <- wire.RunGroup(ctx, cfg) }()
	}
	p.Cleanup(func() { o.stop() })
	return o
}

// awaitReady waits until every group has folded or could.
func (o *owner) awaitReady() {
	o.p.Helper()
	for range o.p.machines {
		select {
		case <-o.ready:
		case err := <-o.ended:
			o.ended <- err
			o.p.Fatalf("a group ended: %v", err)
		case <-time.After(patience):
			o.p.Fatal("a group did not get ready")
		}
	}
}

// stop ends all groups in good order and returns what they said.
func (o *owner) stop() error {
	o.cancel()
	var errs []error
	for range o.p.machines {
		select {
		case err := <-o.ended:
			errs = append(errs, err)
		case <-time.After(patience):
			errs = append(errs, errors.New("a group did not end"))
		}
	}
	for range o.p.machines {
		o.ended <- nil // for whoever stops again
	}
	return errors.Join(errs...)
}

// alarmed waits for the end of the group and checks its last words: the kind, what happened, and what is to be done.
func (o *owner) alarmed(kind string, words ...string) {
	o.p.Helper()
	var err error
	select {
	case err = <-o.ended:
		o.ended <- err
	case <-time.After(patience):
		o.p.Fatal("the harm was not noticed")
	}
	if !errors.Is(err, wire.ErrAlarm) {
		o.p.Fatalf("not an alarm: %v", err)
	}
	for _, w := range append(words, kind) {
		if !strings.Contains(err.Error(), w) {
			o.p.Fatalf("the alarm does not say %q: %v", w, err)
		}
	}
	if o.count("alarms_total", kind) == 0 {
		o.p.Fatalf("no metric tells of %s", kind)
	}
	o.p.Logf("said: %v", err)
	_ = o.stop()
}

// count adds up a counter of the groups, of one kind or of all ("").
func (o *owner) count(name, kind string) (sum float64) {
	families, err := o.registry.Gather()
	o.p.must(err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			match := kind == ""
			for _, l := range m.GetLabel() {
				match = match || l.GetValue() == kind
			}
			if f.GetName() == "parley_group_"+name && match {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// whole waits until everything is as the straight fold says.
func (p *patient) whole() *verdict {
	p.Helper()
	var v *verdict
	for end := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		if p.prepare != nil {
			p.prepare()
		}
		var err error
		if v, err = judge(p.Context(), p.cluster, p.stage, p.machines, p.kept); err == nil && v.harm() == 0 {
			p.Logf("%v", v)
			return v
		}
		if time.Now().After(end) {
			p.must(err)
			p.Fatalf("%v\n%s", v, strings.Join(v.samples, "\n"))
		}
	}
}

// season lets the patient live a little, and stops it in good order.
func (p *patient) season() {
	p.Helper()
	o := p.run(p.dir, nil)
	o.awaitReady()
	p.feed(300)
	p.whole()
	p.must(o.stop())
}

// healed runs the patient again and shows that it goes on.
func (p *patient) healed(change func(*wire.GroupConfig)) *owner {
	p.Helper()
	o := p.run(p.dir, change)
	o.awaitReady()
	p.feed(100)
	p.whole()
	return o
}

// What follows is what operators do.

func (p *patient) wipe() { p.must(os.RemoveAll(p.dir)) }

func (p *patient) recreate(topic string, settings map[string]*string) {
	p.Helper()
	_, err := p.admin.DeleteTopics(p.Context(), topic)
	p.must(err)
	p.until("created again", func() bool {
		a, err := p.admin.CreateTopic(p.Context(), p.stage.Partitions, 1, settings, topic)
		return err == nil && a.Err == nil
	})
	p.until("told of", func() bool {
		_, err := wire.Ends(p.Context(), p.cluster, topic)
		return err == nil
	})
}

func (p *patient) deleteGroup() {
	p.Helper()
	p.until("the group is deleted", func() bool {
		a, err := p.admin.DeleteGroups(p.Context(), p.consumer())
		return err == nil && a[p.consumer()].Err == nil
	})
}

// commit does what kafka-consumer-groups --reset-offsets does.
func (p *patient) commit(at func(partition int32) int64) {
	p.Helper()
	offsets := kadm.Offsets{}
	for n := range p.stage.Partitions {
		offsets.Add(kadm.Offset{Topic: p.input(), Partition: n, At: at(n), LeaderEpoch: -1})
	}
	p.until("committed by hand", func() bool { return p.admin.CommitAllOffsets(p.Context(), p.consumer(), offsets) == nil })
}

// rebuild is what alarms advise when the table is not whole: everything is folded again.
func (p *patient) rebuild() {
	p.Helper()
	compact := "compact"
	p.recreate(p.table(), map[string]*string{"cleanup.policy": &compact})
	p.deleteGroup()
	p.wipe()
}

func (p *patient) spans(topic string) map[int32]wire.Span {
	p.Helper()
	spans, err := wire.Ends(p.Context(), p.cluster, topic)
	p.must(err)
	return spans
}

func (p *patient) read(topic string) (list []topology.Record) {
	p.Helper()
	p.must(wire.Read(p.Context(), p.cluster, topic, func(r *topology.Record) error {
		list = append(list, *r)
		return nil
	}))
	return list
}

// write puts a record into a partition, with its time when it has one.
func (p *patient) write(r topology.Record) {
	p.Helper()
	out := &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: []byte(r.Key), Value: r.Value, Timestamp: r.Time}
	for _, h := range r.Headers {
		out.Headers = append(out.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	p.must(p.client.ProduceSync(p.Context(), out).FirstErr())
}

// deleteRecords removes what stands before an offset of each partition.
func (p *patient) deleteRecords(topic string, before func(wire.Span) int64) error {
	offsets := kadm.Offsets{}
	for n, s := range p.spans(topic) {
		offsets.AddOffset(topic, n, before(s), -1)
	}
	answers, err := p.admin.DeleteRecords(p.Context(), offsets)
	if err == nil {
		err = answers.Error()
	}
	return err
}

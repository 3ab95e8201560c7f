// The sequencer alone: the machine of conversations on one core, fed from a filled topic on real Kafka with nothing else
// running, under this deployment's wiring and under goka's own, in turn.
//
// The topic is filled with what the group outbox really says to texts of a hundred pairs, causes and all. Each run has a
// consumer group, a table and a local store of its own, and begins at the topic's beginning.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/deploy"
	"github.com/parley-im/parley/test/bench/imload"
	"github.com/parley-im/parley/test/walk"
	"github.com/parley-im/parley/topology"
)

const (
	sequencer     = "conversation"
	alonePairs    = 100
	aloneFrom     = 0.2 // share of the commands after which the clock runs: everybody has begun
	aloneLooks    = 50 * time.Millisecond
	alonePatience = 5 * time.Minute // for a run
)

// wirings are measured in turn.
var wirings = []string{"parley", "goka"}

// alonePlan is the deployment's plan for one run: the name makes group and table its own.
func alonePlan(name string, partitions int) topology.Plan {
	plan := topology.House()
	plan.Name, plan.Partitions, plan.Replication, plan.MinInsync = name, int32(partitions), 1, 1
	plan.CommandRate, plan.CommandBurst = unlimited, manyAtOnce
	return plan
}

func measureAlone(ctx context.Context, o options) (err error) {
	o.parts, o.setup = nil, setup{servers: []string{"kafka"}}
	h, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	client, err := kgo.NewClient(kgo.SeedBrokers(h.kafka()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer client.Close()
	a := &alone{o: o, h: h, client: client, admin: kadm.NewClient(client)}
	if err := a.fill(ctx); err != nil {
		return fmt.Errorf("fill the topic: %w", err)
	}
	for round := -1; round < o.rounds; round++ { // the first is for the broker: Java compiles
		for i := range wirings {
			wiring := wirings[(i+max(round, 0))%len(wirings)]
			r, err := a.run(ctx, wiring, round)
			if err == nil && round >= 0 {
				err = o.note(r)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", wiring, err)
			}
		}
	}
	return nil
}

// alone is the sequencer and its broker.
type alone struct {
	o      options
	h      *deployment
	client *kgo.Client
	admin  *kadm.Client
}

// fill writes what outbox says to so many texts.
func (a *alone) fill(ctx context.Context) error {
	plan := alonePlan("alone", a.o.partitions)
	if _, err := deploy.Apply(ctx, a.admin, plan, deploy.Options{}); err != nil {
		return err
	}
	w := walk.New(plan)
	people, chats := make([]*walk.Device, 2*alonePairs), make([]string, alonePairs)
	for i := range people {
		people[i] = w.Device(fmt.Sprintf("alone-%d", i), "load")
		people[i].CreateAccount()
	}
	for i := range chats {
		chats[i] = people[2*i].OpenDirect(people[2*i+1].User)
	}
	w.Run()
	show, done := progress("commands for the sequencer", int64(a.o.commands))
	defer done()
	text := strings.Repeat("x", imload.TextSize)
	for i := range a.o.commands {
		ann := people[2*(i%alonePairs)]
		said := ann.SendText(chats[i%alonePairs], text)
		w.Step("outbox", said.Partition)
		show(int64(i))
	}
	group, _ := plan.Group(sequencer)
	return produceAll(ctx, a.client, w.Records(group.Input))
}

// produceAll writes records as they stand, and waits until all are in the log.
func produceAll(ctx context.Context, client *kgo.Client, records []topology.Record) error {
	failed := make(chan error, 1)
	for _, r := range records {
		out := &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: []byte(r.Key), Value: r.Value}
		for _, h := range r.Headers {
			out.Headers = append(out.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		client.Produce(ctx, out, func(_ *kgo.Record, err error) {
			if err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// run lets one wiring fold the whole topic.
func (a *alone) run(ctx context.Context, wiring string, round int) (imload.Result, error) {
	name := fmt.Sprintf("alone-%s-%d", wiring, round+1)
	plan := alonePlan(name, a.o.partitions)
	if wiring == "parley" { // goka makes its table itself
		if _, err := deploy.Apply(ctx, a.admin, plan, deploy.Options{}); err != nil {
			return imload.Result{}, err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return imload.Result{}, err
	}
	from, err := a.said(ctx)
	if err != nil {
		return imload.Result{}, err
	}
	env := []string{"GOMAXPROCS=1", "GOGC=400"} // the binary's own setting of garbage, for both
	child, err := a.h.spawn(name, self, []string{aloneChild, "-wiring", wiring, "-brokers", a.h.kafka(), "-name", name,
		"-dir", filepath.Join(a.h.dir, name), "-partitions", fmt.Sprint(a.o.partitions)}, env)
	if err != nil {
		return imload.Result{}, err
	}
	r, err := a.watch(ctx, wiring, name, from, child)
	a.h.kill(name)
	delete(a.h.pids, name)
	if err != nil {
		return r, err
	}
	r.Label = fmt.Sprintf("processor-%s/%d", wiring, round+1)
	fmt.Fprintf(os.Stderr, "processor, %-7s %8.0f commands/s on one core, %.1f us of CPU a command, of Kafka %.1f\n",
		wiring, r.Figures["commands_per_s"], r.Figures["cpu_us"], r.Figures["kafka_cpu_us"])
	return r, errors.Join(a.forget(ctx, plan), os.RemoveAll(filepath.Join(a.h.dir, name)))
}

// said is how many events of conversations stand in the log: one for each command.
func (a *alone) said(ctx context.Context) (n int64, err error) {
	ends, err := a.admin.ListEndOffsets(ctx, "conversation.events")
	if err == nil {
		err = ends.Error()
	}
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return n, err
}

// watch reads the clock when everybody has begun and when all is said.
func (a *alone) watch(ctx context.Context, wiring, name string, from int64, child *running) (imload.Result, error) {
	type reading struct {
		at   time.Time
		said int64
		cpu  map[string]float64
	}
	system := imload.NewSystem(map[string]int{"sequencer": a.h.pids[name], "kafka": a.h.pids["kafka"]})
	r := imload.Result{Peer: wiring, Scenario: "processor"}
	var begun reading
	for end := time.Now().Add(alonePatience); time.Now().Before(end); time.Sleep(aloneLooks) {
		select {
		case <-child.over:
			return r, fmt.Errorf("it ended by itself\n%s", a.h.tails())
		case <-ctx.Done():
			return r, ctx.Err()
		default:
		}
		n, err := a.said(ctx)
		if err != nil {
			return r, err
		}
		now := reading{time.Now(), n - from, nil}
		switch {
		case begun.cpu == nil && float64(now.said) >= aloneFrom*float64(a.o.commands):
			begun = now
			begun.cpu = system.CPU()
		case begun.cpu != nil && now.said >= int64(a.o.commands):
			now.cpu = system.CPU()
			commands, us := float64(now.said-begun.said), func(of string) float64 { return (now.cpu[of] - begun.cpu[of]) * 1e6 }
			r.Figures = map[string]float64{"commands_per_s": commands / now.at.Sub(begun.at).Seconds(),
				"cpu_us": us("sequencer") / commands, "kafka_cpu_us": us("kafka") / commands,
				"cores": us("sequencer") / 1e6 / now.at.Sub(begun.at).Seconds()}
			return r, nil
		}
	}
	return r, fmt.Errorf("not all was folded within %s\n%s", alonePatience, a.h.tails())
}

// forget takes away what a run said: the next begins on a disk as empty.
func (a *alone) forget(ctx context.Context, plan topology.Plan) error {
	ends, err := a.admin.ListEndOffsets(ctx, "conversation.events", "inbox.commands")
	if err == nil {
		_, err = a.admin.DeleteRecords(ctx, ends.Offsets())
	}
	_, gone := a.admin.DeleteTopics(ctx, plan.Table(sequencer))
	return errors.Join(err, gone)
}

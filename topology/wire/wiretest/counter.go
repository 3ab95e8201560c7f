// Package wiretest is a plan of one machine, a counter, for tests of the wire and of whatever runs on it.
package wiretest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// Names of the plan.
const (
	Commands = "counter.commands"
	Events   = "counter.events"
	GroupOf  = "counter"
	number   = 9
	newest   = 3 // rules that the counter knows
)

// Plan is one group between two topics.
func Plan(partitions int32, replication int16) topology.Plan {
	return topology.Plan{
		Name: "wiretest", Epoch: 7, Partitions: partitions, Replication: replication, MinInsync: max(replication-1, 1),
		Topics: []topology.Topic{
			{Name: Commands, Retention: time.Hour, Writers: []string{"test"}},
			{Name: Events, Writers: []string{GroupOf}},
			{Name: topology.DeadLetters, Writers: []string{GroupOf}},
		},
		Groups: []topology.Group{{Name: GroupOf, Number: number, Key: "key", Input: Commands, Output: []string{Events}}},
	}
}

// Counter counts the commands of each key. For each it emits two events, to two partitions: the key's own and that of its
// mirror. An event holds the count, the rules, and the command.
func Counter() topology.Machine {
	group, _ := Plan(1, 1).Group(GroupOf)
	return topology.Machine{Group: group, Fold: fold, RulesAt: rulesAt, MaxRules: newest}
}

// Mirror is a key of another user.
func Mirror(key string) string { return "mirror-of-" + key }

// Event is what the counter emits.
type Event struct {
	Count, Rules uint64
	Command      []byte
}

const eventHead = 16

// ParseEvent reads an event.
func ParseEvent(b []byte) (Event, error) {
	if len(b) < eventHead {
		return Event{}, fmt.Errorf("an event has %d bytes", len(b))
	}
	return Event{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), b[eventHead:]}, nil
}

func fold(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
	var r pb.Row
	if err := r.UnmarshalVT(row); err != nil {
		panic(err)
	}
	if row != nil && in.Offset < r.Through {
		return nil, nil
	}
	r.Through = in.Offset + 1
	r.Rules = rules
	var out []topology.Output
	switch {
	case in.Key == topology.RulesKey:
		rows := r.GetRulesRow()
		if rows == nil {
			rows = &pb.RulesRow{}
		}
		rows.Activations = append(rows.Activations, &pb.Activation{Offset: in.Offset, Rules: uint32(in.Value[0])})
		r.State = &pb.Row_RulesRow{RulesRow: rows}
	case in.Value == nil:
		out = []topology.Output{{Topic: topology.DeadLetters, Key: in.Key, Value: []byte("no value")}}
	default:
		count := r.GetInbox().GetInboxSeq() + 1
		r.State = &pb.Row_Inbox{Inbox: &pb.InboxRow{InboxSeq: count}}
		event := binary.BigEndian.AppendUint64(nil, uint64(count))
		event = append(binary.BigEndian.AppendUint64(event, uint64(rules)), in.Value...)
		out = []topology.Output{
			{Topic: Events, Key: in.Key, Value: event},
			{Topic: Events, Key: Mirror(in.Key), Value: event},
		}
	}
	next, err := r.MarshalVT()
	if err != nil {
		panic(err)
	}
	return next, out
}

func rulesAt(row []byte, offset int64) uint32 {
	var r pb.Row
	if err := r.UnmarshalVT(row); err != nil {
		panic(err)
	}
	rules := uint32(1)
	for _, a := range r.GetRulesRow().GetActivations() {
		if a.Offset < offset {
			rules = a.Rules
		}
	}
	return rules
}

// Activate is the value of a record of topology.RulesKey.
func Activate(rules byte) []byte { return []byte{rules} }

// Kafka is an in-process Kafka with the plan's topics.
func Kafka(t testing.TB, plan topology.Plan, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	opts = append([]kfake.Opt{
		kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(100 * time.Millisecond), kfake.DefaultNumPartitions(int(plan.Partitions)),
	}, opts...)
	c, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := CreateTopics(t.Context(), c.ListenAddrs(), plan); err != nil {
		t.Fatal(err)
	}
	return c
}

// CreateTopics creates the plan's topics and tables that are not there.
func CreateTopics(ctx context.Context, brokers []string, plan topology.Plan) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	names := []string{}
	for _, topic := range plan.Topics {
		names = append(names, topic.Name)
	}
	var errs []error
	create := func(settings map[string]*string, names ...string) {
		answers, err := admin.CreateTopics(ctx, plan.Partitions, plan.Replication, settings, names...)
		errs = append(errs, err)
		for _, a := range answers {
			if a.ErrMessage != "" || a.Err != nil {
				errs = append(errs, fmt.Errorf("create %s: %w", a.Topic, a.Err))
			}
		}
	}
	create(nil, names...)
	compact := "compact"
	for _, group := range plan.Groups {
		create(map[string]*string{"cleanup.policy": &compact}, plan.Table(group.Name))
	}
	return errors.Join(errs...)
}

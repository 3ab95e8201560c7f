// An unclean election (class 10): somebody lets a replica lead that is behind, and what was acknowledged is gone. The house
// must stop and say so; the operator puts the records back from a mirror and has everything folded again.

package system

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// What the house says of a log that lost its end.
const (
	recordsGone = "acknowledged records are gone"
	fromMirror  = "from a mirror"
)

const profiles = 3 // commands that only one replica has

// poll is where the election is, and the roles of the brokers by their ids.
type poll struct {
	topic     string
	partition int32
	leads     int32 // the last one in sync
	behind    int32 // shall lead
	aside     int32 // has no replica meanwhile, and keeps the controllers' majority
}

// electUnclean lets a partition lose what it acknowledged. Its topic was set so that it can be: two replicas, one of which
// is enough, and unclean elections. The gateways rest from the moment on at which the records are told from what follows.
func electUnclean(w *world) time.Time {
	g, _ := w.plan().Group("account") // whose inputs are few
	p := w.poll(g.Input)
	w.careless(p)
	w.must("kill the replica that will be behind", w.kafka.Kill(int(p.behind-1)))
	for range profiles {
		w.crowd.probes[p.partition].do(&pb.Send{Word: &pb.Send_ChangeProfile{ChangeProfile: &pb.SendProfile{DisplayName: "once more"}}})
	}
	restAll(w.gateways) // nobody writes now but the groups
	mirror := w.recordsOf(p)
	w.must("kill the last one in sync", w.kafka.Kill(int(p.leads-1)))
	from := time.Now()
	w.must("start the one that is behind", w.kafka.Start(int(p.behind-1)))
	w.must("elect it", w.until(func(ctx context.Context, a *kadm.Client) (bool, error) { return w.elected(ctx, a, p) }))
	w.must("start the other", w.kafka.Start(int(p.leads-1)))
	lost := mirror[min(len(w.recordsOf(p)), len(mirror)):]
	if len(lost) == 0 {
		w.t.Errorf("the election of a replica that is behind lost nothing: it was none")
	}
	for _, words := range []string{recordsGone, fromMirror} {
		if !w.says(words, from, w.processors...) {
			w.find("S", "%s/%d lost %d acknowledged records, and nobody says %q", p.topic, p.partition, len(lost), words)
		}
	}
	restAll(w.processors)
	w.careful(p)
	w.putBack(p, lost)
	w.remake(w.plan().Table(g.Name))
	w.forget(g)
	back := time.Now()
	backAll(w.processors)
	backAll(w.gateways)
	return back
}

// poll chooses a partition and the roles of the brokers.
func (w *world) poll(topic string) (p poll) {
	p.topic, p.partition = topic, int32(w.rand.IntN(partitions))
	w.must("look who leads", w.until(func(ctx context.Context, a *kadm.Client) (bool, error) {
		topics, err := a.ListTopics(ctx, topic)
		p.leads = topics[topic].Partitions[p.partition].Leader
		return p.leads > 0, err
	}))
	all := int32(len(w.kafka.Brokers))
	p.behind, p.aside = p.leads%all+1, (p.leads+1)%all+1
	return p
}

// careless sets the topic so that it can lose records: two replicas, one of which is enough, whoever lives may lead.
func (w *world) careless(p poll) {
	w.set(p.topic, map[string]string{"unclean.leader.election.enable": "true", "min.insync.replicas": "1"})
	w.assign(p, p.leads, p.behind)
}

// careful undoes it but for what `topology apply` does, and lets records be put back with their times.
func (w *world) careful(p poll) {
	w.assign(p, p.behind, p.leads, p.aside)
	w.set(p.topic, map[string]string{"unclean.leader.election.enable": "false", "message.timestamp.type": "CreateTime"})
}

// set changes settings of a topic.
func (w *world) set(topic string, settings map[string]string) {
	var changes []kadm.AlterConfig
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: kadm.StringPtr(settings[name])})
	}
	w.must("set "+topic, w.until(func(ctx context.Context, a *kadm.Client) (bool, error) {
		answers, err := a.AlterTopicConfigs(ctx, changes, topic)
		if err != nil {
			return false, err
		}
		for _, answer := range answers {
			err = errors.Join(err, answer.Err)
		}
		return err == nil, err
	}))
}

// assign gives the partition these replicas and waits until all of them are in sync.
func (w *world) assign(p poll, replicas ...int32) {
	var wanted kadm.AlterPartitionAssignmentsReq
	wanted.Assign(p.topic, p.partition, replicas)
	w.must("move replicas of "+p.topic, w.until(func(ctx context.Context, a *kadm.Client) (bool, error) {
		answers, err := a.AlterPartitionAssignments(ctx, wanted)
		return err == nil, errors.Join(err, answers.Error())
	}))
	w.must("wait for the replicas of "+p.topic, w.until(func(ctx context.Context, a *kadm.Client) (bool, error) {
		topics, err := a.ListTopics(ctx, p.topic)
		d := topics[p.topic].Partitions[p.partition]
		return len(d.Replicas) == len(replicas) && len(d.ISR) == len(replicas), err
	}))
}

// elected asks for the election, if it was not held already, and reports whether the one that is behind leads.
func (w *world) elected(ctx context.Context, a *kadm.Client, p poll) (bool, error) {
	only := kadm.TopicsSet{}
	only.Add(p.topic, p.partition)
	answers, err := a.ElectLeaders(ctx, kadm.ElectLiveReplica, only)
	if err != nil {
		return false, err
	}
	if err := answers[p.topic][p.partition].Err; err != nil && !errors.Is(err, kerr.ElectionNotNeeded) {
		return false, err
	}
	topics, err := a.ListTopics(ctx, p.topic)
	return topics[p.topic].Partitions[p.partition].Leader == p.behind, err
}

// recordsOf are all records of the partition.
func (w *world) recordsOf(p poll) (all []*topology.Record) {
	w.readLog(p.topic, func(r *topology.Record) error {
		if r.Partition == p.partition {
			all = append(all, r)
		}
		return nil
	})
	return all
}

// putBack writes records where they stood, with the times that they had.
func (w *world) putBack(p poll, records []*topology.Record) {
	client, err := kgo.NewClient(kgo.SeedBrokers(w.kafka.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		w.must("put records back", err)
		return
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), recoveryPatience)
	defer cancel()
	for _, r := range records {
		again := &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: []byte(r.Key), Value: r.Value, Timestamp: r.Time}
		for _, h := range r.Headers {
			again.Headers = append(again.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		w.must("put a record back", client.ProduceSync(ctx, again).FirstErr())
		if again.Offset != r.Offset {
			w.t.Errorf("a record of %s/%d that stood at %d stands at %d", r.Topic, r.Partition, r.Offset, again.Offset)
		}
	}
}

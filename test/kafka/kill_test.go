// Members killed, frozen, and stacked as stale owners.

package kafka_test

import (
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/parley-im/parley/test/servers"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

// TestKillProcessors kills members with kill -9 and freezes them past the session timeout, on real Kafka, while commands
// flow through the machines of the house. Every fifth restart begins without a local store.
func TestKillProcessors(t *testing.T) {
	k := servers.Kafka(t)
	s, commands := stage{"house", "kill", 7, 4}, long(2_400, 9_000)
	killAndFreeze(t, s, k.Brokers, long(10, 40), long(2, 8), commands, 60)
	said := 0
	if err := wire.Read(t.Context(), wire.Cluster{Brokers: k.Brokers}, s.topic("conversation.events"), func(*topology.Record) error { said++; return nil }); err != nil {
		t.Fatal(err)
	}
	t.Logf("conversations said %d things", said)
	if said < commands/2 {
		t.Fatalf("the house refuses nearly everything: %d events of %d commands", said, commands)
	}
}

// TestKillProcessorsInProcess is the same with the counter, shorter, on the Kafka of one's own machine.
func TestKillProcessorsInProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	k := wiretest.Kafka(t, wiretest.Plan(4, 1))
	killAndFreeze(t, stage{"counter", "kill", 7, 4}, k.ListenAddrs(), 8, 2, 6_000, 300)
}

func killAndFreeze(t *testing.T, s stage, brokers []string, kills, freezes, commands, rate int) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	c := newCampaign(t, s, brokers, 2)
	c.feed(commands, rate)
	time.Sleep(2 * time.Second)
	for i := range kills + freezes {
		m := c.members[random.IntN(len(c.members))]
		if every := (kills + freezes) / freezes; i%every == every-1 {
			m.signal(syscall.SIGSTOP)
			time.Sleep(c.session + time.Second + time.Duration(random.IntN(1000))*time.Millisecond)
			m.signal(syscall.SIGCONT)
			time.Sleep(time.Second)
			continue
		}
		m.restart(i%5 == 4)
		time.Sleep(500*time.Millisecond + time.Duration(random.IntN(1500))*time.Millisecond)
	}
	c.verify(commands)
	for _, m := range c.members {
		t.Logf("%s ended by itself: %d times by the prefix law, %d times otherwise", m.instance, m.ended(3), m.ended(1)+m.ended(2))
	}
}

// deafness makes the heartbeats of members hang: such a member folds and produces on, and does not know that it lost its
// partitions.
type deafness struct{ members sync.Map }

func (d *deafness) install(k *kfake.Cluster) {
	k.ControlKey(int16(kmsg.Heartbeat), func(r kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		instance := r.(*kmsg.HeartbeatRequest).InstanceID
		if instance == nil {
			return nil, nil, false
		}
		if _, deaf := d.members.Load(*instance); deaf {
			k.SleepControl(func() {
				for deaf {
					time.Sleep(20 * time.Millisecond)
					_, deaf = d.members.Load(*instance)
				}
			})
		}
		return nil, nil, false
	})
}

// stop makes a stale owner of a member, in one of two ways, and returns what wakes it.
func (d *deafness) stop(m *member, deaf bool) (wake func()) {
	if deaf && d != nil {
		d.members.Store(m.instance, true)
		return func() { d.members.Delete(m.instance) }
	}
	m.signal(syscall.SIGSTOP)
	return func() { m.signal(syscall.SIGCONT) }
}

// TestStaleOwnersInProcess freezes or deafens two of three members in turn, so that stale owners write over the work of
// later ones, while compaction runs all the time and some local stores are wiped: the takeover's law.
func TestStaleOwnersInProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	k := wiretest.Kafka(t, wiretest.Plan(4, 1), kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": "1500"}))
	var d deafness
	d.install(k)
	stackStaleOwners(t, stage{"counter", "stale", 7, 4}, k.ListenAddrs(), long(1, 4), 800, &d)
}

// TestStaleOwners is the same on real Kafka with SIGSTOP alone, and the hardest compaction that it can be told to do.
func TestStaleOwners(t *testing.T) {
	k := servers.Kafka(t, servers.Config("log.cleaner.backoff.ms", "200"), servers.Config("log.segment.delete.delay.ms", "100"))
	s := stage{"counter", "stale", 7, 4}
	plan := s.plan()
	if err := wiretest.CreateTopics(t.Context(), k.Brokers, plan); err != nil {
		t.Fatal(err)
	}
	compactHard(t, k.Brokers, plan.Table("counter"))
	stackStaleOwners(t, s, k.Brokers, long(2, 12), 500, nil)
	compacted(t, k.Brokers, plan.Table("counter"))
}

func stackStaleOwners(t *testing.T, s stage, brokers []string, rounds, rate int, d *deafness) {
	const seconds = 13 // of a round
	commands := rounds * rate * seconds
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	c := newCampaign(t, s, brokers, 3)
	c.feed(commands, rate)
	time.Sleep(2 * time.Second)
	for range rounds {
		time.Sleep(time.Second + time.Duration(random.IntN(500))*time.Millisecond)
		order := random.Perm(len(c.members))
		first := d.stop(c.members[order[0]], random.IntN(3) == 0)
		time.Sleep(c.session + 1500*time.Millisecond)
		second := d.stop(c.members[order[1]], random.IntN(3) == 0)
		time.Sleep(c.session + 1500*time.Millisecond)
		if random.IntN(2) == 0 {
			first, second = second, first
		}
		first()
		time.Sleep(1200 * time.Millisecond)
		second()
		time.Sleep(1500 * time.Millisecond)
		for _, m := range c.members {
			m.restart(random.IntN(2) == 0)
		}
	}
	c.verify(commands)
	// Whoever begins without a store now has the compacted changelog alone.
	for _, m := range c.members {
		m.restart(true)
	}
	c.verify(commands)
}

// compactHard lets the broker compact a changelog as soon and as far as it can.
func compactHard(t *testing.T, brokers []string, topic string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	setConfig(t, client, topic, map[string]string{
		"segment.ms": "500", "min.cleanable.dirty.ratio": "0.001", "max.compaction.lag.ms": "500", "min.compaction.lag.ms": "0", "delete.retention.ms": "100",
	})
}

func setConfig(t *testing.T, client *kgo.Client, topic string, settings map[string]string) {
	t.Helper()
	var changes []kadm.AlterConfig
	for key, value := range settings {
		changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: key, Value: &value})
	}
	answers, err := kadm.NewClient(client).AlterTopicConfigs(t.Context(), changes, topic)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range answers {
		if a.Err != nil {
			t.Fatalf("configure %s: %v %s", a.Name, a.Err, a.ErrMessage)
		}
	}
}

// compacted fails when the broker did not compact: then the test would show less than it says.
func compacted(t *testing.T, brokers []string, topic string) {
	records, ends := 0, int64(0)
	c := wire.Cluster{Brokers: brokers}
	if err := wire.Read(t.Context(), c, topic, func(*topology.Record) error { records++; return nil }); err != nil {
		t.Fatal(err)
	}
	spans, err := wire.Ends(t.Context(), c, topic)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range spans {
		ends += s.End
	}
	t.Logf("the changelog was written %d times and holds %d records", ends, records)
	if int64(records) > ends/2 {
		t.Fatalf("the broker did not compact %s", topic)
	}
}

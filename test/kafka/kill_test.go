// Members killed, frozen, and stacked as stale owners.

package kafka_test

import (
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/parley-im/parley/test/servers"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

// TestKillProcessors kills members with kill -9 and freezes them past the session timeout, on real Kafka, while commands
// flow. Every fifth restart begins without a local store.
func TestKillProcessors(t *testing.T) {
	k := servers.Kafka(t)
	killAndFreeze(t, k.Brokers, 20, 5, 20_000, 330)
}

// TestKillProcessorsInProcess is the same, shorter, on the Kafka of one's own machine.
func TestKillProcessorsInProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	plan := counter.plan(4, 1)
	killAndFreeze(t, wiretest.Kafka(t, plan).ListenAddrs(), 8, 2, 6_000, 300)
}

func killAndFreeze(t *testing.T, brokers []string, kills, freezes, commands, rate int) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	plan := counter.plan(4, 1)
	if err := wiretest.CreateTopics(t.Context(), brokers, plan); err != nil {
		t.Logf("topics: %v", err) // they are there already, in process
	}
	c := newCampaign(t, "counter", brokers, 4, 2)
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
	if deaf {
		d.members.Store(m.instance, true)
		return func() { d.members.Delete(m.instance) }
	}
	m.signal(syscall.SIGSTOP)
	return func() { m.signal(syscall.SIGCONT) }
}

// TestStaleOwners freezes or deafens two of three members in turn, so that stale owners write over the work of later ones,
// while compaction runs all the time and some local stores are wiped: the takeover's law.
func TestStaleOwners(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	plan := counter.plan(4, 1)
	k := wiretest.Kafka(t, plan, kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": "1500"}))
	const rounds, rate, seconds = 4, 800, 13
	const commands = rounds * rate * seconds
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var d deafness
	d.install(k)
	c := newCampaign(t, "counter", k.ListenAddrs(), 4, 3)
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
}

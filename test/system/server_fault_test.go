// Faults of servers: brokers, Redis, the document store.

package system

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	brokerAway   = 2 * time.Second  // between the end of a broker and its return
	brokerFrozen = 7 * time.Second  // longer than the controller waits for a sign of life
	storeAway    = 3 * time.Second  // of Redis and of the documents
	storeFrozen  = 8 * time.Second  // longer than anybody waits for an answer
	starvedFor   = 12 * time.Second // longer than a gateway waits for the log
	silentLong   = 22 * time.Second
	askKafka     = 20 * time.Second
	gatewayMost  = 700 << 10 // KiB resident of a gateway while nothing can be kept
)

// must ends the campaign when a server cannot be handled: nothing that follows would mean anything.
func (w *world) must(what string, err error) {
	if err != nil {
		w.t.Errorf("%s: %v", what, err)
	}
}

// admin asks Kafka something.
func (w *world) admin(ask func(context.Context, *kadm.Client) error) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(w.kafka.Brokers...))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), askKafka)
	defer cancel()
	return ask(ctx, kadm.NewClient(client))
}

// bounce kills a broker and starts it again.
func (w *world) bounce(broker int) time.Time {
	w.must("kill a broker", w.kafka.Kill(broker))
	killed := time.Now()
	time.Sleep(brokerAway)
	w.must("start a broker", w.kafka.Start(broker))
	return killed
}

// killLeader kills the broker that leads a partition of a command topic.
func killLeader(w *world) time.Time {
	broker := w.rand.IntN(len(w.kafka.Brokers))
	_ = w.admin(func(ctx context.Context, a *kadm.Client) error {
		topics, err := a.ListTopics(ctx, "conversation.commands")
		if p, ok := topics["conversation.commands"].Partitions[0]; err == nil && ok && p.Leader > 0 {
			broker = int(p.Leader) - 1
		}
		return err
	})
	return w.bounce(broker)
}

// killCoordinator kills the broker that coordinates the group of the conversations.
func killCoordinator(w *world) time.Time {
	broker := w.rand.IntN(len(w.kafka.Brokers))
	_ = w.admin(func(ctx context.Context, a *kadm.Client) error {
		found := a.FindGroupCoordinators(ctx, w.plan().Consumer("conversation"))
		for _, c := range found {
			if c.Err == nil && c.NodeID > 0 {
				broker = int(c.NodeID) - 1
			}
		}
		return nil
	})
	return w.bounce(broker)
}

// killController kills the broker that leads the controllers.
func killController(w *world) time.Time {
	broker := w.rand.IntN(len(w.kafka.Brokers))
	if client, err := kgo.NewClient(kgo.SeedBrokers(w.kafka.Brokers...)); err == nil {
		defer client.Close()
		ctx, cancel := context.WithTimeout(context.Background(), askKafka)
		defer cancel()
		ask := kmsg.NewPtrDescribeQuorumRequest()
		ask.Topics = []kmsg.DescribeQuorumRequestTopic{{Topic: "__cluster_metadata", Partitions: []kmsg.DescribeQuorumRequestTopicPartition{{}}}}
		if a, err := ask.RequestWith(ctx, client); err == nil && len(a.Topics) == 1 && len(a.Topics[0].Partitions) == 1 && a.Topics[0].Partitions[0].LeaderID > 0 {
			broker = int(a.Topics[0].Partitions[0].LeaderID) - 1
		}
	}
	return w.bounce(broker)
}

func killRolling(w *world) time.Time {
	for i := range w.kafka.Brokers {
		w.bounce(i)
	}
	return time.Now()
}

func killAll(w *world) time.Time {
	w.must("kill all brokers", w.kafka.Kill())
	time.Sleep(brokerAway)
	w.must("start all brokers", w.kafka.Start())
	return time.Now()
}

func freezeBroker(w *world) time.Time {
	broker := w.rand.IntN(len(w.kafka.Brokers))
	w.must("freeze a broker", w.kafka.Pause(broker))
	time.Sleep(brokerFrozen)
	w.must("wake a broker", w.kafka.Resume(broker))
	return time.Now()
}

// starveReplicas takes two of three brokers away: what is sent then may not be accepted before they are back.
func starveReplicas(w *world) time.Time {
	a := w.rand.IntN(len(w.kafka.Brokers))
	b := (a + 1) % len(w.kafka.Brokers)
	w.must("kill a broker", w.kafka.Kill(a))
	w.must("kill a second broker", w.kafka.Kill(b))
	w.deafFrom.Store(time.Now().UnixNano())
	before := w.refusedSoFar()
	time.Sleep(starvedFor)
	w.told(before)
	w.deafFrom.Store(0)
	w.must("start the brokers", w.kafka.Start(a, b))
	return time.Now()
}

// told checks that people were told that nothing can be kept.
func (w *world) told(before int64) {
	if w.refusedSoFar() == before {
		w.find("S", "nobody was told that nothing can be kept")
	}
}

// silence freezes all brokers while everybody says as much as possible: people are told, and memory stays bounded.
func silence(w *world) time.Time {
	w.crowd.flood.Store(true)
	w.must("freeze all brokers", w.kafka.Pause())
	w.deafFrom.Store(time.Now().UnixNano())
	before := w.refusedSoFar()
	time.Sleep(silentLong)
	w.told(before)
	for _, g := range w.gateways {
		if kib := g.residentKiB(); kib > gatewayMost {
			w.find("S", "%s holds %d KiB while nothing can be kept", g.name, kib)
		}
	}
	w.deafFrom.Store(0)
	w.crowd.flood.Store(false)
	w.must("wake all brokers", w.kafka.Resume())
	return time.Now()
}

func flushRedis(w *world) time.Time {
	client := redis.NewClient(&redis.Options{Addr: w.redis.Addr})
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), askKafka)
	defer cancel()
	if err := client.FlushAll(ctx).Err(); err != nil {
		w.t.Log(fmt.Errorf("flush redis: %w", err)) // another fault has it
	}
	return time.Now()
}

// store is Redis or the documents.
type store interface {
	Kill() error
	Start() error
	Pause() error
	Resume() error
}

func killRedis(w *world) time.Time   { return w.killStore(w.redis) }
func killMongo(w *world) time.Time   { return w.killStore(w.mongo) }
func freezeRedis(w *world) time.Time { return w.freezeStore(w.redis) }
func freezeMongo(w *world) time.Time { return w.freezeStore(w.mongo) }

func (w *world) killStore(s store) time.Time {
	w.must(fmt.Sprintf("kill the %T", s), s.Kill())
	time.Sleep(storeAway)
	w.must(fmt.Sprintf("start the %T", s), s.Start())
	return time.Now()
}

func (w *world) freezeStore(s store) time.Time {
	w.must(fmt.Sprintf("freeze the %T", s), s.Pause())
	time.Sleep(storeFrozen)
	w.must(fmt.Sprintf("wake the %T", s), s.Resume())
	return time.Now()
}

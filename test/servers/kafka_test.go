// This file checks that Kafka starts, keeps records through kill -9, freezes and wakes, and replicates over three brokers.

package servers

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func kafkaClient(t *testing.T, k *KafkaServer, opts ...kgo.Opt) (*kgo.Client, *kadm.Client) {
	t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(k.Brokers...), kgo.MetadataMinAge(100*time.Millisecond))...)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client, kadm.NewClient(client)
}

// shortly bounds a test's talk with servers, so that a hang is an error with a place.
func shortly(t *testing.T, limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func produce(ctx context.Context, t *testing.T, client *kgo.Client, topic string, n int) {
	t.Helper()
	for i := range n {
		client.Produce(ctx, &kgo.Record{Topic: topic, Value: fmt.Append(nil, i)}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Errorf("produce: %v", err)
			}
		})
	}
	require.NoError(t, client.Flush(ctx))
}

// endOffset asks again while a leader that was just elected does not know it yet.
func endOffset(ctx context.Context, t *testing.T, admin *kadm.Client, topic string) int64 {
	t.Helper()
	ends, err := admin.ListEndOffsets(ctx, topic)
	for err == nil && kerr.IsRetriable(ends.Error()) && ctx.Err() == nil {
		time.Sleep(100 * time.Millisecond)
		ends, err = admin.ListEndOffsets(ctx, topic)
	}
	require.NoError(t, err)
	require.NoError(t, ends.Error())
	end, found := ends.Lookup(topic, 0)
	require.True(t, found)
	return end.Offset
}

func TestKafkaKeepsRecordsThroughKill(t *testing.T) {
	began := time.Now()
	k := Kafka(t, Own(), Config("message.max.bytes", "2000000"))
	t.Logf("started in %v", time.Since(began).Round(time.Millisecond))
	ctx := shortly(t, time.Minute)
	client, admin := kafkaClient(t, k)
	_, err := admin.CreateTopic(ctx, 1, 1, nil, "thing.events")
	require.NoError(t, err)
	produce(ctx, t, client, "thing.events", 1000)

	require.NoError(t, k.Kill())
	began = time.Now()
	require.NoError(t, k.Start())
	t.Logf("started again after kill -9 in %v", time.Since(began).Round(time.Millisecond))
	require.EqualValues(t, 1000, endOffset(ctx, t, admin, "thing.events"))

	require.NoError(t, k.Stop())
	require.NoError(t, k.Start())
	require.EqualValues(t, 1000, endOffset(ctx, t, admin, "thing.events"))
	configs, err := admin.DescribeBrokerConfigs(ctx, 1)
	require.NoError(t, err)
	for _, c := range configs[0].Configs {
		if c.Key == "message.max.bytes" {
			require.Equal(t, "2000000", c.MaybeValue())
		}
	}
}

func TestKafkaRefusesUnknownTopicsAndAnswersGroupsAtOnce(t *testing.T) {
	k := Kafka(t)
	ctx := shortly(t, 30*time.Second)
	client, admin := kafkaClient(t, k, kgo.UnknownTopicRetries(0))
	unknown := fmt.Sprintf("no.such.topic.%d", time.Now().UnixNano())
	require.Error(t, client.ProduceSync(ctx, &kgo.Record{Topic: unknown}).FirstErr())

	topic := fmt.Sprintf("group.events.%d", time.Now().UnixNano())
	_, err := admin.CreateTopic(ctx, 1, 1, nil, topic)
	require.NoError(t, err)
	produce(ctx, t, client, topic, 1)
	began := time.Now()
	member, _ := kafkaClient(t, k, kgo.ConsumerGroup(topic), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.Len(t, member.PollFetches(ctx).Records(), 1)
	t.Logf("first record through a new group after %v", time.Since(began).Round(time.Millisecond))
}

func TestKafkaFreezesAndWakes(t *testing.T) {
	k := Kafka(t, Own())
	client, admin := kafkaClient(t, k)
	ctx := shortly(t, 30*time.Second)
	_, err := admin.CreateTopic(ctx, 1, 1, nil, "thing.events")
	require.NoError(t, err)
	require.NoError(t, k.Pause())
	brief := shortly(t, 500*time.Millisecond)
	require.Error(t, client.ProduceSync(brief, &kgo.Record{Topic: "thing.events"}).FirstErr())
	require.NoError(t, k.Resume())
	require.NoError(t, client.ProduceSync(ctx, &kgo.Record{Topic: "thing.events"}).FirstErr())
}

func TestThreeBrokersReplicate(t *testing.T) {
	began := time.Now()
	k := Kafka(t, Brokers(3))
	t.Logf("three brokers started in %v", time.Since(began).Round(time.Millisecond))
	require.Len(t, k.Brokers, 3)
	ctx := shortly(t, time.Minute)
	client, admin := kafkaClient(t, k)
	_, err := admin.CreateTopic(ctx, 1, 3, nil, "thing.events")
	require.NoError(t, err)
	produce(ctx, t, client, "thing.events", 100)

	topics, err := admin.ListTopics(ctx, "thing.events")
	require.NoError(t, err)
	partition := topics["thing.events"].Partitions[0]
	require.Len(t, partition.Replicas, 3)

	leader := int(partition.Leader) - 1
	require.NoError(t, k.Kill(leader))
	began = time.Now()
	produce(ctx, t, client, "thing.events", 100)
	t.Logf("written again %v after the leader was killed", time.Since(began).Round(time.Millisecond))
	began = time.Now()
	require.NoError(t, k.Start(leader))
	t.Logf("the killed broker is back after %v", time.Since(began).Round(time.Millisecond))
	require.EqualValues(t, 200, endOffset(ctx, t, admin, "thing.events"))

	began = time.Now()
	require.NoError(t, k.Kill())
	require.NoError(t, k.Start())
	t.Logf("all three are back after %v", time.Since(began).Round(time.Millisecond))
	require.EqualValues(t, 200, endOffset(ctx, t, admin, "thing.events"))
}

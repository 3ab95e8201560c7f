// Runs of inputs: what goka is given, and a session whose inputs cannot be fetched.

package group

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

func TestEverythingFetchedIsFoldedInRuns(t *testing.T) {
	in := newInput(nil, topology.TopicPartition{Topic: wiretest.Commands, Partition: 3}, 0)
	in.Limit = 10 * runRecords // there is no client to pause
	require.Empty(t, in.run())
	var fetched []*kgo.Record
	for i := range int64(2*runRecords + 1) {
		fetched = append(fetched, &kgo.Record{Topic: wiretest.Commands, Partition: 3, Offset: 7 * i, Key: []byte("ann")})
	}
	in.Push(fetched[:3])
	in.ring()
	in.Push(fetched[3:])
	in.ring() // goka has not taken the signal yet: nothing waits
	next := int64(0)
	for _, n := range []int{runRecords, runRecords, 1} {
		require.NotNil(t, <-in.Messages())
		run := in.run()
		require.Len(t, run, n)
		for _, r := range run {
			require.Equal(t, next, r.Offset)
			next += 7
		}
	}
	require.Empty(t, in.Messages(), "nothing is left")
}

// TestASessionEndsWhenItsInputIsNotThere answers the first fetch as if its positions had been deleted. Whether they were is for
// the next session to find out, before it folds.
func TestASessionEndsWhenItsInputIsNotThere(t *testing.T) {
	plan := wiretest.Plan(2, 1)
	kafka := wiretest.Kafka(t, plan)
	h := joinDeployment(t, plan, kafka.ListenAddrs())
	h.Send(100, 10)
	done := false
	kafka.ControlKey(int16(kmsg.Fetch), func(request kmsg.Request) (kmsg.Response, error, bool) {
		kafka.KeepControl()
		asked := request.(*kmsg.FetchRequest)
		if done || len(asked.Topics) == 0 || asked.Topics[0].TopicID == [16]byte{} {
			return nil, nil, false // done, or a changelog's: sarama names topics
		}
		done = true
		answer := asked.ResponseKind().(*kmsg.FetchResponse)
		for _, topic := range asked.Topics {
			answered := kmsg.NewFetchResponseTopic()
			answered.TopicID = topic.TopicID
			for _, partition := range topic.Partitions {
				refused := kmsg.NewFetchResponseTopicPartition()
				refused.Partition, refused.ErrorCode = partition.Partition, kerr.OffsetOutOfRange.Code
				answered.Partitions = append(answered.Partitions, refused)
			}
			answer.Topics = append(answer.Topics, answered)
		}
		return answer, nil, true
	})
	r := start(t, h.config(t.TempDir()))
	r.awaitReady(t)
	r.awaitReady(t)
	require.Zero(t, h.Whole().Repeats)
	require.NoError(t, r.stop(t))
	require.Empty(t, r.exits)
}

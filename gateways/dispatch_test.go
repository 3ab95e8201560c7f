// The dispatcher's following: each topic apart, and ready when all of them are known.

package gateways

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/gateways/dispatch"
	"github.com/parley-im/parley/topology"
)

func TestADispatcherIsReadyWhenItKnowsWhatIsOwnedOfEachTopic(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	type member struct {
		topic string
		owned func([]topology.TopicPartition)
	}
	members, ready, ended := make(chan member), make(chan struct{}, 10), make(chan error, 1)
	follow := func(ctx context.Context, _ string, topics []string, owned func([]topology.TopicPartition), _ func([]topology.Record)) error {
		members <- member{topics[0], owned}
		<-ctx.Done()
		return nil
	}
	topics := []string{"inbox.events", "bookmark.events", "account.events"}
	go func() {
		ended <- followEach(ctx, DispatchConfig{Follow: follow, Ready: func() { ready <- struct{}{} }}, topics, dispatch.New(dispatch.Config{}))
	}()
	var heard []string
	for range topics {
		require.Empty(t, ready, "%v are not all topics", heard)
		m := <-members
		heard = append(heard, m.topic)
		m.owned([]topology.TopicPartition{{Topic: m.topic, Partition: 1}})
	}
	require.ElementsMatch(t, topics, heard)
	require.Len(t, ready, 1)
	stop()
	require.NoError(t, <-ended)
}

// The chain carries what a message's walk is: eleven records, as long as the folds make them.

package main

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/topology"
)

func TestChainIsAMessagesWalk(t *testing.T) {
	first, links := walked(topology.House())
	require.Equal(t, chainPrefix+"outbox.commands", first.topic)
	require.Len(t, links, 3)
	records, bytes := 1, first.size
	at := map[string][]string{first.topic: {chainSender(7)}} // keys of what stands in each topic
	for _, l := range links {
		for _, in := range at[l.input] {
			for _, p := range l.says {
				key := p.key(7)
				if p.own && key != in {
					continue
				}
				records, bytes = records+1, bytes+p.size
				at[p.topic] = append(at[p.topic], key)
			}
		}
	}
	require.Equal(t, 11, records)
	require.Greater(t, bytes, 1_000)
	require.Equal(t, []string{chainSender(7), chainReceiver(7)}, slices.Sorted(slices.Values(at[chainPrefix+"inbox.events"])))
}

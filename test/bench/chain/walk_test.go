// The chain carries what a message's walk is: as many records, as long as the folds make them, to the same people.

package chain

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/topology"
)

// follow walks one sender's message through the links, and returns how many records it is and who has it in the end.
func follow(first piece, links []link, sender int) (records, bytes int, inboxes []string) {
	records, bytes = 1, first.size
	at := map[string][]string{first.topic: {first.keys[sender]}} // keys of what stands in each topic
	for _, l := range links {
		for _, in := range at[l.input] {
			for _, p := range l.output {
				if key := p.keys[sender]; !p.own || key == in {
					records, bytes = records+1, bytes+p.size
					at[p.topic] = append(at[p.topic], key)
				}
			}
		}
	}
	return records, bytes, slices.Sorted(slices.Values(at[prefix+"inbox.events"]))
}

func TestChainIsAMessagesWalk(t *testing.T) {
	s := Shape{Senders: 8}
	first, links := walked(topology.House(), s)
	require.Equal(t, prefix+"outbox.commands", first.topic)
	require.Len(t, links, 3)
	records, bytes, inboxes := follow(first, links, 7)
	require.Equal(t, 11, records)
	require.Greater(t, bytes, 1_000)
	require.Equal(t, s.people(7), inboxes)
}

func TestChainOfAGroup(t *testing.T) {
	s := Shape{Senders: 2, Members: 10}
	first, links := walked(topology.House(), s)
	records, _, inboxes := follow(first, links, 1)
	require.Equal(t, 5+3*10, records)
	require.Equal(t, s.people(1), inboxes)
}

// The price of a message: eleven records and about 3 KB. Every cost of the system follows from it.

package laws

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/test/walk"
	"github.com/parley-im/parley/topology"
)

func TestMessageCostsElevenRecords(t *testing.T) {
	const records, bytes, bodyBytes = 11, 2_820, 200 // bytes: 10 % above the present value
	plan := topology.House()
	h := walk.New(plan)
	ann, bob := h.Device("u1924578", "0198f2a4-phone"), h.Device("u7741023", "0198f2a5-phone")
	ann.CreateAccount()
	bob.CreateAccount()
	chat := ann.OpenDirect(bob.User)
	h.Run()
	ann.SendText(chat, "an earlier one")
	h.Run()

	var topics []string
	for _, topic := range plan.Topics {
		topics = append(topics, topic.Name)
	}
	for _, g := range plan.Groups {
		topics = append(topics, plan.Table(g.Name))
	}
	before := map[string]int{}
	for _, topic := range topics {
		before[topic] = len(h.Records(topic))
	}
	ann.SendText(chat, strings.Repeat("x", bodyBytes-16))
	h.Run()

	count, size := 0, 0
	for _, topic := range topics {
		for _, r := range h.Records(topic)[before[topic]:] {
			n := len(r.Key) + len(r.Value)
			for _, header := range r.Headers {
				n += len(header.Key) + len(header.Value)
			}
			t.Logf("%-22s %-20s %4d bytes", topic, r.Key, n)
			count, size = count+1, size+n
		}
	}
	t.Logf("%d records, %d bytes with keys and headers", count, size)
	require.Equal(t, records, count)
	require.LessOrEqual(t, size, bytes)

	bobs := h.Records("inbox.events")
	last := &pb.InboxEvent{}
	require.NoError(t, last.UnmarshalVT(bobs[len(bobs)-1].Value))
	require.EqualValues(t, 2, last.GetConversation().Event.Number)
}

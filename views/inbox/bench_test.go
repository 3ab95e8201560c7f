// What a view does with an event, without its store: decode it, decode the line, fold, write the line.

package inbox_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views/inbox"
)

func BenchmarkApply(b *testing.B) {
	line, err := fold(delivered(1, created("bob")), delivered(2, message(2, 1, "ann"))).MarshalVT()
	require.NoError(b, err)
	event, err := delivered(3, message(3, 2, "ann")).MarshalVT()
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		before, decoded := new(pb.ConversationSummary), new(pb.InboxEvent)
		if before.UnmarshalVT(line) != nil || decoded.UnmarshalVT(event) != nil {
			b.Fatal("not decoded")
		}
		if _, err := inbox.Fold("bob", before, decoded).MarshalVT(); err != nil {
			b.Fatal(err)
		}
	}
}

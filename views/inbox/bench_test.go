// What a view does with an event, without its store: decode it, decode the line, fold, write the line.

package inbox_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views/inbox"
)

func BenchmarkApply(b *testing.B) {
	line, err := fold(said(1, created("bob")), said(2, message(2, 1, "ann"))).MarshalVT()
	require.NoError(b, err)
	event, err := said(3, message(3, 2, "ann")).MarshalVT()
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		was, said := new(pb.ConversationSummary), new(pb.InboxEvent)
		if was.UnmarshalVT(line) != nil || said.UnmarshalVT(event) != nil {
			b.Fatal("not decoded")
		}
		if _, err := inbox.Fold("bob", was, said).MarshalVT(); err != nil {
			b.Fatal(err)
		}
	}
}

// What a bookmark event leaves to be kept.

package bookmark

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

func TestMarks(t *testing.T) {
	marks := &pb.Marks{Delivered: 7, Read: 5}
	raised := &pb.BookmarkEvent{Version: 2, Word: &pb.BookmarkEvent_MarksRaised{MarksRaised: &pb.MarksRaised{Marks: marks}}}
	for _, c := range []struct {
		what  string
		key   string
		event *pb.BookmarkEvent
		want  *pb.MemberMarks
	}{
		{"raised", "bob/g-one/main", raised, &pb.MemberMarks{User: "bob", Conversation: "g-one/main", Marks: marks, Version: 2}},
		{"no conversation", "bob", raised, nil},
		{"a forged name", "bob/g-one}/main", raised, nil},
		{"no payload", "bob/g-one/main", &pb.BookmarkEvent{Version: 2}, nil},
		{"no version", "bob/g-one/main", &pb.BookmarkEvent{Word: raised.Word}, nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			got := Marks(c.key, c.event)
			require.True(t, proto.Equal(c.want, got), "want %v\ngot  %v", c.want, got)
		})
	}
}

// What a bookmark event leaves to be kept.

package bookmark

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	v1 "github.com/parley-im/parley/schemas/gen/parleyv1"
)

func TestMarks(t *testing.T) {
	marks := &v1.Marks{Delivered: 7, Read: 5}
	raised := &v1.BookmarkEvent{Version: 2, Word: &v1.BookmarkEvent_MarksRaised{MarksRaised: &v1.MarksRaised{Marks: marks}}}
	for _, c := range []struct {
		what  string
		key   string
		event *v1.BookmarkEvent
		want  *v1.MemberMarks
	}{
		{"raised", "bob/g-one/main", raised, &v1.MemberMarks{User: "bob", Conversation: "g-one/main", Marks: marks, Version: 2}},
		{"no conversation", "bob", raised, nil},
		{"a forged name", "bob/g-one}/main", raised, nil},
		{"no word", "bob/g-one/main", &v1.BookmarkEvent{Version: 2}, nil},
		{"no version", "bob/g-one/main", &v1.BookmarkEvent{Word: raised.Word}, nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			got := Marks(c.key, c.event)
			require.True(t, proto.Equal(c.want, got), "want %v\ngot  %v", c.want, got)
		})
	}
}

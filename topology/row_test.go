// The position of a row is read and written as the schema encodes it.

package topology

import (
	"testing"

	"pgregory.net/rapid"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// TestThroughIsTheFirstFieldOfARow keeps the cheap reading true to the schema.
func TestThroughIsTheFirstFieldOfARow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &pb.Row{
			Through: rapid.Int64Range(0, 1<<62).Draw(t, "through"),
			TimeMs:  rapid.Int64().Draw(t, "time"),
			Sources: rapid.SliceOf(rapid.Byte()).Draw(t, "sources"),
			State:   &pb.Row_Inbox{Inbox: &pb.InboxRow{InboxSeq: 5}},
		}
		encoded, err := r.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		if n, err := Through(encoded); err != nil || n != r.Through {
			t.Fatalf("through is %d (%v), want %d", n, err, r.Through)
		}
		r.Through = rapid.Int64Range(1, 1<<62).Draw(t, "other")
		want, err := r.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := WithThrough(encoded, r.Through); err != nil || string(got) != string(want) {
			t.Fatalf("%x (%v), want %x", got, err, want)
		}
	})
}

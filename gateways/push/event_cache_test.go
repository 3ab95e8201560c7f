// What is decoded once for all is what each would decode alone, and it is opened only while its key exists.

package push

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/parley-im/parley/gateways/seal"
	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/gateways/translate"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// inboxEventOf is a message of a conversation.
func inboxEventOf(n uint64, body *pb.Sealed) *pb.InboxEvent_Conversation {
	return &pb.InboxEvent_Conversation{Conversation: &pb.ConversationSaid{Conversation: "ann/bob", Event: &pb.ConversationEvent{Seq: n, Number: n, TimeMs: 7,
		Origin: &pb.Origin{User: "ann", DeviceId: "phone", ClientSeq: n}, Word: &pb.ConversationEvent_MessageSent{MessageSent: &pb.MessageSent{Body: body}}}}}
}

func TestTheCacheDecodesWhatTheRecordHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c eventCache
		for range rapid.IntRange(1, 30).Draw(t, "events") {
			event := &pb.InboxEvent{InboxSeq: rapid.Uint64().Draw(t, "seq"), Epoch: rapid.Uint64().Draw(t, "epoch"), TimeMs: rapid.Int64().Draw(t, "time")}
			switch rapid.IntRange(0, 3).Draw(t, "word") {
			case 0:
				event.Word = &pb.InboxEvent_Receipt{Receipt: &pb.ReceiptSaid{User: "bob", Marks: &pb.Marks{Read: 1}}}
			case 1:
				c.rotate()
			default:
				event.Word = inboxEventOf(rapid.Uint64Range(1, 3).Draw(t, "n"), nil)
			}
			value, err := event.MarshalVT()
			if err != nil {
				t.Fatal(err)
			}
			switch rapid.IntRange(0, 4).Draw(t, "damage") { // fields that are unknown, twice there, or cut
			case 0:
				value = append(value, 0x78, 1)
			case 1:
				value = append(value, value...)
			case 2:
				value = value[:rapid.IntRange(0, len(value)).Draw(t, "cut")]
			}
			want := new(pb.InboxEvent)
			wantErr := want.UnmarshalVT(value)
			got, _, gotErr := c.decode(value)
			if (wantErr == nil) != (gotErr == nil) || wantErr == nil && !proto.Equal(want, got) {
				t.Fatalf("read %v (%v), want %v (%v)", got, gotErr, want, wantErr)
			}
		}
	})
}

func TestTheCacheKeepsTwoGenerationsAndItsBounds(t *testing.T) {
	var c eventCache
	read := func(n uint64) *cachedEvent {
		value, err := (&pb.InboxEvent{InboxSeq: n, Epoch: 1, Word: inboxEventOf(n, nil)}).MarshalVT()
		require.NoError(t, err)
		_, cached, err := c.decode(value)
		require.NoError(t, err)
		return cached
	}
	first := read(1)
	require.Same(t, first, read(1))
	c.rotate()
	require.Same(t, first, read(1), "a member whose partition is a moment later")
	c.rotate()
	require.NotSame(t, first, read(1))
	for n := range uint64(5 * maxCached) {
		read(n)
		require.LessOrEqual(t, len(c.now), maxCached)
		require.LessOrEqual(t, len(c.earlier), maxCached)
	}
}

// A key that is destroyed opens nothing for the next user, although the text was opened for the first.
func TestWhatWasOpenedForOneIsErasedForTheNext(t *testing.T) {
	const keep = 50 * time.Millisecond
	store, err := seal.OpenStore(t.TempDir())
	require.NoError(t, err)
	defer store.Close()
	ring := seal.NewRing(store, keep)
	sealer, err := ring.Sealer(context.Background(), "ann")
	require.NoError(t, err)
	body, err := sealer.Seal("hello")
	require.NoError(t, err)
	var c eventCache
	tell := func(user string) (string, bool) {
		value, err := (&pb.InboxEvent{InboxSeq: 1, Epoch: 1, Word: inboxEventOf(1, body)}).MarshalVT()
		require.NoError(t, err)
		event, cached, err := c.decode(value)
		require.NoError(t, err)
		b := &batch{sub: session.Subscription{Topic: session.InboxEvents, Key: user}, in: session.Pushed{Key: user, Inbox: []*pb.InboxEvent{event}}, cached: cached}
		if !b.open(ring) { // as pump does
			b.in.Open, err = ring.Opener(context.Background(), keysOf(b.in))
			require.NoError(t, err)
		}
		message := translate.Event(event, user, "phone", b.in.Open).GetMessage()
		return message.GetText(), message.GetErased()
	}
	for _, user := range []string{"bob", "carol", "bob"} {
		text, erased := tell(user)
		require.Equal(t, "hello/false", fmt.Sprint(text, "/", erased), user)
	}
	_, err = store.DestroyKeys(context.Background(), &pb.DestroyKeysQuery{User: "ann"})
	require.NoError(t, err)
	time.Sleep(2 * keep)
	for range 2 {
		text, erased := tell("dave")
		require.Equal(t, "/true", fmt.Sprint(text, "/", erased))
	}
}

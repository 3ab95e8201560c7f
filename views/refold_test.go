// However the log is cut, repeated, folded by two owners at once, or folded again after a loss: what is kept is the same.

package views

import (
	"context"
	"errors"
	"testing"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"gotest.tools/v3/golden"
	"pgregory.net/rapid"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/test/servers"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views/pebble"
	"github.com/parley-im/parley/views/store"
)

// straight is the dump of a tale that was folded once, in order, on the stores of one's own machine.
func straight(t testing.TB, told *tale) string {
	stores, _ := ownStores(t, told.plan)
	newHouse(t, told.plan, stores).fold(told.log, 1)
	return dump(t, stores, told)
}

func TestEverydayIsKeptLikeThis(t *testing.T) {
	golden.Assert(t, straight(t, everyday(t)), "everyday.txt")
}

func TestCutsRepeatsAndTwoOwnersChangeNothing(t *testing.T) {
	told := everyday(t)
	want := straight(t, told)
	server := miniredis.RunT(t)
	rapid.Check(t, func(r *rapid.T) {
		server.FlushAll()
		documents, err := pebble.Open(t.TempDir())
		require.NoError(t, err)
		stores, err := Open(t.Context(), StoreSettings{Plan: told.plan, Redis: server.Addr()})
		require.NoError(t, err)
		stores.Documents = documents
		defer func() { require.NoError(t, stores.Close()) }()

		// Each owner goes its own way through the log; some begin again where the store stands, and the store may lose all.
		owners := []*house{newHouse(t, told.plan, stores), newHouse(t, told.plan, stores)}
		for range rapid.IntRange(0, 30).Draw(r, "steps") {
			h := rapid.SampledFrom(owners).Draw(r, "owner")
			view := rapid.SampledFrom(told.plan.Views).Draw(r, "view")
			partition := rapid.Int32Range(0, told.plan.Partitions-1).Draw(r, "partition")
			switch what := rapid.IntRange(0, 19).Draw(r, "what"); what {
			case 0:
				server.FlushAll()
			case 1:
				_, err := h.runners[view.Name].start(t.Context(), partition)
				require.NoError(t, err)
			case 2:
				require.NoError(t, h.runners[view.Name].married.places.Forget(t.Context(), view.Name+"@1", partition))
			default:
				h.step(view, told.log[view.Input[0]][partition], partition, what)
			}
		}
		for _, h := range owners {
			h.fold(told.log, rapid.IntRange(1, 50).Draw(r, "size"))
		}
		require.Equal(t, want, dump(t, stores, told))
	})
}

// step folds at most size records from where the owner stands.
func (h *house) step(view topology.View, records []topology.Record, partition int32, size int) {
	r := h.runners[view.Name]
	next := int(r.partitions[partition].next)
	err := r.handle(h.t.Context(), partition, records[min(next, len(records)):min(next+size, len(records))])
	if rewind := (*Rewind)(nil); !errors.As(err, &rewind) {
		require.NoError(h.t, err)
	}
}

func TestALostRedisIsNoticedAndFoldedAgain(t *testing.T) {
	for name, address := range map[string]func(t *testing.T) string{
		"miniredis": func(t *testing.T) string { return miniredis.RunT(t).Addr() },
		"redis":     func(t *testing.T) string { return servers.Redis(t, servers.Own()).Addr },
	} {
		t.Run(name, func(t *testing.T) {
			told := everyday(t)
			want := straight(t, told)
			stores, _ := ownStores(t, told.plan)
			at := address(t)
			own, err := Open(t.Context(), StoreSettings{Plan: told.plan, Redis: at})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, own.Close()) })
			stores.Lists = own.Lists
			direct := goredis.NewClient(&goredis.Options{Addr: at, Protocol: 2})
			defer direct.Close()
			lose := func() { require.NoError(t, direct.FlushAll(t.Context()).Err()) }
			h := newHouse(t, told.plan, stores)

			h.fold(told.log, 10)
			require.Equal(t, want, dump(t, stores, told))
			lose()
			require.NotEqual(t, want, dump(t, stores, told))
			h.fold(told.log, 10) // nothing new in the log: the look at a quiet partition notices
			require.Equal(t, want, dump(t, stores, told))

			ask := asker{t, serve(t, stores)}
			before := told.inboxes["cid"]
			lose()
			require.True(t, ask.difference("cid", before, taleEpoch, 10).Behind, "clients wait until it is folded again")
			told.message(conversationOne, "ann", "after the loss")
			told.message(conversationOne, "cid", "so what")
			h.fold(told.log, 10)
			require.Equal(t, straight(t, told), dump(t, stores, told))
			require.Len(t, ask.difference("cid", before, taleEpoch, 10).Events, 2, "and go on where they were")
		})
	}
}

var conversationOne = name.Group("one")

// A store of documents that lost some of them, but not its place, is folded again from the log's beginning.
func TestAHoleInTheDocumentsIsFoldedAgain(t *testing.T) {
	told := everyday(t)
	stores, _ := ownStores(t, told.plan)
	h := newHouse(t, told.plan, stores)
	h.fold(told.log, 10)
	other, err := pebble.Open(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	for _, r := range h.runners {
		for partition, p := range r.partitions { // only the places are in the other store
			if r.view.Store == "documents" && p.next > 0 {
				_, err := other.Advance(t.Context(), &pb.Span{View: r.name, Partition: partition, ToOffset: p.next})
				require.NoError(t, err)
			}
		}
	}
	holed := Stores{Lists: stores.Lists, Documents: other}
	again := newHouse(t, told.plan, holed)
	told.message(conversationOne, "ann", "one more")
	h.fold(told.log, 10)
	again.fold(told.log, 10)
	document, err := other.Conversations(t.Context(), []string{conversationOne})
	require.NoError(t, err)
	require.EqualValues(t, 101, document[0].Number)
	messages, err := other.Messages(t.Context(), conversationOne, 1, 200)
	require.NoError(t, err)
	require.Len(t, messages, 101)
}

// breaking fails after a number of writes, each time anew: the process may be gone between any two.
type breaking struct {
	store.Documents
	left int
}

func (b *breaking) At(map[string]int) store.Documents { return b }

var errBroken = errors.New("broken on purpose")

func (b *breaking) take() error {
	if b.left--; b.left < 0 {
		return errBroken
	}
	return nil
}

func (b *breaking) PutConversations(ctx context.Context, documents []*pb.ConversationDocument) error {
	return errors.Join(b.Documents.PutConversations(ctx, documents), b.take())
}

func (b *breaking) PutMessages(ctx context.Context, messages []*pb.ConversationMessages) error {
	return errors.Join(b.Documents.PutMessages(ctx, messages[:len(messages)/2]), b.take(), b.Documents.PutMessages(ctx, messages))
}

func (b *breaking) Advance(ctx context.Context, span *pb.Span) (int64, error) {
	if err := b.take(); err != nil {
		return 0, err
	}
	return b.Documents.Advance(ctx, span)
}

func TestABatchThatFailsHalfwayIsRepeatedWhole(t *testing.T) {
	told := everyday(t)
	want := straight(t, told)
	const batchWrites = 3 // membership, messages, place: with fewer nothing would ever go forward
	for writes := batchWrites; writes < 4*batchWrites; writes++ {
		stores, _ := ownStores(t, told.plan)
		whole := stores.Documents
		failures := 0
		for {
			stores.Documents = &breaking{Documents: whole, left: writes}
			err := newHouse(t, told.plan, stores).try(told.log, 5+writes)
			if err == nil {
				break
			}
			require.ErrorIs(t, err, errBroken)
			failures++
		}
		require.NotZero(t, failures)
		require.Equal(t, want, dump(t, stores, told))
	}
}

// try folds until something fails.
func (h *house) try(log map[string]map[int32][]topology.Record, size int) error {
	for _, view := range h.plan.Views {
		for partition := range h.plan.Partitions {
			r, records := h.runners[view.Name], log[view.Input[0]][partition]
			for next := int(r.partitions[partition].next); next < len(records); next += size {
				if err := r.handle(h.t.Context(), partition, records[next:min(next+size, len(records))]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

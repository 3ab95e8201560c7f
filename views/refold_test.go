// However the log is cut, repeated, folded by two owners at once, or folded again after a loss: what is kept is the same.

package views_test

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
	"github.com/parley-im/parley/test/servers"
	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/pebble"
	"github.com/parley-im/parley/views/store"
	"github.com/parley-im/parley/views/viewtest"
)

func TestEverydayIsKeptLikeThis(t *testing.T) {
	golden.Assert(t, viewtest.Straight(t, viewtest.Everyday(t)), "everyday.txt")
}

func TestCutsRepeatsAndTwoOwnersChangeNothing(t *testing.T) {
	s := viewtest.Everyday(t)
	want := viewtest.Straight(t, s)
	server := miniredis.RunT(t)
	rapid.Check(t, func(r *rapid.T) {
		server.FlushAll()
		documents, err := pebble.Open(t.TempDir())
		require.NoError(t, err)
		stores, err := views.Open(t.Context(), views.StoreSettings{Plan: s.Plan, Redis: server.Addr()})
		require.NoError(t, err)
		stores.Documents = documents
		defer func() { require.NoError(t, stores.Close()) }()

		// Each owner goes its own way through the log; some begin again at the store's checkpoint, and the store may lose all.
		owners := []*viewtest.Views{viewtest.NewViews(t, s.Plan, stores), viewtest.NewViews(t, s.Plan, stores)}
		for range rapid.IntRange(0, 30).Draw(r, "steps") {
			v := rapid.SampledFrom(owners).Draw(r, "owner")
			view := rapid.SampledFrom(s.Plan.Views).Draw(r, "view")
			partition := rapid.Int32Range(0, s.Plan.Partitions-1).Draw(r, "partition")
			switch what := rapid.IntRange(0, 19).Draw(r, "what"); what {
			case 0:
				server.FlushAll()
			case 1:
				_, err := v.Projectors[view.Name].Start(t.Context(), partition)
				require.NoError(t, err)
			case 2:
				of, err := stores.Of(view)
				require.NoError(t, err)
				require.NoError(t, of.Forget(t.Context(), view.Name+"@1", partition))
			default:
				v.Step(view, s.Log[view.Input[0]][partition], partition, what)
			}
		}
		for _, v := range owners {
			v.Fold(s.Log, rapid.IntRange(1, 50).Draw(r, "size"))
		}
		require.Equal(t, want, viewtest.Dump(t, stores, s))
	})
}

func TestALostRedisIsNoticedAndFoldedAgain(t *testing.T) {
	for name, address := range map[string]func(t *testing.T) string{
		"miniredis": func(t *testing.T) string { return miniredis.RunT(t).Addr() },
		"redis":     func(t *testing.T) string { return servers.Redis(t, servers.Own()).Addr },
	} {
		t.Run(name, func(t *testing.T) {
			s := viewtest.Everyday(t)
			want := viewtest.Straight(t, s)
			stores, _ := viewtest.OwnStores(t, s.Plan)
			at := address(t)
			own, err := views.Open(t.Context(), views.StoreSettings{Plan: s.Plan, Redis: at})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, own.Close()) })
			stores.Lists = own.Lists
			direct := goredis.NewClient(&goredis.Options{Addr: at, Protocol: 2})
			defer direct.Close()
			lose := func() { require.NoError(t, direct.FlushAll(t.Context()).Err()) }
			v := viewtest.NewViews(t, s.Plan, stores)

			v.Fold(s.Log, 10)
			require.Equal(t, want, viewtest.Dump(t, stores, s))
			lose()
			require.NotEqual(t, want, viewtest.Dump(t, stores, s))
			v.Fold(s.Log, 10) // nothing new in the log: the poll of a quiet partition notices
			require.Equal(t, want, viewtest.Dump(t, stores, s))

			ask := viewtest.Serve(t, stores)
			before := s.Inboxes["cid"]
			lose()
			require.True(t, ask.Difference("cid", before, viewtest.Epoch, 10).Behind, "clients wait until it is folded again")
			s.Message(viewtest.GroupOne, "ann", "after the loss")
			s.Message(viewtest.GroupOne, "cid", "so what")
			v.Fold(s.Log, 10)
			require.Equal(t, viewtest.Straight(t, s), viewtest.Dump(t, stores, s))
			require.Len(t, ask.Difference("cid", before, viewtest.Epoch, 10).Events, 2, "and go on where they were")
		})
	}
}

// A store of documents that lost some of them, but not its checkpoint, is folded again from the log's beginning.
func TestAHoleInTheDocumentsIsFoldedAgain(t *testing.T) {
	s := viewtest.Everyday(t)
	stores, _ := viewtest.OwnStores(t, s.Plan)
	v := viewtest.NewViews(t, s.Plan, stores)
	v.Fold(s.Log, 10)
	other, err := pebble.Open(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	for _, p := range v.Projectors {
		for partition := range s.Plan.Partitions { // only the checkpoints are in the other store
			if next := p.Next(partition); p.View.Store == "documents" && next > 0 {
				_, err := other.Advance(t.Context(), &pb.Span{View: p.Checkpoint, Partition: partition, ToOffset: next})
				require.NoError(t, err)
			}
		}
	}
	holed := views.Stores{Lists: stores.Lists, Documents: other}
	again := viewtest.NewViews(t, s.Plan, holed)
	s.Message(viewtest.GroupOne, "ann", "one more")
	v.Fold(s.Log, 10)
	again.Fold(s.Log, 10)
	document, err := other.Conversations(t.Context(), []string{viewtest.GroupOne})
	require.NoError(t, err)
	require.EqualValues(t, 101, document[0].Number)
	messages, err := other.Messages(t.Context(), viewtest.GroupOne, 1, 200)
	require.NoError(t, err)
	require.Len(t, messages, 101)
}

// breaking fails after a number of writes, each time anew: the process may end between any two.
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
	s := viewtest.Everyday(t)
	want := viewtest.Straight(t, s)
	const batchWrites = 3 // membership, messages, checkpoint: with fewer nothing would ever go forward
	for writes := batchWrites; writes < 4*batchWrites; writes++ {
		stores, _ := viewtest.OwnStores(t, s.Plan)
		whole := stores.Documents
		failures := 0
		for {
			stores.Documents = &breaking{Documents: whole, left: writes}
			err := viewtest.NewViews(t, s.Plan, stores).Try(s.Log, 5+writes)
			if err == nil {
				break
			}
			require.ErrorIs(t, err, errBroken)
			failures++
		}
		require.NotZero(t, failures)
		require.Equal(t, want, viewtest.Dump(t, stores, s))
	}
}

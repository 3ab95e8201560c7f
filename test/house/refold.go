// The views, proved: the same events are folded into empty stores, and what people can read of both must be equal.

package house

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
	"github.com/parley-im/parley/views"
)

// ProveViews folds every view anew and compares. An embedded house keeps its documents to itself: there Redis is compared.
func ProveViews(t *testing.T, h *House, p *Proof) {
	t.Helper()
	server := miniredis.RunT(t)
	fresh := open(t, views.StoreSettings{Plan: h.Plan(), Redis: server.Addr(), Documents: views.Pebble, PebbleDir: t.TempDir()})
	for _, v := range h.Plan().Views {
		require.NoError(t, views.Run(context.Background(), views.Config{Plan: h.Plan(), View: v.Name, Stores: fresh}, fromStart(h)))
	}
	live := views.StoreSettings{Plan: h.Plan(), Redis: h.Redis}
	if h.Mongo != "" {
		live.Documents, live.MongoURI = views.Mongo, h.Mongo
	}
	users, conversations := p.names(t)
	want := holdings(t, fresh, h.Mongo != "", users, conversations)
	stores := open(t, live)
	var got []string
	eventually(t, func() bool { // the views may still be on their way
		got = holdings(t, stores, h.Mongo != "", users, conversations)
		return slices.Equal(got, want)
	})
	require.Equal(t, redisKeys(t, server.Addr()), redisKeys(t, h.Redis), "no key more, no key less")
	t.Logf("compared %d holdings of %d people and %d conversations", len(want), len(users), len(conversations))
}

func open(t *testing.T, s views.StoreSettings) views.Stores {
	stores, err := views.Open(context.Background(), s)
	require.NoError(t, err)
	t.Cleanup(func() { _ = stores.Close() })
	return stores
}

// fromStart hands a view everything that its topics hold now.
func fromStart(h *House) views.Follower {
	return func(ctx context.Context, view topology.View, start func(context.Context, int32) (int64, error),
		handle func(context.Context, int32, []topology.Record) error) error {
		for p := range h.Plan().Partitions {
			if _, err := start(ctx, p); err != nil {
				return err
			}
		}
		batches := map[int32][]topology.Record{}
		for _, topic := range view.Input {
			if err := wire.Read(ctx, cluster(h), topic, func(r *topology.Record) error {
				batches[r.Partition] = append(batches[r.Partition], *r)
				return nil
			}); err != nil {
				return err
			}
		}
		for p, batch := range batches {
			for part := range slices.Chunk(batch, 100) {
				if err := handle(ctx, p, part); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// names are all people and conversations that the log speaks of.
func (p *Proof) names(t *testing.T) (users, conversations []string) {
	people, talks := map[string]bool{}, map[string]bool{}
	for _, r := range p.Events["inbox.events"] {
		people[r.Key] = true
	}
	for _, r := range p.Events["account.events"] {
		people[r.Key] = true
	}
	for _, r := range p.Events["conversation.events"] {
		talks[r.Key] = true
	}
	for _, r := range p.Events["bookmark.events"] {
		_, conversation, ok := name.SplitBookmark(r.Key)
		require.True(t, ok, r.Key)
		talks[conversation] = true
	}
	return slices.Sorted(maps.Keys(people)), slices.Sorted(maps.Keys(talks))
}

// holdings is everything that can be read of the stores, a line each.
func holdings(t *testing.T, s views.Stores, documents bool, users, conversations []string) []string {
	ctx := context.Background()
	var all []string
	show := func(what string, m proto.Message) {
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		require.NoError(t, err)
		all = append(all, fmt.Sprintf("%s %x", what, b))
	}
	for _, user := range users {
		part, err := s.Lists.InboxPart(ctx, user, 0, 10_000)
		require.NoError(t, err)
		show("inbox "+user, part)
		cursor, lines, err := s.Lists.Conversations(ctx, user, 1000)
		require.NoError(t, err)
		show("cursor "+user, cursor)
		for _, l := range lines {
			show("line "+user, l)
		}
		presence, err := s.Lists.Presence(ctx, []string{user})
		require.NoError(t, err)
		show("presence "+user, presence[0])
		for _, c := range conversations {
			marks, err := s.Lists.Marks(ctx, []*pb.MemberMarks{{User: user, Conversation: c}})
			require.NoError(t, err)
			if marks[0].GetDelivered() > 0 {
				show("marks "+user+" "+c, marks[0])
			}
		}
	}
	if !documents {
		return all
	}
	for _, user := range users {
		people, err := s.Documents.People(ctx, []string{user})
		require.NoError(t, err)
		show("person "+user, people[0])
	}
	for _, c := range conversations {
		found, err := s.Documents.Conversations(ctx, []string{c})
		require.NoError(t, err)
		for _, d := range found {
			show("conversation "+c, d)
			messages, err := s.Documents.Messages(ctx, c, 1, d.GetNumber()+10)
			require.NoError(t, err)
			for _, m := range messages {
				show("message "+c, m)
			}
		}
	}
	return all
}

func redisKeys(t *testing.T, addr string) string {
	r := redis.NewClient(&redis.Options{Addr: addr})
	defer r.Close()
	keys, err := r.Keys(context.Background(), "*").Result()
	require.NoError(t, err)
	slices.Sort(keys)
	return strings.Join(keys, "\n")
}

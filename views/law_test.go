// The laws of reads: content first, membership after it; every replica in use; nothing said that cannot be.

package views

import (
	"context"
	"net"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/test/servers"
	"github.com/parley-im/parley/views/query"
	"github.com/parley-im/parley/views/store"
)

// meanwhile lets something happen right after content was read.
type meanwhile struct {
	store.Documents
	happens func()
}

func (m *meanwhile) Messages(ctx context.Context, conversation string, from, to uint64) ([]*pb.HistoryMessage, error) {
	messages, err := m.Documents.Messages(ctx, conversation, from, to)
	m.happens()
	return messages, err
}

func (m *meanwhile) People(ctx context.Context, users []string) ([]*pb.Person, error) {
	people, err := m.Documents.People(ctx, users)
	m.happens()
	return people, err
}

func TestWhoIsRemovedWhileReadingSeesNothing(t *testing.T) {
	for _, read := range []func(s *query.Service) int{
		func(s *query.Service) int {
			answer, err := s.History(t.Context(), &pb.HistoryQuery{User: "cid", Conversation: conversationOne, Limit: 10})
			require.NoError(t, err)
			return answer.SizeVT()
		},
		func(s *query.Service) int {
			answer, err := s.Members(t.Context(), &pb.MembersQuery{User: "cid", Conversation: conversationOne})
			require.NoError(t, err)
			return answer.SizeVT()
		},
	} {
		told := everyday(t)
		stores, _ := ownStores(t, told.plan)
		h := newHouse(t, told.plan, stores)
		h.fold(told.log, 10)
		require.NotZero(t, read(query.New(stores.Lists, stores.Documents)))
		require.Zero(t, read(query.New(stores.Lists, &meanwhile{stores.Documents, func() {
			told.remove(conversationOne, "cid", "ann")
			told.message(conversationOne, "ann", "now that cid is gone")
			h.fold(told.log, 10)
		}})))
	}
}

func TestWhoComesAgainWhileReadingSeesOnlyWhatIsNew(t *testing.T) {
	told := everyday(t)
	stores, _ := ownStores(t, told.plan)
	h := newHouse(t, told.plan, stores)
	h.fold(told.log, 10)
	answer, err := query.New(stores.Lists, &meanwhile{stores.Documents, func() {
		told.remove(conversationOne, "cid", "ann")
		told.join(conversationOne, "cid", "ann")
		h.fold(told.log, 10)
	}}).History(t.Context(), &pb.HistoryQuery{User: "cid", Conversation: conversationOne, Limit: 10})
	require.NoError(t, err)
	require.True(t, answer.Found)
	require.Empty(t, answer.Messages)
	require.False(t, answer.More)
}

// Messages of one batch may become visible in any order: an answer ends before the first that is missing.
func TestHistoryHasNoHoles(t *testing.T) {
	told := everyday(t)
	stores, _ := ownStores(t, told.plan)
	newHouse(t, told.plan, stores).fold(told.log, 10)
	documents, err := stores.Documents.Conversations(t.Context(), []string{conversationOne})
	require.NoError(t, err)
	documents[0].Seq, documents[0].Number = documents[0].Seq+4, 104
	require.NoError(t, stores.Documents.PutConversations(t.Context(), documents))
	require.NoError(t, stores.Documents.PutMessages(t.Context(), []*pb.ConversationMessages{{Conversation: conversationOne,
		Messages: []*pb.HistoryMessage{{Number: 101}, {Number: 103}, {Number: 104}}}}))
	answer := asker{t, serve(t, stores)}.history("ann", conversationOne, 0, 10)
	require.EqualValues(t, 101, answer.Messages[0].Number)
	require.Len(t, answer.Messages, 7)
	require.True(t, answer.More)
}

// A line whose beginning is no longer in the inbox's log is completed from the conversation itself.
func TestALineWithoutItsBeginningIsCompleted(t *testing.T) {
	told := everyday(t)
	want, _ := ownStores(t, told.plan)
	newHouse(t, told.plan, want).fold(told.log, 10)
	stores, _ := ownStores(t, told.plan)
	for partition, records := range told.log["inbox.events"] { // retention took the older half
		told.log["inbox.events"][partition] = records[len(records)/2:]
	}
	h := newHouse(t, told.plan, stores)
	for partition, records := range told.log["inbox.events"] {
		require.NoError(t, h.runners["inbox"].handle(t.Context(), partition, records))
	}
	delete(told.log, "inbox.events")
	h.fold(told.log, 10)
	lines := asker{t, serve(t, stores)}.conversations("cid").Conversations
	full := asker{t, serve(t, want)}.conversations("cid").Conversations
	require.Len(t, lines, 1)
	require.Equal(t, full[0].Kind, lines[0].Kind)
	require.Equal(t, full[0].Title.Ciphertext, lines[0].Title.Ciphertext)
	require.Equal(t, full[0].SinceNumber, lines[0].SinceNumber)
	require.Equal(t, full[0].Marks.Read, lines[0].Marks.Read)
}

func TestEveryReplicaIsUsedAndOneMayGo(t *testing.T) {
	told := everyday(t)
	stores, _ := ownStores(t, told.plan)
	newHouse(t, told.plan, stores).fold(told.log, 50)
	var addresses []string
	var ends []func()
	for range 3 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		addresses = append(addresses, listener.Addr().String())
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- ServeOn(ctx, listener, stores) }()
		ends = append(ends, func() { cancel(); require.NoError(t, <-ended) })
	}
	stub, err := Dial(addresses...)
	require.NoError(t, err)
	for i, end := range ends {
		for range 30 {
			_, err := stub.Head(t.Context(), &pb.HeadQuery{Users: []string{"ann"}})
			require.NoError(t, err, "with %d replicas gone", i)
		}
		if i < len(ends)-1 {
			end()
		}
	}
	ends[len(ends)-1]()
	_, err = stub.Head(t.Context(), &pb.HeadQuery{Users: []string{"ann"}})
	require.Error(t, err)
}

func TestNamesStandForAllTheirAddresses(t *testing.T) {
	found, err := lookUp(t.Context(), []string{"127.0.0.1:2", "127.0.0.1:1", "nobody.invalid:3", "127.0.0.1:2"})
	require.NoError(t, err)
	require.Equal(t, []string{"127.0.0.1:1", "127.0.0.1:2"}, found)
	_, err = lookUp(t.Context(), []string{"no port"})
	require.ErrorContains(t, err, "no replica of the query service can be found")
}

func TestStoresMayBeKilledAndFrozenUnderway(t *testing.T) {
	told := everyday(t)
	k := newKafka(t, told.plan)
	k.tell(told)
	quick, keeping := servers.Redis(t, servers.Own()), servers.Mongo(t, servers.OnDisk())
	stores, err := Open(t.Context(), StoreSettings{Plan: told.plan, Redis: quick.Addr, Documents: Mongo, MongoURI: keeping.URI})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stores.Close()) })
	stop := k.run(told.plan, stores)
	k.await(told, stores)

	require.NoError(t, quick.Kill()) // it keeps no file: it comes back empty
	require.NoError(t, keeping.Kill())
	told.messages(conversationOne, "ann", 30)
	k.tell(told)
	require.NoError(t, quick.Start())
	require.NoError(t, keeping.Start())
	k.await(told, stores)

	require.NoError(t, quick.Pause()) // longer than a reply may take
	told.messages(conversationOne, "cid", 30)
	k.tell(told)
	time.Sleep(5 * time.Second)
	require.NoError(t, quick.Resume())
	k.await(told, stores)
	require.NoError(t, stop())

	// Everything of a partition is in one slot, and nothing is in Redis that no view put there.
	direct := goredis.NewClient(&goredis.Options{Addr: quick.Addr, Protocol: 2})
	defer direct.Close()
	found, err := direct.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	for _, key := range found {
		require.Regexp(t, `^(inbox|conversations|order|marks|presence|position):\{[0-3]\}:`, key)
	}
}

// The query service over a real connection.

package serve_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/schemas/effect"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/views/viewtest"
)

// served is the everyday scenario, folded and served.
func served(t *testing.T) (*viewtest.Scenario, viewtest.Client) {
	s := viewtest.Everyday(t)
	stores, _ := viewtest.OwnStores(t, s.Plan)
	viewtest.NewViews(t, s.Plan, stores).Fold(s.Log, 7)
	return s, viewtest.Serve(t, stores)
}

func TestDifferenceIsContiguousFromTheCursor(t *testing.T) {
	s, ask := served(t)
	head := s.Inboxes["ann"]
	var cursor uint64
	for cursor < head {
		answer := ask.Difference("ann", cursor, viewtest.Epoch, 10)
		require.False(t, answer.SnapshotNeeded || answer.Behind)
		require.NotEmpty(t, answer.Events)
		for _, event := range answer.Events {
			cursor++
			require.Equal(t, cursor, event.InboxSeq)
		}
		require.Equal(t, head, answer.Head.InboxSeq)
	}
	require.Empty(t, ask.Difference("ann", head, viewtest.Epoch, 10).Events)
	require.True(t, ask.Difference("ann", head+1, viewtest.Epoch, 10).Behind, "ahead of the head: the view is behind")
	require.True(t, ask.Difference("ann", 1, viewtest.Epoch+1, 10).SnapshotNeeded, "another epoch")
	stranger := ask.Difference("zoe", 0, 0, 10)
	require.False(t, stranger.SnapshotNeeded || stranger.Behind)
	require.Empty(t, stranger.Events)
}

func TestHeads(t *testing.T) {
	s, ask := served(t)
	heads := ask.Heads("bob", "zoe", "ann")
	require.Equal(t, []uint64{s.Inboxes["bob"], 0, s.Inboxes["ann"]},
		[]uint64{heads[0].InboxSeq, heads[1].InboxSeq, heads[2].InboxSeq})
}

func TestConversationsAreTrueAtLeastUpToTheirCursor(t *testing.T) {
	s, ask := served(t)
	direct, group := name.Direct("ann", "bob"), name.Group("one")

	bobs := ask.Conversations("bob")
	require.Equal(t, s.Inboxes["bob"], bobs.Cursor.InboxSeq)
	require.Equal(t, []string{group, direct}, []string{bobs.Conversations[0].Conversation, bobs.Conversations[1].Conversation})
	require.Equal(t, pb.Membership_MEMBERSHIP_GONE, bobs.Conversations[0].Membership)
	require.Equal(t, uint64(90), bobs.Conversations[0].Last.Number, "nothing of what was sent after bob left")

	cids := ask.Conversations("cid").Conversations
	require.Len(t, cids, 1)
	require.Equal(t, uint64(60), cids[0].SinceNumber)
	require.Equal(t, uint64(100), cids[0].Number)
	require.Equal(t, uint64(30), effect.Unread(cids[0]), "read up to 70 of 100")

	anns := ask.Conversations("ann").Conversations
	require.Equal(t, uint64(0), effect.Unread(anns[0]), "one's own last message was read, with everything before it")
	require.Equal(t, uint64(1), effect.Unread(anns[1]))

	dans := ask.Conversations("dan").Conversations
	require.Equal(t, pb.Membership_MEMBERSHIP_INVITED, dans[0].Membership)
	require.Equal(t, viewtest.Sealed("group one").Ciphertext, dans[0].Title.Ciphertext)
	require.Nil(t, dans[0].Last)
}

func TestHistoryPagesDownToWhereThePersonCame(t *testing.T) {
	_, ask := served(t)
	group := name.Group("one")
	for _, reader := range []struct {
		user   string
		oldest uint64
	}{{"ann", 1}, {"cid", 61}} {
		before, want := uint64(0), uint64(100)
		for {
			answer := ask.History(reader.user, group, before, 17)
			require.True(t, answer.Found)
			for _, message := range answer.Messages {
				require.Equal(t, want, message.Number)
				want--
			}
			require.Equal(t, want >= reader.oldest, answer.More)
			if !answer.More {
				break
			}
			before = answer.Messages[len(answer.Messages)-1].Number
		}
		require.Equal(t, reader.oldest-1, want)
	}
}

func TestStrangersAndNothingLookTheSame(t *testing.T) {
	_, ask := served(t)
	for _, user := range []string{"bob", "dan", "zoe", ""} { // removed, invited, unknown, empty
		for _, conversation := range []string{name.Group("one"), name.Group("none"), "", "a#b", `{"$ne":1}`} {
			for before := uint64(0); before < 120; before += 40 {
				require.Zero(t, ask.History(user, conversation, before, 50).SizeVT())
			}
			require.Zero(t, ask.Members(user, conversation).SizeVT())
		}
	}
}

func TestMembersComeWithWhatTheViewsKnow(t *testing.T) {
	_, ask := served(t)
	answer := ask.Members("cid", name.Group("one"))
	require.True(t, answer.Found)
	require.Equal(t, pb.Kind_KIND_GROUP, answer.Kind)
	require.Len(t, answer.Members, 2)
	ann, cid := answer.Members[0], answer.Members[1]
	require.Equal(t, pb.Role_ROLE_OWNER, ann.Member.Role)
	require.Equal(t, viewtest.Sealed("I am ann").Ciphertext, ann.DisplayName.Ciphertext)
	require.Zero(t, ann.PresentUntilMs)
	require.NotZero(t, ann.LastSeenMs)
	require.Equal(t, uint64(70), cid.Marks.Read)
	require.Equal(t, int64(1_800_000_000_002), cid.PresentUntilMs)
}

func TestPeopleComeInTheOrderOfTheQuestion(t *testing.T) {
	_, ask := served(t)
	people := ask.People("zoe", "dan", "ann")
	require.Equal(t, []string{"zoe", "dan", "ann"}, []string{people[0].User, people[1].User, people[2].User})
	require.False(t, people[0].Exists)
	require.True(t, people[1].Exists)
}

func TestQuestionsOutOfBoundsAreRefused(t *testing.T) {
	_, ask := served(t)
	for _, limit := range []uint32{0, 501, 1 << 31} {
		_, err := ask.Stub.Difference(t.Context(), &pb.DifferenceQuery{User: "ann", Limit: limit})
		require.ErrorContains(t, err, "is not within 1 to 500")
	}
	_, err := ask.Stub.Head(t.Context(), &pb.HeadQuery{Users: make([]string, 1001)})
	require.ErrorContains(t, err, "is not within 1 to 1000")
	_, err = ask.Stub.People(t.Context(), &pb.PeopleQuery{})
	require.ErrorContains(t, err, "is not within 1 to 200")
}

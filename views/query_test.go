// The query service over a real connection, on an everyday tale.

package views

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/views/inbox"
)

// asked is the everyday tale, folded and served.
func asked(t *testing.T) (*tale, *house, asker) {
	told := everyday(t)
	stores, _ := ownStores(t, told.plan)
	h := newHouse(t, told.plan, stores)
	h.fold(told.log, 7)
	return told, h, asker{t, serve(t, stores)}
}

func TestDifferenceIsContiguousFromTheCursor(t *testing.T) {
	told, _, ask := asked(t)
	head := told.inboxes["ann"]
	var cursor uint64
	for cursor < head {
		answer := ask.difference("ann", cursor, taleEpoch, 10)
		require.False(t, answer.SnapshotNeeded || answer.Behind)
		require.NotEmpty(t, answer.Events)
		for _, event := range answer.Events {
			cursor++
			require.Equal(t, cursor, event.InboxSeq)
		}
		require.Equal(t, head, answer.Head.InboxSeq)
	}
	require.Empty(t, ask.difference("ann", head, taleEpoch, 10).Events)
	require.True(t, ask.difference("ann", head+1, taleEpoch, 10).Behind, "ahead of the head: the view is behind")
	require.True(t, ask.difference("ann", 1, taleEpoch+1, 10).SnapshotNeeded, "another epoch")
	stranger := ask.difference("zoe", 0, 0, 10)
	require.False(t, stranger.SnapshotNeeded || stranger.Behind)
	require.Empty(t, stranger.Events)
}

func TestHeads(t *testing.T) {
	told, _, ask := asked(t)
	heads := ask.heads("bob", "zoe", "ann")
	require.Equal(t, []uint64{told.inboxes["bob"], 0, told.inboxes["ann"]},
		[]uint64{heads[0].InboxSeq, heads[1].InboxSeq, heads[2].InboxSeq})
}

func TestConversationsAreTrueAtLeastUpToTheirCursor(t *testing.T) {
	told, _, ask := asked(t)
	direct, group := name.Direct("ann", "bob"), name.Group("one")

	bobs := ask.conversations("bob")
	require.Equal(t, told.inboxes["bob"], bobs.Cursor.InboxSeq)
	require.Equal(t, []string{group, direct}, []string{bobs.Conversations[0].Conversation, bobs.Conversations[1].Conversation})
	require.Equal(t, pb.Membership_MEMBERSHIP_GONE, bobs.Conversations[0].Membership)
	require.Equal(t, uint64(90), bobs.Conversations[0].Last.Number, "nothing of what was said after bob went")

	cids := ask.conversations("cid").Conversations
	require.Len(t, cids, 1)
	require.Equal(t, uint64(60), cids[0].SinceNumber)
	require.Equal(t, uint64(100), cids[0].Number)
	require.Equal(t, uint64(30), inbox.Unread(cids[0]), "read up to 70 of 100")

	anns := ask.conversations("ann").Conversations
	require.Equal(t, uint64(0), inbox.Unread(anns[0]), "one's own last word was read with everything above it")
	require.Equal(t, uint64(1), inbox.Unread(anns[1]))

	dans := ask.conversations("dan").Conversations
	require.Equal(t, pb.Membership_MEMBERSHIP_INVITED, dans[0].Membership)
	require.Equal(t, sealed("group one").Ciphertext, dans[0].Title.Ciphertext)
	require.Nil(t, dans[0].Last)
}

func TestHistoryPagesDownToWhereThePersonCame(t *testing.T) {
	_, _, ask := asked(t)
	group := name.Group("one")
	for _, reader := range []struct {
		user   string
		oldest uint64
	}{{"ann", 1}, {"cid", 61}} {
		before, want := uint64(0), uint64(100)
		for {
			answer := ask.history(reader.user, group, before, 17)
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
	_, _, ask := asked(t)
	for _, user := range []string{"bob", "dan", "zoe", ""} { // removed, invited, unknown, empty
		for _, conversation := range []string{name.Group("one"), name.Group("none"), "", "a#b", `{"$ne":1}`} {
			for before := uint64(0); before < 120; before += 40 {
				require.Zero(t, ask.history(user, conversation, before, 50).SizeVT())
			}
			require.Zero(t, ask.members(user, conversation).SizeVT())
		}
	}
}

func TestMembersComeWithWhatTheViewsKnow(t *testing.T) {
	_, _, ask := asked(t)
	answer := ask.members("cid", name.Group("one"))
	require.True(t, answer.Found)
	require.Equal(t, pb.Kind_KIND_GROUP, answer.Kind)
	require.Len(t, answer.Members, 2)
	ann, cid := answer.Members[0], answer.Members[1]
	require.Equal(t, pb.Role_ROLE_OWNER, ann.Member.Role)
	require.Equal(t, sealed("I am ann").Ciphertext, ann.DisplayName.Ciphertext)
	require.Zero(t, ann.PresentUntilMs)
	require.NotZero(t, ann.LastSeenMs)
	require.Equal(t, uint64(70), cid.Marks.Read)
	require.Equal(t, int64(1_800_000_000_002), cid.PresentUntilMs)
}

func TestPeopleComeInTheOrderOfTheQuestion(t *testing.T) {
	_, _, ask := asked(t)
	people := ask.people("zoe", "dan", "ann")
	require.Equal(t, []string{"zoe", "dan", "ann"}, []string{people[0].User, people[1].User, people[2].User})
	require.False(t, people[0].Exists)
	require.True(t, people[1].Exists)
}

func TestQuestionsOutOfBoundsAreRefused(t *testing.T) {
	_, _, ask := asked(t)
	for _, limit := range []uint32{0, 501, 1 << 31} {
		_, err := ask.stub.Difference(t.Context(), &pb.DifferenceQuery{User: "ann", Limit: limit})
		require.ErrorContains(t, err, "is not within 1 to 500")
	}
	_, err := ask.stub.Head(t.Context(), &pb.HeadQuery{Users: make([]string, 1001)})
	require.ErrorContains(t, err, "is not within 1 to 1000")
	_, err = ask.stub.People(t.Context(), &pb.PeopleQuery{})
	require.ErrorContains(t, err, "is not within 1 to 200")
}

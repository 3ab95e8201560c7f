// The grammar of ids, by tables.

package name

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPeople(t *testing.T) {
	for s, want := range map[string]bool{
		"ann": true, "a": true, "A.b_c-9": true, "9": true,
		"": false, "g-ann": false, "-ann": false, "ann/bob": false, "~rules": false, "änn": false, string(make([]byte, 65)): false,
	} {
		require.Equal(t, want, ValidPerson(s), "%q", s)
	}
}

func TestConversations(t *testing.T) {
	direct := Direct("ann", "bob")
	require.Equal(t, direct, Direct("bob", "ann"), "both call it the same")
	for s, want := range map[string]bool{
		direct: true, Group("0123"): true, GroupMadeBy("ann", "phone", 7): true,
		"": false, "ann": false, "ann/": false, "/bob": false, "ann/ann": false, "ann/bob/cleo": false,
		Peer(direct, Owner(direct)) + "/" + Owner(direct): false, // the wrong way round
		"ann/g-x": false, "$where/x": false,
	} {
		require.Equal(t, want, ValidConversation(s), "%q", s)
	}
	require.Equal(t, "bob", Peer(direct, "ann"))
	require.Empty(t, Peer(direct, "eve"))
	require.Empty(t, Peer(Group("1"), "ann"))
}

func TestACommandNamesItsGroup(t *testing.T) {
	made := GroupMadeBy("ann", "phone", 7)
	require.Equal(t, made, GroupMadeBy("ann", "phone", 7))
	for _, other := range []string{GroupMadeBy("ann", "phone", 8), GroupMadeBy("ann", "tablet", 7), GroupMadeBy("bob", "phone", 7)} {
		require.NotEqual(t, made, other)
	}
}

func TestBookmarks(t *testing.T) {
	direct := Direct("ann", "bob")
	user, conversation, ok := SplitBookmark(Bookmark("bob", direct))
	require.True(t, ok)
	require.Equal(t, "bob", user)
	require.Equal(t, direct, conversation)
	require.Equal(t, "bob", Owner(Bookmark("bob", direct)))
	_, _, ok = SplitBookmark("bob")
	require.False(t, ok)
}

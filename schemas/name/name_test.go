// The grammar of ids, by tables.

package name

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPeople(t *testing.T) {
	for s, want := range map[string]bool{
		"ann": true, "a": true, "A.b_c-9": true, "9": true,
		"": false, "g-ann": false, "-ann": false, "ann/bob": false, "~rules": false, "änn": false, string(make([]byte, 65)): false,
	} {
		require.Equal(t, want, ValidPerson(s), "%q", s)
	}
}

// The grammar in the .proto files is a regular expression; the code reads it by hand and must agree.
func TestIDsAsTheFramesSayIt(t *testing.T) {
	grammar := regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$`)
	near := rapid.StringOfN(rapid.SampledFrom([]rune("azAZ09._-/~ \n\x00äg")), 0, 70, -1)
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(near, rapid.String()).Draw(t, "id")
		if want := grammar.MatchString(s); ValidID(s) != want {
			t.Fatalf("%q is valid: %t", s, want)
		}
	})
	for _, n := range []int{MaxID, MaxID + 1} {
		s := strings.Repeat("a", n)
		require.Equal(t, grammar.MatchString(s), ValidID(s), "%d bytes", n)
	}
}

func TestConversations(t *testing.T) {
	direct := Direct("ann", "bob")
	require.Equal(t, direct, Direct("bob", "ann"), "both call it the same")
	home, other, _ := strings.Cut(direct, "/")
	for s, want := range map[string]bool{
		direct: true, Group("0123"): true, GroupMadeBy("ann", "phone", 7): true,
		"": false, "ann": false, "ann/": false, "/bob": false, "ann/ann": false, "ann/bob/cleo": false,
		other + "/" + home: false, // the wrong way round
		"ann/g-x":          false, "$where/x": false,
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
	_, _, ok = SplitBookmark("bob")
	require.False(t, ok)
}

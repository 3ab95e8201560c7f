// Everything that the stores hold, as text to be compared.

package viewtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views"
)

// Dump is everything that the stores hold of a scenario, as text.
func Dump(t testing.TB, stores views.Stores, s *Scenario) string {
	ctx := t.Context()
	var out strings.Builder
	show := func(what string, m proto.Message) {
		line, err := protojson.Marshal(m)
		require.NoError(t, err)
		var plain bytes.Buffer
		require.NoError(t, json.Compact(&plain, line)) // protojson varies its spaces
		fmt.Fprintf(&out, "%s %s\n", what, plain.String())
	}
	users, conversations := []string{"ann", "bob", "cid", "dan"}, slices.Sorted(maps.Keys(s.conversations))
	for _, user := range users {
		part, err := stores.Lists.InboxPart(ctx, user, 0, 10_000)
		require.NoError(t, err)
		show("inbox "+user, part)
		_, lines, err := stores.Lists.Conversations(ctx, user, 1000)
		require.NoError(t, err)
		for _, line := range lines {
			show("line "+user, line)
		}
	}
	presence, err := stores.Lists.Presence(ctx, users)
	require.NoError(t, err)
	for _, p := range presence {
		show("presence", p)
	}
	people, err := stores.Documents.People(ctx, users)
	require.NoError(t, err)
	for _, p := range people {
		show("person", p)
	}
	documents, err := stores.Documents.Conversations(ctx, conversations)
	require.NoError(t, err)
	for _, document := range documents {
		show("conversation", document)
		messages, err := stores.Documents.Messages(ctx, document.GetConversation(), 1, document.GetNumber()+10)
		require.NoError(t, err)
		for _, m := range messages {
			show("message "+document.Conversation, m)
		}
	}
	for _, conversation := range conversations {
		for _, user := range users {
			marks, err := stores.Lists.Marks(ctx, []*pb.MemberMarks{{User: user, Conversation: conversation}})
			require.NoError(t, err)
			show(fmt.Sprintf("marks %s %s", conversation, user), marks[0])
		}
	}
	return out.String()
}

// Straight is the dump of a scenario that was folded once, in order, on stores of the process.
func Straight(t testing.TB, s *Scenario) string {
	stores, _ := OwnStores(t, s.Plan)
	NewViews(t, s.Plan, stores).Fold(s.Log, 1)
	return Dump(t, stores, s)
}

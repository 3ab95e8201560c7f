// The table of views. To add a view, add a row here, a folder with its projection, and the functions of its store.

package views

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views/bookmark"
	"github.com/parley-im/parley/views/people"
	"github.com/parley-im/parley/views/presence"
	"github.com/parley-im/parley/views/store"
)

// rows are the views of the plan.
var rows = []Row{
	{store.Inbox, func(s Stores) fold { return foldInbox(s.Lists) },
		numberBy((*pb.InboxEvent).GetInboxSeq), byKey, nil},
	{store.Bookmark, func(s Stores) fold { return foldEach(bookmark.Marks, s.Lists.PutMarks) },
		numberBy((*pb.BookmarkEvent).GetVersion), byConversation, nil},
	{store.Presence, func(s Stores) fold { return foldEach(presence.Lease, s.Lists.PutPresence) },
		numberBy((*pb.AccountEvent).GetVersion), byKey, nil},
	{store.History, func(s Stores) fold { return foldHistory(s.Documents) },
		numberBy((*pb.ConversationEvent).GetSeq), byKey, &conversations},
	{store.People, func(s Stores) fold { return foldEach(people.Profile, putPeople(s.Documents)) },
		numberBy((*pb.AccountEvent).GetVersion), byKey, &profiles},
}

// Row is one view: how its records are decoded, projected and put into its store, and how what it keeps is compared.
type Row struct {
	View string
	fold func(Stores) fold // decode, project and put; the store of the view is open
	// Number is the number of an event among those of its key, which count from 1; false = the value is no event.
	Number func(value []byte) (uint64, bool)
	// Unit names what is compared at once in a sample, by the key of a record: it holds everything that the record changes.
	Unit func(key string) string
	// Compare is how documents are read to be compared; nil = the view keeps lists, which are compared as text.
	Compare *Compare
}

// RowOf is the row of a view.
func RowOf(view string) (Row, bool) {
	i := slices.IndexFunc(rows, func(r Row) bool { return r.View == view })
	if i < 0 {
		return Row{}, false
	}
	return rows[i], true
}

// numberBy decodes an event and reads its number.
func numberBy[E any, P event[E]](number func(P) uint64) func([]byte) (uint64, bool) {
	return func(value []byte) (uint64, bool) {
		decoded := P(new(E))
		if decoded.UnmarshalVT(value) != nil {
			return 0, false
		}
		return number(decoded), true
	}
}

func byKey(key string) string { return key }

// byConversation: the key of a bookmark is the user and the conversation; marks are kept by conversation.
func byConversation(key string) string {
	_, conversation, _ := strings.Cut(key, "/")
	return conversation
}

// Compare is how the documents of a view are read to be compared.
type Compare struct {
	// Each gives the key of every document.
	Each func(from store.Documents, ctx context.Context, each func(key string) error) error
	// Read reads one.
	Read func(ctx context.Context, from store.Documents, key string) (Document, error)
	// Messages is the number of the newest message after an event. Such a view keeps messages beside each document, and the
	// document's number is that of the newest event of its key. nil = it keeps none, and the number is that of the newest event
	// that changed the document.
	Messages func(value []byte) (uint64, bool)
}

// Document is one document.
type Document struct {
	Content  proto.Message // nil = there is none
	Number   uint64        // of the event that it is of
	Messages uint64        // number of the newest message beside it
}

var (
	conversations = Compare{
		store.Documents.EachConversation,
		readBy(store.Documents.Conversations, func(d *pb.ConversationDocument) Document { return Document{d, d.Seq, d.Number} }),
		numberBy((*pb.ConversationEvent).GetNumber),
	}
	profiles = Compare{
		store.Documents.EachPerson,
		readBy(store.Documents.People, func(p *pb.Person) Document { return Document{p, p.Version, 0} }),
		nil,
	}
)

// readBy reads one document by a store's function for several.
func readBy[D any](
	read func(store.Documents, context.Context, []string) ([]*D, error), document func(*D) Document,
) func(context.Context, store.Documents, string) (Document, error) {
	return func(ctx context.Context, from store.Documents, key string) (Document, error) {
		found, err := read(from, ctx, []string{key})
		if err != nil || found[0] == nil {
			return Document{}, err
		}
		return document(found[0]), nil
	}
}

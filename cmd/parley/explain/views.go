// What the views hold now of the records of a story.

package explain

import (
	"context"
	"fmt"

	"github.com/parley-im/parley/cmd/parley/settings"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/store"
)

// noteViews notes at each step what the stores hold of it. When stores cannot be reached, the first step says so.
func noteViews(ctx context.Context, s settings.Settings, steps []*Step) {
	open := s.Stores()
	if open.Documents != views.Mongo {
		open.Documents = "" // a folder is locked by its process
	}
	stores, err := views.Open(ctx, open)
	if err != nil {
		steps[0].Views = append(steps[0].Views, "the stores cannot be read: "+err.Error())
		return
	}
	defer stores.Close()
	for _, step := range steps {
		if step.record == nil {
			continue
		}
		switch envelopeOf(step.record) {
		case "InboxEvent":
			step.Views = append(step.Views, inInbox(ctx, stores.Lists, step.record))
		case "ConversationEvent":
			step.Views = append(step.Views, inHistory(ctx, stores.Documents, step.record)...)
		}
	}
}

func inInbox(ctx context.Context, lists store.Lists, r *topology.Record) string {
	event := &pb.InboxEvent{}
	if event.UnmarshalVT(r.Value) != nil {
		return "inbox: the record is no event of an inbox"
	}
	part, err := lists.InboxPart(ctx, r.Key, event.InboxSeq-1, 1)
	switch {
	case err != nil:
		return "inbox: " + err.Error()
	case part.Head.GetInboxSeq() < event.InboxSeq:
		return fmt.Sprintf("inbox: not there yet, the head is %d", part.Head.GetInboxSeq())
	case len(part.Events) == 0 || part.Events[0].InboxSeq != event.InboxSeq:
		return fmt.Sprintf("inbox: no longer kept, the head is %d", part.Head.GetInboxSeq())
	case !part.Events[0].EqualVT(event):
		return "inbox: it holds ANOTHER event under this number; run parley verify --views"
	}
	return fmt.Sprintf("inbox: Redis holds it as %d of %d", event.InboxSeq, part.Head.GetInboxSeq())
}

func inHistory(ctx context.Context, documents store.Documents, r *topology.Record) []string {
	event := &pb.ConversationEvent{}
	if documents == nil {
		return []string{"history: the documents are in a folder of another process, which alone can read it"}
	}
	if event.UnmarshalVT(r.Value) != nil || event.GetMessageSent() == nil {
		return nil
	}
	messages, err := documents.Messages(ctx, r.Key, event.Number, event.Number)
	switch {
	case err != nil:
		return []string{"history: " + err.Error()}
	case len(messages) == 0:
		return []string{fmt.Sprintf("history: message %d is not there", event.Number)}
	}
	return []string{fmt.Sprintf("history: holds it as message %d of %s", event.Number, messages[0].Sender)}
}

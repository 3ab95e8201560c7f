// Answers of the views as the client sees them: opened, and with what is derived from them.

package translate

import (
	"github.com/parley-im/parley/schemas/effect"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Conversations turns the list view of a user into what the client sees. It is never nil. Names of
// peers are not in it: see Names.
func Conversations(answer *pb.ConversationsAnswer, user string, open Opener) []*pb.Conversation {
	list := make([]*pb.Conversation, 0, len(answer.GetConversations()))
	for _, summary := range answer.GetConversations() {
		list = append(list, conversation(summary, user, open))
	}
	return list
}

// conversation turns one line of the list into what the client sees.
func conversation(in *pb.ConversationSummary, user string, open Opener) *pb.Conversation {
	return &pb.Conversation{Conversation: in.GetConversation(), Kind: in.GetKind(), Title: reveal(open, in.GetTitle()),
		Peer: name.Peer(in.GetConversation(), user), Seq: in.GetSeq(), Number: in.GetNumber(), Marks: in.GetMarks(),
		Membership: in.GetMembership(), Unread: effect.Unread(in), Last: message(open, in.GetLast()), TimeMs: in.GetTimeMs()}
}

// Names are the display names of people by user.
func Names(answer *pb.PeopleAnswer, open Opener) map[string]string {
	names := make(map[string]string)
	for _, person := range answer.GetPeople() {
		names[person.GetUser()] = reveal(open, person.GetDisplayName())
	}
	return names
}

// History turns a page of a conversation's messages.
func History(conversation string, answer *pb.HistoryAnswer, open Opener) *pb.History {
	out := &pb.History{Conversation: conversation, More: answer.GetMore()}
	for _, m := range answer.GetMessages() {
		out.Messages = append(out.Messages, message(open, m))
	}
	return out
}

// Members turns the members of a conversation, with who is online at a time.
func Members(nowMS int64, conversation string, answer *pb.MembersAnswer, open Opener) *pb.Members {
	out := &pb.Members{Conversation: conversation, Kind: answer.GetKind(), Title: reveal(open, answer.GetTitle())}
	for _, m := range answer.GetMembers() {
		out.Members = append(out.Members, &pb.MemberState{User: m.GetMember().GetUser(), Role: m.GetMember().GetRole(),
			DisplayName: reveal(open, m.GetDisplayName()), Marks: m.GetMarks(),
			Online: m.GetPresentUntilMs() > nowMS, LastSeenMs: m.GetLastSeenMs()})
	}
	return out
}

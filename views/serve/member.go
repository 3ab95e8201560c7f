// What only members may read: the messages of a conversation and its members. Content is read first and membership after
// it. The views write in the opposite order, so nobody sees what was sent or changed after they left.

package serve

import (
	"context"
	"slices"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// History gives messages, newest first, of those that the person may see.
func (s *Service) History(ctx context.Context, q *pb.HistoryQuery) (*pb.HistoryAnswer, error) {
	if err := within("limit", int(q.Limit), MaxMessages); err != nil {
		return nil, err
	}
	// The first read gives the numbers that there are, and spares strangers' questions the second one.
	document, member, err := s.membership(ctx, q.User, q.Conversation)
	if err != nil || member == nil {
		return &pb.HistoryAnswer{}, err
	}
	newest := document.Number
	if q.BeforeNumber > 0 {
		newest = min(newest, q.BeforeNumber-1)
	}
	oldest := max(member.SinceNumber, newest-min(newest, uint64(q.Limit))) + 1
	messages, err := s.documents.Messages(ctx, q.Conversation, oldest, newest)
	if err != nil {
		return nil, err
	}
	if _, member, err = s.membership(ctx, q.User, q.Conversation); err != nil || member == nil {
		return &pb.HistoryAnswer{}, err
	}
	messages = visible(messages, member.SinceNumber)
	answer := &pb.HistoryAnswer{Found: true, Messages: messages}
	answer.More = len(messages) > 0 && messages[0].Number > member.SinceNumber+1
	slices.Reverse(messages)
	return answer, nil
}

// visible keeps the messages above a number, up to the first that is missing: the newest may become visible in the store in
// any order, and an answer has no gaps.
func visible(messages []*pb.HistoryMessage, since uint64) []*pb.HistoryMessage {
	first := slices.IndexFunc(messages, func(m *pb.HistoryMessage) bool { return m.Number > since })
	if first < 0 {
		return nil
	}
	messages = messages[first:]
	for i, m := range messages {
		if m.Number != messages[0].Number+uint64(i) {
			return messages[:i]
		}
	}
	return messages
}

// Members gives the members of a conversation, with what the views know of each.
func (s *Service) Members(ctx context.Context, q *pb.MembersQuery) (*pb.MembersAnswer, error) {
	document, member, err := s.membership(ctx, q.User, q.Conversation)
	if err != nil || member == nil {
		return &pb.MembersAnswer{}, err
	}
	views, err := s.members(ctx, document)
	if err != nil {
		return nil, err
	}
	after, member, err := s.membership(ctx, q.User, q.Conversation)
	if err != nil || member == nil {
		return &pb.MembersAnswer{}, err
	}
	answer := &pb.MembersAnswer{Found: true, Kind: after.Kind, Title: after.Title}
	for _, member := range after.Members {
		view := views[member.User] // absent for a member who joined between the two reads: shown without what is known
		if view == nil {
			view = &pb.MemberView{}
		}
		view.Member = member
		answer.Members = append(answer.Members, view)
	}
	return answer, nil
}

// members reads what the views know of each member: three questions, however many members.
func (s *Service) members(ctx context.Context, document *pb.ConversationDocument) (map[string]*pb.MemberView, error) {
	users := make([]string, len(document.Members))
	wanted := make([]*pb.MemberMarks, len(document.Members))
	for i, member := range document.Members {
		users[i] = member.User
		wanted[i] = &pb.MemberMarks{User: member.User, Conversation: document.Conversation}
	}
	people, err := s.documents.People(ctx, users)
	if err != nil {
		return nil, err
	}
	marks, err := s.lists.Marks(ctx, wanted)
	if err != nil {
		return nil, err
	}
	presence, err := s.lists.Presence(ctx, users)
	if err != nil {
		return nil, err
	}
	views := make(map[string]*pb.MemberView, len(users))
	for i, user := range users {
		views[user] = &pb.MemberView{
			DisplayName: people[i].GetDisplayName(), Marks: marks[i],
			PresentUntilMs: presence[i].GetUntilMs(), LastSeenMs: presence[i].GetLastSeenMs(),
		}
	}
	return views, nil
}

// membership looks a person up in a conversation; member = nil for strangers and for what does not exist.
func (s *Service) membership(ctx context.Context, user, conversation string) (*pb.ConversationDocument, *pb.Member, error) {
	documents, err := s.documents.Conversations(ctx, []string{conversation})
	if err != nil {
		return nil, nil, err
	}
	return documents[0], memberOf(documents[0], user), nil
}

func memberOf(document *pb.ConversationDocument, user string) *pb.Member {
	for _, member := range document.GetMembers() {
		if member.User == user {
			return member
		}
	}
	return nil
}

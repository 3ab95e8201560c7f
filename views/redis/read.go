// What the query service reads. Each question is one or two round trips, however many people it is about.

package redis

import (
	"context"
	"errors"
	"strconv"

	"github.com/redis/go-redis/v9"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Heads are the newest numbers of inboxes, in the order of the question.
func (s *Store) Heads(ctx context.Context, users []string) ([]*pb.Cursor, error) {
	answers := make([]*redis.SliceCmd, len(users))
	if err := s.ask(ctx, func(pipe redis.Pipeliner) {
		for i, user := range users {
			answers[i] = s.askHead(ctx, pipe, user)
		}
	}); err != nil {
		return nil, err
	}
	heads := make([]*pb.Cursor, len(users))
	for i, answer := range answers {
		head, err := headOf(answer)
		if err != nil {
			return nil, err
		}
		heads[i] = head
	}
	return heads, nil
}

// InboxPart is the head of an inbox, its oldest kept event, and at most limit events behind a number, of one moment.
func (s *Store) InboxPart(ctx context.Context, user string, after uint64, limit int) (*pb.InboxPart, error) {
	stream := s.key("inbox", user, user)
	var head *redis.SliceCmd
	var first, events *redis.XMessageSliceCmd
	from, to := behindID(after, limit)
	_, err := s.client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		head = s.askHead(ctx, pipe, user)
		first = pipe.XRangeN(ctx, stream, "-", "+", 1)
		events = pipe.XRange(ctx, stream, from, to)
		return nil
	})
	if err != nil {
		return nil, err
	}
	part := &pb.InboxPart{}
	if part.Head, err = headOf(head); err != nil {
		return nil, err
	}
	there, err := eventsOf(first.Val())
	if err != nil {
		return nil, err
	}
	kept := oldest(part.Head.InboxSeq)
	if len(there) > 0 {
		part.OldestInboxSeq = max(there[0].InboxSeq, kept) // Redis may not have trimmed what is before
	}
	if there, err = eventsOf(events.Val()); err != nil {
		return nil, err
	}
	part.Events = within(there, max(after+1, kept), after+uint64(limit))
	return part, nil
}

// Conversations are the latest lines of a person's list, latest first, and the head of the inbox, which is read before
// the lines: they are true at least up to it.
func (s *Store) Conversations(ctx context.Context, user string, limit int) (*pb.Cursor, []*pb.ConversationSummary, error) {
	var head *redis.SliceCmd
	var order *redis.StringSliceCmd
	if _, err := s.client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		head = s.askHead(ctx, pipe, user)
		order = pipe.ZRevRange(ctx, s.key("order", user, user), 0, int64(limit)-1)
		return nil
	}); err != nil {
		return nil, nil, err
	}
	cursor, err := headOf(head)
	if err != nil {
		return nil, nil, err
	}
	answers := make([]*redis.StringCmd, len(order.Val()))
	if err := s.ask(ctx, func(pipe redis.Pipeliner) {
		for i, conversation := range order.Val() {
			answers[i] = pipe.HGet(ctx, s.key("conversations", user, user), conversation)
		}
	}); err != nil {
		return nil, nil, err
	}
	lines := make([]*pb.ConversationSummary, 0, len(answers))
	for _, answer := range answers {
		line := &pb.ConversationSummary{}
		if found, err := decode(answer, line); err != nil {
			return nil, nil, err
		} else if found {
			lines = append(lines, line)
		}
	}
	return cursor, lines, nil
}

// Marks are the marks of people in conversations, in the order of the question; nil where nothing is known.
func (s *Store) Marks(ctx context.Context, wanted []*pb.MemberMarks) ([]*pb.Marks, error) {
	answers := make([]*redis.StringCmd, len(wanted))
	if err := s.ask(ctx, func(pipe redis.Pipeliner) {
		for i, w := range wanted {
			answers[i] = pipe.HGet(ctx, s.key("marks", w.User, w.Conversation), w.User)
		}
	}); err != nil {
		return nil, err
	}
	marks := make([]*pb.Marks, len(wanted))
	for i, answer := range answers {
		m := &pb.Marks{}
		if found, err := decode(answer, m); err != nil {
			return nil, err
		} else if found {
			marks[i] = m
		}
	}
	return marks, nil
}

// Presence is in the order of the question; nil where nothing is known.
func (s *Store) Presence(ctx context.Context, users []string) ([]*pb.PersonPresence, error) {
	answers := make([]*redis.StringCmd, len(users))
	if err := s.ask(ctx, func(pipe redis.Pipeliner) {
		for i, user := range users {
			answers[i] = pipe.HGet(ctx, s.key("presence", user, user), leaseField)
		}
	}); err != nil {
		return nil, err
	}
	people := make([]*pb.PersonPresence, len(users))
	for i, answer := range answers {
		p := &pb.PersonPresence{}
		if found, err := decode(answer, p); err != nil {
			return nil, err
		} else if found {
			people[i] = p
		}
	}
	return people, nil
}

// ask sends questions in one round trip. A value that is not there is an answer.
func (s *Store) ask(ctx context.Context, questions func(redis.Pipeliner)) error {
	_, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		questions(pipe)
		return nil
	})
	if errors.Is(err, redis.Nil) {
		return nil
	}
	return err
}

func (s *Store) askHead(ctx context.Context, pipe redis.Pipeliner, user string) *redis.SliceCmd {
	return pipe.HMGet(ctx, s.key("inbox", user, user)+headSuffix, "inbox_seq", "epoch")
}

// headOf decodes a head; both numbers are 0 when nothing was ever kept.
func headOf(answer *redis.SliceCmd) (*pb.Cursor, error) {
	values, err := answer.Result()
	if err != nil {
		return nil, err
	}
	number, err := numberOf(values[0])
	if err != nil {
		return nil, err
	}
	epoch, err := numberOf(values[1])
	return &pb.Cursor{InboxSeq: number, Epoch: epoch}, err
}

func numberOf(value any) (uint64, error) {
	text, ok := value.(string)
	if !ok {
		return 0, nil
	}
	return strconv.ParseUint(text, 10, 64)
}

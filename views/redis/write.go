// What the views write: a batch of one partition with the checkpoint that it reaches, as one call of one script.

package redis

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

//go:embed batch.lua
var batchSource string

var batchScript = redis.NewScript(batchSource)

// leaseField is the one field of a presence hash.
const leaseField = "lease"

// positionDigits is the width of a position: epoch (8 digits) and number (12 digits), compared as text. A script's
// numbers are doubles; 12 digits are enough for the messages of one inbox.
const positionDigits = 20

func position(epoch, number uint64) string { return fmt.Sprintf("%08d%012d", epoch, number) }

// positioned is a value behind its position.
func positioned(epoch, number uint64, m message) ([]byte, error) {
	value := make([]byte, positionDigits+m.SizeVT())
	copy(value, position(epoch, number))
	_, err := m.MarshalToSizedBufferVT(value[positionDigits:])
	return value, err
}

// batch gathers the keys and arguments of one call.
type batch struct {
	keys []string
	args []any
}

func (s *Store) newBatch(span *pb.Span) *batch {
	return &batch{
		keys: []string{s.checkpointKey(span.View, span.Partition)},
		args: []any{span.FromOffset, span.ToOffset},
	}
}

func (b *batch) add(keys []string, args ...any) {
	b.keys = append(b.keys, keys...)
	b.args = append(b.args, args...)
}

// run writes the batch and returns the view's checkpoint. Below span.ToOffset nothing was written, because the store lacks
// what comes before the batch. A repeat changes nothing, so a call whose answer was lost may be repeated.
func (s *Store) run(ctx context.Context, b *batch) (int64, error) {
	return batchScript.Run(ctx, s.client, b.keys, b.args...).Int64()
}

// Lines reads the lines that a batch will fold on, with the checkpoint they are true at; nil for lines that are not there.
func (s *Store) Lines(ctx context.Context, span *pb.Span, wanted []*pb.InboxLine) (int64, []*pb.ConversationSummary, error) {
	var at *redis.StringCmd
	answers := make([]*redis.StringCmd, len(wanted))
	// MULTI: the checkpoint and the lines are of one moment.
	_, err := s.client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		at = pipe.Get(ctx, s.checkpointKey(span.View, span.Partition))
		for i, line := range wanted {
			answers[i] = pipe.HGet(ctx, s.key("conversations", line.User, line.User), line.Summary.Conversation)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, nil, err
	}
	checkpoint, err := checkpointOf(at)
	if err != nil {
		return 0, nil, err
	}
	lines := make([]*pb.ConversationSummary, len(wanted))
	for i, answer := range answers {
		line := &pb.ConversationSummary{}
		found, err := decode(answer, line)
		if err != nil {
			return 0, nil, err
		}
		if found {
			lines[i] = line
		}
	}
	return checkpoint, lines, nil
}

// PutInbox writes events into streams and lines into lists, and returns the view's checkpoint: see run.
func (s *Store) PutInbox(ctx context.Context, span *pb.Span, entries []*pb.InboxEntry, lines []*pb.InboxLine) (int64, error) {
	b := s.newBatch(span)
	for _, r := range runsOf(entries) {
		events, err := (&pb.InboxPart{Events: r.events}).MarshalVT()
		if err != nil {
			return 0, err
		}
		stream := s.key("inbox", r.user, r.user)
		b.add([]string{stream, stream + headSuffix}, "run", r.epoch, r.last-uint64(len(r.events))+1, r.last, oldest(r.last), events)
	}
	for _, line := range lines {
		value, err := positioned(line.Summary.Epoch, line.Summary.InboxSeq, line.Summary)
		if err != nil {
			return 0, err
		}
		keys := []string{s.key("conversations", line.User, line.User), s.key("order", line.User, line.User)}
		b.add(keys, "line", line.Summary.Conversation, value, line.Summary.TimeMs)
	}
	return s.run(ctx, b)
}

// PutMarks writes marks, and returns the view's checkpoint: see run.
func (s *Store) PutMarks(ctx context.Context, span *pb.Span, marks []*pb.MemberMarks) (int64, error) {
	b := s.newBatch(span)
	for _, m := range marks {
		value, err := positioned(0, m.Version, m.Marks)
		if err != nil {
			return 0, err
		}
		b.add([]string{s.key("marks", m.User, m.Conversation)}, "value", m.User, value)
	}
	return s.run(ctx, b)
}

// PutPresence writes leases, and returns the view's checkpoint: see run.
func (s *Store) PutPresence(ctx context.Context, span *pb.Span, people []*pb.PersonPresence) (int64, error) {
	b := s.newBatch(span)
	for _, p := range people {
		value, err := positioned(0, p.Version, p)
		if err != nil {
			return 0, err
		}
		b.add([]string{s.key("presence", p.User, p.User)}, "value", leaseField, value)
	}
	return s.run(ctx, b)
}

type message interface {
	SizeVT() int
	MarshalToSizedBufferVT([]byte) (int, error)
	UnmarshalVT([]byte) error
}

// decode decodes a value behind its position; false when there is none.
func decode(answer *redis.StringCmd, into message) (bool, error) {
	value, err := answer.Bytes()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if len(value) < positionDigits {
		return false, fmt.Errorf("a value of %d bytes has no position: something else wrote into this Redis; give Parley a Redis of its own", len(value))
	}
	return true, into.UnmarshalVT(value[positionDigits:])
}

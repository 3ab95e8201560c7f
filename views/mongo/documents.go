// The documents themselves: conversations, pages of messages, people, and the places that the views have reached.

package mongo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	v1 "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// PageSize is how many messages a page holds.
const PageSize = 25

// pageAttempts is how often a page is written when another writer makes it at the same moment. Made once, it stays.
const pageAttempts = 3

func databaseOf(uri string) string {
	if parsed, err := connstring.Parse(uri); err == nil && parsed.Database != "" {
		return parsed.Database
	}
	return database
}

// Place is the offset below which everything is in the store, 0 when the store knows of nothing.
func (s *Store) Place(ctx context.Context, view string, partition int32) (int64, error) {
	var place valued
	err := s.places.into.FindOne(ctx, bson.D{{Key: "_id", Value: s.placeID(view, partition)}}).Decode(&place)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return 0, nil
	}
	return place.Position, err
}

// Advance moves the view's place to the end of the span and answers the place. Below span.ToOffset it did not move,
// because the store does not hold what comes before the span.
func (s *Store) Advance(ctx context.Context, span *v1.Span) (int64, error) {
	id := s.placeID(span.View, span.Partition)
	var to mongo.WriteModel
	if span.FromOffset == 0 {
		// The first place is made; when one is there already this changes nothing unless it is older.
		to = replace(valued{ID: id, Position: span.ToOffset})
	} else {
		within := bson.D{{Key: "_id", Value: id}, {Key: "position", Value: bson.D{
			{Key: "$gte", Value: span.FromOffset}, {Key: "$lt", Value: span.ToOffset}}}}
		to = mongo.NewUpdateOneModel().SetFilter(within).SetUpdate(
			bson.D{{Key: "$set", Value: bson.D{{Key: "position", Value: span.ToOffset}}}})
	}
	moved := s.places.write(ctx, []mongo.WriteModel{to})
	if moved.err != nil {
		return 0, moved.err
	}
	if moved.all && span.FromOffset > 0 {
		return span.ToOffset, nil
	}
	return s.Place(ctx, span.View, span.Partition)
}

// Forget makes the view fold the partition again from the log's beginning. What is there stays and is compared.
func (s *Store) Forget(ctx context.Context, view string, partition int32) error {
	_, err := s.places.into.DeleteOne(ctx, bson.D{{Key: "_id", Value: s.placeID(view, partition)}})
	return err
}

// Conversations reads conversations, in the order of the question; nil where there is none.
func (s *Store) Conversations(ctx context.Context, keys []string) ([]*v1.ConversationDocument, error) {
	return read[v1.ConversationDocument](ctx, s.conversations.into, conversationShape, keys)
}

// PutConversations writes conversations that are newer than what is there.
func (s *Store) PutConversations(ctx context.Context, documents []*v1.ConversationDocument) error {
	writes := make([]mongo.WriteModel, len(documents))
	for i, document := range documents {
		writes[i] = renew(document.Conversation, int64(document.Seq), conversationShape, document.ProtoReflect())
	}
	return s.putNewer(ctx, s.conversations, writes)
}

// People reads profiles, in the order of the question; nil where there is none.
func (s *Store) People(ctx context.Context, users []string) ([]*v1.Person, error) {
	return read[v1.Person](ctx, s.people.into, personShape, users)
}

// PutPeople writes profiles that are newer than what is there.
func (s *Store) PutPeople(ctx context.Context, people []*v1.Person) error {
	writes := make([]mongo.WriteModel, len(people))
	for i, person := range people {
		writes[i] = renew(person.User, int64(person.Version), personShape, person.ProtoReflect())
	}
	return s.putNewer(ctx, s.people, writes)
}

// putNewer writes twice what met a document: the first time another writer, with an older one, may have been making it
// at the same moment. What meets it again has met a newer one, for the document is there now and the filter decided.
func (s *Store) putNewer(ctx context.Context, into *gate, writes []mongo.WriteModel) error {
	first := into.write(ctx, writes)
	if first.err != nil {
		return first.err
	}
	return into.write(ctx, first.met).err
}

// page is 25 messages of a conversation by number.
type page struct {
	ID       string                   `bson:"_id"`
	Messages map[string]bson.RawValue `bson:"m"`
}

// Messages reads the messages with these numbers, both included, by rising number; those that are there.
func (s *Store) Messages(ctx context.Context, conversation string, from, to uint64) ([]*v1.HistoryMessage, error) {
	if from == 0 || from > to {
		return nil, nil
	}
	var ids []string
	for p := pageOf(from); p <= pageOf(to); p++ {
		ids = append(ids, pageID(conversation, p))
	}
	pages, err := find[page](ctx, s.pages.into, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]map[string]bson.RawValue, len(pages))
	for _, p := range pages {
		byID[p.ID] = p.Messages
	}
	var messages []*v1.HistoryMessage
	for number := from; number <= to; number++ {
		value, ok := byID[pageID(conversation, pageOf(number))][strconv.FormatUint(number, 10)]
		if !ok {
			continue
		}
		m := &v1.HistoryMessage{Number: number}
		if err := messageShape.readValue(value, m.ProtoReflect()); err != nil {
			return nil, fmt.Errorf("message %d of %s: %w", number, conversation, err)
		}
		messages = append(messages, m)
	}
	return messages, nil
}

// PutMessages writes messages, one write a page. A number has one message for ever, so a repeat writes the same.
func (s *Store) PutMessages(ctx context.Context, conversations []*v1.ConversationMessages) error {
	var writes []mongo.WriteModel
	for _, c := range conversations {
		var set bson.D
		for i, m := range c.Messages {
			set = append(set, bson.E{Key: "m." + strconv.FormatUint(m.Number, 10), Value: messageShape.document(m.ProtoReflect())})
			if i+1 < len(c.Messages) && pageOf(c.Messages[i+1].Number) == pageOf(m.Number) {
				continue
			}
			id := bson.D{{Key: "_id", Value: pageID(c.Conversation, pageOf(m.Number))}}
			writes = append(writes, mongo.NewUpdateOneModel().SetFilter(id).SetUpdate(bson.D{{Key: "$set", Value: set}}).SetUpsert(true))
			set = nil
		}
	}
	for range pageAttempts {
		written := s.pages.write(ctx, writes)
		if written.err != nil || len(written.met) == 0 {
			return written.err
		}
		writes = written.met
	}
	return fmt.Errorf("%d pages of messages are being made by others at the same moment; write the batch again", len(writes))
}

func pageOf(number uint64) uint64 { return (number - 1) / PageSize }

func pageID(conversation string, page uint64) string {
	return fmt.Sprintf("%s#%06d", conversation, page)
}

func (s *Store) placeID(view string, partition int32) string {
	short, _, _ := strings.Cut(view, "@")
	return view + "/" + strconv.Itoa(int(partition)) + s.suffix(short)
}

// Pages of messages. A page that begins in a batch is inserted whole; later messages are set in it, number by number.

package mongo

import (
	"context"
	"fmt"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// PageSize is how many messages a page holds.
const PageSize = 25

// pageAttempts is how often a page is written when another writer inserts it at the same moment. Once inserted it stays.
const pageAttempts = 3

// page is 25 messages of a conversation by number.
type page struct {
	ID       string                   `bson:"_id"`
	Messages map[string]bson.RawValue `bson:"m"`
}

// Messages reads the messages with these numbers, both included, by rising number; those that are there.
func (s *Store) Messages(ctx context.Context, conversation string, from, to uint64) ([]*pb.HistoryMessage, error) {
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
	var messages []*pb.HistoryMessage
	for number := from; number <= to; number++ {
		value, ok := byID[pageID(conversation, pageOf(number))][strconv.FormatUint(number, 10)]
		if !ok {
			continue
		}
		m := &pb.HistoryMessage{Number: number}
		if err := messageShape.readValue(value, m.ProtoReflect()); err != nil {
			return nil, fmt.Errorf("message %d of %s: %w", number, conversation, err)
		}
		messages = append(messages, m)
	}
	return messages, nil
}

// PutMessages writes messages, one write a page. A number has one message for ever, so a repeat writes the same.
func (s *Store) PutMessages(ctx context.Context, conversations []*pb.ConversationMessages) error {
	var models []mongo.WriteModel
	pages := map[mongo.WriteModel]part{} // those that may be there already
	for _, c := range conversations {
		for _, p := range partsOf(c) {
			model := p.set()
			if pageOf(p.messages[0].Number)*PageSize+1 == p.messages[0].Number {
				model = p.insert()
				pages[model] = p
			}
			models = append(models, model)
		}
	}
	for range pageAttempts {
		written := s.pages.write(ctx, models)
		if written.err != nil || len(written.exist) == 0 {
			return written.err
		}
		models = written.exist
		for i, model := range models {
			if p, inserted := pages[model]; inserted {
				models[i] = p.set()
			}
		}
	}
	return fmt.Errorf("%d pages of messages are being inserted by other writers at the same moment; write the batch again", len(models))
}

// part is some messages of one page, by rising number.
type part struct {
	id       string
	messages []*pb.HistoryMessage
}

// partsOf cuts messages where pages begin.
func partsOf(c *pb.ConversationMessages) []part {
	var parts []part
	first := 0
	for i, m := range c.Messages {
		if i+1 < len(c.Messages) && pageOf(c.Messages[i+1].Number) == pageOf(m.Number) {
			continue
		}
		parts = append(parts, part{pageID(c.Conversation, pageOf(m.Number)), c.Messages[first : i+1]})
		first = i + 1
	}
	return parts
}

// namesBytes is about what the names of fields, types and lengths add to a message.
const namesBytes = 128

// buffer is what a part is encoded into; too small only costs a copy.
func (p part) buffer() []byte {
	bytes := namesBytes
	for _, m := range p.messages {
		bytes += m.SizeVT() + namesBytes
	}
	return make([]byte, 0, bytes)
}

// insert inserts the page.
func (p part) insert() mongo.WriteModel {
	begin, to := bsoncore.AppendDocumentStart(p.buffer())
	inner, to := bsoncore.AppendDocumentElementStart(bsoncore.AppendStringElement(to, "_id", p.id), "m")
	to = end(p.append(to, ""), inner)
	return mongo.NewInsertOneModel().SetDocument(bson.Raw(end(to, begin)))
}

// set sets messages in a page, whatever else is in it, or inserts it.
func (p part) set() mongo.WriteModel {
	begin, to := bsoncore.AppendDocumentStart(p.buffer())
	inner, to := bsoncore.AppendDocumentElementStart(to, "$set")
	to = end(p.append(to, "m."), inner)
	return mongo.NewUpdateOneModel().SetFilter(bson.D{{Key: "_id", Value: p.id}}).SetUpdate(bson.Raw(end(to, begin))).SetUpsert(true)
}

// append writes the messages under their numbers behind what a document holds already.
func (p part) append(to []byte, before string) []byte {
	for _, m := range p.messages {
		begin, inner := bsoncore.AppendDocumentElementStart(to, before+strconv.FormatUint(m.Number, 10))
		to = end(messageShape.append(inner, m.ProtoReflect()), begin)
	}
	return to
}

func pageOf(number uint64) uint64 { return (number - 1) / PageSize }

func pageID(conversation string, page uint64) string {
	return fmt.Sprintf("%s#%06d", conversation, page)
}

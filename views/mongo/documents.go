// The documents themselves: conversations, people (pages of messages: pages.go), and the places that the views have reached.

package mongo

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

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
func (s *Store) Advance(ctx context.Context, span *pb.Span) (int64, error) {
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
func (s *Store) Conversations(ctx context.Context, keys []string) ([]*pb.ConversationDocument, error) {
	return read[pb.ConversationDocument](ctx, s.conversations.into, conversationShape, keys)
}

// PutConversations writes conversations that are newer than what is there.
func (s *Store) PutConversations(ctx context.Context, documents []*pb.ConversationDocument) error {
	writes := make([]mongo.WriteModel, len(documents))
	for i, document := range documents {
		writes[i] = renew(document.Conversation, int64(document.Seq), conversationShape, document.ProtoReflect())
	}
	return s.putNewer(ctx, s.conversations, writes)
}

// People reads profiles, in the order of the question; nil where there is none.
func (s *Store) People(ctx context.Context, users []string) ([]*pb.Person, error) {
	return read[pb.Person](ctx, s.people.into, personShape, users)
}

// PutPeople writes profiles that are newer than what is there.
func (s *Store) PutPeople(ctx context.Context, people []*pb.Person) error {
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

func (s *Store) placeID(view string, partition int32) string {
	short, _, _ := strings.Cut(view, "@")
	return view + "/" + strconv.Itoa(int(partition)) + s.suffix(short)
}

// Conversations, people, and the checkpoints of views. Messages are in pages: see pages.go.

package mongo

import (
	"context"
	"errors"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views/store"
)

// Checkpoint is the offset below which everything is in the store, 0 when the store has none.
func (s *Store) Checkpoint(ctx context.Context, view string, partition int32) (int64, error) {
	var checkpoint valued
	err := s.checkpoints.into.FindOne(ctx, bson.D{{Key: "_id", Value: s.checkpointID(view, partition)}}).Decode(&checkpoint)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return 0, nil
	}
	return checkpoint.Position, err
}

// Advance moves the view's checkpoint to the end of the span and returns the checkpoint. Below span.ToOffset it did not
// move, because the store lacks what comes before the span.
func (s *Store) Advance(ctx context.Context, span *pb.Span) (int64, error) {
	id := s.checkpointID(span.View, span.Partition)
	var to mongo.WriteModel
	if span.FromOffset == 0 {
		// The first checkpoint is inserted; one that is there already changes only when it is older.
		to = replace(valued{ID: id, Position: span.ToOffset})
	} else {
		within := bson.D{{Key: "_id", Value: id}, {Key: "position", Value: bson.D{
			{Key: "$gte", Value: span.FromOffset}, {Key: "$lt", Value: span.ToOffset}}}}
		to = mongo.NewUpdateOneModel().SetFilter(within).SetUpdate(
			bson.D{{Key: "$set", Value: bson.D{{Key: "position", Value: span.ToOffset}}}})
	}
	moved := s.checkpoints.write(ctx, []mongo.WriteModel{to})
	if moved.err != nil {
		return 0, moved.err
	}
	if moved.all && span.FromOffset > 0 {
		return span.ToOffset, nil
	}
	return s.Checkpoint(ctx, span.View, span.Partition)
}

// Forget makes the view fold the partition again from the log's beginning. The content stays and is compared.
func (s *Store) Forget(ctx context.Context, view string, partition int32) error {
	_, err := s.checkpoints.into.DeleteOne(ctx, bson.D{{Key: "_id", Value: s.checkpointID(view, partition)}})
	return err
}

// Conversations reads conversations, in the order of the question; nil where there is none.
func (s *Store) Conversations(ctx context.Context, keys []string) ([]*pb.ConversationDocument, error) {
	return read[pb.ConversationDocument](ctx, s.conversations.into, conversationShape, keys)
}

// PutConversations writes conversations that are newer than what is there.
func (s *Store) PutConversations(ctx context.Context, documents []*pb.ConversationDocument) error {
	models := make([]mongo.WriteModel, len(documents))
	for i, document := range documents {
		models[i] = renew(document.Conversation, int64(document.Seq), conversationShape, document.ProtoReflect())
	}
	return s.putNewer(ctx, s.conversations, models)
}

// People reads profiles, in the order of the question; nil where there is none.
func (s *Store) People(ctx context.Context, users []string) ([]*pb.Person, error) {
	return read[pb.Person](ctx, s.people.into, personShape, users)
}

// PutPeople writes profiles that are newer than what is there.
func (s *Store) PutPeople(ctx context.Context, people []*pb.Person) error {
	models := make([]mongo.WriteModel, len(people))
	for i, person := range people {
		models[i] = renew(person.User, int64(person.Version), personShape, person.ProtoReflect())
	}
	return s.putNewer(ctx, s.people, models)
}

// putNewer repeats the writes that met a document: the first time another writer, with an older one, may have been inserting
// it at the same moment. A write that meets it again has met a newer one, for the document is there now and the filter
// decided.
func (s *Store) putNewer(ctx context.Context, into *bulker, models []mongo.WriteModel) error {
	first := into.write(ctx, models)
	if first.err != nil {
		return first.err
	}
	return into.write(ctx, first.exist).err
}

func (s *Store) checkpointID(view string, partition int32) string {
	return view + "/" + strconv.Itoa(int(partition)) + s.suffix(store.ViewOf(view))
}

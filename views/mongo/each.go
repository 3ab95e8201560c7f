// The ids of all documents: for comparisons.

package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// EachConversation gives the key of every conversation.
func (s *Store) EachConversation(ctx context.Context, each func(key string) error) error {
	return eachID(ctx, s.conversations.into, each)
}

// EachPerson gives every user who has a profile.
func (s *Store) EachPerson(ctx context.Context, each func(user string) error) error {
	return eachID(ctx, s.people.into, each)
}

// keysAtOnce are asked for in one answer. MongoDB bounds an answer itself; not every server with its protocol does.
const keysAtOnce = 1_000

func eachID(ctx context.Context, from *mongo.Collection, each func(string) error) error {
	cursor, err := from.Find(ctx, bson.D{}, options.Find().SetBatchSize(keysAtOnce).SetProjection(bson.D{{Key: "_id", Value: 1}}))
	if err != nil {
		return err
	}
	for err == nil && cursor.Next(ctx) {
		var document struct {
			ID string `bson:"_id"`
		}
		if err = cursor.Decode(&document); err == nil {
			err = each(document.ID)
		}
	}
	return errors.Join(err, cursor.Err(), cursor.Close(ctx))
}

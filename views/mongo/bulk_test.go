// Bulks that fail in part.

package mongo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/test/servers"
)

// Part of a bulk fails: the rest is written, the whole is reported, and repeating the whole repairs it.
func TestPartOfABulkFails(t *testing.T) {
	uri := servers.Mongo(t, servers.Own()).URI
	documents := open(t, uri)
	direct, err := mongo.Connect(options.Client().ApplyURI(uri))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, direct.Disconnect(context.Background())) })
	pages := direct.Database("parley").Collection("pages")
	_, err = pages.InsertOne(t.Context(), bson.M{"_id": "g-1/main#000000", "m": "no messages"})
	require.NoError(t, err)

	batch := []*pb.ConversationMessages{
		{Conversation: "g-1/main", Messages: []*pb.HistoryMessage{{Number: 1}}},
		{Conversation: "g-2/main", Messages: []*pb.HistoryMessage{{Number: 1}}},
	}
	failed := documents.PutMessages(t.Context(), batch)
	require.ErrorAs(t, failed, &mongo.BulkWriteException{}, "what is no duplicate key is no newer document")
	messages, err := documents.Messages(t.Context(), "g-2/main", 1, 1)
	require.NoError(t, err)
	require.Len(t, messages, 1, "a bulk without order goes on behind a failure")
	_, err = pages.DeleteOne(t.Context(), bson.M{"_id": "g-1/main#000000"})
	require.NoError(t, err)
	require.NoError(t, documents.PutMessages(t.Context(), batch))
	messages, err = documents.Messages(t.Context(), "g-1/main", 1, 1)
	require.NoError(t, err)
	require.Len(t, messages, 1)
}

// Batches that are written at the same moment share bulks: an error of one is returned to that one alone, and a checkpoint
// that does not move, because the store lacks what comes before, does not hold up the others.
func TestBatchesOfOneBulkFailAlone(t *testing.T) {
	uri := servers.Mongo(t, servers.Own()).URI
	documents := open(t, uri)
	direct, err := mongo.Connect(options.Client().ApplyURI(uri))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, direct.Disconnect(context.Background())) })
	_, err = direct.Database("parley").Collection("pages").InsertOne(t.Context(), bson.M{"_id": "g-0/main#000000", "m": "no messages"})
	require.NoError(t, err)

	const batches, bad = 16, 0
	failed, checkpoints := make([]error, batches), make([]int64, batches)
	var all sync.WaitGroup
	for i := range batches {
		all.Go(func() {
			failed[i] = documents.PutMessages(t.Context(), []*pb.ConversationMessages{
				{Conversation: fmt.Sprintf("g-%d/main", i), Messages: []*pb.HistoryMessage{{Number: 1}}}})
			span := &pb.Span{View: "history@1", Partition: int32(i), ToOffset: 5}
			_, first := documents.Advance(t.Context(), span)
			if span.FromOffset, span.ToOffset = 5, 9; i == bad {
				span.FromOffset = 7
			}
			checkpoint, err := documents.Advance(t.Context(), span)
			checkpoints[i] = checkpoint
			if i != bad {
				failed[i] = errors.Join(failed[i], first, err)
			}
		})
	}
	all.Wait()
	for i := range batches {
		if i == bad {
			require.ErrorAs(t, failed[i], &mongo.BulkWriteException{})
			require.EqualValues(t, 5, checkpoints[i])
			continue
		}
		require.NoError(t, failed[i])
		require.EqualValues(t, 9, checkpoints[i])
	}
}

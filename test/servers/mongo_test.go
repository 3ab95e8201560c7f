// This file checks that the MongoDB-wire server does what the views' stores rely on, in memory and on disk.

package servers

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

func mongoCollection(t *testing.T, m *MongoServer) *mongo.Collection {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(m.URI))
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) }) // the server may be gone by now
	return client.Database("servers_test").Collection(fmt.Sprintf("c%d", time.Now().UnixNano()))
}

func pageID(i int) string { return fmt.Sprintf("home/conversation#%06d", i) }

func TestMongoInMemory(t *testing.T) {
	began := time.Now()
	m := Mongo(t)
	t.Logf("started in %v", time.Since(began).Round(time.Millisecond))
	checkMongo(t, mongoCollection(t, m))
}

func TestMongoOnDiskKeepsWritesThroughKill(t *testing.T) {
	m := Mongo(t, OnDisk())
	c := mongoCollection(t, m)
	checkMongo(t, c)
	ctx := shortly(t, time.Minute)
	_, err := c.InsertOne(ctx, bson.M{"_id": "last", "n": 7})
	require.NoError(t, err)
	before, err := c.CountDocuments(ctx, bson.M{})
	require.NoError(t, err)

	require.NoError(t, m.Kill())
	began := time.Now()
	require.NoError(t, m.Start())
	t.Logf("started again after kill -9 in %v", time.Since(began).Round(time.Millisecond))
	var last struct{ N int }
	require.NoError(t, c.FindOne(ctx, bson.M{"_id": "last"}).Decode(&last))
	require.Equal(t, 7, last.N)
	after, err := c.CountDocuments(ctx, bson.M{})
	require.NoError(t, err)
	require.Equal(t, before, after)
	_, err = c.InsertOne(ctx, bson.M{"_id": "last"})
	require.True(t, mongo.IsDuplicateKeyError(err), "the unique index came back with the data")
}

func checkMongo(t *testing.T, c *mongo.Collection) {
	ctx := shortly(t, time.Minute)
	t.Run("bulks of 500 upserts", func(t *testing.T) { checkBulk(ctx, t, c) })
	t.Run("look-ups", func(t *testing.T) { checkLookUps(ctx, t, c) })
	t.Run("a newer position answers E11000", func(t *testing.T) { checkNewer(ctx, t, c) })
	t.Run("concurrent sets all survive", func(t *testing.T) { checkConcurrent(ctx, t, c) })
}

func setMessage(i, number, position int) *mongo.UpdateOneModel {
	return mongo.NewUpdateOneModel().SetFilter(bson.M{"_id": pageID(i), "p": bson.M{"$lt": position}}).
		SetUpdate(bson.M{"$set": bson.M{fmt.Sprintf("m.%d", number): bson.M{"b": "hello"}, "p": position}}).SetUpsert(true)
}

// checkBulk writes each page twice: once new, once existing.
func checkBulk(ctx context.Context, t *testing.T, c *mongo.Collection) {
	const rounds, size = 4, 500
	began := time.Now()
	for position := 1; position <= 2; position++ {
		for r := range rounds {
			var models []mongo.WriteModel
			for i := range size {
				models = append(models, setMessage(r*size+i, 122+position, position))
			}
			_, err := c.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
			require.NoError(t, err)
		}
	}
	n, err := c.CountDocuments(ctx, bson.M{"p": 2})
	require.NoError(t, err)
	require.EqualValues(t, rounds*size, n)
	t.Logf("%.0f upserts/s", 2*rounds*size/time.Since(began).Seconds())
}

func checkLookUps(ctx context.Context, t *testing.T, c *mongo.Collection) {
	const n = 200
	began := time.Now()
	for i := range n {
		require.NoError(t, c.FindOne(ctx, bson.M{"_id": pageID(i)}).Err())
	}
	t.Logf("%v for one _id", (time.Since(began) / n).Round(time.Microsecond))

	found, err := c.Find(ctx, bson.M{"_id": bson.M{"$in": bson.A{pageID(3), pageID(1999), "nobody"}}})
	require.NoError(t, err)
	var pages []bson.M
	require.NoError(t, found.All(ctx, &pages))
	require.Len(t, pages, 2)

	var page struct {
		P int
		M map[string]bson.M
	}
	require.NoError(t, c.FindOne(ctx, bson.M{"_id": pageID(7)}, options.FindOne().SetProjection(bson.M{"m.124": 1})).Decode(&page))
	require.Zero(t, page.P)
	require.Equal(t, map[string]bson.M{"124": {"b": "hello"}}, page.M)
}

func checkNewer(ctx context.Context, t *testing.T, c *mongo.Collection) {
	var models []mongo.WriteModel
	for i := range 500 {
		models = append(models, setMessage(i, 200, []int{1, 9}[i%2])) // every other one comes too late
	}
	done, err := c.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
	var bulk mongo.BulkWriteException
	require.ErrorAs(t, err, &bulk)
	require.True(t, mongo.IsDuplicateKeyError(err))
	require.Len(t, bulk.WriteErrors, 250)
	for _, e := range bulk.WriteErrors {
		require.Equal(t, 11000, e.Code)
		require.Zero(t, e.Index%2, "the answer names the ones that came too late")
	}
	require.EqualValues(t, 250, done.MatchedCount)
}

func checkConcurrent(ctx context.Context, t *testing.T, c *mongo.Collection) {
	const writers, each = 20, 20
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				update := bson.M{"$set": bson.M{fmt.Sprintf("m.%d", w*each+i): i}}
				_, err := c.UpdateOne(ctx, bson.M{"_id": "one"}, update, options.UpdateOne().SetUpsert(true))
				if err != nil && !mongo.IsDuplicateKeyError(err) {
					t.Errorf("concurrent $set: %v", err)
				}
			}
		})
	}
	wg.Wait()
	var one struct{ M map[string]int }
	require.NoError(t, c.FindOne(ctx, bson.M{"_id": "one"}).Decode(&one))
	require.Len(t, one.M, writers*each)
}

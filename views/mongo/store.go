// Package mongo keeps the documents of the views in MongoDB.
//
// Every document is read and written by its exact _id. A write carries its position and is filtered by it: an upsert that
// meets a newer document fails with E11000, which means that a newer one is there. Nothing is incremented, pushed or
// written in a transaction, so every batch may be repeated.
//
//	conversations  {_id: "g-1/main", position: seq, kind: "GROUP", title: sealed, members: [{user, role, since_seq}], seq, number}
//	pages          {_id: "g-1/main#000042", m: {"1051": {seq, sender, time, body: sealed}, ...}}: 25 messages a page
//	people         {_id: "bob", position: version, exists: true, display_name: sealed, version}
//	places         {_id: "history@1/12", position: next offset of the view in partition 12}
//	generations    {_id: "history", position: version, value}: which generation of the view is read; none = the first
//
// A view that is built anew beside the old one is another generation: its collections end in _g2, _g3 and so on, and so do
// the ids of its checkpoints.
package mongo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/parley-im/parley/views/store"
)

// Limits of the connection to MongoDB.
const (
	operationTimeout = 5 * time.Second // for one operation, its retries included
	electionTimeout  = 5 * time.Second // for a primary to be found
	dialTimeout      = 2 * time.Second
	maxConnections   = 64 // at most, for each process and server
)

// database is used when the URI names none.
const database = "parley"

// Store is one database.
type Store struct {
	client        *mongo.Client
	conversations *bulker
	pages         *bulker
	people        *bulker
	checkpoints   *bulker
	pointers      *mongo.Collection
	generations   map[string]int // of views, by short name; none = 1
}

// Open connects, and fails when MongoDB does not answer. The URI may name the database.
func Open(ctx context.Context, uri string) (*Store, error) {
	settings := options.Client().ApplyURI(uri).
		SetAppName("parley-view").
		SetTimeout(operationTimeout).SetServerSelectionTimeout(electionTimeout).SetConnectTimeout(dialTimeout).
		SetMaxPoolSize(maxConnections).
		// Law of reads: membership is written before content and read after it. That holds only for what cannot be
		// rolled back and when every reader asks the same server.
		SetWriteConcern(writeconcern.Majority()).SetReadConcern(readconcern.Majority()).
		SetReadPreference(readpref.Primary())
	if err := settings.Validate(); err != nil {
		return nil, fmt.Errorf("the address of MongoDB must be a mongodb:// URI: %w", err)
	}
	client, err := mongo.Connect(settings)
	if err != nil {
		return nil, fmt.Errorf("connect to MongoDB: %w", err)
	}
	if err := client.Ping(ctx, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("MongoDB at %v does not answer; start it or correct the URI: %w",
			settings.Hosts, err), client.Disconnect(ctx))
	}
	db := client.Database(databaseOf(uri))
	opened := &Store{client: client, checkpoints: newBulker(db.Collection("places")), pointers: db.Collection("generations")}
	return opened.at(nil), nil
}

// at is the database at generations of its views.
func (s *Store) at(generations map[string]int) *Store {
	at := *s
	at.generations = generations
	db := s.checkpoints.into.Database()
	at.conversations = newBulker(db.Collection("conversations" + at.suffix(store.History)))
	at.pages = newBulker(db.Collection("pages" + at.suffix(store.History)))
	at.people = newBulker(db.Collection("people" + at.suffix(store.People)))
	return &at
}

func (s *Store) suffix(view string) string { return suffixOf(s.generations[view]) }

func suffixOf(generation int) string {
	if generation > 1 {
		return "_g" + strconv.Itoa(generation)
	}
	return ""
}

func databaseOf(uri string) string {
	if parsed, err := connstring.Parse(uri); err == nil && parsed.Database != "" {
		return parsed.Database
	}
	return database
}

// Close closes the connections.
func (s *Store) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()
	return s.client.Disconnect(ctx)
}

// valued is a document of this package's own that is replaced only by a newer one.
type valued struct {
	ID       string `bson:"_id"`
	Position int64  `bson:"position"`
	Value    []byte `bson:"value,omitempty"`
}

// find reads documents by exact _id.
func find[D any](ctx context.Context, from *mongo.Collection, ids []string) ([]D, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	cursor, err := from.Find(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}})
	if err != nil {
		return nil, err
	}
	var found []D
	return found, cursor.All(ctx, &found)
}

// read decodes documents by exact _id, in the order of the ids; nil where there is none.
func read[M any, P interface {
	*M
	proto.Message
}](ctx context.Context, from *mongo.Collection, as *shape, ids []string) ([]*M, error) {
	found, err := find[bson.Raw](ctx, from, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]bson.Raw, len(found))
	for _, document := range found {
		id, _ := document.Lookup("_id").StringValueOK()
		byID[id] = document
	}
	values := make([]*M, len(ids))
	for i, id := range ids {
		document, ok := byID[id]
		if !ok {
			continue
		}
		values[i] = new(M)
		message := P(values[i]).ProtoReflect()
		message.Set(as.id, protoreflect.ValueOfString(id))
		if err := as.read(document, message); err != nil {
			return nil, fmt.Errorf("document %s of %s: %w", id, from.Name(), err)
		}
	}
	return values, nil
}

// replace writes a document unless one of the same or a newer position is there.
func replace(document valued) mongo.WriteModel {
	older := bson.D{{Key: "_id", Value: document.ID}, {Key: "position", Value: bson.D{{Key: "$lt", Value: document.Position}}}}
	set := bson.D{{Key: "position", Value: document.Position}, {Key: "value", Value: document.Value}}
	return mongo.NewUpdateOneModel().SetFilter(older).SetUpdate(bson.D{{Key: "$set", Value: set}}).SetUpsert(true)
}

// renew writes a message as a document unless one of the same or a newer position is there.
func renew(id string, position int64, as *shape, m protoreflect.Message) mongo.WriteModel {
	older := bson.D{{Key: "_id", Value: id}, {Key: "position", Value: bson.D{{Key: "$lt", Value: position}}}}
	return mongo.NewReplaceOneModel().SetFilter(older).SetReplacement(as.at(position, m)).SetUpsert(true)
}

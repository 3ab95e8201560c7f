// What the views keep their folds in: two kinds of stores behind one interface each, opened by settings.

package views

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views/mongo"
	"github.com/parley-im/parley/views/pebble"
	"github.com/parley-im/parley/views/query"
	"github.com/parley-im/parley/views/redis"
)

// Places is how far views have folded each partition. It stands in the store itself: whatever loses the folds loses the
// place with them, and the view begins again there.
type Places interface {
	// Place is the offset below which everything is in the store, 0 when the store knows of nothing.
	Place(ctx context.Context, view string, partition int32) (int64, error)
	// Forget makes the view fold the partition again from the log's beginning.
	Forget(ctx context.Context, view string, partition int32) error
}

// Lists is the kind of store that Redis is. A Put writes its batch and the place together or not at all, and answers the
// place: below span.ToOffset nothing was written, because what comes before the span is not there.
type Lists interface {
	query.Lists
	Places
	// Lines reads lines together with the place that they are true at.
	Lines(ctx context.Context, span *pb.Span, wanted []*pb.InboxLine) (int64, []*pb.ConversationSummary, error)
	PutInbox(ctx context.Context, span *pb.Span, entries []*pb.InboxEntry, lines []*pb.InboxLine) (int64, error)
	PutMarks(ctx context.Context, span *pb.Span, marks []*pb.MemberMarks) (int64, error)
	PutPresence(ctx context.Context, span *pb.Span, people []*pb.PersonPresence) (int64, error)
	Close() error
}

// Documents is the kind of store that MongoDB is. A Put loses to what is newer. The place is advanced after the Puts and
// answered: below span.ToOffset it did not move, because what comes before the span is not there.
type Documents interface {
	query.Documents
	Places
	PutConversations(ctx context.Context, documents []*pb.ConversationDocument) error
	PutMessages(ctx context.Context, messages []*pb.ConversationMessages) error
	PutPeople(ctx context.Context, people []*pb.Person) error
	Advance(ctx context.Context, span *pb.Span) (int64, error)
	Close() error
}

// The kinds of documents stores.
const (
	Mongo  = "mongo"
	Pebble = "pebble"
)

// StoreSettings say which stores to open. What is left empty is not opened.
type StoreSettings struct {
	Plan      topology.Plan
	Redis     string      // host:port or redis:// URL
	RedisTLS  *tls.Config // nil = as the URL says
	Documents string      // Mongo or Pebble
	MongoURI  string      // mongodb:// URI; it may name the database
	PebbleDir string      // folder; one process at a time
}

// Stores are open stores. Several views and the query service of one process share them. When they were opened by Open they
// follow the switches between generations: see Now.
type Stores struct {
	Lists     Lists
	Documents Documents

	lists, documents *generations // nil = the generation of the store itself, for ever
}

// Open opens what the settings name.
func Open(ctx context.Context, settings StoreSettings) (Stores, error) {
	var stores Stores
	if settings.Redis != "" {
		lists, err := redis.Open(ctx, redis.Options{
			Address: settings.Redis, TLS: settings.RedisTLS,
			Partition: func(user string) int32 { return topology.PartitionOf(user, settings.Plan.Partitions) },
		})
		if err != nil {
			return Stores{}, err
		}
		stores.Lists = lists
	}
	documents, err := openDocuments(ctx, settings)
	if err != nil {
		return Stores{}, errors.Join(err, stores.Close())
	}
	stores.Documents = documents
	stores.lists, stores.documents = &generations{plan: settings.Plan, redis: true}, &generations{plan: settings.Plan}
	return stores.Now(ctx), nil
}

func openDocuments(ctx context.Context, settings StoreSettings) (Documents, error) {
	switch settings.Documents {
	case "":
		return nil, nil
	case Mongo:
		store, err := mongo.Open(ctx, settings.MongoURI)
		if err != nil {
			return nil, err
		}
		return store, nil
	case Pebble:
		store, err := pebble.Open(settings.PebbleDir)
		if err != nil {
			return nil, err
		}
		return store, nil
	}
	return nil, fmt.Errorf("documents = %q is not known; use %q or %q", settings.Documents, Mongo, Pebble)
}

// Close closes the stores.
func (s Stores) Close() error {
	var failed error
	if s.Lists != nil {
		failed = errors.Join(failed, s.Lists.Close())
	}
	if s.Documents != nil {
		failed = errors.Join(failed, s.Documents.Close())
	}
	return failed
}

// The stores of a process: two kinds, opened by settings, at the generations of the views that are read.

package views

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views/mongo"
	"github.com/parley-im/parley/views/pebble"
	"github.com/parley-im/parley/views/redis"
	"github.com/parley-im/parley/views/serve"
	"github.com/parley-im/parley/views/store"
)

// The kinds of stores, as the plan names them.
const (
	listsKind     = "redis"
	documentsKind = "documents"
)

// The stores of documents.
const (
	Mongo  = "mongo"
	Pebble = "pebble"
)

// StoreSettings are which stores to open. What is left empty is not opened.
type StoreSettings struct {
	Plan      topology.Plan
	Redis     string      // host:port or redis:// URL
	RedisTLS  *tls.Config // nil = as the URL says
	Documents string      // Mongo or Pebble
	MongoURI  string      // mongodb:// URI; it may name the database
	PebbleDir string      // folder; one process at a time
}

// Stores are open stores. Several views and the query service of one process share them. Opened by Open they follow the
// switches between generations: see Now.
type Stores struct {
	Lists     store.Lists     // nil = not open
	Documents store.Documents // nil = not open

	lists, documents *pointers // nil = the generation that the store is at, for ever
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
	stores.lists, stores.documents = pointersOf(settings.Plan, listsKind), pointersOf(settings.Plan, documentsKind)
	return stores.Now(ctx), nil
}

func openDocuments(ctx context.Context, settings StoreSettings) (store.Documents, error) {
	switch settings.Documents {
	case "":
		return nil, nil
	case Mongo:
		opened, err := mongo.Open(ctx, settings.MongoURI)
		if err != nil {
			return nil, err
		}
		return opened, nil
	case Pebble:
		opened, err := pebble.Open(settings.PebbleDir)
		if err != nil {
			return nil, err
		}
		return opened, nil
	}
	return nil, fmt.Errorf("documents = %q is not known; use %q or %q", settings.Documents, Mongo, Pebble)
}

// ErrNotOpen means that the store of a view is not open.
var ErrNotOpen = errors.New("the store of this view is not open")

// Of is the store of a view.
func (s Stores) Of(view topology.View) (store.Store, error) {
	switch {
	case view.Store == listsKind && s.Lists != nil:
		return s.Lists, nil
	case view.Store == documentsKind && s.Documents != nil:
		return s.Documents, nil
	}
	return nil, fmt.Errorf("view %s: %w", view.Name, ErrNotOpen)
}

// At are the stores with one view at another generation, for ever.
func (s Stores) At(view topology.View, generation int) Stores {
	at, generations := Stores{Lists: s.Lists, Documents: s.Documents}, map[string]int{view.Name: generation}
	switch {
	case view.Store == listsKind && s.Lists != nil:
		at.Lists = s.Lists.At(generations)
	case view.Store == documentsKind && s.Documents != nil:
		at.Documents = s.Documents.At(generations)
	}
	return at
}

// Now are the stores at the generations that are read now. When a store cannot answer, it stays at those that were read
// before: the operation that follows fails by itself.
func (s Stores) Now(ctx context.Context) Stores {
	s, _, _ = s.now(ctx, listsKind)
	s, _, _ = s.now(ctx, documentsKind)
	return s
}

// now are the stores with one kind at the generations of its views that are read now, and these generations.
func (s Stores) now(ctx context.Context, kind string) (Stores, map[string]int, error) {
	switch {
	case kind == listsKind && s.Lists != nil && s.lists != nil:
		generations, err := s.lists.current(ctx, s.Lists)
		s.Lists = s.Lists.At(generations)
		return s, generations, err
	case kind == documentsKind && s.Documents != nil && s.documents != nil:
		generations, err := s.documents.current(ctx, s.Documents)
		s.Documents = s.Documents.At(generations)
		return s, generations, err
	}
	return s, nil, nil
}

// Read are the stores that the query service reads now: it is a serve.Source.
func (s Stores) Read(ctx context.Context) (serve.Lists, serve.Documents) {
	now := s.Now(ctx)
	return now.Lists, now.Documents
}

// PointerOf reads which generations a view has.
func (s Stores) PointerOf(ctx context.Context, view topology.View) (store.Pointer, error) {
	of, err := s.Of(view)
	if err != nil {
		return store.Pointer{}, err
	}
	return store.ReadPointer(ctx, of, view.Name)
}

// Folded is how many records a generation of a view has folded, all partitions together.
func (s Stores) Folded(ctx context.Context, plan topology.Plan, view topology.View, generation int) (int64, error) {
	of, err := s.At(view, generation).Of(view)
	if err != nil {
		return 0, err
	}
	sum := int64(0)
	for partition := range plan.Partitions {
		checkpoint, err := of.Checkpoint(ctx, store.CheckpointName(view.Name, plan.Epoch), partition)
		if err != nil {
			return 0, err
		}
		sum += checkpoint
	}
	return sum, nil
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

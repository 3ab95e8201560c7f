// The marriage of projections and stores: for each view of the plan, what happens with a batch of its records.

package views

import (
	"context"
	"fmt"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views/bookmark"
	"github.com/parley-im/parley/views/people"
	"github.com/parley-im/parley/views/presence"
	"github.com/parley-im/parley/views/store"
)

// batch is a run of records of one partition.
type batch struct {
	span    *pb.Span
	records []topology.Record
	whole   bool             // folded since the log's beginning: what is missing now is missing in the log
	hole    func(key string) // is told of a key whose events are missing in the log
	memory  *memory          // of the partition
}

// fold writes what comes of a batch and answers the store's place. Below the span's end the store took nothing for good:
// it lacks what comes before.
type fold func(ctx context.Context, b batch) (place int64, err error)

// skip is told of a record that cannot be folded.
type skip func(record *topology.Record, why string)

// marry gives each view of the plan its fold.
func marry(view topology.View, stores Stores, skip skip) (fold, store.Checkpoints, error) {
	if view.Store == "redis" && stores.Lists == nil {
		return nil, nil, fmt.Errorf("view %s needs Redis; give its address", view.Name)
	}
	if view.Store == "documents" && stores.Documents == nil {
		return nil, nil, fmt.Errorf("view %s needs a store of documents; give %q or %q", view.Name, Mongo, Pebble)
	}
	lists, documents := stores.Lists, stores.Documents
	switch view.Name {
	case "inbox":
		return foldInbox(lists, skip), lists, nil
	case "bookmark":
		return foldEach(skip, bookmark.Marks, lists.PutMarks), lists, nil
	case "presence":
		return foldEach(skip, presence.Lease, lists.PutPresence), lists, nil
	case "history":
		return foldHistory(documents, skip), documents, nil
	case "people":
		return foldEach(skip, people.Profile, putPeople(documents)), documents, nil
	}
	return nil, nil, fmt.Errorf("no projection is bound to view %q; add it to views/marry.go", view.Name)
}

// event is a message of schemas, by its pointer.
type event[E any] interface {
	*E
	UnmarshalVT([]byte) error
}

// decode opens a record, or tells why it cannot be folded.
func decode[E any, P event[E]](record *topology.Record, skip skip) P {
	opened := P(new(E))
	if err := opened.UnmarshalVT(record.Value); err != nil {
		skip(record, err.Error())
		return nil
	}
	return opened
}

// foldEach folds records that each leave one thing, or nothing, without a look at what is there.
func foldEach[E, W any, P event[E]](
	skip skip,
	project func(key string, opened P) *W,
	put func(ctx context.Context, span *pb.Span, things []*W) (int64, error),
) fold {
	return func(ctx context.Context, b batch) (int64, error) {
		var things []*W
		for i := range b.records {
			opened := decode[E, P](&b.records[i], skip)
			if opened == nil {
				continue
			}
			if thing := project(b.records[i].Key, opened); thing != nil {
				things = append(things, thing)
			}
		}
		return put(ctx, b.span, things)
	}
}

// putPeople writes profiles, one a person, and advances the place behind them.
func putPeople(documents store.Documents) func(context.Context, *pb.Span, []*pb.Person) (int64, error) {
	return func(ctx context.Context, span *pb.Span, people []*pb.Person) (int64, error) {
		var newest []*pb.Person
		at := map[string]int{}
		for _, person := range people {
			i, ok := at[person.User]
			switch {
			case !ok:
				at[person.User] = len(newest)
				newest = append(newest, person)
			case person.Version > newest[i].Version:
				newest[i] = person
			}
		}
		if err := documents.PutPeople(ctx, newest); err != nil {
			return 0, err
		}
		return documents.Advance(ctx, span)
	}
}

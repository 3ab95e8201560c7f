// The view people: profiles, the newest of each person, then the checkpoint.

package views

import (
	"context"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// peopleStore is what the view people needs of its store.
type peopleStore interface {
	PutPeople(ctx context.Context, people []*pb.Person) error
	Advance(ctx context.Context, span *pb.Span) (int64, error)
}

// putPeople writes profiles, one a person, and then advances the checkpoint.
func putPeople(to peopleStore) func(context.Context, *pb.Span, []*pb.Person) (int64, error) {
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
		if err := to.PutPeople(ctx, newest); err != nil {
			return 0, err
		}
		return to.Advance(ctx, span)
	}
}

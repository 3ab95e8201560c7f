// Generations of views: a view that is built anew has collections of its own beside the old ones. Which generation counts is
// said by one document for each view.

package mongo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// collectionsOf are the collections of a view.
var collectionsOf = map[string][]string{"history": {"conversations", "pages"}, "people": {"people"}}

// At is the same database at other generations of its views.
func (s *Store) At(generations map[string]int) *Store {
	at := *s
	at.generations = generations
	db := s.places.into.Database()
	at.conversations = newGate(db.Collection("conversations" + at.suffix("history")))
	at.pages = newGate(db.Collection("pages" + at.suffix("history")))
	at.people = newGate(db.Collection("people" + at.suffix("people")))
	return &at
}

func (s *Store) suffix(view string) string { return suffixOf(s.generations[view]) }

func suffixOf(generation int) string {
	if generation > 1 {
		return "_g" + strconv.Itoa(generation)
	}
	return ""
}

// Pointer is what is said about the generations of a view, and its version; 0 = nothing.
func (s *Store) Pointer(ctx context.Context, view string) (version int64, value []byte, err error) {
	var found valued
	err = s.pointers.FindOne(ctx, bson.D{{Key: "_id", Value: view}}).Decode(&found)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return 0, nil, nil
	}
	return found.Position, found.Value, err
}

// SetPointer replaces what is said about generations by the next version. It is false when somebody else was quicker.
func (s *Store) SetPointer(ctx context.Context, view string, version int64, value []byte) (bool, error) {
	if version == 1 {
		_, err := s.pointers.InsertOne(ctx, valued{ID: view, Position: version, Value: value})
		if mongo.IsDuplicateKeyError(err) {
			return false, nil
		}
		return err == nil, err
	}
	before := bson.D{{Key: "_id", Value: view}, {Key: "position", Value: version - 1}}
	set := bson.D{{Key: "$set", Value: bson.D{{Key: "position", Value: version}, {Key: "value", Value: value}}}}
	changed, err := s.pointers.UpdateOne(ctx, before, set)
	if err != nil {
		return false, err
	}
	return changed.MatchedCount == 1, nil
}

// Drop deletes a generation of a view: its places first, so that whoever still writes to it is refused.
func (s *Store) Drop(ctx context.Context, view string, generation int) error {
	var places []string
	if err := eachID(ctx, s.places.into, func(id string) error {
		name, rest, _ := strings.Cut(id, "@")
		_, behind, later := strings.Cut(rest, "_g")
		if name == view && (later && behind == strconv.Itoa(generation) || !later && generation == 1) {
			places = append(places, id)
		}
		return nil
	}); err != nil {
		return err
	}
	for _, id := range places {
		if _, err := s.places.into.DeleteOne(ctx, bson.D{{Key: "_id", Value: id}}); err != nil {
			return fmt.Errorf("delete the place %s: %w", id, err)
		}
	}
	for _, name := range collectionsOf[view] {
		if err := s.places.into.Database().Collection(name + suffixOf(generation)).Drop(ctx); err != nil {
			return fmt.Errorf("drop generation %d of %s: %w", generation, name, err)
		}
	}
	return nil
}

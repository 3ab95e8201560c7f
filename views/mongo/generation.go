// Generations of views: a view that is built anew has collections of its own beside the old ones. One document for each view
// holds the pointer to the generation that is read.

package mongo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/parley-im/parley/views/store"
)

// collectionsOf are the collections of a view.
var collectionsOf = map[string][]string{store.History: {"conversations", "pages"}, store.People: {"people"}}

// At is the same database at other generations of its views.
func (s *Store) At(generations map[string]int) store.Documents { return s.at(generations) }

// Pointer is the pointer of a view, and its version; 0 = there is none.
func (s *Store) Pointer(ctx context.Context, view string) (version int64, value []byte, err error) {
	var found valued
	err = s.pointers.FindOne(ctx, bson.D{{Key: "_id", Value: view}}).Decode(&found)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return 0, nil, nil
	}
	return found.Position, found.Value, err
}

// SetPointer replaces the pointer by the next version. It is false when another writer was faster.
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

// Drop deletes a generation of a view: its checkpoints first, so that a process that still writes to it is refused.
func (s *Store) Drop(ctx context.Context, view string, generation int) error {
	var checkpoints []string
	if err := eachID(ctx, s.checkpoints.into, func(id string) error {
		name, rest, _ := strings.Cut(id, "@")
		_, behind, later := strings.Cut(rest, "_g")
		if name == view && (later && behind == strconv.Itoa(generation) || !later && generation == 1) {
			checkpoints = append(checkpoints, id)
		}
		return nil
	}); err != nil {
		return err
	}
	for _, id := range checkpoints {
		if _, err := s.checkpoints.into.DeleteOne(ctx, bson.D{{Key: "_id", Value: id}}); err != nil {
			return fmt.Errorf("delete the checkpoint %s: %w", id, err)
		}
	}
	for _, name := range collectionsOf[view] {
		if err := s.checkpoints.into.Database().Collection(name + suffixOf(generation)).Drop(ctx); err != nil {
			return fmt.Errorf("drop generation %d of %s: %w", generation, name, err)
		}
	}
	return nil
}

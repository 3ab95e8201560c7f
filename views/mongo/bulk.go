// Bulks: what several partitions write at the same moment goes out together. Whoever finds the way free sends what waits
// until then, so a lone batch waits for nobody and many batches share a round trip.

package mongo

import (
	"context"
	"errors"
	"sync"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// bulkWrites is how many writes go out together; one batch may be more.
const bulkWrites = 500

// gate lets one bulk at a time into a collection.
type gate struct {
	into *mongo.Collection

	mu      sync.Mutex
	waiting []*cargo
	way     sync.Mutex // held by whoever sends
}

// cargo is the writes of one caller, and what became of them.
type cargo struct {
	writes []mongo.WriteModel
	sent   bool // of the way
	met    []mongo.WriteModel
	all    bool // every write of its bulk matched a document that was there
	err    error
}

func newGate(into *mongo.Collection) *gate { return &gate{into: into} }

// write sends writes without order and answers those that met a document that is there already (E11000). Whatever else
// fails fails the whole: the caller repeats all of it, which changes nothing where it went well.
func (g *gate) write(ctx context.Context, writes []mongo.WriteModel) *cargo {
	own := &cargo{writes: writes}
	if len(writes) == 0 {
		return own
	}
	g.mu.Lock()
	g.waiting = append(g.waiting, own)
	g.mu.Unlock()
	g.way.Lock()
	defer g.way.Unlock()
	for !own.sent {
		// Who sends for others must not fail for them: the store's own limit of an operation holds for all.
		g.send(context.WithoutCancel(ctx), g.next())
	}
	return own
}

// next takes what waits, as much as fits into one bulk and at least one cargo.
func (g *gate) next() []*cargo {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, size := 0, 0
	for n < len(g.waiting) && (n == 0 || size+len(g.waiting[n].writes) <= bulkWrites) {
		size += len(g.waiting[n].writes)
		n++
	}
	bulk := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	return bulk
}

// send sends a bulk and tells each cargo what became of it.
func (g *gate) send(ctx context.Context, bulk []*cargo) {
	writes := bulk[0].writes
	if len(bulk) > 1 {
		writes = nil
		for _, c := range bulk {
			writes = append(writes, c.writes...)
		}
	}
	result, err := g.into.BulkWrite(ctx, writes, options.BulkWrite().SetOrdered(false))
	wrong, err := wrongOf(err)
	if err != nil && len(bulk) > 1 && !mongo.IsTimeout(err) && !mongo.IsNetworkError(err) {
		for _, c := range bulk { // it may be the fault of one of them: the others are not to suffer
			g.send(ctx, []*cargo{c})
		}
		return
	}
	from := 0
	for _, c := range bulk {
		c.sent, c.err = true, err
		c.all = err == nil && len(wrong) == 0 && result.MatchedCount == int64(len(writes))
		var refused mongo.BulkWriteException
		for i := range c.writes {
			if what, is := wrong[from+i]; is && mongo.IsDuplicateKeyError(what) {
				c.met = append(c.met, c.writes[i])
			} else if is {
				refused.WriteErrors = append(refused.WriteErrors, what)
			}
		}
		if len(refused.WriteErrors) > 0 {
			c.err = refused
		}
		from += len(c.writes)
	}
}

// wrongOf tells writes that were refused, by their places in the bulk, from what fails the whole.
func wrongOf(err error) (map[int]mongo.BulkWriteError, error) {
	var partly mongo.BulkWriteException
	if err == nil || !errors.As(err, &partly) || partly.WriteConcernError != nil {
		return nil, err
	}
	wrong := make(map[int]mongo.BulkWriteError, len(partly.WriteErrors))
	for _, refused := range partly.WriteErrors {
		wrong[refused.Index] = refused
	}
	return wrong, nil
}

// Bulks: what several partitions write at the same moment is sent together. The first caller sends everything that waits,
// so a single batch does not wait and many batches share a round trip.

package mongo

import (
	"context"
	"errors"
	"sync"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// bulkWrites is how many writes are sent together; one batch may be more.
const bulkWrites = 500

// bulker sends one bulk at a time to a collection.
type bulker struct {
	into *mongo.Collection

	mu      sync.Mutex
	waiting []*writes
	sending sync.Mutex // held by the caller that sends
}

// writes are those of one caller, and their outcome.
type writes struct {
	models []mongo.WriteModel
	sent   bool
	exist  []mongo.WriteModel // those that met a document that is there already (E11000)
	all    bool               // every write of the bulk matched a document that was there
	err    error
}

func newBulker(into *mongo.Collection) *bulker { return &bulker{into: into} }

// write sends writes without order. An error fails the whole: the caller repeats all of it, which changes nothing where it
// succeeded.
func (g *bulker) write(ctx context.Context, models []mongo.WriteModel) *writes {
	own := &writes{models: models}
	if len(models) == 0 {
		return own
	}
	g.mu.Lock()
	g.waiting = append(g.waiting, own)
	g.mu.Unlock()
	g.sending.Lock()
	defer g.sending.Unlock()
	for !own.sent {
		// A caller that sends for others must not cancel for them: the store's own timeout of an operation holds for all.
		g.send(context.WithoutCancel(ctx), g.next())
	}
	return own
}

// next takes what waits, as much as fits into one bulk and at least the writes of one caller.
func (g *bulker) next() []*writes {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, size := 0, 0
	for n < len(g.waiting) && (n == 0 || size+len(g.waiting[n].models) <= bulkWrites) {
		size += len(g.waiting[n].models)
		n++
	}
	bulk := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	return bulk
}

// send sends a bulk and gives each caller's writes their outcome.
func (g *bulker) send(ctx context.Context, bulk []*writes) {
	models := bulk[0].models
	if len(bulk) > 1 {
		models = nil
		for _, c := range bulk {
			models = append(models, c.models...)
		}
	}
	result, err := g.into.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
	refusals, err := refusalsOf(err)
	if err != nil && len(bulk) > 1 && !mongo.IsTimeout(err) && !mongo.IsNetworkError(err) {
		for _, c := range bulk { // one caller's writes may have failed all: send each alone
			g.send(ctx, []*writes{c})
		}
		return
	}
	from := 0
	for _, c := range bulk {
		c.sent, c.err = true, err
		c.all = err == nil && len(refusals) == 0 && result.MatchedCount == int64(len(models))
		var refused mongo.BulkWriteException
		for i := range c.models {
			if refusal, ok := refusals[from+i]; ok && mongo.IsDuplicateKeyError(refusal) {
				c.exist = append(c.exist, c.models[i])
			} else if ok {
				refused.WriteErrors = append(refused.WriteErrors, refusal)
			}
		}
		if len(refused.WriteErrors) > 0 {
			c.err = refused
		}
		from += len(c.models)
	}
}

// refusalsOf separates writes that were refused, by their index in the bulk, from an error that fails the whole.
func refusalsOf(err error) (map[int]mongo.BulkWriteError, error) {
	var partly mongo.BulkWriteException
	if err == nil || !errors.As(err, &partly) || partly.WriteConcernError != nil {
		return nil, err
	}
	refusals := make(map[int]mongo.BulkWriteError, len(partly.WriteErrors))
	for _, refused := range partly.WriteErrors {
		refusals[refused.Index] = refused
	}
	return refusals, nil
}

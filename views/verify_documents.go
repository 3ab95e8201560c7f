// Comparison of documents with the log. A document says of which number it is; the place of its view is written behind it,
// so a document may be ahead of its place for a moment, and never behind.

package views

import (
	"context"
	"errors"
	"time"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views/store"
)

// Limits of a comparison.
const (
	placePatience = 10 * time.Second       // for a view to write the place behind a document that it wrote
	placePause    = 100 * time.Millisecond // between two looks
	messagesAhead = 25                     // numbers behind the last message that must not be there
	messagesRead  = 500                    // at once
)

// compareDocuments compares every document that either store has.
func (r *VerifyReport) compareDocuments(ctx context.Context) error {
	var failed error
	if c := r.names["history"]; c != nil {
		failed = c.compareEach(ctx, store.Documents.EachConversation, c.compareConversation, func(in store.Documents, key string) (bool, error) {
			found, err := in.Conversations(ctx, []string{key})
			return err == nil && found[0] != nil, err
		})
	}
	if c := r.names["people"]; c != nil && failed == nil {
		failed = c.compareEach(ctx, store.Documents.EachPerson, c.comparePerson, func(in store.Documents, user string) (bool, error) {
			found, err := in.People(ctx, []string{user})
			return err == nil && found[0] != nil, err
		})
	}
	return failed
}

// compareEach compares all that the live store has, then what the fresh one has besides.
func (c *comparison) compareEach(
	ctx context.Context, all func(store.Documents, context.Context, func(string) error) error,
	compare func(ctx context.Context, live, fresh store.Documents, key string) error, has func(store.Documents, string) (bool, error),
) error {
	live, fresh := c.config.Live.Documents, c.config.Fresh.Documents
	late := func(key string) bool { return c.late[topology.PartitionOf(key, c.config.Plan.Partitions)] }
	if err := all(live, ctx, func(key string) error {
		if late(key) {
			return nil
		}
		return compare(ctx, live, fresh, key)
	}); err != nil {
		return err
	}
	return all(fresh, ctx, func(key string) error {
		if there, err := has(live, key); err != nil || there || late(key) {
			return err
		}
		return compare(ctx, live, fresh, key)
	})
}

// document is what is compared: its number, and whether it is the same.
type document interface{ comparable }

// compareDocument brings the fold to the document's number and compares. It answers what the log says, nil when they differ.
func compareDocument[D document](
	ctx context.Context, c *comparison, key string, live, fresh func() (D, error), number func(D) uint64, same func(a, b D) bool,
) (D, error) {
	var none D
	partition := topology.PartitionOf(key, c.config.Plan.Partitions)
	c.report.Keys[c.view.Name]++
	for until := time.Now().Add(placePatience); ; time.Sleep(placePause) {
		have, err := live()
		if err != nil {
			return none, err
		}
		if err := c.follow(ctx, partition); err != nil {
			return none, err
		}
		want, err := fresh()
		if err != nil {
			return none, err
		}
		place := c.at[partition]
		switch {
		case number(have) > number(want) && time.Now().Before(until) && ctx.Err() == nil:
			continue // the place is written behind the document
		case number(have) < number(want): // read before the fold was brought further
			if have, err = live(); err != nil {
				return none, err
			}
		}
		switch {
		case same(have, want):
			return want, nil
		case number(have) > number(want) && time.Now().Before(until) && ctx.Err() == nil:
			continue
		case have == none:
			c.report.differ(c.view.Name, key, place, "it is not there")
		case want == none:
			c.report.differ(c.view.Name, key, place, "the log knows nothing of it")
		default:
			c.report.differ(c.view.Name, key, place, "it is of number %d and the log says %d, or it holds something else", number(have), number(want))
		}
		return none, nil
	}
}

func (c *comparison) comparePerson(ctx context.Context, live, fresh store.Documents, user string) error {
	read := func(from store.Documents) func() (*pb.Person, error) {
		return func() (*pb.Person, error) {
			found, err := from.People(ctx, []string{user})
			if err != nil {
				return nil, err
			}
			return found[0], nil
		}
	}
	_, err := compareDocument(ctx, c, user, read(live), read(fresh), (*pb.Person).GetVersion, (*pb.Person).EqualVT)
	return err
}

func (c *comparison) compareConversation(ctx context.Context, live, fresh store.Documents, key string) error {
	read := func(from store.Documents) func() (*pb.ConversationDocument, error) {
		return func() (*pb.ConversationDocument, error) {
			found, err := from.Conversations(ctx, []string{key})
			if err != nil {
				return nil, err
			}
			return found[0], nil
		}
	}
	document, err := compareDocument(ctx, c, key, read(live), read(fresh), (*pb.ConversationDocument).GetSeq, (*pb.ConversationDocument).EqualVT)
	if err != nil || document == nil {
		return err
	}
	place := c.at[topology.PartitionOf(key, c.config.Plan.Partitions)]
	for from := uint64(1); from <= document.Number; from += messagesRead {
		to := min(from+messagesRead-1, document.Number)
		have, errLive := live.Messages(ctx, key, from, to)
		want, errFresh := fresh.Messages(ctx, key, from, to)
		if err := errors.Join(errLive, errFresh); err != nil {
			return err
		}
		c.compareMessages(key, place, have, want)
	}
	return c.noneBehind(ctx, live, key, document.Number, place)
}

func (c *comparison) compareMessages(key string, place int64, have, want []*pb.HistoryMessage) {
	byNumber := map[uint64]*pb.HistoryMessage{}
	for _, m := range have {
		byNumber[m.Number] = m
	}
	for _, m := range want {
		c.report.Keys[c.view.Name]++
		switch found := byNumber[m.Number]; {
		case found == nil:
			c.report.differ(c.view.Name, key, place, "message %d is not there", m.Number)
		case !found.EqualVT(m):
			c.report.differ(c.view.Name, key, place, "message %d is another than the log says", m.Number)
		}
		delete(byNumber, m.Number)
	}
	for _, m := range have {
		if byNumber[m.Number] != nil {
			c.report.differ(c.view.Name, key, place, "the log knows nothing of message %d", m.Number)
		}
	}
}

// noneBehind looks for messages behind the last one. A document is written before its messages, so it is asked again.
func (c *comparison) noneBehind(ctx context.Context, live store.Documents, key string, last uint64, place int64) error {
	extra, err := live.Messages(ctx, key, last+1, last+messagesAhead)
	if err != nil || len(extra) == 0 {
		return err
	}
	now, err := live.Conversations(ctx, []string{key})
	if err != nil {
		return err
	}
	for _, m := range extra {
		if m.Number > now[0].GetNumber() {
			c.report.differ(c.view.Name, key, place, "the log knows nothing of message %d", m.Number)
		}
	}
	return nil
}

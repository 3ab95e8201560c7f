// Comparison of documents. A document carries its number; the checkpoint of its view is written after it, so a document may
// be ahead of its checkpoint for a moment, and never behind.

package prove

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/store"
)

const (
	messagesAhead = 25  // numbers after the last message under which there must be none
	messagesRead  = 500 // at once
)

// compareDocuments compares all documents that the live store has, then those that only the fresh one has.
func (c *comparison) compareDocuments(ctx context.Context) error {
	live, fresh := c.config.Live.Documents, c.config.Fresh.Documents
	late := func(key string) bool { return c.late[topology.PartitionOf(key, c.config.Plan.Partitions)] }
	if err := c.Row.Compare.Each(live, ctx, func(key string) error {
		if late(key) {
			return nil
		}
		return c.compare(ctx, live, fresh, key)
	}); err != nil {
		return err
	}
	return c.Row.Compare.Each(fresh, ctx, func(key string) error {
		found, err := c.Row.Compare.Read(ctx, live, key)
		if err != nil || found.Content != nil || late(key) {
			return err
		}
		return c.compare(ctx, live, fresh, key)
	})
}

// compare compares a document, and its messages.
func (c *comparison) compare(ctx context.Context, live, fresh store.Documents, key string) error {
	document, err := c.compareDocument(ctx, live, fresh, key)
	if err != nil || document.Content == nil || c.Row.Compare.Messages == nil {
		return err
	}
	if err := c.compareMessages(ctx, live, fresh, key, c.checkpointOf(key), document.Messages); err != nil {
		return err
	}
	return c.noneAhead(ctx, live, key, document.Messages)
}

// compareDocument brings the fold to the document's number and compares. It returns the folded document, none when the two
// differ.
func (c *comparison) compareDocument(ctx context.Context, live, fresh store.Documents, key string) (views.Document, error) {
	read, partition := c.Row.Compare.Read, topology.PartitionOf(key, c.config.Plan.Partitions)
	c.report.Keys[c.View.Name]++
	for until := time.Now().Add(patience); ; time.Sleep(pause) {
		have, err := read(ctx, live, key)
		if err != nil {
			return views.Document{}, err
		}
		if err := c.follow(ctx, live, partition); err != nil {
			return views.Document{}, err
		}
		want, err := read(ctx, fresh, key)
		if err != nil {
			return views.Document{}, err
		}
		switch {
		case have.Number > want.Number && time.Now().Before(until) && ctx.Err() == nil:
			continue // the checkpoint is written after the document
		case have.Number < want.Number: // read before the fold went on
			if have, err = read(ctx, live, key); err != nil {
				return views.Document{}, err
			}
		}
		switch {
		case proto.Equal(have.Content, want.Content):
			return want, nil
		case have.Number > want.Number && time.Now().Before(until) && ctx.Err() == nil:
			continue
		case have.Content == nil:
			c.report.differ(c.View.Name, key, c.at[partition], "it is not there")
		case want.Content == nil:
			c.report.differ(c.View.Name, key, c.at[partition], "the log knows nothing of it")
		default:
			c.report.differ(c.View.Name, key, c.at[partition], "it is of number %d and the log gives %d, or its content differs", have.Number, want.Number)
		}
		return views.Document{}, nil
	}
}

// compareMessages compares the messages beside a document up to a number.
func (c *comparison) compareMessages(ctx context.Context, live, fresh store.Documents, key string, checkpoint int64, last uint64) error {
	for from := uint64(1); from <= last; from += messagesRead {
		to := min(from+messagesRead-1, last)
		have, errLive := live.Messages(ctx, key, from, to)
		want, errFresh := fresh.Messages(ctx, key, from, to)
		if err := errors.Join(errLive, errFresh); err != nil {
			return err
		}
		c.messagesDiffer(key, checkpoint, have, want)
	}
	return nil
}

// messagesDiffer reports messages that are not what the log gives.
func (c *comparison) messagesDiffer(key string, checkpoint int64, have, want []*pb.HistoryMessage) {
	byNumber := map[uint64]*pb.HistoryMessage{}
	for _, m := range have {
		byNumber[m.Number] = m
	}
	for _, m := range want {
		c.report.Keys[c.View.Name]++
		switch found := byNumber[m.Number]; {
		case found == nil:
			c.report.differ(c.View.Name, key, checkpoint, "message %d is not there", m.Number)
		case !found.EqualVT(m):
			c.report.differ(c.View.Name, key, checkpoint, "message %d is not what the log gives", m.Number)
		}
		delete(byNumber, m.Number)
	}
	for _, m := range have {
		if byNumber[m.Number] != nil {
			c.report.differ(c.View.Name, key, checkpoint, "the log knows nothing of message %d", m.Number)
		}
	}
}

// noneAhead finds messages after the last one. A document is written before its messages, so it is read again.
func (c *comparison) noneAhead(ctx context.Context, live store.Documents, key string, last uint64) error {
	extra, err := live.Messages(ctx, key, last+1, last+messagesAhead)
	if err != nil || len(extra) == 0 {
		return err
	}
	now, err := c.Row.Compare.Read(ctx, live, key)
	if err != nil {
		return err
	}
	for _, m := range extra {
		if m.Number > now.Messages {
			c.report.differ(c.View.Name, key, c.checkpointOf(key), "the log knows nothing of message %d", m.Number)
		}
	}
	return nil
}

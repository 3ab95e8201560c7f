// Contiguous commits: what is committed is the prefix of inputs whose records are all acked.
//
// goka marks each message when its own records are done, and sarama keeps the highest mark: input 3 unacked, input 4 without
// outputs, and 5 is committed. So the end of a run waits in its track for everything before it, and the session given to
// goka is a wrapper, which takes no notice of marks.

package group

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/IBM/sarama"

	"github.com/parley-im/parley/topology/wire/failpoint"
	"github.com/parley-im/parley/topology/wire/law"
	"github.com/parley-im/parley/topology/wire/ticker"
)

// finish notes that everything below an offset is folded and acked.
func (c *claim) finish(below int64) {
	for {
		before := c.folded.Load()
		if before >= below || c.folded.CompareAndSwap(before, below) {
			return
		}
	}
}

// session is what goka is given instead of sarama's.
type session struct {
	sarama.ConsumerGroupSession
	g      *group
	claims map[int32]*claim
	ctx    context.Context
	over   context.CancelFunc // ends it for goka; sarama's may go on for a moment

	once sync.Once
	stop context.CancelFunc
	idle sync.WaitGroup
}

func newSession(g *group, s sarama.ConsumerGroupSession) *session {
	w := &session{ConsumerGroupSession: s, g: g, claims: map[int32]*claim{}, stop: func() {}}
	w.ctx, w.over = context.WithCancel(s.Context())
	for _, p := range s.Claims()[g.input] {
		c := &claim{partition: p, marked: law.NoCommit}
		c.folded.Store(law.NoCommit)
		w.claims[p] = c
	}
	return w
}

// claim is the claim of a partition that the session was given.
func (s *session) claim(p int32) *claim {
	c := s.claims[p]
	if c == nil {
		panic(fmt.Sprintf("the session was not given partition %d", p))
	}
	return c
}

// Context ends with the session.
func (s *session) Context() context.Context { return s.ctx }

// MarkOffset takes no notice of goka's marks: see finish.
func (s *session) MarkOffset(string, int32, int64, string) {}

// MarkMessage is the same.
func (s *session) MarkMessage(*sarama.ConsumerMessage, string) {}

// startCommitting commits at intervals until stopCommitting.
func (s *session) startCommitting() {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.idle.Go(func() { ticker.Run(ctx, commitInterval, s.commit) })
}

// stopCommitting ends the loop and commits what is left.
func (s *session) stopCommitting() {
	s.once.Do(func() {
		s.stop()
		s.idle.Wait()
		s.commit()
	})
}

// commit marks and commits every claim's prefix, after its rows are in the store. A refusal is not seen here and does no
// harm: the next owner folds some inputs again.
func (s *session) commit() {
	some := false
	for _, c := range s.claims {
		next := c.folded.Load()
		s.g.measureLag(c, next)
		if next == c.marked || next == law.NoCommit || c.store == nil {
			continue
		}
		if s.g.dead() {
			return // the process ends; what is not committed is folded again
		}
		if err := c.store.Flush(); err != nil {
			s.g.die(fmt.Errorf("the local store failed: %w", err))
			return
		}
		c.marked = next
		s.ConsumerGroupSession.MarkOffset(s.g.input, c.partition, next, s.g.commitNote(c).String())
		some = true
	}
	if some {
		failpoint.Reach(failpoint.CommitBefore)
		s.Commit()
		failpoint.Reach(failpoint.CommitAfter)
	}
}

// measureLag compares the commit with the end of the log at the last fetch.
func (g *group) measureLag(c *claim, next int64) {
	if in := c.input.Load(); in != nil && next != law.NoCommit {
		g.metrics.lag.WithLabelValues(strconv.Itoa(int(c.partition))).Set(float64(max(in.end.Load()-next, 0)))
	}
}

// commitNote is the metadata of a commit of this owner.
func (g *group) commitNote(c *claim) law.Note {
	return law.Note{Nonce: c.nonce, Table: g.ids.Table, Next: c.store.Position(), Rows: c.store.Census().Rows}
}

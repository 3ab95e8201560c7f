// A member's life in the consumer group: it joins, sets a session up, folds, drains, and joins again at once.

package group

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/parley-im/parley/topology/wire/failpoint"
)

// membership is the consumer group given to goka. goka's own loop sleeps 5 s outside the group after every session; this
// one joins again at once.
type membership struct {
	sarama.ConsumerGroup
	g *group
}

// buildMembership is goka's hook for the consumer group.
func (g *group) buildMembership(brokers []string, name, clientID string) (sarama.ConsumerGroup, error) {
	conf, err := memberConfig(g.settings, clientID)
	if err != nil {
		return nil, err
	}
	member, err := sarama.NewConsumerGroup(brokers, name, conf)
	if err != nil {
		return nil, err
	}
	return &membership{member, g}, nil
}

// Consume runs session after session until the context ends, a session fails for good, or joining fails for too long.
func (m *membership) Consume(ctx context.Context, topics []string, goka sarama.ConsumerGroupHandler) error {
	var failing time.Time
	pause := joinBackoffFirst
	for ctx.Err() == nil {
		h := &handler{g: m.g, goka: goka, clean: make(chan struct{})}
		err := m.ConsumerGroup.Consume(ctx, topics, h)
		switch {
		case h.failure != nil:
			return h.failure
		case errors.Is(err, sarama.ErrFencedInstancedId):
			return fmt.Errorf("another process has the instance id %q: give every process its own: %w", m.g.settings.InstanceID, err)
		case err == nil || ctx.Err() != nil:
			failing, pause = time.Time{}, joinBackoffFirst
			continue
		case h.ready.Load(): // it had joined
			failing, pause = time.Time{}, joinBackoffFirst
		case failing.IsZero():
			failing = time.Now()
		case time.Since(failing) > joinPatience:
			return fmt.Errorf("could not join for %v: %w", joinPatience, err)
		}
		m.g.log.Warn("no session of the group, joining again", "error", err, "pause", pause)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, joinBackoffMost)
	}
	return nil
}

// handler is one session, wrapped around goka's handler.
type handler struct {
	g    *group
	goka sarama.ConsumerGroupHandler
	s    *session

	failure error         // why the group must end
	clean   chan struct{} // closed when everything of the session is acked
	ready   atomic.Bool
}

// Setup is the whole session: it recovers the tables (goka does, in its own Setup), takes the partitions over, and folds until
// the session is over. sarama would begin to fetch when it returns, so it returns at the end.
func (h *handler) Setup(s sarama.ConsumerGroupSession) error {
	h.s = newSession(h.g, s)
	go h.watch(s.Context())
	begin := time.Now()
	err := h.g.checkTopics()
	if err == nil {
		err = h.goka.Setup(h.s)
	}
	if err == nil {
		err = h.g.takeOver(h.s)
	}
	if s.Context().Err() != nil {
		// goka's recovery returns nil when it was cancelled, and our own steps fail: neither is worth a report. sarama starts no claim
		// of a session that is over, and joins again.
		h.g.log.Info("the session ended while it was set up", "error", err)
		return nil
	}
	if err != nil {
		h.failure = h.g.ending() // nil: a broker failed, which is worth another attempt
		return err
	}
	h.ready.Store(true)
	h.s.startCommitting()
	owned := slices.Clone(s.Claims()[h.g.input])
	h.g.log.Info("owning partitions", "partitions", owned, "generation", s.GenerationID(), "took", time.Since(begin).Round(time.Millisecond))
	h.g.owned(append([]int32{}, owned...))
	return h.foldAll(s.Context())
}

// ConsumeClaim is never called: sarama claims nothing for a session that is over.
func (h *handler) ConsumeClaim(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error {
	return nil
}

// Cleanup waits for every ack of the session, then commits what is left.
func (h *handler) Cleanup(sarama.ConsumerGroupSession) error {
	if h.ready.Load() {
		h.g.owned(nil)
	}
	failpoint.Reach(failpoint.Revoke)
	err := h.goka.Cleanup(h.s)
	if err == nil {
		err = h.g.producer.Drained(h.g.settings.DrainLimit)
	}
	if err == nil {
		failpoint.Reach(failpoint.RevokeDrained)
		h.s.stopCommitting()
	} else {
		h.s.stop()
	}
	if err != nil && h.ready.Load() {
		h.g.die(fmt.Errorf("a partition failed: %w", err))
	}
	if h.failure == nil {
		h.failure = h.g.ending()
	}
	close(h.clean)
	return err
}

// watch ends the process when a session that is over is not drained in time: its next owner may be at work already, and
// what this one still holds back must not appear later, out of nowhere.
func (h *handler) watch(ctx context.Context) {
	<-ctx.Done()
	limit := time.NewTimer(h.g.settings.DrainLimit)
	defer limit.Stop()
	select {
	case <-h.clean:
		return
	case <-limit.C:
	}
	if n := h.g.producer.Unacked(); n > 0 {
		h.g.die(fmt.Errorf("the session is over and %d records are unacked after %v", n, h.g.settings.DrainLimit))
	}
}

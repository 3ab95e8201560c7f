// What a client does with each frame of a gateway.

package parley

import (
	"time"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// read takes frames until the connection ends. Functions of the configuration are called here, after the mutex is free.
func (c *Client) read(l *link) error {
	for {
		f, err := l.conn.Read()
		if err != nil {
			return err
		}
		for _, deliver := range c.receive(l, f) {
			deliver()
		}
		l.poke()
	}
}

// receive folds one frame into what the client knows, and returns what to deliver.
func (c *Client) receive(l *link, f *pb.ServerFrame) []func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	l.heard = now
	delete(l.open, f.GetRe())
	if q := l.asked[f.GetRe()]; q != nil {
		delete(l.asked, f.GetRe())
		q.answer <- f
		return nil
	}
	switch word := f.GetWord().(type) {
	case *pb.ServerFrame_Welcome:
		return c.welcome(l, now, word.Welcome)
	case *pb.ServerFrame_Accepted:
		if f.GetRe() == sendID && c.outbox.accepted() {
			l.doubtAt = now.Add(doubtFor)
		}
	case *pb.ServerFrame_Refused:
		c.refused(l, now, f.GetRe(), word.Refused)
	case *pb.ServerFrame_Events:
		return c.events(word.Events.GetEvents())
	case *pb.ServerFrame_Difference:
		return c.difference(l, now, f.GetRe(), word.Difference)
	case *pb.ServerFrame_Snapshot:
		return c.snapshot(l, word.Snapshot)
	case *pb.ServerFrame_Pong:
		c.inbox.heads(word.Pong.GetHead())
	case *pb.ServerFrame_Resync:
		c.inbox.snapshot = true
	case *pb.ServerFrame_Goodbye:
		l.goodbye = word.Goodbye
	case *pb.ServerFrame_Presence, *pb.ServerFrame_Receipt, *pb.ServerFrame_Typing, *pb.ServerFrame_Members:
		return []func(){func() { c.cfg.OnSignal(f) }}
	}
	return nil
}

func (c *Client) welcome(l *link, now time.Time, w *pb.Welcome) []func() {
	l.welcomed = true
	if w.GetHeartbeatMs() > 0 {
		l.beat = max(time.Duration(w.GetHeartbeatMs())*time.Millisecond, minHeartbeat)
	}
	c.inbox.heads(w.GetHead())
	l.unheaded = c.inbox.cursor != nil && w.GetHead() == nil
	if c.inbox.cursor != nil {
		l.repeatAt = now.Add(minRepeat) // the gateway sends what was missed by itself, as a rule
	}
	return []func(){func() { c.cfg.OnConnect(w) }}
}

func (c *Client) refused(l *link, now time.Time, re uint64, r *pb.Refused) {
	wait := time.Duration(r.GetRetryAfterMs()) * time.Millisecond
	busy := r.GetCode() == pb.Code_CODE_OVERLOADED || r.GetCode() == pb.Code_CODE_UNAVAILABLE
	if busy && wait == 0 {
		wait = retryAfter
	}
	switch {
	case re == sendID && busy:
		l.holdTo = now.Add(wait)
		c.outbox.held()
	case re == sendID:
		c.outbox.refused(refusedBy(r))
	case re == snapshotID, re == differenceID, re == bridgeID:
		l.later(now, wait)
	}
}

// events takes events that are next, and the outcomes of commands wherever the cursor stands: after a snapshot they are read
// from behind it.
func (c *Client) events(events []*pb.Event) []func() {
	var deliver []func()
	for _, e := range events {
		if e.GetDeviceId() == c.cfg.DeviceID {
			c.outbox.outcome(e)
		}
		if c.inbox.take(e) {
			deliver = append(deliver, func() { c.cfg.OnEvent(e) })
		}
	}
	return deliver
}

func (c *Client) difference(l *link, now time.Time, re uint64, d *pb.Difference) []func() {
	deliver := c.events(d.GetEvents())
	switch {
	case re == bridgeID && d.GetSnapshotNeeded():
		c.inbox.bridge = nil
		c.outbox.unknown()
	case re == bridgeID && d.GetMore() && len(d.GetEvents()) > 0:
		c.inbox.bridge = d.GetCursor()
	case re == bridgeID:
		c.inbox.bridge = nil
	case d.GetSnapshotNeeded():
		c.inbox.snapshot = true
	case len(d.GetEvents()) == 0:
		l.later(now, 0) // the views are behind the head
	default:
		l.repeats = 0
	}
	return deliver
}

func (c *Client) snapshot(l *link, s *pb.Snapshot) []func() {
	before := c.inbox.cursor
	anew, bridged := c.inbox.restart(s.GetCursor())
	l.repeats, l.repeatAt = 0, time.Time{}
	switch {
	case len(c.outbox.pending) == 0:
		c.inbox.bridge = nil
	case anew:
		c.outbox.again()
	case before != nil && !bridged:
		c.outbox.unknown()
	}
	return []func(){func() { c.cfg.OnSnapshot(s) }}
}

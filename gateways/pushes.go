// News for a connection: stepped at once by whoever brings it when nothing waits before it and its keys are in memory.

package gateways

import "github.com/parley-im/parley/gateways/session"

// deliver steps the session with news, or lets it wait for what waits already, or for its keys. It must not be called from
// within a step, or with the switchboard locked: see push. opened says that its keys are with it.
func (c *connection) deliver(in session.Input, opened bool) {
	c.pushMu.Lock()
	if c.pushing {
		c.wait(in)
		c.pushMu.Unlock()
		return
	}
	c.pushing = true
	c.pushMu.Unlock()
	if opened {
		c.step(in)
	}
	c.pushMu.Lock()
	defer c.pushMu.Unlock()
	if !opened {
		c.pushes = append([]session.Input{in}, c.pushes...)
	}
	if c.pushing = len(c.pushes) > 0; c.pushing {
		go c.pump()
	}
}

// push lets news wait for the session.
func (c *connection) push(in session.Input) {
	c.pushMu.Lock()
	defer c.pushMu.Unlock()
	c.wait(in)
	if !c.pushing && len(c.pushes) > 0 {
		c.pushing = true
		go c.pump()
	}
}

// wait drops what has no room: the session notices the gap and repairs.
func (c *connection) wait(in session.Input) {
	if len(c.pushes) >= maxPushes {
		c.gate.meter.dropped.Inc()
		return
	}
	c.pushes = append(c.pushes, in)
}

// pump steps the session with what waits, and ends. It may wait for keys; nobody waits for it.
func (c *connection) pump() {
	for {
		c.pushMu.Lock()
		batch := c.pushes
		c.pushes = nil
		if len(batch) == 0 {
			c.pushing = false
			c.pushMu.Unlock()
			return
		}
		c.pushMu.Unlock()
		for _, in := range batch {
			if opened, ok := c.opened(in); ok {
				c.step(opened)
			}
		}
	}
}

// opened adds the keys to a push, wherever they are. Without them the push is dropped: the repair tries again, and nothing
// is called erased that is not.
func (c *connection) opened(in session.Input) (session.Input, bool) {
	pushed, ok := in.(session.Pushed)
	if !ok || len(pushed.Inbox) == 0 {
		return in, true
	}
	opener, err := c.gate.ring.Opener(c.gate.ctx, keysOf(pushed))
	if err != nil {
		c.gate.meter.dropped.Inc()
		c.gate.cfg.Logger.Warn("a push could not be opened", "error", err)
		return nil, false
	}
	pushed.Open = opener
	return pushed, true
}

func keysOf(pushed session.Pushed) (keys []string) {
	for _, event := range pushed.Inbox {
		keys = append(keys, session.Needs(event)...)
	}
	return keys
}

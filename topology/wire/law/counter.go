// A counter of what was handed in, and up to where all of it is acked.

package law

// counter numbers what is handed in, and knows the number up to which everything is acked.
type counter struct {
	in, acked uint64
	early     map[uint64]struct{} // acked behind a gap
}

func newCounter() counter { return counter{early: map[uint64]struct{}{}} }

func (c *counter) next() uint64 {
	c.in++
	return c.in
}

// ack moves the prefix of what is acked forward, over everything without a gap.
func (c *counter) ack(number uint64) {
	if number != c.acked+1 {
		c.early[number] = struct{}{}
		return
	}
	for {
		c.acked++
		next := c.acked + 1
		if _, ok := c.early[next]; !ok {
			return
		}
		delete(c.early, next)
	}
}

func (c *counter) idle() bool { return c.acked == c.in }

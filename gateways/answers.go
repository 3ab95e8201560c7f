// Answers of the log. The producer answers a round of commands at once, and what one connection hears of it leaves at once.

package gateways

import (
	"sync"

	"github.com/parley-im/parley/gateways/session"
)

// answers are told by a goroutine that begins with the first and goes with the last; its number is bounded by the commands
// that are out.
type answers struct {
	mu      sync.Mutex
	waiting []answer
	telling bool
}

type answer struct {
	to *connection
	in session.Input
}

// put lets an answer wait for those that come with it. It never blocks.
func (a *answers) put(to *connection, in session.Input) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting = append(a.waiting, answer{to, in})
	if !a.telling {
		a.telling = true
		go a.tell()
	}
}

// tell steps each session with all that it was answered meanwhile, in order.
func (a *answers) tell() {
	var batch []answer
	var whom []*connection
	for {
		clear(batch)
		a.mu.Lock()
		batch, a.waiting = a.waiting, batch[:0]
		if a.telling = len(batch) > 0; !a.telling {
			a.waiting = nil // a house at rest keeps nothing
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
		whom = whom[:0]
		for _, one := range batch {
			if len(one.to.answered) == 0 {
				whom = append(whom, one.to)
			}
			one.to.answered = append(one.to.answered, one.in)
		}
		for _, c := range whom {
			c.step(c.answered...)
			c.answered = nil
		}
	}
}

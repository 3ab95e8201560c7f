// The naive model of presence: who is there until when, by the time that rows keep.

package sim

import (
	"fmt"
	"math"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// naivePresence is the sessions of one person.
type naivePresence struct {
	now    int64 // the time never falls, and goes forward by at most a day a record
	begun  bool
	leases map[string]int64 // session -> end
}

const (
	naiveDayMs   = 86_400_000
	naiveLeaseMs = 3_600_000 // longer leases are cut
)

// passes lets a record pass the person's clock.
func (p *naivePresence) passes(e *entry) {
	at := max(e.Time.UnixMilli(), 0)
	if p.begun {
		at = max(p.now, min(at, p.now+naiveDayMs))
	}
	p.now, p.begun = at, at > 0
}

func (p *naivePresence) last() int64 {
	last := int64(0)
	for _, end := range p.leases {
		last = max(last, end)
	}
	return last
}

// present takes one session's word. Only a change of the last end is told to the world.
func (n *naive) present(user string, p *naivePresence, word *pb.SetPresence) {
	before := p.last()
	for session, end := range p.leases {
		if end <= p.now {
			delete(p.leases, session)
		}
	}
	delete(p.leases, word.SessionId)
	if end := min(word.UntilMs, p.now+naiveLeaseMs); end > p.now {
		p.leases[word.SessionId] = end
	}
	if after := p.last(); after != before {
		seen := p.now
		if after == 0 {
			seen = min(seen, before)
		}
		n.due[fmt.Sprintf("%s is there until %d, seen %d", user, after, seen)]++
	}
}

// presenceSaid holds what accounts said of presence against it.
func (n *naive) presenceSaid() {
	n.once("account.events", func(e *entry) {
		var event pb.AccountEvent
		if event.UnmarshalVT(e.Value) != nil {
			n.due["an account event that nobody can read"] = math.MinInt32
			return
		}
		if p := event.GetPresenceChanged(); p != nil {
			n.due[fmt.Sprintf("%s is there until %d, seen %d", e.Key, p.UntilMs, p.LastSeenMs)]--
		}
	})
}

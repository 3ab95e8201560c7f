// What an auditor says: laws, violations, counts, and how far everything is verified.

package audit

import (
	"fmt"

	"github.com/parley-im/parley/topology"
)

// Law names what is violated.
type Law string

// The laws.
const (
	Missing   Law = "missing"   // the fold says it, and the log lacks it
	Foreign   Law = "foreign"   // it is in the log, and no fold says it
	Different Law = "different" // the fold says something else for the cause
	Repeated  Law = "repeat"    // a repeat is not the same bytes
	Old       Law = "old"       // a repeat cannot be compared any more
	Ordered   Law = "order"     // outputs of one flow stand in another order than their causes
	Placed    Law = "partition" // a key stands in a partition that is not its own
	Dense     Law = "number"    // a number is not the one before plus one
	Outcome   Law = "outcome"   // a command has no outcome, or more than one
	Delivered Law = "delivery"  // an event did not reach a person once
	Rows      Law = "row"       // a changelog holds another row than the fold gives
)

// Laws are all of them.
var Laws = []Law{Missing, Foreign, Different, Repeated, Old, Ordered, Placed, Dense, Outcome, Delivered, Rows}

// Violation is one place where a law is broken.
type Violation struct {
	Law       Law    `json:"law"`
	Topic     string `json:"topic,omitempty"` // empty = it stands nowhere
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"` // -1 = it stands nowhere
	Key       string `json:"key,omitempty"`
	Says      string `json:"says"`
}

func (v Violation) String() string {
	at := ""
	switch {
	case v.Topic != "" && v.Offset >= 0:
		at = fmt.Sprintf(" %s/%d@%d", v.Topic, v.Partition, v.Offset)
	case v.Topic != "":
		at = fmt.Sprintf(" %s/%d", v.Topic, v.Partition)
	}
	if v.Key != "" {
		at += fmt.Sprintf(" key %q", v.Key)
	}
	return fmt.Sprintf("%s%s: %s", v.Law, at, v.Says)
}

// Counts are what an auditor has counted since its memory began.
type Counts struct {
	Records     int64            `json:"records"`
	Verified    int64            `json:"verified_outputs"` // outputs that stand as the fold says
	Repeats     int64            `json:"repeats"`
	Rows        int64            `json:"rows"`            // rows of changelogs that are the fold's
	Superseded  int64            `json:"superseded_rows"` // rows that a later one has replaced
	Unseen      int64            `json:"unseen_outputs"`  // said by the fold, not seen yet
	Parked      int64            `json:"parked_records"`  // seen, input not folded yet
	Pending     int64            `json:"pending_commands"`
	Adopted     int64            `json:"adopted_rows"` // of keys that were met before the log that is there begins
	Unproved    map[string]int64 `json:"unproved"`     // what leads back behind the log's beginning
	DeadLetters map[string]int64 `json:"dead_letters"`
	Violations  map[Law]int64    `json:"violations"`
	Kept        []Violation      `json:"first_violations"`
}

func newCounts() Counts {
	return Counts{DeadLetters: map[string]int64{}, Violations: map[Law]int64{}, Unproved: map[string]int64{}}
}

// Total is the number of all violations.
func (c Counts) Total() int64 {
	var total int64
	for _, law := range Laws {
		total += c.Violations[law]
	}
	return total
}

// Counts are what was counted. They are not to be changed.
func (a *Auditor) Counts() Counts { return a.counts }

// OldestPending is the time of the oldest command without an outcome, in milliseconds since 1970; 0 = there is none.
func (a *Auditor) OldestPending() int64 {
	oldest := uint64(0)
	a.each(kindOpen, func(_, value []byte) {
		if len(value) == 8 && (oldest == 0 || u64(value) < oldest) {
			oldest = u64(value)
		}
	})
	return int64(oldest)
}

// Verified is, for each place, the offset below which every record stands as the fold says, or was told as a violation.
func (a *Auditor) Verified() map[topology.TopicPartition]int64 {
	through := map[topology.TopicPartition]int64{}
	for at, position := range a.positions { //laws:ordered a copy has no order
		through[at] = position
	}
	a.each(kindParked, func(key, value []byte) {
		s := parkedOf(key, value)
		at := a.where(s)
		through[at] = min(through[at], s.place)
	})
	return through
}

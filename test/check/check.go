// The checker: it keeps events, in memory or spread over files, and collects what the checks find.

package check

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Limits bound a checker. Zero means the default.
type Limits struct {
	Dir        string // folder for what does not fit into memory; empty = the system's
	Held       int    // events kept in memory before files are used; 262,144
	Buckets    int    // files a kind of key; 64
	MaxBucket  int    // events in one file, which is checked in memory; 2,097,152
	Observers  int    // devices with a final read; 1,048,576
	First      int    // findings kept with their words; 20
	DeadlineMs int64  // from the heal until everything accepted must be shown; 60,000
}

func (l Limits) withDefaults() Limits {
	or := func(n *int, value int) {
		if *n == 0 {
			*n = value
		}
	}
	or(&l.Held, 1<<18)
	or(&l.Buckets, 64)
	or(&l.MaxBucket, 1<<21)
	or(&l.Observers, 1<<20)
	or(&l.First, 20)
	if l.DeadlineMs == 0 {
		l.DeadlineMs = 60_000
	}
	return l
}

// Finding is one anomaly.
type Finding struct {
	Letter Letter
	Words  string
}

func (f Finding) String() string { return string(f.Letter) + ": " + f.Words }

// Report is what a history came to.
type Report struct {
	Events     int64
	Operations int64 // asked
	Accepted   int64 // of them ok
	Shown      int64
	FileBytes  int64 // written to files, because memory did not hold the history
	Count      map[Letter]int64
	First      []Finding // the first of them
}

// Clean reports a history without anomalies.
func (r *Report) Clean() bool { return len(r.Count) == 0 }

// String is the report in one line, and the first findings in one each.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d events, %d operations, %d accepted, %d shown:", r.Events, r.Operations, r.Accepted, r.Shown)
	for _, l := range slices.Sorted(maps.Keys(r.Count)) {
		fmt.Fprintf(&b, " %s=%d", l, r.Count[l])
	}
	if r.Clean() {
		b.WriteString(" no anomaly")
	}
	for _, f := range r.First {
		b.WriteString("\n  " + f.String())
	}
	return b.String()
}

// Checker checks one history. Any number of goroutines may add to it; those who add events of one session keep their order.
type Checker struct {
	mu        sync.Mutex
	limits    Limits
	report    Report
	held      []Event
	spill     *spill
	observers map[string][]observer // user -> devices with a final read
	observed  int
	whole     map[string]struct{} // people whose final reads are checked
	healMs    int64
	done      bool
}

// observer is a device with a final read.
type observer struct {
	device      string
	floor, head uint64
}

// New is a checker without events.
func New(limits Limits) *Checker {
	return &Checker{
		limits: limits.withDefaults(), observers: map[string][]observer{}, whole: map[string]struct{}{}, report: Report{Count: map[Letter]int64{}},
	}
}

// buffers are memory for held events, given from one checker to the next: a simulator checks thousands of short histories.
var buffers sync.Pool

// Add takes an event.
func (c *Checker) Add(e Event) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done {
		return errors.New("the history is closed")
	}
	c.report.Events++
	switch e.Kind {
	case Invoke:
		c.report.Operations++
	case Return:
		if e.Outcome == OK {
			c.report.Accepted++
		}
	case Show:
		c.report.Shown++
	case Heal:
		c.healMs = max(c.healMs, e.AtMs)
		return nil
	case Compare:
		if e.Got != e.Want {
			c.find(e.What, "%s is %s and must be %s", e.Key, e.Got, e.Want)
		}
		return nil
	case FinalEnd:
		if c.observed++; c.observed > c.limits.Observers {
			return fmt.Errorf("more than %d devices have a final read: raise Limits.Observers", c.limits.Observers)
		}
		c.observers[e.User] = append(c.observers[e.User], observer{e.Device, e.Seq, e.InboxSeq})
		return nil
	case 0:
		return errors.New("an event has no kind")
	}
	if c.spill != nil {
		return c.spill.add(&e)
	}
	if c.held == nil {
		if b, ok := buffers.Get().(*[]Event); ok {
			c.held = *b
		}
	}
	if c.held = append(c.held, e); len(c.held) < c.limits.Held {
		return nil
	}
	return c.spread()
}

// spread moves what is held into files.
func (c *Checker) spread() error {
	var err error
	if c.spill, err = newSpill(c.limits); err != nil {
		return err
	}
	for i := range c.held {
		if err := c.spill.add(&c.held[i]); err != nil {
			return err
		}
	}
	c.release()
	return nil
}

// release gives the memory of what was held to the next checker.
func (c *Checker) release() {
	clear(c.held)
	b := c.held[:0]
	c.held = nil
	buffers.Put(&b)
}

// Close checks everything and removes its files.
func (c *Checker) Close() (*Report, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done {
		return nil, errors.New("the history is closed")
	}
	c.done = true
	if c.spill == nil {
		c.conversations(c.held)
		c.people(c.held)
		c.strangers()
		c.release()
		return &c.report, nil
	}
	err := c.spill.each(func(family int, events []Event) {
		if family == byConversation {
			c.conversations(events)
		} else {
			c.people(events)
		}
	})
	c.strangers()
	c.report.FileBytes = c.spill.bytes
	return &c.report, errors.Join(err, c.spill.close())
}

func (c *Checker) find(l Letter, format string, a ...any) {
	c.report.Count[l]++
	if len(c.report.First) < c.limits.First {
		c.report.First = append(c.report.First, Finding{l, fmt.Sprintf(format, a...)})
	}
}

// grouped orders the indices of events by a key, keeping their order within one; events without a key are left out.
func grouped(events []Event, key func(*Event) string) (keys []string, groups map[string][]int32) {
	groups = map[string][]int32{}
	for i := range events {
		if k := key(&events[i]); k != "" {
			if groups[k] == nil {
				keys = append(keys, k)
			}
			groups[k] = append(groups[k], int32(i))
		}
	}
	return keys, groups
}

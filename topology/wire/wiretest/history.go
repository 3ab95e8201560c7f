// A check of what the counter emitted.

package wiretest

import (
	"bytes"
	"fmt"

	"github.com/parley-im/parley/topology"
)

// History checks a log of events as a receiver reads it: repeats are dropped by cause, and what is left must be whole.
type History struct {
	Records, Repeats int
	Commands         map[string]int // command -> outcomes, over both keys: two each

	newest map[int32]topology.Cause // source partition and output partition together
	seen   map[string][]byte        // cause -> the bytes emitted
	counts map[string]uint64        // key -> last count
	faults []string
}

// NewHistory begins an empty one.
func NewHistory() *History {
	return &History{Commands: map[string]int{}, newest: map[int32]topology.Cause{}, seen: map[string][]byte{}, counts: map[string]uint64{}}
}

// Faults are what was found wrong, at most a few of them.
func (h *History) Faults() []string { return h.faults }

const maxFaults = 20

func (h *History) fault(format string, a ...any) {
	if len(h.faults) < maxFaults {
		h.faults = append(h.faults, fmt.Sprintf(format, a...))
	}
}

// Take takes the next event of a partition. Partitions may be mixed.
func (h *History) Take(r *topology.Record) error {
	h.Records++
	packed := r.Get(topology.HeaderCause)
	cause, err := topology.UnpackCause(packed)
	if err != nil {
		return err
	}
	event, err := ParseEvent(r.Value)
	if err != nil {
		return err
	}
	whole := append(append([]byte(r.Key), 0), r.Value...)
	for _, header := range r.Headers {
		whole = append(append(append(whole, header.Key...), 0), header.Value...)
	}
	if before, ok := h.seen[string(packed)]; ok {
		h.Repeats++
		if !bytes.Equal(before, whole) {
			h.fault("%s/%d@%d: a repeat of %+v differs", r.Topic, r.Partition, r.Offset, cause)
		}
	} else {
		h.seen[string(packed)] = whole
	}
	// A receiver keeps the newest cause of each source partition, and so does this one for each of its partitions.
	pair := cause.Partition<<16 | r.Partition
	if last, ok := h.newest[pair]; ok && !after(cause, last) {
		return nil
	}
	h.newest[pair] = cause
	h.Commands[string(event.Command)]++
	if event.Count != h.counts[r.Key]+1 {
		h.fault("%s/%d@%d: %s counts %d after %d (cause %+v)", r.Topic, r.Partition, r.Offset, r.Key, event.Count, h.counts[r.Key], cause)
	}
	h.counts[r.Key] = event.Count
	return nil
}

func after(a, b topology.Cause) bool { return bytes.Compare(a.Pack(), b.Pack()) > 0 }

// Missing counts the commands that have not exactly two outcomes.
func (h *History) Missing(commands int, name func(int) string) int {
	missing := 0
	for i := range commands {
		if h.Commands[name(i)] != 2 {
			missing++
		}
	}
	return missing
}

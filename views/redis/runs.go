// Events in a stream: runs of them, one entry a run, because Redis pays for an entry and hardly for what is in it.

package redis

import (
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const (
	// runField is the one field of an entry: an InboxPart that holds events alone. The last one's number is the entry's id.
	runField = "run"
	// eventField is the one field of an entry of the earlier form: an InboxEvent.
	eventField = "e"
	// runEvents bounds an entry: a reader of one event reads at most so many.
	runEvents = 64
)

// run is events of one person whose numbers have no gap: the stream's head is read and moved once for all.
type run struct {
	user        string
	epoch, last uint64
	events      []*pb.InboxEvent
}

// runsOf puts a batch's events into runs, those of a person in their order.
func runsOf(entries []*pb.InboxEntry) []*run {
	var all []*run
	latest := map[string]*run{} // by person
	for _, entry := range entries {
		e, r := entry.Event, latest[entry.User]
		if r == nil || e.Epoch != r.epoch || e.InboxSeq != r.last+1 || len(r.events) == runEvents {
			r = &run{user: entry.User, epoch: e.Epoch}
			all, latest[entry.User] = append(all, r), r
		}
		r.events, r.last = append(r.events, e), e.InboxSeq
	}
	return all
}

// oldest is the number of the oldest event that is kept when a number is the newest.
func oldest(newest uint64) uint64 {
	if newest <= Kept {
		return 1
	}
	return newest - Kept + 1
}

// behindID are the first and last id of entries in which at most limit events behind a number can be.
func behindID(after uint64, limit int) (first, last string) {
	return strconv.FormatUint(after+1, 10), strconv.FormatUint(after+uint64(limit)+runEvents, 10)
}

// eventsOf decodes entries. One may begin with events of the one before it: a batch that was folded again was cut elsewhere.
func eventsOf(entries []redis.XMessage) ([]*pb.InboxEvent, error) {
	var events []*pb.InboxEvent
	for _, entry := range entries {
		decoded, err := decodeEntry(entry)
		if err != nil {
			return nil, fmt.Errorf("entry %s of an inbox: %w", entry.ID, err)
		}
		for _, event := range decoded {
			if n := len(events); n == 0 || event.InboxSeq > events[n-1].InboxSeq {
				events = append(events, event)
			}
		}
	}
	return events, nil
}

// decodeEntry is the events of an entry.
func decodeEntry(entry redis.XMessage) ([]*pb.InboxEvent, error) {
	part, err := &pb.InboxPart{}, error(nil)
	if value, ok := entry.Values[runField].(string); ok {
		err = part.UnmarshalVT([]byte(value))
	} else if value, ok := entry.Values[eventField].(string); ok {
		part.Events = []*pb.InboxEvent{{}}
		err = part.Events[0].UnmarshalVT([]byte(value))
	}
	if n := len(part.Events); err == nil && (n == 0 || entry.ID != idOf(part.Events[n-1].InboxSeq)) {
		err = fmt.Errorf("it does not hold the event of its number under %q or %q: another program or a newer binary wrote it; run that binary", runField, eventField)
	}
	return part.Events, err
}

// idOf is the id of the entry whose last event has that number.
func idOf(last uint64) string { return strconv.FormatUint(last, 10) + "-0" }

// within are those of a stream's events whose numbers are in a span, both ends included.
func within(events []*pb.InboxEvent, from, to uint64) []*pb.InboxEvent {
	for len(events) > 0 && events[0].InboxSeq < from {
		events = events[1:]
	}
	for len(events) > 0 && events[len(events)-1].InboxSeq > to {
		events = events[:len(events)-1]
	}
	return events
}

// The final reads: every device with what it remembers, and a fresh one for every person, reading everything anew.

package sim

import (
	"fmt"
	"maps"
	"slices"

	"github.com/parley-im/parley/schemas/effect"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/test/check"
)

// finalReads gives the checker what everybody holds at the end.
func (w *World) finalReads() {
	for _, user := range persons {
		kept := w.inboxes.user(user)
		fresh := &device{w: w, user: user, id: user + "-fresh", talks: map[string]*talk{}}
		for _, e := range kept.events {
			fresh.take(e)
		}
		w.finalRead(fresh, kept.head)
		for _, d := range w.devices {
			if d.user == user {
				w.finalRead(d, kept.head)
				w.unanswered(d)
			}
		}
		w.finalLines(fresh, kept)
	}
	w.finalMarks()
}

func (w *World) finalRead(d *device, head uint64) {
	for _, i := range d.items {
		e := w.shown[i]
		e.Kind = check.Final
		e.AtMs = 0
		w.add(e)
	}
	w.add(check.Event{Kind: check.FinalEnd, User: d.user, Device: d.id, InboxSeq: head})
}

// unanswered: whatever a device asked and kept asking has its outcome by now.
func (w *World) unanswered(d *device) {
	for _, c := range d.waiting {
		w.add(check.Event{Kind: check.Return, User: d.user, Device: d.id, Op: d.op(c.number), Conversation: c.conversation})
		w.damage(check.Lost, "the outcome of "+d.op(c.number), "none", "one")
	}
}

// finalLines holds what the list counts as unread against what the fresh device showed.
func (w *World) finalLines(d *device, kept *keptInbox) {
	for _, conversation := range slices.Sorted(maps.Keys(kept.lines)) {
		line := kept.lines[conversation]
		if line.Membership != pb.Membership_MEMBERSHIP_MEMBER {
			continue
		}
		unread := effect.Unread(line)
		if w.broken(UnreadCountedUp) {
			unread = kept.counted[conversation]
		}
		w.add(check.Event{
			Kind: check.Unread, User: d.user, Device: d.id, Conversation: conversation, Number: line.Number,
			Seen: max(line.GetMarks().GetRead(), line.SinceNumber), Count: unread,
		})
	}
}

// finalMarks: every mark that reached the log was accepted.
func (w *World) finalMarks() {
	for _, p := range w.log["bookmark.commands"] {
		for _, e := range p.entries {
			var c pb.BookmarkCommand
			if user, conversation, ok := name.SplitBookmark(e.Key); ok && c.UnmarshalVT(e.Value) == nil && c.GetSeen() != nil {
				w.add(check.Event{Kind: check.Mark, User: user, Conversation: conversation, Number: c.GetSeen().Marks.GetRead()})
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(w.marks.kept)) {
		m := w.marks.kept[key].document.(*pb.MemberMarks)
		w.add(check.Event{Kind: check.MarkFinal, User: m.User, Conversation: m.Conversation, Number: m.Marks.GetRead()})
	}
}

// String is the result in one line, and what was found.
func (r Result) String() string {
	return fmt.Sprintf("seed %d: %d records, %d repeats, %d takeovers (%d inputs folded again, %d suspects), faults %v\n%v",
		r.Seed, r.Records, r.Repeats, r.Takeover.Count, r.Takeover.Rewound, r.Takeover.Suspects, r.Faults, r.Report)
}

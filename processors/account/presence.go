// Presence: sessions hold leases, and the world hears only when the latest end of them all is another.

package account

import (
	"slices"
	"strings"
	"unicode/utf8"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// setPresence renews or ends the lease of one session. A person is there until the last lease ends, so only a change of
// that end is said; a view that heard it needs no further word when everybody falls silent.
func (j *judge) setPresence(word *pb.SetPresence) {
	if n := len(word.SessionId); n == 0 || n > MaxSession || !utf8.ValidString(word.SessionId) {
		j.made.Malformed = "the session has no valid id"
		return
	}
	now := j.stamp.TimeMs
	held := renew(j.row.GetLeases(), word, now)
	if len(held) == 0 && len(j.row.GetLeases()) == 0 {
		return
	}
	j.made.Events = append(j.made.Events, Event{Leases: &Leases{Held: held}})

	before, after := latest(j.row.GetLeases()), latest(held)
	if before == after {
		return
	}
	seen := now
	if after == presenceEnd { // who has gone was last there when the last lease ended, if that was earlier
		seen = min(now, before)
	}
	j.say(&pb.AccountEvent{Word: &pb.AccountEvent_PresenceChanged{
		PresenceChanged: &pb.PresenceChanged{UntilMs: after, LastSeenMs: seen},
	}})
}

// renew is the leases that are held after a word, sorted by session, without those that have ended. Beyond the limit the
// one that would end first goes.
func renew(leases []*pb.PresenceLease, word *pb.SetPresence, now int64) []*pb.PresenceLease {
	held := make([]*pb.PresenceLease, 0, MaxLeases+1)
	for _, l := range leases {
		if l.UntilMs > now && l.SessionId != word.SessionId {
			held = append(held, l)
		}
	}
	if until := min(word.UntilMs, now+LeaseMaxMs); until > now {
		i, _ := slices.BinarySearchFunc(held, word.SessionId, func(l *pb.PresenceLease, id string) int {
			return strings.Compare(l.SessionId, id)
		})
		held = slices.Insert(held, i, &pb.PresenceLease{SessionId: word.SessionId, UntilMs: until})
	}
	if len(held) > MaxLeases {
		first := 0
		for i, l := range held {
			if l.UntilMs < held[first].UntilMs {
				first = i
			}
		}
		held = slices.Delete(held, first, first+1)
	}
	return held
}

// latest is when the last lease ends; presenceEnd when there is none.
func latest(leases []*pb.PresenceLease) int64 {
	until := int64(presenceEnd)
	for _, l := range leases {
		until = max(until, l.UntilMs)
	}
	return until
}

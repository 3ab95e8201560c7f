// Presence: sessions hold leases, and an event is emitted only when the latest end of them all is another.

package account

import (
	"slices"
	"strings"
	"unicode/utf8"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Limits of presence.
const (
	MaxLeases   = 16             // sessions
	LeaseMaxMs  = 60 * 60 * 1000 // milliseconds; a lease that is asked for longer ends here
	MaxSession  = 64             // bytes of a session's id
	presenceEnd = 0              // until_ms of a session that went
)

// setPresence renews or ends the lease of one session. A person is there until the last lease ends, so only a change of
// that end is emitted; a view that knows it needs no other event when all sessions fall silent.
func setPresence(in input, p *pb.AccountCommand_SetPresence) decision {
	set := p.SetPresence
	if n := len(set.SessionId); n == 0 || n > MaxSession || !utf8.ValidString(set.SessionId) {
		return decision{Malformed: "the session has no valid id"}
	}
	now := in.stamp.TimeMs
	held := renew(in.row.GetLeases(), set, now)
	if len(held) == 0 && len(in.row.GetLeases()) == 0 {
		return decision{}
	}
	d := decision{Events: []event{leases(held)}}

	before, after := latest(in.row.GetLeases()), latest(held)
	if before == after {
		return d
	}
	seen := now
	if after == presenceEnd { // who has gone was last there when the last lease ended, if that was earlier
		seen = min(now, before)
	}
	return in.emit(d, &pb.AccountEvent{Word: &pb.AccountEvent_PresenceChanged{
		PresenceChanged: &pb.PresenceChanged{UntilMs: after, LastSeenMs: seen},
	}})
}

// leases are the leases that are held from now on, sorted by session. They stay inside: what others need of them is
// PresenceChanged.
type leases []*pb.PresenceLease

// Apply implements machine.Event.
func (l leases) Apply(row *pb.AccountRow) { row.Leases = l }

// renew is the leases that are held after a command, sorted by session, without those that have ended. Beyond the limit the
// one that would end first goes.
func renew(had []*pb.PresenceLease, set *pb.SetPresence, now int64) []*pb.PresenceLease {
	held := make([]*pb.PresenceLease, 0, MaxLeases+1)
	for _, l := range had {
		if l.UntilMs > now && l.SessionId != set.SessionId {
			held = append(held, l)
		}
	}
	if until := min(set.UntilMs, now+LeaseMaxMs); until > now {
		i, _ := slices.BinarySearchFunc(held, set.SessionId, func(l *pb.PresenceLease, id string) int {
			return strings.Compare(l.SessionId, id)
		})
		held = slices.Insert(held, i, &pb.PresenceLease{SessionId: set.SessionId, UntilMs: until})
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
func latest(held []*pb.PresenceLease) int64 {
	until := int64(presenceEnd)
	for _, l := range held {
		until = max(until, l.UntilMs)
	}
	return until
}

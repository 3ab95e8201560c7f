// Mutants: rules that are switched off or broken. Each must be found by the same checks that find nothing without them.

package sim

import (
	"bytes"
	"slices"
	"time"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/law"
)

// Mutant names what is broken.
type Mutant uint8

// The mutants.
const (
	None Mutant = iota
	CommitBeforeOutputs
	HoleInCommits
	StoreBeforeAck
	ChangelogBeforeOutputs
	NoDuplicateCheck
	NoIndexInCheck
	NoGroupInCheck
	NoDeviceCheck
	StaleRowWins
	BetterRowTrusted
	NoFence
	NoTailRead
	SilentSkip
	StoreAheadTrusted
	MapIteration
	WallClock
	Randomness
	OutsideCounter
	NoViewPosition
	UnreadCountedUp
	LastWriteWins
	ResumeAcrossEpochs
	JumpWithoutResync
	MembershipCached
	AcksOne
	NoIdempotence
	TwoPartitioners
	OldRulesGoOn
	NewestRules
	RulesForgotten
	StandbyTrusted
	BlockForgotten
	RemovedStaysMember
	ClockBelieved
	RefusalForgotten
	LetterBeforeRecord
	StaleSkipEmitted
	StaleSkipBelieved
	LateTakeoverBelieved
	EraForgotten
	AlarmsOff // bites in disasters alone
	mutants
)

var mutantNames = [mutants]string{
	"none", "offset committed before the outputs", "a hole in commits", "local store written before the changelog's ack",
	"changelog before the outputs", "duplicate check off", "duplicate check without output index",
	"duplicate check without topic identity", "duplicate check of devices off", "stale owner's row wins at recovery",
	"a stale owner's better row trusted and not written again",
	"no fenced commit", "no tail read", "undecodable record skipped silently", "a local store ahead of the log trusted",
	"map iteration in a machine", "wall clock in a machine", "randomness in a machine", "a number drawn outside of the log",
	"a view without position check", "unread counted up", "last-write-wins read mark", "a resume accepted across epochs",
	"a dropped push without resync", "membership cached at a gateway", "acks=1 and a lost leader",
	"non-idempotent producer with retries", "two partitioners",
	"an old binary that goes on under new rules", "a binary that folds by the newest rules it knows",
	"an owner that forgets which rules hold", "a hot standby that does not read what it missed",
	"a block that is not held against who sends", "a member who is removed and stays", "a broker's clock believed",
	"a refusal that its row forgets",
	"a panic's letter before the panic is on record", "a panic's letter by an owner that may be stale", "a stale owner's skip of an input believed",
	"a stale owner's late takeover believed", "an owner folds though its takeover does not count",
	"alarms are switched off",
}

func (m Mutant) String() string { return mutantNames[m] }

// IsOfTakeovers reports whether only stale owners show it, and few of them do.
func (m Mutant) IsOfTakeovers() bool {
	return m == NoFence || m == NoTailRead || m == StaleRowWins || m == BetterRowTrusted || m >= StaleSkipEmitted && m <= EraForgotten
}

// Mutants are all of them.
func Mutants() []Mutant {
	var all []Mutant
	for m := None + 1; m < mutants; m++ {
		all = append(all, m)
	}
	return all
}

// broken are the switches in the law that a mutant sets; the others are broken here.
func (m Mutant) broken() law.Broken {
	return law.Broken{
		ChangelogBeforeOutputs: m == ChangelogBeforeOutputs, CommitBeforeOutputs: m == CommitBeforeOutputs, HoleInCommits: m == HoleInCommits,
		StaleRowWins: m == StaleRowWins, BetterRowTrusted: m == BetterRowTrusted, LateTakeoverBelieved: m == LateTakeoverBelieved,
		OutrankedOwnerFolds: m == EraForgotten, StaleSkipEmitted: m == StaleSkipEmitted, StaleSkipBelieved: m == StaleSkipBelieved,
	}
}

func (w *World) broken(m Mutant) bool { return w.cfg.Mutant == m }

// mutated is the machine as a process runs it.
func (w *World) mutated(real *machine, p *process) *machine {
	m := *real
	fold := real.Fold
	switch w.cfg.Mutant {
	case NoDuplicateCheck, NoIndexInCheck, NoGroupInCheck:
		m.Fold = func(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
			return fold(rules, row, w.recaused(in, real))
		}
	case NoDeviceCheck:
		if m.Group.Name == "outbox" {
			m.Fold = func(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
				return forgetful(fold, rules, row, in)
			}
		}
	case SilentSkip:
		m.Fold = func(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
			next, out := fold(rules, row, in)
			if len(out) == 1 && out[0].Topic == topology.DeadLetters {
				return nil, nil
			}
			return next, out
		}
	case MapIteration, WallClock, Randomness, OutsideCounter:
		m.Fold = func(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
			return w.impure(fold, p, rules, row, in)
		}
	case LastWriteWins:
		if m.Group.Name == "bookmark" {
			m.Fold = func(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
				return fold(rules, lowered(row), in)
			}
		}
	}
	return &m
}

// recaused is the input with a cause that holds less.
func (w *World) recaused(in *topology.Record, m *machine) *topology.Record {
	packed := in.Get(topology.HeaderCause)
	if packed == nil {
		return in
	}
	changed := *in
	changed.Headers = nil
	cause, err := topology.UnpackCause(packed)
	if err != nil || w.broken(NoDuplicateCheck) {
		return &changed
	}
	if w.broken(NoIndexInCheck) {
		cause.Index = 0
	} else {
		cause.Group = w.firstWriter(m)
	}
	changed.Headers = []topology.Header{{Key: topology.HeaderCause, Value: cause.Pack()}}
	return &changed
}

// firstWriter is the number of the first group that writes a machine's input.
func (w *World) firstWriter(m *machine) uint16 {
	for _, g := range w.plan.Groups {
		if slices.Contains(g.Output, m.Group.Input) {
			return g.Number
		}
	}
	return 0
}

// forgetful lets the outbox forget the device that asks, and take any number for the next one.
func forgetful(fold topology.Fold, rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
	var r pb.Row
	var c pb.OutboxCommand
	if r.UnmarshalVT(row) != nil || c.UnmarshalVT(in.Value) != nil || r.GetOutbox() == nil || c.ClientSeq == 0 {
		return fold(rules, row, in)
	}
	for _, d := range r.GetOutbox().Devices {
		if d.DeviceId == c.DeviceId {
			d.ClientSeq = c.ClientSeq - 1
		}
	}
	changed, _ := r.MarshalVT()
	return fold(rules, changed, in)
}

// impure lets a machine read what it must not: the process that it runs in.
func (w *World) impure(fold topology.Fold, p *process, rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
	changed := *in
	switch w.cfg.Mutant {
	case WallClock:
		changed.Time = in.Time.Add(1000 * 1000 * time.Duration(w.ticks%1000))
		return fold(rules, row, &changed)
	case Randomness:
		if w.random.IntN(3) == 0 {
			changed.Time = in.Time.Add(time.Duration(w.random.IntN(1000)) * 1000 * 1000)
		}
		return fold(rules, row, &changed)
	}
	next, out := fold(rules, row, in)
	if w.broken(MapIteration) && len(out) > 2 && p.life%2 == 0 {
		slices.Reverse(out)
	}
	if w.broken(OutsideCounter) && p.group.name == "inbox" && len(out) == 1 && out[0].Topic == "inbox.events" {
		var e pb.InboxEvent
		if e.UnmarshalVT(out[0].Value) == nil {
			w.counters[in.Key]++
			e.InboxSeq = w.counters[in.Key]
			out[0].Value, _ = e.MarshalVT()
		}
	}
	return next, out
}

// lowered lets a bookmark forget how far its reader was, so that the last command counts.
func lowered(row []byte) []byte {
	var r pb.Row
	if r.UnmarshalVT(row) != nil || r.GetBookmark().GetMarks() == nil {
		return row
	}
	r.GetBookmark().Marks = &pb.Marks{}
	changed, _ := r.MarshalVT()
	return bytes.Clone(changed)
}

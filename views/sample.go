// Samples: one user or conversation of a live view is compared with the fold of its own records, up to just the position
// that the stored thing has. The records are given by whoever follows the log.

package views

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// Unit is what is compared at once: all that a view keeps of one user, or of one conversation; of marks, those of the users
// of one partition.
type Unit struct {
	View      string
	Partition int32
	Name      string
}

// UnitOf is the unit that a record of a view's input belongs to.
func UnitOf(view string, r *topology.Record) Unit {
	name := r.Key
	if view == "bookmark" { // its key begins with the user
		_, name, _ = strings.Cut(r.Key, "/")
	}
	return Unit{view, r.Partition, name}
}

// SampleConfig says what to compare with what.
type SampleConfig struct {
	Plan  topology.Plan
	Live  Stores
	Fresh Stores // empty ones
	// Records gives the records of the unit below an offset of its partition, in their order, when all of them are known; it
	// waits for them. An offset below 0 means the end that the partition has now.
	Records func(ctx context.Context, unit Unit, below int64) ([]topology.Record, error)
}

// ErrNotSampled says that a unit cannot be compared: its first records are gone, or its store is not open.
var ErrNotSampled = errors.New("it cannot be compared")

// numbered are the events of views; each key counts its own from 1.
func numberOf(view topology.View, r *topology.Record) (number uint64, ok bool) {
	var opened interface{ UnmarshalVT([]byte) error }
	switch view.Name {
	case "inbox":
		e := &pb.InboxEvent{}
		opened, ok = e, e.UnmarshalVT(r.Value) == nil
		number = e.InboxSeq
	case "bookmark":
		e := &pb.BookmarkEvent{}
		opened, ok = e, e.UnmarshalVT(r.Value) == nil
		number = e.Version
	case "presence", "people":
		e := &pb.AccountEvent{}
		opened, ok = e, e.UnmarshalVT(r.Value) == nil
		number = e.Version
	case "history":
		e := &pb.ConversationEvent{}
		opened, ok = e, e.UnmarshalVT(r.Value) == nil
		number = e.Seq
	}
	return number, ok && opened != nil
}

// whole reports whether the first record of each key is there.
func whole(view topology.View, records []topology.Record) bool {
	met := map[string]bool{}
	for i := range records {
		if met[records[i].Key] {
			continue
		}
		met[records[i].Key] = true
		if number, ok := numberOf(view, &records[i]); !ok || number != 1 {
			return false
		}
	}
	return true
}

// Sample compares one unit and tells what differs.
func Sample(ctx context.Context, config SampleConfig, unit Unit) ([]Difference, error) {
	view, ok := config.Plan.View(unit.View)
	if !ok {
		return nil, fmt.Errorf("the plan has no view %q", unit.View)
	}
	r, err := newRunner(Config{Plan: config.Plan, View: unit.View, Stores: config.Fresh}, view)
	if err != nil {
		return nil, err
	}
	s := &sample{config, unit, view, r, &VerifyReport{}}
	switch {
	case view.Store == "redis" && config.Live.Lists != nil:
		err = s.lists(ctx)
	case view.Store != "redis" && config.Live.Documents != nil && unit.View == "people":
		err = s.person(ctx)
	case view.Store != "redis" && config.Live.Documents != nil:
		err = s.conversation(ctx)
	default:
		err = ErrNotSampled
	}
	return s.report.Differences, err
}

// sample is one comparison.
type sample struct {
	config SampleConfig
	unit   Unit
	view   topology.View
	runner *runner
	report *VerifyReport
}

// fold folds records into the fresh stores, as one batch: they are not contiguous.
func (s *sample) fold(ctx context.Context, records []topology.Record) error {
	if !whole(s.view, records) {
		return ErrNotSampled
	}
	if _, err := s.runner.start(ctx, s.unit.Partition); err != nil || len(records) == 0 {
		return err
	}
	return s.runner.handle(ctx, s.unit.Partition, records)
}

// lists compares what Redis has: the keys and the place are of one moment.
func (s *sample) lists(ctx context.Context) error {
	live, fresh := s.config.Live.Lists, s.config.Fresh.Lists
	keys := live.KeysOf(s.unit.View, s.unit.Partition, s.unit.Name)
	place, have, err := live.TextAll(ctx, s.runner.name, keys)
	if err != nil {
		return err
	}
	records, err := s.config.Records(ctx, s.unit, place)
	if err == nil {
		err = s.fold(ctx, records)
	}
	if err != nil {
		return err
	}
	_, want, err := fresh.TextAll(ctx, s.runner.name, keys)
	for i, key := range keys {
		if err == nil && have[i] != want[i] {
			s.report.differ(s.unit.View, key.Name, place, "it holds something else than the log says")
		}
	}
	return err
}

// upTo are the unit's records up to the number that a document has, and the number that it must have at least: that of the
// last record below the view's place, which was asked for before the document.
func (s *sample) upTo(ctx context.Context, place int64, number uint64) (records []topology.Record, least uint64, err error) {
	if records, err = s.config.Records(ctx, s.unit, place); err != nil {
		return nil, 0, err
	}
	if len(records) > 0 {
		least, _ = numberOf(s.view, &records[len(records)-1])
	}
	if number > least { // a document is written before its place
		if records, err = s.config.Records(ctx, s.unit, -1); err != nil {
			return nil, 0, err
		}
	}
	records = slices.DeleteFunc(slices.Clone(records), func(r topology.Record) bool {
		n, _ := numberOf(s.view, &r)
		return n > number
	})
	return records, least, nil
}

// differs tells when a document is not of the number that it should have.
func (s *sample) differs(place int64, number, least, known uint64) bool {
	switch {
	case number < least:
		s.report.differ(s.unit.View, s.unit.Name, place, "it is of number %d, and the log below its place goes up to %d", number, least)
	case number > known:
		s.report.differ(s.unit.View, s.unit.Name, place, "it is of number %d, and the log goes up to %d", number, known)
	default:
		return false
	}
	return true
}

// last is the number of the last record.
func (s *sample) last(records []topology.Record) uint64 {
	if len(records) == 0 {
		return 0
	}
	number, _ := numberOf(s.view, &records[len(records)-1])
	return number
}

// person compares a profile. It is of the number of the last event that changed it.
func (s *sample) person(ctx context.Context) error {
	place, err := s.config.Live.Documents.Checkpoint(ctx, s.runner.name, s.unit.Partition)
	if err != nil {
		return err
	}
	have, err := s.config.Live.Documents.People(ctx, []string{s.unit.Name})
	if err != nil {
		return err
	}
	records, err := s.config.Records(ctx, s.unit, place)
	if err == nil && have[0].GetVersion() > s.last(records) {
		records, _, err = s.upTo(ctx, place, have[0].GetVersion())
	}
	if err == nil {
		err = s.fold(ctx, records)
	}
	if err != nil {
		return err
	}
	want, err := s.config.Fresh.Documents.People(ctx, []string{s.unit.Name})
	if err == nil && !have[0].EqualVT(want[0]) {
		s.report.differ(s.unit.View, s.unit.Name, place, "the profile is of number %d and the log says %d, or it holds something else",
			have[0].GetVersion(), want[0].GetVersion())
	}
	return err
}

// conversation compares a conversation and its messages up to its place: they are written behind it.
func (s *sample) conversation(ctx context.Context) error {
	live, fresh := s.config.Live.Documents, s.config.Fresh.Documents
	place, err := live.Checkpoint(ctx, s.runner.name, s.unit.Partition)
	if err != nil {
		return err
	}
	have, err := live.Conversations(ctx, []string{s.unit.Name})
	if err != nil {
		return err
	}
	records, least, err := s.upTo(ctx, place, have[0].GetSeq())
	if err == nil {
		err = s.fold(ctx, records)
	}
	if err != nil || s.differs(place, have[0].GetSeq(), least, s.last(records)) {
		return err
	}
	want, err := fresh.Conversations(ctx, []string{s.unit.Name})
	if err != nil {
		return err
	}
	if !have[0].EqualVT(want[0]) {
		s.report.differ(s.unit.View, s.unit.Name, place, "the conversation is another than the log says")
	}
	c := &comparison{runner: s.runner, config: VerifyConfig{Plan: s.config.Plan}, report: s.report}
	c.report.Keys = map[string]int{}
	written := messagesBelow(records, place)
	for from := uint64(1); from <= written; from += messagesRead {
		to := min(from+messagesRead-1, written)
		there, errLive := live.Messages(ctx, s.unit.Name, from, to)
		said, errFresh := fresh.Messages(ctx, s.unit.Name, from, to)
		if err := errors.Join(errLive, errFresh); err != nil {
			return err
		}
		c.compareMessages(s.unit.Name, place, there, said)
	}
	return nil
}

// messagesBelow is the number of the last message below a place.
func messagesBelow(records []topology.Record, place int64) (number uint64) {
	for i := range records {
		e := &pb.ConversationEvent{}
		if records[i].Offset < place && e.UnmarshalVT(records[i].Value) == nil {
			number = max(number, e.Number)
		}
	}
	return number
}

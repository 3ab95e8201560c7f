// Samples: one user or conversation of a live view is compared with the fold of its own records, up to the very position
// that the stored content has. The caller, who follows the log, gives the records.

package prove

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views"
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
	if row, ok := views.RowOf(view); ok {
		name = row.Unit(r.Key)
	}
	return Unit{view, r.Partition, name}
}

// SampleConfig is what to compare with what.
type SampleConfig struct {
	Plan  topology.Plan
	Live  views.Stores
	Fresh views.Stores // empty ones
	// Records gives the records of the unit below an offset of its partition, in their order, when all of them are known; it
	// waits for them. An offset below 0 means the end that the partition has now.
	Records func(ctx context.Context, unit Unit, below int64) ([]topology.Record, error)
}

// ErrNotSampled means that a unit cannot be compared: its first records are gone, or its store is not open.
var ErrNotSampled = errors.New("it cannot be compared")

// Sample compares one unit and returns what differs.
func Sample(ctx context.Context, config SampleConfig, unit Unit) ([]Difference, error) {
	view, ok := config.Plan.View(unit.View)
	if !ok {
		return nil, fmt.Errorf("the plan has no view %q", unit.View)
	}
	p, err := views.NewProjector(views.Config{Plan: config.Plan, View: unit.View, Stores: config.Fresh})
	if err != nil {
		return nil, err
	}
	if _, err := config.Live.Of(view); err != nil {
		return nil, ErrNotSampled
	}
	report := &VerifyReport{Keys: map[string]int{}}
	s := &sample{
		config: config, unit: unit,
		comparison: &comparison{Projector: p, config: VerifyConfig{Plan: config.Plan}, report: report},
	}
	switch {
	case p.Row.Compare == nil:
		err = s.lists(ctx)
	case p.Row.Compare.Messages == nil:
		err = s.document(ctx)
	default:
		err = s.conversation(ctx)
	}
	return report.Differences, err
}

// sample is one comparison.
type sample struct {
	*comparison
	config SampleConfig
	unit   Unit
}

// fold folds records into the fresh stores, as one batch: they are not contiguous.
func (s *sample) fold(ctx context.Context, records []topology.Record) error {
	if !s.complete(records) {
		return ErrNotSampled
	}
	if _, err := s.Start(ctx, s.unit.Partition); err != nil || len(records) == 0 {
		return err
	}
	return s.Handle(ctx, s.unit.Partition, records)
}

// complete reports whether the first record of each key is there.
func (s *sample) complete(records []topology.Record) bool {
	seen := map[string]bool{}
	for i := range records {
		if seen[records[i].Key] {
			continue
		}
		seen[records[i].Key] = true
		if number, ok := s.Row.Number(records[i].Value); !ok || number != 1 {
			return false
		}
	}
	return true
}

// differ reports a difference in the unit.
func (s *sample) differ(checkpoint int64, format string, args ...any) {
	s.report.differ(s.unit.View, s.unit.Name, checkpoint, format, args...)
}

// lists compares keys as text: the keys and the checkpoint are of one moment.
func (s *sample) lists(ctx context.Context) error {
	live, fresh := s.config.Live.Lists, s.config.Fresh.Lists
	keys := live.KeysOf(s.unit.View, s.unit.Partition, s.unit.Name)
	checkpoint, have, err := live.TextAll(ctx, s.Checkpoint, keys)
	if err != nil {
		return err
	}
	records, err := s.config.Records(ctx, s.unit, checkpoint)
	if err == nil {
		err = s.fold(ctx, records)
	}
	if err != nil {
		return err
	}
	_, want, err := fresh.TextAll(ctx, s.Checkpoint, keys)
	for i, key := range keys {
		if err == nil && have[i] != want[i] {
			s.report.differ(s.unit.View, key.Name, checkpoint, "its content is not what the log gives")
		}
	}
	return err
}

// document compares a document whose number is that of the newest event that changed it.
func (s *sample) document(ctx context.Context) error {
	read := s.Row.Compare.Read
	checkpoint, err := s.config.Live.Documents.Checkpoint(ctx, s.Checkpoint, s.unit.Partition)
	if err != nil {
		return err
	}
	have, err := read(ctx, s.config.Live.Documents, s.unit.Name)
	if err != nil {
		return err
	}
	records, err := s.config.Records(ctx, s.unit, checkpoint)
	if err == nil && have.Number > s.last(records) {
		records, _, err = s.upTo(ctx, checkpoint, have.Number)
	}
	if err == nil {
		err = s.fold(ctx, records)
	}
	if err != nil {
		return err
	}
	want, err := read(ctx, s.config.Fresh.Documents, s.unit.Name)
	if err == nil && !proto.Equal(have.Content, want.Content) {
		s.differ(checkpoint, "it is of number %d and the log gives %d, or its content differs", have.Number, want.Number)
	}
	return err
}

// conversation compares a document whose number is that of the newest event of its key, and its messages up to the
// checkpoint: they are written after the document.
func (s *sample) conversation(ctx context.Context) error {
	read, live, fresh := s.Row.Compare.Read, s.config.Live.Documents, s.config.Fresh.Documents
	checkpoint, err := live.Checkpoint(ctx, s.Checkpoint, s.unit.Partition)
	if err != nil {
		return err
	}
	have, err := read(ctx, live, s.unit.Name)
	if err != nil {
		return err
	}
	records, least, err := s.upTo(ctx, checkpoint, have.Number)
	if err == nil {
		err = s.fold(ctx, records)
	}
	if err != nil || s.numberDiffers(checkpoint, have.Number, least, s.last(records)) {
		return err
	}
	want, err := read(ctx, fresh, s.unit.Name)
	if err != nil {
		return err
	}
	if !proto.Equal(have.Content, want.Content) {
		s.differ(checkpoint, "its content is not what the log gives")
	}
	return s.compareMessages(ctx, live, fresh, s.unit.Name, checkpoint, s.messagesBelow(records, checkpoint))
}

// upTo are the unit's records up to the number that a document has, and the number that it must have at least: that of the
// last record below the checkpoint, which was read before the document.
func (s *sample) upTo(ctx context.Context, checkpoint int64, number uint64) (records []topology.Record, least uint64, err error) {
	if records, err = s.config.Records(ctx, s.unit, checkpoint); err != nil {
		return nil, 0, err
	}
	least = s.last(records)
	if number > least { // a document is written before its checkpoint
		if records, err = s.config.Records(ctx, s.unit, -1); err != nil {
			return nil, 0, err
		}
	}
	records = slices.DeleteFunc(slices.Clone(records), func(r topology.Record) bool {
		n, _ := s.Row.Number(r.Value)
		return n > number
	})
	return records, least, nil
}

// last is the number of the last record.
func (s *sample) last(records []topology.Record) uint64 {
	if len(records) == 0 {
		return 0
	}
	number, _ := s.Row.Number(records[len(records)-1].Value)
	return number
}

// numberDiffers reports a document that is not of the number that it must have.
func (s *sample) numberDiffers(checkpoint int64, number, least, known uint64) bool {
	switch {
	case number < least:
		s.differ(checkpoint, "it is of number %d, and the log below the checkpoint goes up to %d", number, least)
	case number > known:
		s.differ(checkpoint, "it is of number %d, and the log goes up to %d", number, known)
	default:
		return false
	}
	return true
}

// messagesBelow is the number of the last message below an offset.
func (s *sample) messagesBelow(records []topology.Record, offset int64) (number uint64) {
	for i := range records {
		if n, ok := s.Row.Compare.Messages(records[i].Value); ok && records[i].Offset < offset {
			number = max(number, n)
		}
	}
	return number
}

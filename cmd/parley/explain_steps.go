// The steps of an explanation: level by level, each partition read once a level.

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/parley-im/parley/processors/audit"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/store"
)

// clockSkew is how far brokers' clocks may differ: what came of a record is looked for from so much before it.
const clockSkew = time.Minute

// step is a record and what became of it.
type step struct {
	At      string   `json:"at"`
	Time    string   `json:"time,omitempty"`
	After   string   `json:"after,omitempty"` // since the record that caused it
	Key     string   `json:"key"`
	Word    any      `json:"record"`
	Missing bool     `json:"missing,omitempty"` // the fold says it, and it is not in the log (yet)
	Copies  int      `json:"copies,omitempty"`  // how often it stands there, when more than once
	Group   string   `json:"group,omitempty"`
	Before  any      `json:"row_before,omitempty"`
	Changed any      `json:"row_after,omitempty"`
	Decided string   `json:"decided,omitempty"`
	Views   []string `json:"views,omitempty"`
	Said    []*step  `json:"said,omitempty"`

	record *topology.Record
	cause  topology.Cause
	value  []byte
	place  audit.Place
}

// explanation is a whole story.
type explanation struct {
	Because    []string   `json:"because,omitempty"` // what led to the first record, from the command on
	First      *step      `json:"first"`
	Deliveries []delivery `json:"deliveries,omitempty"`
	Took       string     `json:"took,omitempty"` // from the first record to the last, by the brokers' clocks
}

// delivery is what one person was told.
type delivery struct {
	User     string `json:"user"`
	InboxSeq uint64 `json:"inbox_seq"`
	Word     string `json:"told"`
	At       string `json:"at"`
	After    string `json:"after"` // since the first record
}

func at(r *topology.Record) string { return fmt.Sprintf("%s/%d@%d", r.Topic, r.Partition, r.Offset) }

func stepOf(r *topology.Record) *step {
	return &step{At: at(r), Time: stamp(r.Time), Key: r.Key, Word: plainRecord(r), record: r}
}

// explain tells what came of a record.
func (e *explaining) explain(ctx context.Context, first *topology.Record) (*explanation, error) {
	told := &explanation{First: stepOf(first)}
	if err := e.because(ctx, told, first); err != nil {
		return nil, err
	}
	level, all := []*step{told.First}, []*step{told.First}
	for len(level) > 0 {
		if err := e.foldLevel(ctx, level); err != nil {
			return nil, err
		}
		var next []*step
		for _, s := range level {
			next = append(next, s.Said...)
		}
		if err := e.seek(ctx, next); err != nil {
			return nil, err
		}
		level, all = next, append(all, next...)
	}
	newest := first.Time
	for _, s := range all {
		if s.record != nil && s.record.Time.After(newest) {
			newest = s.record.Time
		}
		if d, ok := deliveryOf(s, first); ok {
			told.Deliveries = append(told.Deliveries, d)
		}
	}
	told.Took = newest.Sub(first.Time).String()
	e.lookAtViews(ctx, all)
	return told, nil
}

// because climbs from a record to the command that began it all.
func (e *explaining) because(ctx context.Context, told *explanation, r *topology.Record) error {
	for {
		packed := r.Get(topology.HeaderCause)
		if packed == nil {
			return nil
		}
		c, err := topology.UnpackCause(packed)
		if err != nil {
			return nil //nolint:nilerr // foreign: it has no story before
		}
		i := slices.IndexFunc(e.plan.Groups, func(g topology.Group) bool { return g.Number == c.Group })
		if i < 0 {
			return nil
		}
		if r, err = e.one(ctx, audit.Place{Topic: e.plan.Groups[i].Input, Partition: c.Partition}, c.Offset); err != nil {
			return err
		}
		told.Because = slices.Insert(told.Because, 0, at(r)+" "+r.Key)
	}
}

// foldLevel folds the partitions of a level's records, each once, and notes what must come of each record.
func (e *explaining) foldLevel(ctx context.Context, level []*step) error {
	for place, steps := range byPlace(level) {
		m, ok := e.inputOf(place.Topic)
		if !ok {
			continue
		}
		keys, offsets, last := map[string]bool{}, map[int64]*step{}, int64(0)
		for _, s := range steps {
			keys[s.record.Key], offsets[s.record.Offset] = true, s
			last = max(last, s.record.Offset)
		}
		if err := e.refold(ctx, m, place.Partition, last+1, func(k string) bool { return keys[k] }, func(f folded) error {
			if s := offsets[f.in.Offset]; s != nil {
				e.note(s, m, f)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// note writes a fold into its step.
func (e *explaining) note(s *step, m topology.Machine, f folded) {
	s.Group, s.Before, s.Decided = m.Group.Name, plainRow(f.before), decided(f)
	if f.after != nil {
		s.Changed = plainRow(f.after)
	}
	for i, o := range f.outputs {
		s.Said = append(s.Said, &step{
			Key: o.Key, Missing: true, value: o.Value, record: nil,
			Word:  plainRecord(&topology.Record{Topic: o.Topic, Value: o.Value}),
			place: audit.Place{Topic: o.Topic, Partition: topology.PartitionOf(o.Key, e.plan.Partitions)},
			cause: topology.Cause{Epoch: e.plan.Epoch, Group: m.Group.Number, Partition: f.in.Partition, Offset: f.in.Offset, Index: uint32(i)},
			At:    "nowhere", Time: stamp(f.in.Time), After: f.in.Time.Format(time.RFC3339Nano),
		})
	}
}

// seek finds where the outputs stand.
func (e *explaining) seek(ctx context.Context, outputs []*step) error {
	places := map[audit.Place]map[topology.Cause]*step{}
	since := time.Time{}
	for _, s := range outputs {
		if places[s.place] == nil {
			places[s.place] = map[topology.Cause]*step{}
		}
		places[s.place][s.cause] = s
		if caused, err := time.Parse(time.RFC3339Nano, s.After); err == nil && (since.IsZero() || caused.Before(since)) {
			since = caused
		}
	}
	for place, wanted := range places {
		from, err := e.offsetAt(ctx, place, since.Add(-clockSkew))
		if err != nil {
			return err
		}
		if err := e.read(ctx, place, from, -1, func(r *topology.Record) error {
			c, err := topology.UnpackCause(r.Get(topology.HeaderCause))
			s := wanted[c]
			if err != nil || s == nil {
				return nil
			}
			if !s.Missing {
				s.Copies = max(s.Copies, 1) + 1
				return nil
			}
			caused, _ := time.Parse(time.RFC3339Nano, s.After)
			s.Missing, s.record, s.At, s.Time, s.After = false, r, at(r), stamp(r.Time), "+"+r.Time.Sub(caused).String()
			s.Word = plainRecord(r)
			return nil
		}); err != nil {
			return err
		}
	}
	for _, s := range outputs {
		if s.Missing {
			s.After, s.Time = "", ""
		}
	}
	return nil
}

// offsetAt is the offset of the first record of a place at a time or later.
func (e *explaining) offsetAt(ctx context.Context, place audit.Place, since time.Time) (int64, error) {
	w, err := e.s.watch(ctx)
	if err != nil {
		return 0, err
	}
	defer w.close()
	offsets, err := offsetsOf(w.admin.ListOffsetsAfterMilli(ctx, since.UnixMilli(), place.Topic))
	return offsets[place], err
}

func byPlace(level []*step) map[audit.Place][]*step {
	places := map[audit.Place][]*step{}
	for _, s := range level {
		if s.record != nil {
			at := audit.Place{Topic: s.record.Topic, Partition: s.record.Partition}
			places[at] = append(places[at], s)
		}
	}
	return places
}

// deliveryOf is what a person was told by a step.
func deliveryOf(s *step, first *topology.Record) (delivery, bool) {
	event := &pb.InboxEvent{}
	if s.record == nil || !isInboxEvent(s.record, event) {
		return delivery{}, false
	}
	word := "account"
	switch w := event.Word.(type) {
	case *pb.InboxEvent_Conversation:
		word = fmt.Sprintf("event %d of %s", w.Conversation.GetEvent().GetSeq(), w.Conversation.GetConversation())
	case *pb.InboxEvent_Receipt:
		word = "receipt of " + w.Receipt.GetUser()
	case *pb.InboxEvent_Refused:
		word = "refusal: " + w.Refused.GetReason().String()
	}
	return delivery{s.record.Key, event.InboxSeq, word, s.At, "+" + s.record.Time.Sub(first.Time).String()}, true
}

func isInboxEvent(r *topology.Record, into *pb.InboxEvent) bool {
	t, _ := topology.House().Topic(r.Topic)
	return t.Envelope == "InboxEvent" && into.UnmarshalVT(r.Value) == nil
}

// lookAtViews notes what the stores hold now of what the last steps said. Stores that cannot be reached are told so.
func (e *explaining) lookAtViews(ctx context.Context, steps []*step) {
	settings := e.s.stores()
	if settings.Documents != views.Mongo {
		settings.Documents = "" // a folder belongs to its process
	}
	stores, err := views.Open(ctx, settings)
	if err != nil {
		steps[0].Views = append(steps[0].Views, "the stores cannot be asked: "+err.Error())
		return
	}
	defer stores.Close()
	for _, s := range steps {
		if s.record == nil {
			continue
		}
		t, _ := e.plan.Topic(s.record.Topic)
		switch t.Envelope {
		case "InboxEvent":
			s.Views = append(s.Views, inboxHolds(ctx, stores.Lists, s.record))
		case "ConversationEvent":
			s.Views = append(s.Views, historyHolds(ctx, stores.Documents, s.record)...)
		}
	}
}

func inboxHolds(ctx context.Context, lists store.Lists, r *topology.Record) string {
	event := &pb.InboxEvent{}
	if event.UnmarshalVT(r.Value) != nil {
		return "inbox: it is no event of an inbox"
	}
	part, err := lists.InboxPart(ctx, r.Key, event.InboxSeq-1, 1)
	switch {
	case err != nil:
		return "inbox: " + err.Error()
	case part.Head.GetInboxSeq() < event.InboxSeq:
		return fmt.Sprintf("inbox: not there yet, the head is %d", part.Head.GetInboxSeq())
	case len(part.Events) == 0 || part.Events[0].InboxSeq != event.InboxSeq:
		return fmt.Sprintf("inbox: not kept any more, the head is %d", part.Head.GetInboxSeq())
	case !part.Events[0].EqualVT(event):
		return "inbox: it holds ANOTHER event under this number; parley verify --views"
	}
	return fmt.Sprintf("inbox: Redis holds it as %d of %d", event.InboxSeq, part.Head.GetInboxSeq())
}

func historyHolds(ctx context.Context, documents store.Documents, r *topology.Record) []string {
	event := &pb.ConversationEvent{}
	if documents == nil {
		return []string{"history: the documents are in a folder of another process, which alone can read it"}
	}
	if event.UnmarshalVT(r.Value) != nil || event.GetMessageSent() == nil {
		return nil
	}
	messages, err := documents.Messages(ctx, r.Key, event.Number, event.Number)
	switch {
	case err != nil:
		return []string{"history: " + err.Error()}
	case len(messages) == 0:
		return []string{fmt.Sprintf("history: message %d is not there", event.Number)}
	}
	return []string{fmt.Sprintf("history: holds it as message %d of %s", event.Number, messages[0].Sender)}
}

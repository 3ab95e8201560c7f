// Views: the real projections on simulated stores that keep checkpoints as Redis and MongoDB do. Two workers fold
// each partition, because a follower that lost it may not know.

package sim

import (
	"fmt"
	"maps"
	"slices"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/test/check"
	"github.com/parley-im/parley/views/bookmark"
	"github.com/parley-im/parley/views/history"
	"github.com/parley-im/parley/views/inbox"
	"github.com/parley-im/parley/views/people"
	"github.com/parley-im/parley/views/presence"
)

const (
	viewWorkers   = 2
	mostViewBatch = 12 // records folded at once
)

// view folds one topic into one store.
type view struct {
	w           *World
	topic       string
	checkpoints []int64
	workers     []*worker
	prepare     func(entries []*entry) (write func()) // reads the store and folds; write puts
	wipe        func()
	dump        func() map[string]string

	asleepUntil int // tick
}

// worker folds one partition, batch by batch; a batch may be on its way for long.
type worker struct {
	partition int32
	next      int64
	from, to  int64
	write     func() // nil = nothing is on its way
}

func newView(w *World, topic string) *view {
	v := &view{w: w, topic: topic, checkpoints: make([]int64, partitions)}
	for p := range int32(partitions) {
		for range viewWorkers {
			v.workers = append(v.workers, &worker{partition: p})
		}
	}
	return v
}

// step lets one worker read a batch, or write the one that it has.
func (v *view) step() {
	if v.w.ticks < v.asleepUntil {
		return
	}
	v.work(v.workers[v.w.random.IntN(len(v.workers))], 1+v.w.random.IntN(mostViewBatch))
}

func (v *view) run() bool {
	ran := false
	for _, k := range v.workers {
		for v.work(k, mostViewBatch) {
			ran = true
		}
	}
	return ran
}

func (v *view) work(k *worker, most int) bool {
	checkpoint := v.checkpoints[k.partition]
	if k.write != nil {
		write := k.write
		k.write = nil
		if v.w.broken(NoViewPosition) {
			write()
			v.checkpoints[k.partition] = k.to
			return true
		}
		if checkpoint < k.from { // something before this batch is not there: the worker goes back
			k.next = checkpoint
			return true
		}
		write()
		v.checkpoints[k.partition] = max(checkpoint, k.to)
		return true
	}
	if checkpoint < k.next && !v.w.broken(NoViewPosition) {
		k.next = checkpoint
	}
	entries := v.w.log[v.topic][k.partition].from(k.next)
	if len(entries) == 0 {
		return false
	}
	entries = entries[:min(len(entries), most)]
	k.from, k.to = k.next, entries[len(entries)-1].Offset+1
	k.next, k.write = k.to, v.prepare(entries)
	return true
}

// restart lets the workers begin where the store stands. A batch that was on its way still comes.
func (v *view) restart() {
	for _, k := range v.workers {
		k.next = v.checkpoints[k.partition]
	}
}

// flush loses the store, its checkpoints with it.
func (v *view) flush() {
	v.wipe()
	clear(v.checkpoints)
}

// inboxEvent is an entry of inbox.events, decoded once.
func (e *entry) inboxEvent() *pb.InboxEvent {
	if e.inbox == nil {
		e.inbox = &pb.InboxEvent{}
		if err := e.inbox.UnmarshalVT(e.Value); err != nil {
			panic(err)
		}
	}
	return e.inbox
}

// inboxView is what Redis holds of inboxes.
type inboxView struct {
	view
	users map[string]*keptInbox
}

type keptInbox struct {
	events      []*pb.InboxEvent
	epoch, head uint64
	lines       map[string]*pb.ConversationSummary
	counted     map[string]uint64 // unread as a mutant counts it
}

func (v *inboxView) user(user string) *keptInbox {
	if v.users[user] == nil {
		v.users[user] = &keptInbox{lines: map[string]*pb.ConversationSummary{}, counted: map[string]uint64{}}
	}
	return v.users[user]
}

type lineKey struct{ user, conversation string }

func newInboxView(w *World) *inboxView {
	v := &inboxView{view: *newView(w, "inbox.events"), users: map[string]*keptInbox{}}
	v.wipe = func() { v.users = map[string]*keptInbox{} }
	v.prepare = v.fold
	v.dump = func() map[string]string {
		all := map[string]string{}
		for user, kept := range v.users {
			all["head "+user] = fmt.Sprint(kept.epoch, kept.head, len(kept.events))
			for conversation, line := range kept.lines {
				all["line "+user+" "+conversation] = string(marshal(line))
			}
		}
		return all
	}
	return v
}

func (v *inboxView) fold(entries []*entry) func() {
	lines := map[lineKey]*pb.ConversationSummary{}
	var touched []lineKey
	for _, e := range entries {
		event := e.inboxEvent()
		conversation := inbox.Conversation(event)
		if !inbox.Valid(e.Key, event) || conversation == "" {
			continue
		}
		key := lineKey{e.Key, conversation}
		if _, ok := lines[key]; !ok {
			lines[key] = v.user(key.user).lines[conversation]
			touched = append(touched, key)
		}
		lines[key] = inbox.Fold(e.Key, lines[key], event)
	}
	return func() {
		for _, e := range entries {
			v.append(e.Key, e.inboxEvent())
		}
		for _, key := range touched {
			if line := lines[key]; line != nil {
				v.put(key, line)
			}
		}
	}
}

// append keeps what a stream keeps: contiguous, and only what is newer.
func (v *inboxView) append(user string, e *pb.InboxEvent) {
	kept := v.user(user)
	if said := e.GetConversation().GetEvent(); said.GetMessageSent() != nil { // counted up: each time that it is met
		if said.GetOrigin().GetUser() != user {
			kept.counted[e.GetConversation().Conversation]++
		} else {
			kept.counted[e.GetConversation().Conversation] = 0
		}
	}
	if e.Epoch < kept.epoch || e.Epoch == kept.epoch && e.InboxSeq <= kept.head {
		return
	}
	if e.Epoch != kept.epoch || e.InboxSeq != kept.head+1 {
		kept.events = nil
	}
	kept.epoch, kept.head = e.Epoch, e.InboxSeq
	kept.events = append(kept.events, e)
}

// put replaces a line by a newer one alone.
func (v *inboxView) put(key lineKey, line *pb.ConversationSummary) {
	kept := v.user(key.user)
	if old := kept.lines[key.conversation]; old != nil && old.InboxSeq >= line.InboxSeq && !v.w.broken(NoViewPosition) {
		return
	}
	kept.lines[key.conversation] = line
}

// historyView is what MongoDB holds of conversations.
type historyView struct {
	view
	documents map[string]*pb.ConversationDocument
	messages  map[string]map[uint64]*pb.HistoryMessage
}

func newHistoryView(w *World) *historyView {
	v := &historyView{view: *newView(w, "conversation.events")}
	v.wipe = func() {
		v.documents = map[string]*pb.ConversationDocument{}
		v.messages = map[string]map[uint64]*pb.HistoryMessage{}
	}
	v.wipe()
	v.prepare = v.fold
	v.dump = func() map[string]string {
		all := map[string]string{}
		for conversation, d := range v.documents {
			all["conversation "+conversation] = string(marshal(d))
			for n, m := range v.messages[conversation] {
				all[fmt.Sprintf("message %s %d", conversation, n)] = string(marshal(m))
			}
		}
		return all
	}
	return v
}

func (v *historyView) fold(entries []*entry) func() {
	documents := map[string]*pb.ConversationDocument{}
	var touched []string
	messages := map[string][]*pb.HistoryMessage{}
	for _, r := range entries {
		e := &pb.ConversationEvent{}
		if err := e.UnmarshalVT(r.Value); err != nil || !history.Valid(r.Key, e) {
			panic(fmt.Sprintf("no conversation says this: %v %v", e, err))
		}
		if _, ok := documents[r.Key]; !ok {
			documents[r.Key] = v.documents[r.Key]
			touched = append(touched, r.Key)
		}
		documents[r.Key] = history.Fold(documents[r.Key], r.Key, e)
		if m := history.Message(e); m != nil {
			messages[r.Key] = append(messages[r.Key], m)
		}
	}
	return func() {
		for _, key := range touched {
			if old := v.documents[key]; old == nil || old.Seq < documents[key].Seq || v.w.broken(NoViewPosition) {
				v.documents[key] = documents[key]
			}
			if v.messages[key] == nil {
				v.messages[key] = map[uint64]*pb.HistoryMessage{}
			}
			for _, m := range messages[key] {
				v.messages[key][m.Number] = m
			}
		}
	}
}

// read is the messages of a conversation, and the membership of the one who asks.
func (v *historyView) read(conversation, user string) ([]*pb.HistoryMessage, *pb.Member) {
	kept := v.messages[conversation]
	list := make([]*pb.HistoryMessage, 0, len(kept))
	for _, n := range slices.Sorted(maps.Keys(kept)) {
		list = append(list, kept[n])
	}
	return list, history.Member(v.documents[conversation], user)
}

// newestView keeps the newest document of each key: marks, people and presences.
type newestView struct {
	view
	kept map[string]versioned
}

type versioned struct {
	version  uint64
	document interface{ MarshalVT() ([]byte, error) }
}

func newNewestView(w *World, topic string, project func(e *entry) versioned) *newestView {
	v := &newestView{view: *newView(w, topic), kept: map[string]versioned{}}
	v.wipe = func() { v.kept = map[string]versioned{} }
	v.prepare = func(entries []*entry) func() {
		return func() {
			for _, e := range entries {
				d := project(e)
				if old, ok := v.kept[e.Key]; d.version > 0 && (!ok || old.version < d.version || w.broken(NoViewPosition)) {
					v.kept[e.Key] = d
				}
			}
		}
	}
	v.dump = func() map[string]string {
		all := map[string]string{}
		for key, d := range v.kept {
			all[key] = string(marshal(d.document))
		}
		return all
	}
	return v
}

func markOf(r *entry) versioned {
	e := &pb.BookmarkEvent{}
	if err := e.UnmarshalVT(r.Value); err != nil {
		panic(err)
	}
	if m := bookmark.Marks(r.Key, e); m != nil {
		return versioned{m.Version, m}
	}
	return versioned{}
}

// accountEvent is an entry of account.events, decoded once.
func (e *entry) accountEvent() *pb.AccountEvent {
	if e.account == nil {
		e.account = &pb.AccountEvent{}
		if err := e.account.UnmarshalVT(e.Value); err != nil {
			panic(err)
		}
	}
	return e.account
}

func leaseOf(e *entry) versioned {
	if l := presence.Lease(e.Key, e.accountEvent()); l != nil {
		return versioned{l.Version, l}
	}
	return versioned{}
}

func profileOf(e *entry) versioned {
	if p := people.Profile(e.Key, e.accountEvent()); p != nil {
		return versioned{p.Version, p}
	}
	return versioned{}
}

func (w *World) openViews() {
	w.inboxes, w.history, w.marks = newInboxView(w), newHistoryView(w), newNewestView(w, "bookmark.events", markOf)
	lease, profile := newNewestView(w, "account.events", leaseOf), newNewestView(w, "account.events", profileOf)
	w.views = []*view{&w.inboxes.view, &w.history.view, &w.marks.view, &lease.view, &profile.view}
	for p := range int32(partitions) {
		w.pushers = append(w.pushers, &pusher{w: w, partition: p})
	}
}

// proveViews folds every view anew, straight, and compares.
func (w *World) proveViews() {
	straight := &World{cfg: Config{}, plan: w.plan, random: w.random, log: w.log}
	straight.openViews()
	fresh := straight.views
	for i, v := range w.views {
		fresh[i].run()
		got, want := v.dump(), fresh[i].dump()
		for _, key := range slices.Sorted(maps.Keys(want)) {
			w.compare(check.View, v.topic+" "+key, got[key], want[key])
			delete(got, key)
		}
		for _, key := range slices.Sorted(maps.Keys(got)) {
			w.damage(check.View, v.topic+" "+key, "there", "not there")
		}
	}
}

// pusher is the dispatcher of a partition of inbox.events: hints, which may be lost or come twice.
type pusher struct {
	w         *World
	partition int32
	next      int64
}

func (p *pusher) step() {
	for _, e := range p.w.log["inbox.events"][p.partition].from(p.next) {
		p.next = e.Offset + 1
		for _, d := range p.w.devices {
			if d.user == e.Key && d.line != nil && p.w.random.IntN(100) >= p.w.swarm.pushLoss {
				d.line.pushes = append(d.line.pushes, e.inboxEvent())
			}
		}
		if p.w.random.IntN(3) == 0 {
			return
		}
	}
}

// restart gives the partition to another dispatcher, which begins a little earlier or at the end.
func (p *pusher) restart() {
	if p.w.random.IntN(2) == 0 {
		p.next = p.w.log["inbox.events"][p.partition].end
	} else {
		p.next = max(p.next-int64(p.w.random.IntN(20)), 0)
	}
}

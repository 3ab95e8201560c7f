// People and their devices: they ask, lose their connections, ask again, and show what is delivered.

package sim

import (
	"fmt"
	"slices"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/test/check"
	"github.com/parley-im/parley/topology"
)

var (
	persons = []string{"ann", "bob", "carl", "dora", "zoe"} // Zoe has no account
	groups  = []string{name.Group("hike"), name.Group("trip")}
)

const (
	mostWaiting  = 6  // commands of a device without an outcome
	mostAnswered = 30 // events in one difference
	talkTries    = 5  // to find a conversation in which somebody may speak
)

// device is one device of a person, with what it remembers over connections.
type device struct {
	w        *World
	user, id string
	asked    uint64
	waiting  []command
	line     *connection
	talks    map[string]*talk

	epoch, seq uint64  // cursor
	stretch    int     // rises with each resync
	items      []int32 // what it shows, in World.shown
	reads      int
	member     map[string]*pb.Member // cached memberships: only a mutant looks at them
}

// command is asked and has no outcome yet.
type command struct {
	number       uint64
	conversation string // "" = the account
	value        []byte
}

// talk is what a device knows of a conversation.
type talk struct {
	seq, number uint64
	member      bool
}

// connection carries the commands of a device, in order, to a gateway, and pushes back.
type connection struct {
	gateway  int
	expected uint64 // number that the outbox asked for on this connection
	out      []entry
	pushes   []*pb.InboxEvent
}

func (w *World) openDevices() {
	for _, user := range persons {
		for _, kind := range []string{"phone", "tv"} {
			d := &device{w: w, user: user, id: user + "-" + kind, talks: map[string]*talk{}, member: map[string]*pb.Member{}}
			if w.random.IntN(4) == 0 { // it was there in an earlier epoch of the log
				d.epoch, d.seq = logEpoch-1, uint64(1+w.random.IntN(20))
			}
			d.connect()
			w.devices = append(w.devices, d)
		}
	}
}

func (d *device) op(n uint64) string { return fmt.Sprintf("%s/%s#%d", d.user, d.id, n) }
func (d *device) session() string    { return fmt.Sprintf("%s.%d", d.id, d.stretch) }
func (d *device) talk(conv string) *talk {
	if d.talks[conv] == nil {
		d.talks[conv] = &talk{}
	}
	return d.talks[conv]
}

// step lets the device do one thing.
func (d *device) step() {
	switch n := d.w.random.IntN(20); {
	case d.line == nil:
		if n < 4 {
			d.connect()
		}
	case n < 5:
		if len(d.waiting) < mostWaiting && d.w.issued < d.w.cfg.Commands {
			d.ask()
		}
	case n < 12:
		d.carry(1 + n%3)
	case n < 15:
		d.hear()
	case n < 17:
		d.seen()
	case n < 18:
		d.present()
	case n < 19 && d.w.random.IntN(3) == 0:
		d.readHistory()
	default:
		d.difference()
	}
}

// run does everything that can be done; it is for the time after the last fault.
func (d *device) run() bool {
	ran := d.carry(len(d.line.out)) || d.hear()
	before := d.seq
	d.difference()
	return ran || d.seq != before
}

// connect opens a connection and sends again what has no outcome, in order.
func (d *device) connect() {
	d.line = &connection{gateway: d.w.random.IntN(gateways)}
	for _, c := range d.waiting {
		d.send("outbox.commands", d.user, c.value)
	}
}

// drop loses the connection. What the gateway had taken may still reach the log.
func (d *device) drop() bool {
	if d.line == nil {
		return false
	}
	if n := d.w.random.IntN(len(d.line.out) + 1); n > 0 {
		byPlace := map[string]*queue{}
		for _, e := range d.line.out[:n] {
			at := fmt.Sprintf("%s/%d", e.Topic, e.Partition)
			if byPlace[at] == nil {
				byPlace[at] = &queue{topic: e.Topic, partition: e.Partition}
				d.w.ghosts = append(d.w.ghosts, byPlace[at])
			}
			byPlace[at].sent = append(byPlace[at].sent, &shipment{entry: e})
		}
	}
	d.line = nil
	return true
}

// send hands a record to the gateway.
func (d *device) send(topic, key string, value []byte) {
	e := entry{}
	e.Topic, e.Key, e.Value, e.Partition = topic, key, value, topology.PartitionOf(key, partitions)
	if d.w.broken(TwoPartitioners) && d.line.gateway == 1 {
		e.Partition = (e.Partition + 1) % partitions
	}
	d.line.out = append(d.line.out, e)
}

// carry lets some of what was sent reach the log.
func (d *device) carry(n int) bool {
	some := len(d.line.out) > 0
	for ; n > 0 && len(d.line.out) > 0; n-- {
		e := d.line.out[0]
		d.line.out = d.line.out[1:]
		d.w.append(e.Topic, e.Partition, e)
	}
	return some
}

// hear takes pushes; those that are no use are dropped.
func (d *device) hear() bool {
	some := len(d.line.pushes) > 0
	for _, e := range d.line.pushes {
		d.take(e)
	}
	d.line.pushes = nil
	return some
}

// take shows an event if it is the next one, as the session's feed does.
func (d *device) take(e *pb.InboxEvent) {
	switch {
	case d.epoch == 0:
		d.epoch = e.Epoch
	case e.Epoch > d.epoch:
		d.resync(e.Epoch)
	case e.Epoch < d.epoch:
		return
	}
	switch {
	case e.InboxSeq <= d.seq:
	case e.InboxSeq == d.seq+1 || d.w.broken(JumpWithoutResync):
		d.seq = e.InboxSeq
		d.show(e)
	default:
	}
}

// resync forgets what was shown: the inbox began a new epoch.
func (d *device) resync(epoch uint64) {
	if d.w.broken(ResumeAcrossEpochs) {
		d.epoch = epoch
		return
	}
	d.w.note("%s begins anew in epoch %d", d.id, epoch)
	d.epoch, d.seq, d.items = epoch, 0, d.items[:0]
	d.stretch++
}

// difference asks the view for what is behind the cursor.
func (d *device) difference() {
	kept := d.w.inboxes.user(d.user)
	if kept.head == 0 {
		return
	}
	if d.epoch == 0 {
		d.epoch = kept.epoch
	}
	if kept.epoch > d.epoch {
		d.resync(kept.epoch)
	}
	if d.seq >= kept.head || len(kept.events) == 0 { // the view is behind, or nothing is new
		return
	}
	oldest := kept.events[0].InboxSeq
	if d.seq+1 < oldest { // what is behind the cursor is not kept any more
		d.seq = oldest - 1
		d.w.add(check.Event{Kind: check.Resync, User: d.user, Session: d.session(), InboxSeq: d.seq})
	}
	from := min(d.seq+1-oldest, uint64(len(kept.events)))
	for _, e := range kept.events[from:min(uint64(len(kept.events)), from+mostAnswered)] {
		d.take(e)
	}
}

// readHistory reads messages of a conversation, newest last, as a member.
func (d *device) readHistory() {
	conversation := d.anyTalk()
	messages, member := d.w.history.read(conversation, d.user)
	if d.w.broken(MembershipCached) {
		if member != nil && d.member[conversation] == nil {
			d.member[conversation] = member
		}
		member = d.member[conversation]
	}
	if member == nil {
		return
	}
	d.reads++
	for _, m := range messages {
		if m.Number > member.SinceNumber {
			d.w.add(check.Event{
				Kind: check.Show, User: d.user, Device: d.id, Session: fmt.Sprintf("%s.read%d", d.id, d.reads), Op: check.Unknown,
				Conversation: conversation, Seq: m.Seq, Number: m.Number, Canary: canary(m.Body),
			})
		}
	}
}

func (d *device) anyTalk() string {
	if d.w.random.IntN(2) == 0 {
		return groups[d.w.random.IntN(len(groups))]
	}
	others := slices.DeleteFunc(slices.Clone(persons), func(p string) bool { return p == d.user })
	return name.Direct(d.user, others[d.w.random.IntN(len(others))])
}

// present reports that the person is there, or has gone, by the clock of the gateway.
func (d *device) present() {
	word := &pb.SetPresence{SessionId: fmt.Sprintf("%s.%d", d.id, d.line.gateway)}
	if d.w.random.IntN(4) > 0 {
		word.UntilMs = d.w.gatewayMs(d.line.gateway) + d.w.random.Int64N(3*hourMs)
	}
	d.send("account.commands", d.user, marshal(&pb.AccountCommand{Word: &pb.AccountCommand_SetPresence{SetPresence: word}}))
}

// seen reports how far the person has read, sometimes less than before.
func (d *device) seen() {
	conversation := d.anyTalk()
	t := d.talks[conversation]
	if t == nil || t.number == 0 {
		return
	}
	read := 1 + uint64(d.w.random.Int64N(int64(t.number)))
	d.send("bookmark.commands", name.Bookmark(d.user, conversation), marshal(&pb.BookmarkCommand{
		Word: &pb.BookmarkCommand_Seen{Seen: &pb.Seen{Marks: &pb.Marks{Delivered: t.number, Read: read}}},
	}))
}

func marshal(m interface{ MarshalVT() ([]byte, error) }) []byte {
	value, err := m.MarshalVT()
	if err != nil {
		panic(err)
	}
	return value
}

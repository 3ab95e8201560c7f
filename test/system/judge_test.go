// The judge: heal everything, be silent, read once more on a fresh device and on a resumed one, and prove the log and the
// views.

package system

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/test/house"
)

const (
	readableWithin = 60 * time.Second // from the heal until everything accepted can be read: the one time that is promised
	historyPage    = 100
	lagEvery       = 500 * time.Millisecond
)

// judge ends the campaign.
func (w *world) judge(r *tally) {
	w.heal()
	healed := time.Now()
	if !w.crowd.settled(recoveryPatience) {
		w.find("L", "commands without outcome")
		return
	}
	fresh := w.readable()
	if r.readable = time.Since(healed); r.readable > readableWithin {
		w.find("T", "everything was readable only %v after the heal", r.readable)
	}
	w.finalReads(fresh)
	for _, d := range w.crowd.everybody() {
		r.commands += len(d.commands)
	}
	r.accepted, r.poisons = w.accepted.Load(), len(w.poisoned)
	w.rest()
	proved := house.Prove(w.t, w.h)
	house.ProveViews(w.t, w.h, proved)
	r.records, r.repeats, r.delivered = proved.Records, proved.Repeats, int64(len(proved.Events["inbox.events"]))
	told := proved.Outcomes(w.t)
	for _, d := range w.crowd.everybody() {
		for seq := 1; seq <= len(d.commands); seq++ {
			if n := told[fmt.Sprintf("%s/%s/%d", d.user, d.id, seq)]; n != 1 {
				w.find("D", "command %d of %s/%s has %d outcomes in the log", seq, d.user, d.id, n)
			}
		}
	}
	for _, m := range w.members() {
		for _, why := range m.own {
			r.ended = append(r.ended, m.name+": "+why)
		}
	}
}

// heal ends every fault: all servers up, all processes awake and ready.
func (w *world) heal() {
	w.deafFrom.Store(0)
	for _, m := range w.members() {
		m.running()
		m.signal(syscall.SIGCONT, false)
	}
	for _, m := range w.members() {
		require.True(w.t, m.ready(recoveryPatience), "%s is not ready after the heal: %s", m.name, m.lastWords())
	}
}

// readable waits until fresh devices of everybody are shown, in their lists, as many messages as were heard.
func (w *world) readable() map[string]*device {
	c := w.crowd
	heads := c.heads()
	fresh := map[string]*device{}
	for _, d := range c.everybody() {
		f := w.newDevice(d.user, "fresh-"+d.id)
		fresh[d.user] = f
		c.alive.Go(func() { f.live(c.live) })
	}
	for user, f := range fresh {
		for end := time.Now().Add(recoveryPatience); !f.lists(c.talks[user], heads); time.Sleep(lookEvery) {
			if time.Now().After(end) {
				w.find("L", "the list of %s never shows everything that was heard", user)
				break
			}
		}
	}
	return fresh
}

// shownByViews waits until the lists and histories of the probes hold what was heard, and says when.
func (c *crowd) shownByViews() time.Time {
	heads := c.heads()
	for _, d := range c.probes {
		for end := time.Now().Add(recoveryPatience); !d.lists(c.talks[d.user], heads); time.Sleep(lookEvery) {
			if time.Now().After(end) {
				c.w.find("L", "the views never show %s what was heard", d.user)
				break
			}
		}
	}
	return time.Now()
}

// heads is the highest number of each conversation that anybody heard.
func (c *crowd) heads() map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	heads := map[string]uint64{}
	for at, n := range c.numbers {
		heads[at.conversation] = max(heads[at.conversation], n)
	}
	return heads
}

// lists reports whether the person's list and history are as far as what was heard.
func (d *device) lists(talks []string, heads map[string]uint64) bool {
	a := d.page(&pb.ClientFrame{Word: &pb.ClientFrame_List{List: &pb.GetConversations{Limit: 200}}})
	numbers := map[string]uint64{}
	for _, l := range a.GetList().GetConversations() {
		numbers[l.Conversation] = l.Number
	}
	for _, talk := range talks {
		if numbers[talk] < heads[talk] {
			return false
		}
		last := d.page(&pb.ClientFrame{Word: &pb.ClientFrame_History{History: &pb.GetHistory{Conversation: talk, Limit: 1}}})
		if m := last.GetHistory().GetMessages(); heads[talk] > 0 && (len(m) == 0 || m[0].Number < heads[talk]) {
			return false
		}
	}
	return true
}

// finalReads compares what fresh devices read, what resumed ones were shown, and what was asked.
func (w *world) finalReads(fresh map[string]*device) {
	c := w.crowd
	said := map[string]int{} // text -> how often it stands in its conversation
	for _, d := range c.everybody() {
		for _, talk := range c.talks[d.user] {
			history := fresh[d.user].history(talk)
			c.compare(d, talk, history)
			for _, m := range history {
				if m.Sender == d.user {
					said[m.Text]++
				}
			}
		}
		d.resumed(fresh[d.user])
	}
	for _, d := range c.everybody() {
		for _, cmd := range d.commands {
			t := cmd.word.GetText()
			if t == nil {
				continue
			}
			refused := cmd.outcome.GetRefused() != nil
			switch n := said[t.Text]; {
			case refused && n > 0:
				w.find("P", "%q was refused and is shown", t.Text)
			case !refused && n == 0:
				w.find("L", "%q was accepted and is not to be read", t.Text)
			case n > 1:
				w.find("D", "%q is to be read %d times", t.Text, n)
			}
		}
	}
}

// compare holds a history against what everybody heard live: dense, in the same places, nothing that nobody asked.
func (c *crowd) compare(d *device, talk string, history []*pb.Message) {
	for i, m := range history {
		if m.Number != uint64(i)+1 {
			c.w.find("G", "the history of %s for %s has number %d in place %d", talk, d.user, m.Number, i+1)
			return
		}
		if !c.issued(m.Text) {
			c.w.find("P", "the history of %s shows %q, which nobody asked", talk, m.Text)
		}
		c.note(d, place{talk, m.Seq}, m.Number, m.Text)
	}
	if head := c.heads()[talk]; uint64(len(history)) != head {
		c.w.find("L", "the history of %s for %s has %d messages, not %d", talk, d.user, len(history), head)
	}
}

// history reads a whole conversation, oldest first.
func (d *device) history(talk string) []*pb.Message {
	var all []*pb.Message
	var before uint64
	for {
		a := d.page(&pb.ClientFrame{Word: &pb.ClientFrame_History{History: &pb.GetHistory{Conversation: talk, BeforeNumber: before, Limit: historyPage}}})
		if a.GetHistory() == nil {
			d.w.find("L", "no history of %s for %s", talk, d.user)
			return nil
		}
		for _, m := range a.GetHistory().GetMessages() {
			all = append(all, m)
			before = m.Number
		}
		if !a.GetHistory().GetMore() {
			slices.SortStableFunc(all, func(a, b *pb.Message) int { return cmp.Compare(a.Number, b.Number) })
			return all
		}
	}
}

// resumed cuts the socket; the device must come to where a fresh one stands, without a gap where it was not told to jump.
func (d *device) resumed(fresh *device) {
	d.mu.Lock()
	if d.socket != nil {
		_ = d.socket.c.Close()
	}
	d.mu.Unlock()
	fresh.mu.Lock()
	head := fresh.cursor.GetInboxSeq()
	fresh.mu.Unlock()
	if !d.wait(recoveryPatience, func() bool { return d.cursor.GetInboxSeq() >= head }) {
		d.w.find("L", "the resumed device does not come to inbox_seq %d: %s", head, d.stuck())
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	first, last := uint64(0), uint64(0)
	for _, seq := range slices.Sorted(maps.Keys(d.inbox)) {
		if first == 0 {
			first = seq
		}
		last = seq
	}
	if missing := int(last-first) + 1 - len(d.inbox); missing > d.holes {
		d.w.find("G", "%s/%s was not shown %d events, and told of %d only", d.user, d.id, missing, d.holes)
	}
}

// rest ends what writes: first the doors, and when the groups have folded everything, the groups.
func (w *world) rest() {
	for _, m := range append(append([]*member{}, w.gateways...), w.dispatchers...) {
		m.leave()
		<-m.ended
	}
	for end := time.Now().Add(recoveryPatience); w.lag() != 0; time.Sleep(lagEvery) {
		if time.Now().After(end) {
			w.find("L", "the groups do not come to the end of their inputs")
			break
		}
	}
	for _, m := range w.processors {
		m.leave()
		<-m.ended
	}
}

// lag is how many records the groups have not folded; looked at twice, because one group's end is another one's input.
func (w *world) lag() int64 {
	var sum int64
	for range 2 {
		for _, g := range w.plan().Groups {
			err := w.admin(func(ctx context.Context, a *kadm.Client) error {
				lags, err := a.Lag(ctx, w.plan().Consumer(g.Name))
				lags.Each(func(l kadm.DescribedGroupLag) { sum += l.Lag.Total() })
				return err
			})
			if err != nil {
				sum++
			}
		}
	}
	return sum
}

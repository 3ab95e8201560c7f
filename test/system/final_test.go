// The final check: heal every fault, stop the load, read once more on a fresh device and on a resumed one, hand all of it to the
// checker, and have the binary verify the log and the views.

package system

import (
	"context"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/test/check"
	"github.com/parley-im/parley/test/house"
)

const (
	readableWithin = 60 * time.Second // from the heal until everything accepted can be read: the one time that is promised
	historyPage    = 100
	listed         = 200 // conversations of a list
	lagEvery       = 500 * time.Millisecond
)

// finalCheck ends the campaign.
func (w *world) finalCheck(r *tally) {
	w.heal()
	healed := time.Now()
	w.history.add(check.Event{Kind: check.Heal, AtMs: w.history.now()})
	if !w.crowd.settled(recoveryPatience) {
		w.find("L", "commands without outcome")
		return
	}
	fresh := w.readable(healed.Add(recoveryPatience))
	if r.readable = time.Since(healed); r.readable > readableWithin {
		w.find("T", "everything was readable only %v after the heal", r.readable)
	}
	end := time.Now().Add(w.readPatience())
	each(w.crowd.everybody(), func(i int, d *device) {
		fresh[i].finalRead(end)
		d.resumed(end, fresh[i])
	})
	for _, d := range w.crowd.everybody() {
		r.commands += len(d.commands)
	}
	r.accepted = w.accepted.Load()
	w.rest()
	w.logOf(r)
	w.verify(r)
	r.checked = w.verdict()
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
func (w *world) readable(end time.Time) []*device {
	c := w.crowd
	fresh := make([]*device, len(c.everybody()))
	for i, d := range c.everybody() {
		fresh[i] = w.newDevice(d.user, "fresh")
		fresh[i].pages = true
		c.alive.Go(func() { fresh[i].live(c.live) })
	}
	each(fresh, func(_ int, f *device) {
		if !f.listsInTime(end) {
			w.find("L", "the list of %s never shows everything that was heard", f.user)
		}
	})
	return fresh
}

// shownByViews waits until the lists and histories of the probes hold what was heard, and says when.
func (c *crowd) shownByViews() time.Time {
	end := time.Now().Add(recoveryPatience)
	for _, d := range c.probes {
		if !d.listsInTime(end) {
			c.w.find("L", "the views never show %s what was heard", d.user)
		}
	}
	return time.Now()
}

// listsInTime waits until the person's list and histories are as far as what was heard.
func (d *device) listsInTime(end time.Time) bool {
	for ; !d.lists(end, d.w.crowd.talks[d.user]); time.Sleep(pollEvery) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// lists reports whether the person's list and history are as far as what was heard when this was asked.
func (d *device) lists(end time.Time, talks []string) bool {
	heads := map[string]uint64{}
	for _, talk := range talks {
		heads[talk] = d.w.crowd.head(talk)
	}
	a := d.page(end, &pb.ClientFrame{Word: &pb.ClientFrame_List{List: &pb.GetConversations{Limit: listed}}})
	numbers := map[string]uint64{}
	for _, l := range a.GetList().GetConversations() {
		numbers[l.Conversation] = l.Number
	}
	for _, talk := range talks {
		if numbers[talk] < heads[talk] {
			return false
		}
		last := d.page(end, &pb.ClientFrame{Word: &pb.ClientFrame_History{History: &pb.GetHistory{Conversation: talk, Limit: 1}}})
		if m := last.GetHistory().GetMessages(); heads[talk] > 0 && (len(m) == 0 || m[0].Number < heads[talk]) {
			return false
		}
	}
	return true
}

// finalRead is all that a fresh device can read, for the checker. Of people who were thrown out of a club it is not the
// whole of what they may hear, so nothing is missed in it.
func (d *device) finalRead(end time.Time) {
	c := d.w.crowd
	for _, talk := range c.talks[d.user] {
		d.history(end, talk)
	}
	a := d.page(end, &pb.ClientFrame{Word: &pb.ClientFrame_List{List: &pb.GetConversations{Limit: listed}}})
	if c.clubs[d.user] != nil {
		return
	}
	for _, l := range a.GetList().GetConversations() {
		d.w.history.add(check.Event{
			Kind: check.Unread, User: d.user, Device: d.name(), Conversation: l.Conversation, Number: l.Number, Seen: l.GetMarks().GetRead(), Count: l.Unread,
		})
	}
	d.w.history.add(check.Event{Kind: check.FinalEnd, User: d.user, Device: d.name()})
}

// history reads a whole conversation.
func (d *device) history(end time.Time, talk string) {
	for before := uint64(0); ; {
		a := d.page(end, &pb.ClientFrame{Word: &pb.ClientFrame_History{History: &pb.GetHistory{Conversation: talk, BeforeNumber: before, Limit: historyPage}}})
		if a.GetHistory() == nil {
			d.w.find("L", "no history of %s for %s", talk, d.user)
			return
		}
		for _, m := range a.GetHistory().GetMessages() {
			before = m.Number
			operation, canary := opOf(m.Sender, m.Text)
			d.w.history.add(check.Event{
				Kind: check.Final, AtMs: d.w.history.now(), User: d.user, Device: d.name(), Op: operation, Conversation: talk, Seq: m.Seq, Number: m.Number,
				ReplyTo: m.ReplyTo, Canary: canary,
			})
		}
		if !a.GetHistory().GetMore() {
			return
		}
	}
}

// resumed cuts the socket; the device must come to where a fresh one stands. What it has been shown in its life is its
// final read, unless it was told to jump over something that is not kept any more.
func (d *device) resumed(end time.Time, fresh *device) {
	d.mu.Lock()
	if d.socket != nil {
		_ = d.socket.c.Close()
	}
	d.mu.Unlock()
	fresh.mu.Lock()
	head := fresh.cursor.GetInboxSeq()
	fresh.mu.Unlock()
	if !d.wait(time.Until(end), func() bool { return d.cursor.GetInboxSeq() >= head && len(d.gaps) == 0 }) {
		d.w.find("L", "the resumed device does not come to inbox_seq %d: %s", head, d.stuck())
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.holes > 0 {
		d.w.holed.Add(1)
		return
	}
	d.w.history.add(check.Event{Kind: check.FinalEnd, User: d.user, Device: d.name(), Seq: d.floor, InboxSeq: d.cursor.GetInboxSeq()})
}

// rest ends what writes: first the doors, and when the groups have folded everything, the groups.
func (w *world) rest() {
	for _, m := range append(append([]*member{}, w.gateways...), w.dispatchers...) {
		m.rest()
		m.gone()
	}
	for end := time.Now().Add(recoveryPatience); w.lag() != 0; time.Sleep(lagEvery) {
		if time.Now().After(end) {
			w.find("L", "the groups do not come to the end of their inputs")
			break
		}
	}
	restAll(w.processors)
}

// lag is how many inputs the groups are not done with; some, when nobody can say.
func (w *world) lag() (lag int64) {
	err := w.admin(func(ctx context.Context, a *kadm.Client) (err error) {
		lag, err = house.Lag(ctx, a, w.plan())
		return err
	})
	if err != nil {
		return 1
	}
	return lag
}

// The history of a campaign: what devices asked, were told and were shown, handed to the checker that the simulator uses.

package system

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/test/check"
)

// history is the checker. Events are handed over while a device's lock is held, so each session's come in the order in
// which they happened to it.
type history struct {
	began   time.Time
	checker *check.Checker

	mu  sync.Mutex
	err error // the first
}

func newHistory(dir string) *history {
	return &history{began: time.Now(), checker: check.New(check.Limits{Dir: dir, DeadlineMs: readableWithin.Milliseconds()})}
}

func (h *history) add(e check.Event) {
	if err := h.checker.Add(e); err != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.err = cmp.Or(h.err, err)
	}
}

func (h *history) now() int64 { return time.Since(h.began).Milliseconds() }

// close checks everything.
func (h *history) close() (*check.Report, error) {
	report, err := h.checker.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	return report, cmp.Or(h.err, err)
}

// op names a command for the checker.
func op(user, device string, clientSeq uint64) string {
	return fmt.Sprintf("%s/%s#%d", user, device, clientSeq)
}

// opOf is the command that a text of a sender says it is, and the conversation that it was said for. What is no text of the
// sender's is a command that nobody gave.
func opOf(sender, text string) (operation, canary string) {
	words := strings.Fields(text)
	if len(words) == 4 && words[1] == sender {
		if seq, err := strconv.ParseUint(words[3], 10, 64); err == nil {
			return op(words[1], words[2], seq), words[0]
		}
	}
	return fmt.Sprintf("%q as %s's", text, sender), ""
}

// name is unique among all people.
func (d *device) name() string { return d.user + "/" + d.id }

// asked is said of every command, with how far the person had seen the conversation. It holds d.mu.
func (d *device) asked(c *command) {
	e := check.Event{Kind: check.Invoke, User: d.user, Device: d.name(), Op: op(d.user, d.id, c.word.ClientSeq)}
	if c.word.GetText() != nil {
		e.Conversation, e.Seen = c.word.Conversation, d.talks[c.word.Conversation]
	}
	d.w.history.add(e)
}

// outcomeOf is said of every outcome that a device is told. Of commands that are no messages only the outcome counts.
func (d *device) outcomeOf(c *command, e *pb.Event) {
	r := check.Event{Kind: check.Return, AtMs: d.w.history.now(), User: d.user, Device: d.name(), Op: op(d.user, d.id, c.word.ClientSeq), Outcome: check.OK}
	if c.word.GetText() != nil {
		r.Conversation = c.word.Conversation
	}
	switch {
	case e.GetRefused() != nil:
		r.Outcome = check.Fail
	case e.GetMessage() != nil:
		r.Seq, r.Number = e.Seq, e.GetMessage().GetNumber()
	}
	d.w.history.add(r)
}

// shows is said of every event that a session shows; first tells that the device has not had it before and keeps it.
func (d *device) shows(session string, e *pb.Event, first bool) {
	s := check.Event{Kind: check.Show, AtMs: d.w.history.now(), User: d.user, Device: d.name(), Session: session, InboxSeq: e.InboxSeq}
	if m := e.GetMessage(); m != nil {
		s.Conversation, s.Seq, s.Number, s.ReplyTo = e.Conversation, e.Seq, m.GetNumber(), d.answers(session, e.Conversation, m)
		s.Op, s.Canary = opOf(e.User, m.GetText())
	}
	d.w.history.add(s)
	if r := e.GetReceipt(); r != nil && r.User == d.user {
		d.w.history.add(check.Event{Kind: check.MarkShow, User: d.user, Session: session, Conversation: r.Conversation, Number: r.GetMarks().GetRead()})
	}
	if first {
		s.Kind = check.Final
		d.w.history.add(s)
	}
}

// answers is what a message answers, if the device must have been shown that: it was not jumped over. It holds d.mu.
func (d *device) answers(session, talk string, m *pb.Message) uint64 {
	if d.socket == nil || session != d.socket.name {
		return 0
	}
	if _, ok := d.since[talk]; !ok {
		d.since[talk] = m.GetNumber()
	}
	if m.GetReplyTo() < d.since[talk] {
		return 0
	}
	return m.GetReplyTo()
}

// jumps is said when a session goes on behind another place than it came to.
func (d *device) jumps(session string, behind uint64) {
	d.w.history.add(check.Event{Kind: check.Resync, User: d.user, Session: session, InboxSeq: behind})
}

// verdict hands what the checker found to the findings of the campaign.
func (w *world) verdict() *check.Report {
	report, err := w.history.close()
	if err != nil {
		w.find("S", "the checker cannot check: %v", err)
	}
	for _, f := range report.First {
		w.find(string(f.Letter), "%s", f.Words)
	}
	for letter, n := range report.Count {
		w.unsaid[string(letter)] += n
	}
	return report
}

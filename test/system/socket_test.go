// One connection of a device: hello, what waits to be sent, a sign of life now and then, until one side has enough.

package system

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/clients/go/frames"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const (
	dialWithin    = 5 * time.Second
	welcomeWithin = 15 * time.Second
	silentFor     = 25 * time.Second // without any frame of a gateway the connection is given up
	answerWithin  = 30 * time.Second // for accepted or refused
	pingEvery     = 5 * time.Second
	pollEvery     = 200 * time.Millisecond
	behindFor     = 25 * time.Second // a device that the heartbeats say is behind for so long comes back
	unhurried     = time.Second      // before a snapshot is asked again
)

// socket is one connection.
type socket struct {
	d        *device
	name     string // of the stretch without resync, for the checker
	stretch  int
	c        *frames.Conn
	door     string
	twin     bool // a second connection of the device, which sends again what was sent
	cursor   *pb.Cursor
	welcomed bool
	resync   bool // a snapshot is needed
	asked    time.Time
	heard    time.Time
	filled   time.Time // since when an answer for a gap is waited for
	behind   time.Time
	nextID   uint64
	flights  map[uint64]flight
	pages    map[uint64]chan *pb.ServerFrame
	retry    time.Duration
}

// flight is an attempt of a command.
type flight struct {
	c       *command
	attempt int
}

func (d *device) dial(ctx context.Context, from net.IP) (*frames.Conn, string, error) {
	door := d.w.doors[d.door%len(d.w.doors)]
	local := net.Dialer{Timeout: dialWithin}
	if from != nil {
		local.LocalAddr = &net.TCPAddr{IP: from}
	}
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	c, err := frames.Dial(ctx, "ws://"+door, frames.Options{Encoding: d.speaks, Strict: true, NetDial: local.DialContext})
	return c, door, err
}

// connect runs one connection to its end and says how long the gateway wants the device to stay away.
func (d *device) connect(ctx context.Context, twin bool) time.Duration {
	c, door, err := d.dial(ctx, nil)
	if err != nil {
		return 0
	}
	defer c.Close()
	s := &socket{d: d, c: c, door: door, twin: twin, heard: time.Now(), flights: map[uint64]flight{}, pages: map[uint64]chan *pb.ServerFrame{}}
	d.mu.Lock()
	s.cursor = proto.CloneOf(d.cursor)
	s.resync = s.cursor == nil
	s.begin()
	if !twin {
		d.socket = s
	}
	d.mu.Unlock()
	ended := make(chan struct{})
	go func() { defer close(ended); s.read() }()
	if s.say(&pb.ClientFrame{Word: &pb.ClientFrame_Hello{Hello: &pb.Hello{Token: d.token, DeviceId: d.id, Cursor: s.cursor}}}) {
		s.run(ctx, ended)
	}
	_ = c.Close()
	<-ended
	if !twin {
		d.mu.Lock()
		d.socket = nil
		d.mu.Unlock()
		d.grounded()
	}
	return s.retry
}

// begin names the stretch that goes on from the cursor. It holds d.mu.
func (s *socket) begin() {
	if s.stretch == 0 {
		s.d.sockets++
	}
	s.stretch++
	s.name = fmt.Sprintf("%s.%d.%d", s.d.name(), s.d.sockets, s.stretch)
	if s.cursor != nil {
		s.d.jumps(s.name, s.cursor.InboxSeq)
	}
}

// run sends what waits until the connection is over.
func (s *socket) run(ctx context.Context, ended <-chan struct{}) {
	began, pinged := time.Now(), time.Now()
	look := time.NewTicker(pollEvery)
	defer look.Stop()
	if s.twin {
		s.repeat()
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ended:
			return
		case <-s.d.wake:
		case <-look.C:
		}
		s.d.mu.Lock()
		welcomed, resync, heard, behind, asked := s.welcomed, s.resync, s.heard, s.behind, s.asked
		s.d.mu.Unlock()
		switch {
		case !welcomed:
			if time.Since(began) > welcomeWithin {
				return
			}
			continue
		case time.Since(heard) > silentFor || s.overdue():
			return
		case !behind.IsZero() && time.Since(behind) > behindFor:
			s.d.w.nudges.Add(1)
			s.d.w.note("comes back by itself: the heartbeats say that it is behind: %s", s.d.stuck())
			return
		case resync && time.Since(asked) > unhurried:
			s.d.mu.Lock()
			s.asked = time.Now()
			s.d.mu.Unlock()
			if !s.say(&pb.ClientFrame{Word: &pb.ClientFrame_Snapshot{Snapshot: &pb.GetSnapshot{}}}) {
				return
			}
		case time.Since(pinged) > pingEvery:
			pinged = time.Now()
			if !s.say(&pb.ClientFrame{Word: &pb.ClientFrame_Ping{Ping: &pb.Ping{}}}) {
				return
			}
		}
		if !s.twin && !resync && (!s.askGap() || !s.send()) {
			return
		}
	}
}

func (s *socket) send() bool {
	for _, c := range s.d.next() {
		s.d.mu.Lock()
		f := flight{c, c.attempt}
		s.d.mu.Unlock()
		if !s.fly(f) {
			return false
		}
	}
	return true
}

func (s *socket) fly(f flight) bool {
	s.d.mu.Lock()
	s.nextID++
	id := s.nextID
	s.flights[id] = f
	s.d.mu.Unlock()
	return s.write(&pb.ClientFrame{Id: id, Word: &pb.ClientFrame_Send{Send: f.c.word}})
}

// repeat sends what the device has sent lately, under the same numbers.
func (s *socket) repeat() {
	s.d.mu.Lock()
	sent := s.d.commands[max(0, s.d.open-window/2):min(s.d.open+1, len(s.d.commands))]
	var again []flight
	for _, c := range sent {
		if c.attempt > 0 {
			again = append(again, flight{c, -1})
		}
	}
	s.d.mu.Unlock()
	for _, f := range again {
		if !s.fly(f) {
			return
		}
	}
}

// overdue reports whether a command waits too long for accepted.
func (s *socket) overdue() bool {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	for _, c := range s.d.commands[s.d.open:min(s.d.open+window, len(s.d.commands))] {
		if !s.twin && c.state == flying && time.Since(c.sent) > answerWithin {
			return true
		}
	}
	return false
}

// say sends a frame that is no command.
func (s *socket) say(f *pb.ClientFrame) bool {
	s.d.mu.Lock()
	s.nextID++
	f.Id = s.nextID
	s.d.mu.Unlock()
	return s.write(f)
}

func (s *socket) write(f *pb.ClientFrame) bool {
	_ = s.c.SetWriteDeadline(time.Now().Add(answerWithin))
	err := s.c.Write(f)
	if errors.Is(err, frames.ErrMalformed) {
		s.d.w.find("client", "a frame of %s cannot be encoded: %v", s.d.user, err)
	}
	return err == nil
}

// read takes frames until the connection ends.
func (s *socket) read() {
	for {
		if until := s.d.stopReads.Load(); until > time.Now().UnixNano() && !s.twin {
			time.Sleep(time.Until(time.Unix(0, until)))
		}
		f, err := s.c.Read()
		if errors.Is(err, frames.ErrMalformed) {
			s.d.w.find("client", "a frame for %s is not what the protocol says: %v", s.d.user, err)
		}
		if err != nil {
			return
		}
		s.d.mu.Lock()
		s.take(f)
		close(s.d.news)
		s.d.news = make(chan struct{})
		s.d.mu.Unlock()
	}
}

// take folds one frame into what is known. It holds d.mu.
func (s *socket) take(f *pb.ServerFrame) {
	s.heard = time.Now()
	if page := s.pages[f.Re]; page != nil && f.Re != 0 {
		delete(s.pages, f.Re)
		page <- f
		return
	}
	switch word := f.Word.(type) {
	case *pb.ServerFrame_Welcome:
		s.welcomed = true
		s.d.poke()
	case *pb.ServerFrame_Snapshot:
		s.jump(word.Snapshot.GetCursor())
	case *pb.ServerFrame_Resync:
		s.d.w.resyncs.Add(1)
		s.resync = true
		s.d.poke()
	case *pb.ServerFrame_Events:
		for _, e := range word.Events.GetEvents() {
			s.event(e)
		}
	case *pb.ServerFrame_Difference:
		s.fill(word.Difference)
	case *pb.ServerFrame_Accepted:
		s.accepted(f.Re)
	case *pb.ServerFrame_Refused:
		s.refusal(f.Re, word.Refused)
	case *pb.ServerFrame_Pong:
		s.pong(word.Pong.GetHead())
	case *pb.ServerFrame_Goodbye:
		if !word.Goodbye.Reconnect {
			s.d.w.find("client", "%s/%s is told not to come back: %s", s.d.user, s.d.id, word.Goodbye.Detail)
		}
		s.retry = min(time.Duration(word.Goodbye.ReconnectAfterMs)*time.Millisecond, maxBackoff)
	}
}

// jump takes a snapshot's cursor.
func (s *socket) jump(to *pb.Cursor) {
	if to == nil {
		to = &pb.Cursor{}
	}
	s.cursor, s.resync = proto.CloneOf(to), false
	s.begin()
	had := s.d.cursor
	switch {
	case had == nil || to.InboxSeq > had.InboxSeq:
		clear(s.d.since)
		if had == nil {
			s.d.floor = to.InboxSeq
		} else {
			s.d.holes += int(to.InboxSeq - had.InboxSeq)
			s.d.gaps = append(s.d.gaps, gap{had, to.InboxSeq})
		}
		s.d.cursor = proto.CloneOf(to)
	case to.InboxSeq < had.InboxSeq:
		s.d.w.behind.Add(1)
	}
	s.d.poke()
}

// askGap asks for the oldest of what was jumped over; false = the connection is over.
func (s *socket) askGap() bool {
	s.d.mu.Lock()
	if len(s.d.gaps) == 0 || time.Since(s.filled) < unhurried {
		s.d.mu.Unlock()
		return true
	}
	s.filled = time.Now()
	from := proto.CloneOf(s.d.gaps[0].from)
	s.d.mu.Unlock()
	return s.say(&pb.ClientFrame{Word: &pb.ClientFrame_Difference{Difference: &pb.GetDifference{Cursor: from}}})
}

// fill takes an answer to askGap. What is not kept any more stays a hole.
func (s *socket) fill(a *pb.Difference) {
	if len(s.d.gaps) == 0 {
		return
	}
	g := &s.d.gaps[0]
	if a.SnapshotNeeded {
		s.d.gaps = s.d.gaps[1:]
		s.d.unsure()
		return
	}
	s.d.fills++
	stretch := fmt.Sprintf("%s.fill%d", s.d.name(), s.d.fills)
	s.d.jumps(stretch, g.from.InboxSeq)
	for _, e := range a.Events {
		if e.InboxSeq == g.from.InboxSeq+1 && e.InboxSeq <= g.to {
			g.from = &pb.Cursor{InboxSeq: e.InboxSeq, Epoch: e.Epoch}
			s.d.follow(stretch, e)
			s.d.holes--
		}
	}
	if g.from.InboxSeq >= g.to {
		s.d.gaps = s.d.gaps[1:]
	}
	s.filled = time.Time{}
	s.d.poke()
}

// event is shown by this connection; the checker checks whether it follows on what was shown before.
func (s *socket) event(e *pb.Event) {
	if s.cursor == nil {
		s.d.w.find("G", "%s is shown inbox_seq %d before any snapshot", s.d.name(), e.InboxSeq)
		return
	}
	s.cursor = &pb.Cursor{InboxSeq: e.InboxSeq, Epoch: e.Epoch}
	s.d.follow(s.name, e)
}

func (s *socket) accepted(re uint64) {
	f, ok := s.flights[re]
	delete(s.flights, re)
	if !ok {
		return
	}
	if since := s.d.w.deafFrom.Load(); since != 0 && f.attempt > 0 && f.c.attempt == f.attempt && f.c.sent.UnixNano() > since {
		s.d.w.find("S", "command %d of %s/%s was accepted while nothing could be kept", f.c.word.ClientSeq, s.d.user, s.d.id)
	}
	if f.c.attempt != f.attempt || f.c.state != flying && f.c.state != done {
		return
	}
	switch {
	case f.c.state == flying && f.c.doubtful:
		f.c.giveUp()
		s.d.slide()
	case f.c.state == flying:
		f.c.state = accepted
	}
	if !f.c.kept {
		f.c.kept = true
		s.d.w.accepted.Add(1)
	}
}

func (s *socket) refusal(re uint64, r *pb.Refused) {
	s.d.w.refused(r.Code.String())
	switch r.Code {
	case pb.Code_CODE_OVERLOADED, pb.Code_CODE_UNAVAILABLE:
	default:
		s.d.w.find("client", "%s/%s is refused: %v", s.d.user, s.d.id, r)
	}
	f, ok := s.flights[re]
	delete(s.flights, re)
	if ok && f.c.attempt == f.attempt && f.c.state == flying {
		f.c.state = fresh
	}
	s.d.holdTo = time.Now().Add(time.Duration(max(r.RetryAfterMs, 100)) * time.Millisecond)
}

// pong says where the inbox stands.
func (s *socket) pong(head *pb.Cursor) {
	switch {
	case head == nil || s.cursor == nil || head.InboxSeq <= s.cursor.InboxSeq:
		s.behind = time.Time{}
	case s.behind.IsZero():
		s.behind = time.Now()
	}
}

// page asks for something that is answered by one frame; nil = no answer until the end.
func (d *device) page(end time.Time, f *pb.ClientFrame) *pb.ServerFrame {
	for ; time.Now().Before(end); time.Sleep(minBackoff) {
		d.mu.Lock()
		s := d.socket
		if s == nil || !s.welcomed {
			d.mu.Unlock()
			continue
		}
		s.nextID++
		f.Id = s.nextID
		answer := make(chan *pb.ServerFrame, 1)
		s.pages[f.Id] = answer
		d.mu.Unlock()
		if !s.write(f) {
			continue
		}
		select {
		case a := <-answer:
			if a.GetRefused() == nil {
				return a
			}
			time.Sleep(time.Duration(max(a.GetRefused().RetryAfterMs, 100)) * time.Millisecond)
		case <-time.After(welcomeWithin):
		}
	}
	return nil
}

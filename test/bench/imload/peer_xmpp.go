// XMPP as a peer (ejabberd): plain TCP to host "localhost", SASL PLAIN, rooms as groups, stream management for acks.
//
// An ack (XEP-0198) means that the server has handled the stanza. With an archive that is always on, a message to a user
// is in the archive's hands by then.

package imload

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"
)

// XMPPPassword is every user's; accounts are made before a run, see XMPPUser.
const XMPPPassword = "pw"

// xmppSettle lets presence go round.
const xmppSettle = 2 * time.Second

// XMPP is the adapter. Tag begins the names of this run's rooms.
type XMPP struct{ Addr, Tag string }

// XMPPUser is a user's name.
func XMPPUser(i int) string { return fmt.Sprintf("imload%06d", i) }

func (p *XMPP) room(g int) string { return fmt.Sprintf("r%s-%d@conference.localhost", p.Tag, g) }

// Prepare does nothing: rooms make themselves, accounts are there.
func (p *XMPP) Prepare(Plan) error { return nil }

// Joined waits until presence has settled.
func (p *XMPP) Joined(Plan, []Conn) error { time.Sleep(xmppSettle); return nil }

// stanzas splits a stream into its children.
type stanzas struct {
	r   *bufio.Reader
	buf []byte
}

// next is the next whole child of the stream, or the stream's opening tag itself; valid until the next call.
func (s *stanzas) next() ([]byte, error) {
	s.buf = s.buf[:0]
	for depth := 0; ; {
		if err := s.until('<', depth > 0); err != nil {
			return nil, err
		}
		if depth == 0 {
			s.buf = append(s.buf, '<')
		}
		at := len(s.buf)
		if err := s.until('>', true); err != nil {
			return nil, err
		}
		tag := s.buf[at:]
		switch {
		case tag[0] == '?':
			s.buf = s.buf[:0]
			continue
		case bytes.HasPrefix(tag, []byte("stream:stream")), bytes.HasPrefix(tag, []byte("/stream:stream")):
			return s.buf, nil
		case tag[0] == '/':
			depth--
		case tag[len(tag)-2] != '/':
			depth++
		}
		if depth == 0 {
			return s.buf, nil
		}
	}
}

// until reads up to a byte, and keeps what it read if that is wanted.
func (s *stanzas) until(end byte, keep bool) error {
	for {
		text, err := s.r.ReadSlice(end)
		if keep {
			s.buf = append(s.buf, text...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

type xmppConn struct {
	peer   *XMPP
	socket net.Conn
	in     stanzas
	out    []byte
	base   atomic.Uint64 // stanzas sent before the first message, as the server counts them
}

func (c *xmppConn) say(s string) error { _, err := c.socket.Write([]byte(s)); return err }

// await reads stanzas up to one that holds something.
func (c *xmppConn) await(want string) error {
	for {
		m, err := c.in.next()
		if err != nil {
			return fmt.Errorf("xmpp: waiting for %q: %w", want, err)
		}
		if bytes.Contains(m, []byte(want)) {
			return nil
		}
		for _, wrong := range []string{"<failure", "stream:error", "type='error'"} {
			if bytes.Contains(m, []byte(wrong)) {
				return fmt.Errorf("xmpp: waiting for %q: %s", want, m)
			}
		}
	}
}

const xmppOpen = "<?xml version='1.0'?><stream:stream to='localhost' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"

// Dial logs in, says that the user is there, and enters the user's room.
func (p *XMPP) Dial(user int, plan Plan, events Events) (Conn, error) {
	socket, err := net.DialTimeout("tcp", p.Addr, peerConnect)
	if err != nil {
		return nil, err
	}
	_ = socket.SetDeadline(time.Now().Add(peerHandshake))
	c := &xmppConn{peer: p, socket: socket, in: stanzas{r: bufio.NewReaderSize(socket, peerBuffer)}}
	if err := c.greet(XMPPUser(user), user, plan); err != nil {
		_ = socket.Close()
		return nil, err
	}
	_ = socket.SetDeadline(time.Time{})
	go c.read(events)
	return c, nil
}

func (c *xmppConn) greet(name string, user int, plan Plan) error {
	auth := base64.StdEncoding.EncodeToString([]byte("\x00" + name + "\x00" + XMPPPassword))
	type step struct{ say, want string }
	steps := []step{
		{xmppOpen, "</stream:features>"},
		{"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + auth + "</auth>", "<success"},
		{xmppOpen, "</stream:features>"},
		{"<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>i</resource></bind></iq>", "<jid>"},
		{"<enable xmlns='urn:xmpp:sm:3'/>", "<enabled"},
		{"<presence/>", "<presence"},
	}
	c.base.Store(1) // the presence
	if plan.Groups > 0 {
		steps = append(steps, step{"<presence to='" + c.peer.room(user/plan.Members) + "/" + name +
			"'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>", "code='110'"})
		c.base.Add(1)
	}
	for _, s := range steps {
		if err := c.say(s.say); err != nil {
			return err
		}
		if err := c.await(s.want); err != nil {
			return err
		}
	}
	return nil
}

func (c *xmppConn) read(events Events) {
	var heard, acked uint64
	for {
		m, err := c.in.next()
		if err != nil {
			return
		}
		switch {
		case bytes.HasPrefix(m, []byte("<r ")):
			_ = c.say(fmt.Sprintf("<a xmlns='urn:xmpp:sm:3' h='%d'/>", heard))
		case bytes.HasPrefix(m, []byte("<a ")):
			handled, _ := strconv.ParseUint(string(between(m, " h='", '\'')), 10, 64)
			for base := c.base.Load(); acked+base < handled; {
				acked++
				events.Ack(acked, nil)
			}
		case bytes.HasPrefix(m, []byte("<message")):
			heard++
			if bytes.Contains(m, []byte("type='error'")) {
				events.Ack(0, errors.New(string(m)))
			} else if text := between(m, "<body>", '<'); text != nil {
				events.Message(text)
			}
		default:
			heard++
		}
	}
}

// between is what stands behind some bytes and before one; nil when they are not there.
func between(b []byte, begin string, end byte) []byte {
	_, rest, found := bytes.Cut(b, []byte(begin))
	if !found {
		return nil
	}
	if i := bytes.IndexByte(rest, end); i >= 0 {
		return rest[:i]
	}
	return nil
}

// Send says a text, and asks for the ack.
func (c *xmppConn) Send(to Dest, text []byte, tag uint64) error {
	who, kind := XMPPUser(to.User)+"@localhost", "chat"
	if to.IsGroup {
		who, kind = c.peer.room(to.Group), "groupchat"
	}
	c.out = fmt.Appendf(c.out[:0], "<message to='%s' type='%s' id='%d'><body>%s</body></message><r xmlns='urn:xmpp:sm:3'/>", who, kind, tag, text)
	_, err := c.socket.Write(c.out)
	return err
}

// Close says goodbye.
func (c *xmppConn) Close() error { return errors.Join(c.say("</stream:stream>"), c.socket.Close()) }

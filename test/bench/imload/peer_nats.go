// NATS as a peer: a file-backed JetStream stream stores every message, and its publish ack is the ack.
//
// Receivers hold plain subscriptions, so a delivery does not wait for the store. An ack means that the message stands in
// the stream's file; fsync comes later.

package imload

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

const (
	natsSettle  = 500 * time.Millisecond // until every subscription is known
	natsPrepare = 10 * time.Second       // for the stream to be made
	natsStream  = `{"name":"IMLOAD","subjects":["u.*","g.*"],"storage":"file","retention":"limits","num_replicas":1,"discard":"old"}`
)

// NATS is the adapter.
type NATS struct{ Addr string }

type natsConn struct {
	socket net.Conn
	user   int

	mu  sync.Mutex
	buf []byte
}

func (c *natsConn) say(format string, a ...any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.buf = fmt.Appendf(c.buf[:0], format, a...)
	_, err := c.socket.Write(c.buf)
	return err
}

// next reads the next message's subject and payload, and answers pings itself.
func (c *natsConn) next(r *bufio.Reader, buf []byte) (subject, payload []byte, err error) {
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return nil, nil, err
		}
		switch {
		case bytes.HasPrefix(line, []byte("PING")):
			if err := c.say("PONG\r\n"); err != nil {
				return nil, nil, err
			}
		case bytes.HasPrefix(line, []byte("-ERR")):
			return nil, nil, errors.New(string(line))
		case bytes.HasPrefix(line, []byte("MSG ")):
			words := bytes.Fields(line)
			n, err := strconv.Atoi(string(words[len(words)-1]))
			if err != nil || n > peerMost {
				return nil, nil, fmt.Errorf("nats: %q", line)
			}
			subject = bytes.Clone(words[1])
			if cap(buf) < n+2 {
				buf = make([]byte, n+2)
			}
			if _, err := io.ReadFull(r, buf[:n+2]); err != nil { // a line's end follows
				return nil, nil, err
			}
			return subject, buf[:n], nil
		}
	}
}

func (p *NATS) dial(user int) (*natsConn, *bufio.Reader, error) {
	socket, err := net.DialTimeout("tcp", p.Addr, peerConnect)
	if err != nil {
		return nil, nil, err
	}
	c := &natsConn{socket: socket, user: user}
	return c, bufio.NewReaderSize(socket, peerBuffer), c.say("CONNECT {\"verbose\":false,\"pedantic\":false}\r\n")
}

// Prepare makes the stream, if it is not there.
func (p *NATS) Prepare(Plan) error {
	c, r, err := p.dial(-1)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.say("SUB _I.setup 1\r\nPUB $JS.API.STREAM.CREATE.IMLOAD _I.setup %d\r\n%s\r\n", len(natsStream), natsStream); err != nil {
		return err
	}
	_ = c.socket.SetReadDeadline(time.Now().Add(natsPrepare))
	_, answer, err := c.next(r, nil)
	if err == nil && bytes.Contains(answer, []byte(`"error"`)) && !bytes.Contains(answer, []byte("already in use")) {
		err = errors.New(string(answer))
	}
	return err
}

// Joined waits until subscriptions have settled.
func (p *NATS) Joined(Plan, []Conn) error { time.Sleep(natsSettle); return nil }

// Dial connects and subscribes to messages and to acks.
func (p *NATS) Dial(user int, plan Plan, events Events) (Conn, error) {
	c, r, err := p.dial(user)
	if err != nil {
		return nil, err
	}
	subject := fmt.Sprintf("u.%d", user)
	if plan.Groups > 0 {
		subject = fmt.Sprintf("g.%d", user/plan.Members)
	}
	if err := c.say("SUB %s 1\r\nSUB _I.%d.* 2\r\nPING\r\n", subject, user); err != nil {
		return nil, err
	}
	_ = c.socket.SetReadDeadline(time.Now().Add(peerHandshake))
	for { // the PONG says that the subscriptions are in
		line, err := r.ReadSlice('\n')
		if err != nil {
			_ = c.Close()
			return nil, err
		}
		if bytes.HasPrefix(line, []byte("PONG")) {
			break
		}
	}
	_ = c.socket.SetReadDeadline(time.Time{})
	go c.read(r, events)
	return c, nil
}

func (c *natsConn) read(r *bufio.Reader, events Events) {
	var buf []byte
	for {
		subject, payload, err := c.next(r, buf)
		if err != nil {
			return
		}
		buf = payload[:0]
		if subject[0] != '_' {
			events.Message(payload)
			continue
		}
		tag, _ := strconv.ParseUint(string(subject[bytes.LastIndexByte(subject, '.')+1:]), 10, 64)
		var refused error
		if bytes.Contains(payload, []byte(`"error"`)) {
			refused = errors.New(string(payload))
		}
		events.Ack(tag, refused)
	}
}

// Send publishes, and names where the ack shall go.
func (c *natsConn) Send(to Dest, text []byte, tag uint64) error {
	kind, number := byte('u'), to.User
	if to.IsGroup {
		kind, number = 'g', to.Group
	}
	return c.say("PUB %c.%d _I.%d.%d %d\r\n%s\r\n", kind, number, c.user, tag, len(text), text)
}

// Close ends the connection.
func (c *natsConn) Close() error { return c.socket.Close() }

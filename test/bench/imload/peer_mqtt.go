// An MQTT 3.1.1 broker as a peer (Mosquitto): QoS 1 both ways, persistent sessions.
//
// User u subscribes to "u/<u>", members of group g to "g/<g>". An ack (PUBACK) means that the broker has the message in
// its memory and passes it on; it keeps a log of nothing.

package imload

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	mqttConnect    = 0x10
	mqttSubscribe  = 0x82
	mqttPublish    = 0x32 // QoS 1
	mqttPubackHead = 0x40

	mqttConnack = 2 // kinds: the upper half of a packet's first byte
	mqttMessage = 3
	mqttPuback  = 4
	mqttSuback  = 9

	mqttIDs = 65535 // packet ids are 1 to 65535

	peerConnect   = 20 * time.Second
	peerHandshake = 60 * time.Second // on a machine that is asked for hundreds at once
	peerBuffer    = 4096             // bytes
	peerMost      = 1 << 20          // bytes of one message that are believed
)

// MQTT is the adapter.
type MQTT struct{ Addr string }

// Prepare does nothing: topics make themselves.
func (p *MQTT) Prepare(Plan) error { return nil }

// Joined does nothing.
func (p *MQTT) Joined(Plan, []Conn) error { return nil }

type mqttConn struct {
	socket net.Conn

	mu  sync.Mutex
	buf []byte
}

func (c *mqttConn) packet(head byte, body []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := append(c.buf[:0], head)
	n := len(body)
	for ; n >= 128; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	c.buf = append(append(b, byte(n)), body...)
	_, err := c.socket.Write(c.buf)
	return err
}

func mqttString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// mqttRead reads a packet; its body is valid until the buffer is used again.
func mqttRead(r *bufio.Reader, buf []byte) (head byte, body []byte, err error) {
	if head, err = r.ReadByte(); err != nil {
		return 0, nil, err
	}
	n, err := binary.ReadUvarint(r)
	if err != nil || n > peerMost {
		return 0, nil, fmt.Errorf("mqtt: a packet of %d bytes: %w", n, err)
	}
	if uint64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	_, err = io.ReadFull(r, buf[:n])
	return head, buf[:n], err
}

// Dial connects and subscribes.
func (p *MQTT) Dial(user int, plan Plan, events Events) (Conn, error) {
	socket, err := net.DialTimeout("tcp", p.Addr, peerConnect)
	if err != nil {
		return nil, err
	}
	_ = socket.SetReadDeadline(time.Now().Add(peerHandshake))
	c, r := &mqttConn{socket: socket}, bufio.NewReaderSize(socket, peerBuffer)
	if err := c.greet(r, user, plan); err != nil {
		_ = socket.Close()
		return nil, err
	}
	_ = socket.SetReadDeadline(time.Time{})
	go c.read(r, events)
	return c, nil
}

func (c *mqttConn) greet(r *bufio.Reader, user int, plan Plan) error {
	hello := append(mqttString(nil, "MQTT"), 4, 0, 0, 0) // level 4, the session stays, keep-alive off
	if err := c.packet(mqttConnect, mqttString(hello, fmt.Sprintf("imload%d", user))); err != nil {
		return err
	}
	topic := fmt.Sprintf("u/%d", user)
	if plan.Groups > 0 {
		topic = fmt.Sprintf("g/%d", user/plan.Members)
	}
	if err := c.packet(mqttSubscribe, append(mqttString([]byte{0, 1}, topic), 1)); err != nil {
		return err
	}
	for {
		head, body, err := mqttRead(r, nil)
		switch {
		case err != nil:
			return err
		case head>>4 == mqttConnack && body[1] != 0:
			return fmt.Errorf("mqtt: the broker refuses the connection, code %d", body[1])
		case head>>4 == mqttSuback:
			return nil
		}
	}
}

func (c *mqttConn) read(r *bufio.Reader, events Events) {
	var buf []byte
	high := uint64(0) // the newest acked, counted from 0: it widens the 16-bit ids
	for {
		head, body, err := mqttRead(r, buf)
		if err != nil {
			return
		}
		buf = body
		switch head >> 4 {
		case mqttMessage:
			n := 2 + int(binary.BigEndian.Uint16(body))
			if head&6 != 0 {
				_ = c.packet(mqttPubackHead, []byte{body[n], body[n+1]})
				n += 2
			}
			events.Message(body[n:])
		case mqttPuback:
			// Acks come nearly in order: it is the one nearest to the newest.
			number := high/mqttIDs*mqttIDs + uint64(binary.BigEndian.Uint16(body)) - 1
			if number+mqttIDs/2 < high {
				number += mqttIDs
			}
			high = max(high, number)
			events.Ack(number+1, nil)
		}
	}
}

// Send publishes.
func (c *mqttConn) Send(to Dest, text []byte, tag uint64) error {
	topic := fmt.Sprintf("u/%d", to.User)
	if to.IsGroup {
		topic = fmt.Sprintf("g/%d", to.Group)
	}
	b := mqttString(make([]byte, 0, 2*TextSize), topic)
	b = binary.BigEndian.AppendUint16(b, uint16((tag-1)%mqttIDs+1))
	return c.packet(mqttPublish, append(b, text...))
}

// Close ends the connection.
func (c *mqttConn) Close() error { return c.socket.Close() }

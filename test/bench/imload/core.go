// Package imload measures how chat and messaging servers carry 1:1 and group messages, through one core that knows no server
// and one adapter for each server. The same core measured other servers, so their figures and ours mean the same.
//
// In an open loop messages are sent at due times whatever the server does, and latency counts from the due time, so that a
// stalled sender hides nothing. In a closed loop each sender keeps a number of messages in flight; a message is in flight
// until all its receivers have it.
package imload

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Dest names a receiver: a user, or a group when IsGroup is set.
type Dest struct {
	User    int
	Group   int
	IsGroup bool
}

// Plan is what a scenario needs: users 0..Users-1, pairs (2k and 2k+1) when Pairs is set, and Groups groups of Members
// users each, group g holding users g*Members and following.
type Plan struct {
	Users   int
	Pairs   bool
	Groups  int
	Members int
}

// Events receives what a connection hears. Both methods are called from the connection's own reader goroutine.
type Events interface {
	// Message is called with the text of a chat message that the server pushed.
	Message(text []byte)
	// Ack is called when the server accepted or refused the message that was sent with this tag.
	Ack(tag uint64, err error)
}

// Conn is one connection of one user.
type Conn interface {
	// Send writes one chat message. One sender goroutine calls it while the reader goroutine runs. Tags are 1, 2, 3 and so on.
	Send(to Dest, text []byte, tag uint64) error
	Close() error
}

// Peer is the adapter of one server.
type Peer interface {
	// Prepare makes accounts, conversations and groups.
	Prepare(p Plan) error
	// Dial connects a user, logs it in and makes it ready to receive.
	Dial(user int, p Plan, events Events) (Conn, error)
	// Joined is called once, when every connection of the plan is up.
	Joined(p Plan, conns []Conn) error
}

// TextSize is the size of every message in bytes: 48 bytes of header in hexadecimal, the rest filler.
const TextSize = 100

const headerSize = 24 // bytes: run, sender, seq and due time

var epoch = time.Now()

// now is a monotonic clock in nanoseconds.
func now() int64 { return int64(time.Since(epoch)) }

func encodeText(run, sender uint32, seq uint64, due int64) []byte {
	var raw [headerSize]byte
	binary.BigEndian.PutUint32(raw[0:], run)
	binary.BigEndian.PutUint32(raw[4:], sender)
	binary.BigEndian.PutUint64(raw[8:], seq)
	binary.BigEndian.PutUint64(raw[16:], uint64(due))
	b := make([]byte, TextSize)
	hex.Encode(b, raw[:])
	for i := 2 * headerSize; i < TextSize; i++ {
		b[i] = 'x'
	}
	return b
}

var errText = errors.New("not a text of this generator")

func decodeText(b []byte) (run, sender uint32, seq uint64, due int64, err error) {
	var raw [headerSize]byte
	if len(b) != TextSize {
		return 0, 0, 0, 0, fmt.Errorf("%w: %d bytes", errText, len(b))
	}
	if _, err = hex.Decode(raw[:], b[:2*headerSize]); err != nil {
		return 0, 0, 0, 0, errText
	}
	return binary.BigEndian.Uint32(raw[0:]), binary.BigEndian.Uint32(raw[4:]),
		binary.BigEndian.Uint64(raw[8:]), int64(binary.BigEndian.Uint64(raw[16:])), nil
}

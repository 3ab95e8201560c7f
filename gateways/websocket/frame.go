// Frames as RFC 6455 has them (5.2): cut out of what a client said, and put before what it is told.

package websocket

import (
	"encoding/binary"
	"errors"

	"github.com/gorilla/websocket"
)

const (
	finalBit, reservedBits, kindBits = 0x80, 0x70, 0x0f // of the first byte
	maskBit                          = 0x80             // of the second, beside a length
	len16, len64                     = 126, 127         // lengths that say: it stands in the next two or eight bytes
	controlMost                      = 125              // bytes of a control frame
	maskBytes                        = 4
	continuation                     = 0 // kind of what follows the first frame of a message
)

var (
	errLarge    = errors.New("websocket: the frame is too large")
	errMisframe = errors.New("websocket: that is no frame")
)

// frame is one that a client said.
type frame struct {
	kind    int
	final   bool
	payload []byte
}

// control says that a frame may stand between those of a message.
func (f frame) control() bool { return f.kind >= websocket.CloseMessage }

// cut takes the first frame of what a client said, unmasked in place, and says how many bytes it has; 0 = it is not whole yet.
func cut(said []byte, limit int) (f frame, size int, err error) {
	if len(said) < 2 {
		return f, 0, nil
	}
	f = frame{kind: int(said[0] & kindBits), final: said[0]&finalBit != 0}
	if said[0]&reservedBits != 0 || said[1]&maskBit == 0 {
		return f, 0, errMisframe
	}
	n, at := uint64(said[1]&^maskBit), 2
	if f.control() && (!f.final || n > controlMost) {
		return f, 0, errMisframe
	}
	switch {
	case n == len16 && len(said) < at+2, n == len64 && len(said) < at+8:
		return f, 0, nil
	case n == len16:
		n, at = uint64(binary.BigEndian.Uint16(said[at:])), at+2
	case n == len64:
		n, at = binary.BigEndian.Uint64(said[at:]), at+8
	}
	if n > uint64(limit) {
		return f, 0, errLarge
	}
	size = at + maskBytes + int(n)
	if len(said) < size {
		return f, 0, nil
	}
	f.payload = said[at+maskBytes : size]
	unmask(f.payload, binary.LittleEndian.Uint32(said[at:]))
	return f, size, nil
}

func unmask(bytes []byte, key uint32) {
	const word = 8
	for twice := uint64(key)<<32 | uint64(key); len(bytes) >= word; bytes = bytes[word:] {
		binary.LittleEndian.PutUint64(bytes, binary.LittleEndian.Uint64(bytes)^twice)
	}
	for i := range bytes { // seven at most
		bytes[i] ^= byte(key >> (i % maskBytes * 8))
	}
}

// appendFrame puts a whole frame behind others, unmasked, as servers send them.
func appendFrame(to []byte, kind int, payload []byte) []byte {
	to = append(to, finalBit|byte(kind))
	switch n := len(payload); {
	case n < len16:
		to = append(to, byte(n))
	case n < 1<<16:
		to = binary.BigEndian.AppendUint16(append(to, len16), uint16(n))
	default:
		to = binary.BigEndian.AppendUint64(append(to, len64), uint64(n))
	}
	return append(to, payload...)
}

// closeCode reads why a client goes.
func closeCode(payload []byte) (int, error) {
	if len(payload) == 0 {
		return websocket.CloseNoStatusReceived, nil
	}
	if len(payload) < 2 {
		return 0, errMisframe
	}
	switch code := int(binary.BigEndian.Uint16(payload)); {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
		return code, nil
	}
	return 0, errMisframe
}

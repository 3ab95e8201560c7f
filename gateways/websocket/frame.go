// Frames as RFC 6455 has them (5.2): cut out of what a client said, which gobwas's library reads, and put before what it is told.

package websocket

import (
	"encoding/binary"
	"errors"

	"github.com/gobwas/ws"
)

const (
	finalBit     = 0x80     // of the first byte
	len16, len64 = 126, 127 // lengths that say: it stands in the next two or eight bytes
)

var (
	errLarge    = errors.New("websocket: the frame is too large")
	errMisframe = errors.New("websocket: that is no frame")
)

// cut takes the first frame of what a client said, unmasked in place, and says how many bytes it has; 0 = it is not whole yet.
func (b *buffer) cut(said []byte, limit int, state ws.State) (f ws.Frame, size int, err error) {
	if len(said) < ws.MinHeaderSize {
		return f, 0, nil
	}
	clear(b.head[copy(b.head[:], said):]) // zeros for what did not come yet make no header wrong and no length larger
	b.header.Reset(b.head[:])
	f.Header, err = ws.ReadHeader(&b.header)
	switch {
	case ws.CheckHeader(f.Header, state) != nil:
		return f, 0, errMisframe
	case err != nil, f.Header.Length > int64(limit): // reading fails at 2^63 and more
		return f, 0, errLarge
	}
	begin := len(b.head) - b.header.Len()
	if size = begin + int(f.Header.Length); len(said) < size {
		return f, 0, nil
	}
	f.Payload = said[begin:size]
	ws.Cipher(f.Payload, f.Header.Mask, 0)
	return f, size, nil
}

// appendFrame puts a whole frame behind others, unmasked, as servers send them. The library would take memory for each.
func appendFrame(to []byte, kind ws.OpCode, payload []byte) []byte {
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

// closeCode reads why a client goes; empty = it does not say.
func closeCode(payload []byte) (ws.StatusCode, error) {
	code, why := ws.ParseCloseFrameData(payload)
	if len(payload) > 0 && ws.CheckCloseFrameData(code, why) != nil {
		return code, errMisframe
	}
	return code, nil
}
